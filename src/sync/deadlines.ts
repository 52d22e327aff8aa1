/** Ends of waiting: of a load, whose signal is aborted then, and of a caller, who may be served something else. */
import { CacheError } from '../words/errors'

/** What lies further ahead than timers reach has no timer. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** How long one load may run. Costs nothing until its signal is asked for or a deadline is set. */
export class LoadDeadline {
  readonly #key: string
  readonly #startMs: number
  /** When the load's lease ends, after its start. */
  readonly #leaseMs: number
  #controller: AbortController | undefined
  #timer: NodeJS.Timeout | undefined
  #error: CacheError | undefined
  #giveUp: ((error: CacheError) => void) | undefined

  /** It began at `startMs`, on the clock of performance.now(). */
  constructor(key: string, leaseMs: number, startMs: number) {
    this.#key = key
    this.#leaseMs = leaseMs
    this.#startMs = startMs
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#error !== undefined) this.#controller.abort(this.#error)
      // Past its lease nothing of the load will be stored, but its own caller still takes the result.
      else if (this.#timer === undefined) this.#timer = timer(() => this.#abort(this.#leaseMs), this.#leaseMs - this.#elapsedMs()).unref()
    }
    return this.#controller.signal
  }

  /** The load has been given up. */
  get isOver(): boolean {
    return this.#giveUp !== undefined && this.#error !== undefined
  }

  /** What the step makes, or after `limitMs` of the load a rejection with ERR_CACHE_LOAD_TIMEOUT. */
  within<T>(step: Promise<T>, limitMs: number): Promise<T> {
    if (limitMs > MAX_TIMER_MS) return step
    return new Promise((resolve, reject) => {
      this.#giveUp = reject
      clearTimeout(this.#timer)
      this.#timer = timer(() => this.#abort(limitMs), limitMs - this.#elapsedMs())
      step.then(resolve, reject)
    })
  }

  /** The load has ended: nothing is aborted any more. */
  end(): void {
    clearTimeout(this.#timer)
  }

  #elapsedMs(): number {
    return performance.now() - this.#startMs
  }

  #abort(limitMs: number): void {
    this.#error = timedOut(this.#key, limitMs)
    this.#giveUp?.(this.#error)
    this.#controller?.abort(this.#error)
  }
}

/** How long one caller waits: `softMs` if `instead` has something to serve by then, `hardMs` at most. */
export interface Patience {
  softMs: number
  hardMs: number
  instead: () => { value: unknown } | undefined
  /** Calls back when there may be something to serve that was not there before. */
  onInstead?: (look: () => void) => void
}

/** The outcome, or what can be served instead when patience is at an end, or ERR_CACHE_LOAD_TIMEOUT. */
export function patiently(outcome: Promise<unknown>, key: string, { softMs, hardMs, instead, onInstead }: Patience): Promise<unknown> {
  if (Math.min(softMs, hardMs) > MAX_TIMER_MS) return outcome
  return new Promise((resolve, reject) => {
    let timeout: NodeJS.Timeout | undefined
    const serveInstead = (): boolean => {
      const found = instead()
      if (found !== undefined) resolve(found.value)
      return found !== undefined
    }
    const atEnd = (): void => {
      if (!serveInstead()) reject(timedOut(key, hardMs))
    }
    const atSoft = (): void => {
      if (serveInstead()) return
      if (hardMs <= MAX_TIMER_MS) timeout = timer(atEnd, hardMs - softMs)
      onInstead?.(serveInstead)
    }
    // Its failure is heard by whoever still waits; the rejection of a promise that has been resolved is none.
    outcome.then(resolve, reject)
    if (hardMs <= softMs) timeout = timer(atEnd, hardMs)
    else if (softMs === 0) atSoft()
    else timeout = timer(atSoft, softMs)
    const settle = (): void => clearTimeout(timeout)
    outcome.then(settle, settle)
  })
}

/** Never early, as timers of Node may be by a part of a millisecond: nothing of the call may begin after it has ended. */
function timer(fire: () => void, ms: number): NodeJS.Timeout {
  return setTimeout(fire, Math.min(MAX_TIMER_MS, Math.max(0, Math.ceil(ms) + 1)))
}

export function timedOut(key: string, limitMs: number): CacheError {
  return new CacheError('ERR_CACHE_LOAD_TIMEOUT', `the load of ${JSON.stringify(key.slice(0, 80))} must end within ${limitMs} ms, it did not`)
}
