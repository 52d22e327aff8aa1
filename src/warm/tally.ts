/** What has become of the entries of one run. */
import type { WarmProgress } from '../options/warm'

export type Outcome = 'stored' | 'present' | 'missing' | 'dropped'

export interface WarmReport extends WarmProgress {
  total: number
  /** The first failures, at most ten. */
  errors: { key: string; error: unknown }[]
  /** How long it took. */
  ms: number
}

const MAX_ERRORS = 10
const TELL_EVERY_MS = 100

export class Tally implements WarmProgress {
  total: number | undefined
  stored = 0
  present = 0
  missing = 0
  dropped = 0
  failed = 0
  hasEnded = false
  onChange: () => void = () => {}
  readonly #errors: { key: string; error: unknown }[] = []
  readonly #startMs = performance.now()
  readonly #tell: ((progress: WarmProgress) => void) | undefined
  #toldMs = 0

  constructor(total?: number, tell?: (progress: WarmProgress) => void) {
    this.total = total
    this.#tell = tell
  }

  get done(): number {
    return this.stored + this.present + this.missing + this.dropped + this.failed
  }

  /** Entries that could be in the table: of which nobody has a value any more are none. Infinity: unknown yet. */
  get known(): number {
    const total = this.hasEnded && this.total === undefined ? this.done : this.total ?? Number.POSITIVE_INFINITY
    return Math.max(total, this.done) - this.missing - this.dropped
  }

  count(outcome: Outcome): void {
    this[outcome]++
    this.#changed()
  }

  fail(key: string, error: unknown): void {
    this.failed++
    if (this.#errors.length < MAX_ERRORS) this.#errors.push({ key, error })
    this.#changed()
  }

  /** `isWhole`: the source has given all it has. */
  end(isWhole: boolean): WarmReport {
    this.hasEnded = true
    if (isWhole) this.total = this.done
    this.onChange()
    this.#report()
    return { ...this.#progress(), total: this.total ?? this.done, errors: this.#errors, ms: Math.round(performance.now() - this.#startMs) }
  }

  #changed(): void {
    // Of what was still under way when the run was ended.
    if (this.hasEnded) return
    this.onChange()
    const nowMs = performance.now()
    if (this.#tell === undefined || nowMs - this.#toldMs < TELL_EVERY_MS) return
    this.#toldMs = nowMs
    this.#report()
  }

  #progress(): WarmProgress {
    const { total, done, stored, present, missing, dropped, failed } = this
    return { total, done, stored, present, missing, dropped, failed }
  }

  /** A listener that throws disturbs nobody. */
  #report(): void {
    try {
      this.#tell?.(this.#progress())
    } catch (error) {
      process.emitWarning(`onProgress threw: ${String(error)}`, 'StratacacheWarning')
    }
  }
}
