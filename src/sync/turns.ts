/**
 * One at a time per key on the host, first come first served within an isolate.
 *
 * A turn is a lease on a key set aside for it, so it ends with its owner. It only saves attempts that would be in vain: who
 * has waited too long goes on without one, and what is done in a turn has to hold without it.
 */
import type { L1View, LeaseToken } from '../l1/table'
import { MAX_KEY_BYTES } from '../words/keys'
import type { Release } from './bulkhead'
import { unlessClosed } from './flight'
import type { LeaseWaiters } from './lease-waiters'

export class Turns {
  readonly #waiters: LeaseWaiters
  /** Of each key, whoever came last in this isolate. */
  readonly #lastByView = new Map<L1View, Map<string, Promise<void>>>()

  constructor(waiters: LeaseWaiters) {
    this.#waiters = waiters
  }

  /** A turn of up to `ms`, waited for no longer than `patienceMs`. */
  async enter(view: L1View, key: string, ms: number, patienceMs = ms): Promise<Release> {
    const endMs = performance.now() + patienceMs
    let lastByKey = this.#lastByView.get(view)
    if (lastByKey === undefined) this.#lastByView.set(view, (lastByKey = new Map()))
    const before = lastByKey.get(key)
    let leave = (): void => {}
    const mine = new Promise<void>((resolve) => (leave = resolve))
    lastByKey.set(key, mine)
    const forget = (): void => {
      leave()
      if (lastByKey.get(key) !== mine) return
      lastByKey.delete(key)
      if (lastByKey.size === 0) this.#lastByView.delete(view)
    }
    try {
      if (before !== undefined) await settles(before, endMs)
      const lease = await this.#lease(view, `${TURN}${key}`, ms, endMs)
      return () => {
        if (lease !== undefined) unlessClosed(() => view.abandon(`${TURN}${key}`, lease))
        forget()
      }
    } catch (error) {
      forget()
      throw error
    }
  }

  async #lease(view: L1View, key: string, leaseMs: number, endMs: number): Promise<LeaseToken | undefined> {
    if (Buffer.byteLength(key) > MAX_KEY_BYTES) return undefined
    const ask = { leaseMs, force: true, isPermit: true }
    const first = view.acquire(key, ask)
    if (first.state !== 'busy') return first.state === 'granted' ? first.lease : undefined
    const waiter = this.#waiters.enter(endMs - performance.now())
    try {
      while (!waiter.isOverdue) {
        const acquired = view.acquire(key, ask)
        if (acquired.state !== 'busy') return acquired.state === 'granted' ? acquired.lease : undefined
        await waiter.nextChance()
      }
      return undefined
    } finally {
      waiter.leave()
    }
  }
}

/** Nobody's key begins so but by intent. */
const TURN = '\0turn/'

function settles(promise: Promise<void>, endMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, endMs - performance.now())
    void promise.then(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
