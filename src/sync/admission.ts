/**
 * Which values a namespace lets in: those that fit its schema, frozen if it wants them so.
 *
 * What does not fit is a miss where it was decoded, and an error where it was loaded or set. An asynchronous schema answers
 * with a promise; which objects it has let in is remembered, so that each decoded object is shown to it once.
 */
import type { Admission } from '../l1/table'
import { decode, EncodedValue, encodeToBytes } from '../wire/codec'
import type { ValueCodec } from '../wire/value-codec'
import { CacheError } from '../words/errors'
import type { SchemaIssue, SchemaResult, StandardSchema } from '../words/standard-schema'

/** Says whether a value fits, or throws. */
export type Validate = (value: unknown, key: string) => boolean | Promise<boolean>

/** What values are held against. */
export interface Check {
  schema?: StandardSchema | undefined
  validate?: Validate | undefined
}

/** Hears of each stored value that does not fit. */
export type OnRefused = (namespace: string, key: string, issues: readonly SchemaIssue[]) => void

type Verdict = SchemaResult<unknown>

export class ValueAdmission implements Admission {
  readonly #check: Check | undefined
  readonly #isFreezing: boolean
  readonly #onRefused: OnRefused
  /** What an asynchronous schema made of an object; undefined inside: it does not fit. */
  readonly #decided = new WeakMap<object, { value: unknown }>()
  #isAsync = false

  constructor(check: Check | undefined, isFreezing: boolean, onRefused: OnRefused) {
    this.#check = check
    this.#isFreezing = isFreezing
    this.#onRefused = onRefused
  }

  decoded(value: unknown, key: string, namespace: string, isOwn = false): unknown {
    const decided = isObject(value) ? this.#decided.get(value) : undefined
    if (decided !== undefined) return decided.value
    const verdict = this.#judge(value, key)
    if (!(verdict instanceof Promise)) return this.#let(verdict, key, namespace, isOwn)
    this.#isAsync = true
    return verdict.then((settled) => {
      const admitted = this.#let(settled, key, namespace, isOwn)
      this.#remember(value, admitted)
      if (admitted !== undefined) this.#remember(admitted, admitted)
      return admitted
    })
  }

  /** A value that was loaded or is to be stored, as it is stored. Throws or rejects with ERR_CACHE_SCHEMA. */
  given(value: unknown, key: string): unknown {
    if (value === undefined) return value
    const verdict = this.#judge(value, key)
    if (!(verdict instanceof Promise)) return fitting(verdict, key)
    this.#isAsync = true
    return verdict.then((settled) => {
      const fits = fitting(settled, key)
      this.#remember(fits, fits)
      return fits
    })
  }

  /** As `decoded`, of a value that has passed already unless the schema is asynchronous. */
  decided(value: unknown, key: string, namespace: string): unknown {
    return this.#isAsync ? this.decoded(value, key, namespace) : value
  }

  /** A given value as its caller gets it: frozen, but a copy, since it is not ours to freeze. */
  handedOut(value: unknown, codec?: ValueCodec): unknown {
    return this.#isFreezing && isObject(value) ? deepFreeze(privateCopy(value, codec)) : value
  }

  #judge(value: unknown, key: string): Verdict | Promise<Verdict> {
    const { schema, validate } = this.#check ?? {}
    const first = schema === undefined ? { value } : attempted(() => schema['~standard'].validate(value))
    if (validate === undefined) return first
    const then = (verdict: Verdict): Verdict | Promise<Verdict> => (verdict.issues === undefined ? validated(validate, verdict.value, key) : verdict)
    return first instanceof Promise ? first.then(then) : then(first)
  }

  #let(verdict: Verdict, key: string, namespace: string, isOwn: boolean): unknown {
    if (verdict.issues === undefined) return this.#isFreezing && !isOwn ? deepFreeze(verdict.value) : verdict.value
    this.#onRefused(namespace, key, verdict.issues)
    return undefined
  }

  #remember(value: unknown, admitted: unknown): void {
    if (isObject(value)) this.#decided.set(value, { value: admitted })
  }
}

/** The same value as another object, made as a reader's would be. Throws ERR_CACHE_VALUE for what cannot be stored. */
export function privateCopy(value: unknown, by?: ValueCodec): unknown {
  if (!isObject(value)) return value
  const { codec, bytes } = encodeToBytes(EncodedValue.by(by, value))
  return decode(codec, bytes)
}

/** What schemas found, on one line. */
export function shownIssues(issues: readonly SchemaIssue[]): string {
  const shown = issues.slice(0, 3).map(({ message, path = [] }) => {
    const place = path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
    return `${place === '' ? '' : `${place}: `}${String(message).slice(0, 120)}`
  })
  return `${shown.join('; ')}${issues.length > shown.length ? '; …' : ''}`
}

function validated(validate: Validate, value: unknown, key: string): Verdict | Promise<Verdict> {
  return attempted(() => {
    const fits = validate(value, key)
    return isThenable(fits) ? fits.then((late) => verdictOf(late, value)) : verdictOf(fits, value)
  })
}

function verdictOf(fits: unknown, value: unknown): Verdict {
  return fits === true ? { value } : { issues: [{ message: 'validate said no' }] }
}

/** A schema that throws or rejects says no. */
function attempted(ask: () => Verdict | Promise<Verdict>): Verdict | Promise<Verdict> {
  const refused = (error: unknown): Verdict => ({ issues: [{ message: error instanceof Error ? error.message : String(error) }] })
  try {
    const verdict = ask()
    return isThenable(verdict) ? Promise.resolve(verdict).catch(refused) : verdict
  } catch (error) {
    return refused(error)
  }
}

function fitting(verdict: Verdict, key: string): unknown {
  if (verdict.issues === undefined) return verdict.value
  throw new CacheError('ERR_CACHE_SCHEMA', `the value of ${JSON.stringify(key.slice(0, 80))} must fit its schema: ${shownIssues(verdict.issues)}`)
}

/** Everything that can be: bytes cannot, and what lies in a Map, a Set or a Date stays open to change. */
function deepFreeze<T>(value: T): T {
  if (!isObject(value) || Object.isFrozen(value) || ArrayBuffer.isView(value)) return value
  Object.freeze(value)
  for (const inner of value instanceof Map ? [...value.entries()].flat() : value instanceof Set ? value : Object.values(value)) deepFreeze(inner)
  return value
}

function isThenable(value: unknown): value is Promise<never> {
  return isObject(value) && typeof (value as { then?: unknown }).then === 'function'
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
