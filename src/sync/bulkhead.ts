/**
 * At most so many loads of a namespace at once on the host.
 *
 * A permit is a lease on one of `limit` keys set aside for that. So it ends with its owner, and whoever waits
 * is woken as those who wait for a load. Within an isolate first come, first served.
 */
import type { L1View, LeaseToken } from '../l1/table'
import { CacheError } from '../words/errors'
import type { LeaseWaiters } from './lease-waiters'

export type Release = () => void

interface Ticket {
  limit: number
  deadlineMs: number
  take: (release: Release | undefined) => void
}

export class Bulkhead {
  readonly #waiters: LeaseWaiters
  readonly #queueByView = new Map<L1View, Ticket[]>()

  constructor(waiters: LeaseWaiters) {
    this.#waiters = waiters
  }

  /** A permit that ends at the deadline at the latest; undefined when there is none until then. Throws ERR_CACHE_CLOSED. */
  enter(view: L1View, limit: number, deadlineMs: number): Promise<Release | undefined> {
    const queue = this.#queueByView.get(view)
    if (queue === undefined) {
      const release = this.tryEnter(view, limit, deadlineMs)
      if (release !== undefined) return Promise.resolve(release)
    }
    return new Promise((resolve, reject) => {
      const ticket = { limit, deadlineMs, take: resolve }
      if (queue !== undefined) queue.push(ticket)
      else this.#serve(view, [ticket]).catch(reject)
    })
  }

  /** A permit if one is free now. */
  tryEnter(view: L1View, limit: number, deadlineMs: number): Release | undefined {
    const leaseMs = Math.min(MAX_PERMIT_MS, Math.ceil(deadlineMs - performance.now()))
    if (leaseMs <= 0) return undefined
    for (let i = 0; i < limit; i++) {
      const key = `${PERMIT}${i}`
      const acquired = view.acquire(key, { leaseMs, force: true, isPermit: true })
      if (acquired.state === 'granted') return () => release(view, key, acquired.lease)
      // Without room for leases there is nothing to count with, and loads are not stored.
      if (acquired.state === 'unavailable') return () => {}
    }
    return undefined
  }

  /** Gives permits to the queue until it is empty. */
  async #serve(view: L1View, queue: Ticket[]): Promise<void> {
    this.#queueByView.set(view, queue)
    const waiter = this.#waiters.enter(Number.POSITIVE_INFINITY)
    try {
      for (;;) {
        const nowMs = performance.now()
        for (let i = queue.length - 1; i >= 0; i--) if (queue[i]!.deadlineMs <= nowMs) queue.splice(i, 1)[0]!.take(undefined)
        const [first] = queue
        if (first === undefined) return
        const permit = this.tryEnter(view, first.limit, first.deadlineMs)
        if (permit === undefined) await waiter.nextChance()
        else queue.shift()!.take(permit)
      }
    } finally {
      waiter.leave()
      this.#queueByView.delete(view)
      // Only a closed table leaves any.
      for (const { take } of queue) take(() => {})
    }
  }
}

/** For a load that did not get one in time. */
export function crowdedOut(key: string, limit: number): CacheError {
  const expected = `one of the ${limit} that may run in its namespace`
  return new CacheError('ERR_CACHE_LOAD_TIMEOUT', `the load of ${JSON.stringify(key.slice(0, 80))} must become ${expected}, it did not in time`)
}

/** Nobody's key begins so but by intent. */
const PERMIT = '\0permit/'
const MAX_PERMIT_MS = 86_400_000

function release(view: L1View, key: string, lease: LeaseToken): void {
  try {
    view.abandon(key, lease)
  } catch (error) {
    if (!(error instanceof CacheError && error.code === 'ERR_CACHE_CLOSED')) throw error
  }
}
