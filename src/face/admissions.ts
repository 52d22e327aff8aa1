/** The admissions of one cache: namespaces that ask the same of their values share one, and so what has been admitted. */
import type { Logger } from '../options/parsers'
import type { Terms } from '../options/settings'
import { shownIssues, ValueAdmission } from '../sync/admission'
import type { SchemaIssue } from '../words/standard-schema'

/** Between two lines of the log about one namespace. */
const AGAIN_MS = 60_000
const NONE = {}

type AdmissionTerms = Pick<Terms, 'schema' | 'validate' | 'freeze'>

export class Admissions {
  /** Stored values that did not fit. */
  refused = 0
  readonly #cache: string
  readonly #logger: Logger | undefined
  readonly #known = new WeakMap<object, WeakMap<object, [ValueAdmission?, ValueAdmission?]>>()
  readonly #quietUntilMs = new Map<string, number>()

  constructor(cache: string, logger: Logger | undefined) {
    this.#cache = cache
    this.#logger = logger
  }

  /** Undefined for terms that let everything in as it is. */
  of({ schema, validate, freeze }: AdmissionTerms): ValueAdmission | undefined {
    if (schema === undefined && validate === undefined && !freeze) return undefined
    const bySchema = this.#known.get(schema ?? NONE) ?? new WeakMap<object, [ValueAdmission?, ValueAdmission?]>()
    this.#known.set(schema ?? NONE, bySchema)
    const both = bySchema.get(validate ?? NONE) ?? []
    bySchema.set(validate ?? NONE, both)
    const check = schema === undefined && validate === undefined ? undefined : { schema, validate }
    return (both[freeze ? 1 : 0] ??= new ValueAdmission(check, freeze, (namespace, key, issues) => this.#onRefused(namespace, key, issues)))
  }

  #onRefused(namespace: string, key: string, issues: readonly SchemaIssue[]): void {
    this.refused++
    const nowMs = performance.now()
    if (this.#logger === undefined || nowMs < (this.#quietUntilMs.get(namespace) ?? 0)) return
    this.#quietUntilMs.set(namespace, nowMs + AGAIN_MS)
    this.#logger.warn({ cache: this.#cache, namespace, key, issues: shownIssues(issues) }, 'a stored value does not fit its schema: it is a miss')
  }
}
