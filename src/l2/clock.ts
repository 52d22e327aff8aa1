/** Redis' clock, as an offset to this machine's monotonic clock. Milliseconds. */

/** `performance.now()` is the same clock, counted from the start of the thread. */
const STARTED_MS = startedMs()

/** Shared by all processes of the host, unlike `performance.now()`. */
export function monotonicMs(): number {
  return STARTED_MS + performance.now()
}

/** A thread may be stopped between the two readings, which makes the difference too small: the largest is the most exact. */
function startedMs(): number {
  let startedMs = Number.NEGATIVE_INFINITY
  for (let i = 0; i < 8; i++) startedMs = Math.max(startedMs, Number(process.hrtime.bigint()) / 1e6 - performance.now())
  return startedMs
}

const OLD_AFTER_MS = 30_000

/**
 * The least that Redis' clock can say: what it said last and the time since then. Never ahead of it, and behind it by no
 * more than the quickest answer was on its way. On the clock of performance.now.
 */
export class ClockFloor {
  #offsetMs = Number.NaN
  #learntMs = 0

  /** A whole number; undefined before anything was learnt. */
  nowMs(): number | undefined {
    return Number.isNaN(this.#offsetMs) ? undefined : Math.floor(performance.now() + this.#offsetMs)
  }

  /** `serverMs`: told between the two times. */
  learn(askedMs: number, serverMs: number, answeredMs: number): void {
    const offsetMs = serverMs - answeredMs
    const wasSetBack = serverMs - askedMs < this.#offsetMs
    if (!(offsetMs < this.#offsetMs) || wasSetBack || answeredMs - this.#learntMs > OLD_AFTER_MS) {
      this.#offsetMs = offsetMs
      this.#learntMs = answeredMs
    }
  }
}

/** Learns the offset from pairs of (asked, told, answered); the quickest answer is the most exact. */
export class ServerClock {
  #offsetMs = Number.NaN
  #errorMs = Number.POSITIVE_INFINITY
  #learntMs = 0

  /** NaN before anything was learnt. */
  get offsetMs(): number {
    return this.#offsetMs
  }

  get isOld(): boolean {
    return Number.isNaN(this.#offsetMs) || monotonicMs() - this.#learntMs > OLD_AFTER_MS
  }

  /** Before anything was learnt, and where TIME is denied: this machine's own clock. */
  nowMs(): number {
    return Number.isNaN(this.#offsetMs) ? Date.now() : monotonicMs() + this.#offsetMs
  }

  /** True when the offset was taken over. */
  learn(askedMs: number, serverMs: number, answeredMs: number): boolean {
    const errorMs = (answeredMs - askedMs) / 2
    const offsetMs = serverMs - (askedMs + answeredMs) / 2
    if (!Number.isFinite(offsetMs)) return false
    // A clock that was set is outside of what both measurements allow.
    const isStep = Math.abs(offsetMs - this.#offsetMs) > errorMs + this.#errorMs + 50
    if (!(errorMs <= this.#errorMs || isStep || this.isOld)) return false
    this.#offsetMs = offsetMs
    this.#errorMs = errorMs
    this.#learntMs = answeredMs
    return true
  }

  /** The reply of TIME. */
  learnTime(askedMs: number, reply: unknown): boolean {
    return Array.isArray(reply) && this.learn(askedMs, Number(reply[0]) * 1000 + Number(reply[1]) / 1000, monotonicMs())
  }
}
