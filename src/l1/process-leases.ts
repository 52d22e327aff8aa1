/**
 * The leases of the process table: who loads which key, and how the loads that failed ended.
 *
 * A lease names the state of the namespace it was granted in, so that a clear ends it without
 * being told. Whatever else ends a lease tells those who wait.
 */
import type { LeaseToken } from './table'

/** More loads at once than one process can sensibly run. */
const MAX_LEASES = 65_536
const MAX_FAILURES = 1_024

interface Lease {
  token: LeaseToken
  /** The namespace's epoch at the grant. */
  epoch: number
  deadlineMs: number
  isAwaited: boolean
}

interface LastFailure {
  error: unknown
  failures: number
  /** Until then all who ask are told. */
  lateUntilMs: number
  /** Until then the count is kept. */
  untilMs: number
  epoch: number
}

export class ProcessLeases {
  readonly #leases = new Map<string, Lease>()
  readonly #failures = new Map<LeaseToken, { error: unknown; untilMs: number }>()
  readonly #lastFailureById = new Map<string, LastFailure>()
  readonly #listeners = new Set<() => void>()
  #lastToken = 0
  #isNotifying = false

  /** The live lease of the key. Finding it this way counts as waiting for it. */
  awaitLive(id: string, epoch: number, nowMs: number): LeaseToken | undefined {
    const lease = this.#leases.get(id)
    if (lease === undefined || lease.epoch !== epoch || lease.deadlineMs <= nowMs) return undefined
    lease.isAwaited = true
    return lease.token
  }

  /** A lease in place of whatever the key had, or undefined when there is no room. */
  grant(id: string, epoch: number, nowMs: number, leaseMs: number): LeaseToken | undefined {
    this.end(id)
    if (this.#leases.size >= MAX_LEASES) this.#dropExpired(nowMs)
    if (this.#leases.size >= MAX_LEASES) return undefined
    const token = ++this.#lastToken
    this.#leases.set(id, { token, epoch, deadlineMs: nowMs + leaseMs, isAwaited: false })
    return token
  }

  holds(id: string, token: LeaseToken, epoch: number, nowMs: number): boolean {
    const lease = this.#leases.get(id)
    return lease !== undefined && lease.token === token && lease.epoch === epoch && lease.deadlineMs > nowMs
  }

  /** Ends the key's lease, if it has one, and forgets its last failure. */
  end(id: string): void {
    this.#lastFailureById.delete(id)
    const lease = this.#leases.get(id)
    if (lease === undefined) return
    this.#leases.delete(id)
    if (lease.isAwaited) this.notify()
  }

  remember(token: LeaseToken, error: unknown, nowMs: number, memoMs: number): void {
    if (this.#failures.size >= MAX_FAILURES) {
      for (const [old, failure] of this.#failures) if (failure.untilMs <= nowMs) this.#failures.delete(old)
      const [oldest] = this.#failures.keys()
      if (this.#failures.size >= MAX_FAILURES && oldest !== undefined) this.#failures.delete(oldest)
    }
    this.#failures.set(token, { error, untilMs: nowMs + memoMs })
  }

  failure(token: LeaseToken, nowMs: number): { error: unknown } | undefined {
    const failure = this.#failures.get(token)
    return failure !== undefined && failure.untilMs > nowMs ? failure : undefined
  }

  /** Comes after `end`. */
  rememberLast(id: string, failure: LastFailure): void {
    const [oldest] = this.#lastFailureById.keys()
    if (this.#lastFailureById.size >= MAX_FAILURES && oldest !== undefined) this.#lastFailureById.delete(oldest)
    this.#lastFailureById.set(id, failure)
  }

  lastFailure(id: string, epoch: number, nowMs: number): LastFailure | undefined {
    const failure = this.#lastFailureById.get(id)
    return failure !== undefined && failure.epoch === epoch && failure.untilMs > nowMs ? failure : undefined
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Calls the listeners soon, once for all leases that end until then. */
  notify(): void {
    if (this.#isNotifying || this.#listeners.size === 0) return
    this.#isNotifying = true
    queueMicrotask(() => {
      this.#isNotifying = false
      for (const listener of [...this.#listeners]) listener()
    })
  }

  close(): void {
    this.#leases.clear()
    this.#failures.clear()
    this.#lastFailureById.clear()
    this.#listeners.clear()
  }

  #dropExpired(nowMs: number): void {
    for (const [id, lease] of this.#leases) if (lease.deadlineMs <= nowMs) this.end(id)
  }
}
