/**
 * Those of this isolate who wait for leases they do not hold.
 *
 * The table tells when a lease may have ended. It cannot tell that an owner was killed, since only
 * a system call shows that, so each waiter also looks for itself now and then.
 */
import type { L1Table } from '../l1/table'

/** Between two looks at a lease whose owner may have died; drawn anew each time, so waiters spread out. */
const MIN_RECHECK_MS = 50
const MAX_RECHECK_MS = 100

export class LeaseWaiters {
  readonly #table: L1Table
  readonly #waiting = new Set<Waiter>()
  #stopListening: (() => void) | undefined

  constructor(table: L1Table) {
    this.#table = table
  }

  /** A waiter that is overdue after `patienceMs`. Its `leave` must be called. */
  enter(patienceMs: number): Waiter {
    this.#stopListening ??= this.#table.onLeaseEnd(() => this.#wakeAll())
    const waiter = new Waiter(patienceMs, () => this.#leave(waiter))
    this.#waiting.add(waiter)
    return waiter
  }

  close(): void {
    this.#stopListening?.()
    this.#stopListening = undefined
    this.#wakeAll()
  }

  #leave(waiter: Waiter): void {
    this.#waiting.delete(waiter)
    if (this.#waiting.size > 0) return
    this.#stopListening?.()
    this.#stopListening = undefined
  }

  #wakeAll(): void {
    for (const waiter of this.#waiting) waiter.wake()
  }
}

export class Waiter {
  readonly #deadlineMs: number
  readonly leave: () => void
  #wake: (() => void) | undefined

  constructor(patienceMs: number, leave: () => void) {
    this.#deadlineMs = performance.now() + patienceMs
    this.leave = leave
  }

  get isOverdue(): boolean {
    return performance.now() >= this.#deadlineMs
  }

  /** Resolves when a lease may have ended, or it is time to look, or the wait is over, or `untilMs` has come. */
  nextChance(untilMs = Number.POSITIVE_INFINITY): Promise<void> {
    const recheckMs = MIN_RECHECK_MS + Math.random() * (MAX_RECHECK_MS - MIN_RECHECK_MS)
    const leftMs = Math.max(0, Math.min(this.#deadlineMs, untilMs) - performance.now())
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wake(), Math.min(recheckMs, leftMs))
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
    })
  }

  wake(): void {
    this.#wake?.()
  }
}
