/**
 * Single flight: one loader run per key and host, whoever asks and however many.
 *
 * Every caller asks the table for the lease of its key. Who gets it loads; who finds it taken
 * follows the flight of that very lease: in this isolate through its promise, elsewhere by waiting
 * for the lease to end. Because flights are found by lease and not by key, a caller that comes
 * after a delete can never join a load that began before it: the delete has ended the lease.
 *
 * Where there is a tier below the table, the holder of the lease looks there first, so that the tier
 * too is asked once per key and host.
 *
 * Nobody waits for others longer than three times `leaseMs`; then it loads for itself and stores
 * nothing. Nor does anybody wait for a second flight longer than the tier below may take: one flight
 * after another may wait in vain for a tier that does not answer.
 */
import type { L1Table, LeaseToken } from '../l1/table'
import { CacheError } from '../words/errors'
import type { Below, Missed, TimedWish, Wish } from './below'
import { LeaseWaiters } from './lease-waiters'

/** How long the error of a flight is kept for those who wait for it in other processes. */
const ERROR_MEMO_MS = 1_000

/** How long a failed load keeps others from trying again while there is a stale value to serve. */
const GRACE_BACKOFF_MS = 1_000
const HOLD_LOOK_MS = 50

/** What a loader is told. */
export interface LoadContext {
  key: string
}

export type Loader = (context: LoadContext) => unknown

/** One caller's wish to load. */
export interface LoadCall extends Wish {
  /** Absent: only the tiers are asked, and a miss is `undefined`. */
  loader?: Loader
}

type TimedCall = LoadCall & TimedWish

interface Flight {
  promise: Promise<unknown>
  leaseEndMs: number
  call: LoadCall
}

export class Flights {
  /** Loads that run in this isolate. */
  readonly #flightByLease = new Map<LeaseToken, Flight>()
  /** What all callers of this isolate who found a lease taken wait for. */
  readonly #followerByLease = new Map<LeaseToken, Promise<unknown>>()
  readonly #heldBack = new Map<NodeJS.Timeout, () => void>()
  readonly #waiters: LeaseWaiters
  readonly #table: L1Table
  readonly #below: Below | undefined

  constructor(table: L1Table, below?: Below) {
    this.#table = table
    this.#below = below
    this.#waiters = new LeaseWaiters(table)
  }

  /**
   * The value of the key: a fresh one, or the result of the one load, or with grace a stale one
   * while somebody else loads. Rejects with the loader's error.
   */
  load(wish: LoadCall): Promise<unknown> {
    const { view, key, terms } = wish
    const call: TimedCall = { ...wish, startMs: performance.now() }
    const acquired = view.acquire(key, { leaseMs: terms.leaseMs, force: terms.forceFresh })
    switch (acquired.state) {
      case 'hit':
        return Promise.resolve(acquired.entry.value)
      case 'granted':
        return this.#own(call, acquired.lease)
      case 'busy':
        return this.#join(call, acquired.lease)
      case 'failed':
        return Promise.reject(acquired.error)
      case 'unavailable':
        return this.#alone(call)
    }
  }

  /**
   * The fresh value of the key in the table or below it, or undefined; nothing is loaded. Waits for
   * a flight of somebody else no longer than `patienceMs`, and then asks below without storing.
   */
  async read({ view, key, terms }: Wish, patienceMs: number): Promise<unknown> {
    const wish: TimedWish = { view, key, terms, startMs: performance.now() }
    const waiter = this.#waiters.enter(patienceMs)
    try {
      for (;;) {
        const acquired = view.acquire(key, { leaseMs: terms.leaseMs, force: false })
        if (acquired.state === 'hit') return acquired.entry.value
        if (acquired.state === 'granted') return await this.#own(wish, acquired.lease)
        if (acquired.state !== 'busy' || waiter.isOverdue) return await this.#below?.peek(wish)
        await waiter.nextChance()
      }
    } finally {
      waiter.leave()
    }
  }

  /**
   * Called just before the table closes: gives back the leases held here, so that others need not
   * wait, and sends on whoever waits. Loads that run still answer their callers, unstored.
   */
  close(): void {
    for (const [lease, { call }] of this.#flightByLease) unlessClosed(() => call.view.abandon(call.key, lease))
    for (const [timer, release] of this.#heldBack) {
      clearInterval(timer)
      release()
    }
    this.#waiters.close()
  }

  #own(call: TimedCall, lease: LeaseToken): Promise<unknown> {
    const promise = this.#fly(call, lease)
    this.#flightByLease.set(lease, { promise, leaseEndMs: performance.now() + call.terms.leaseMs, call })
    return promise
  }

  async #fly(call: TimedCall, lease: LeaseToken): Promise<unknown> {
    const { view, key, loader, terms } = call
    let missed: Missed = NOTHING_BELOW
    try {
      if (this.#below !== undefined) {
        const fetched = await this.#below.fetch(call, lease)
        if (fetched.state === 'value') return fetched.value
        missed = fetched
      }
      if (loader === undefined) {
        unlessClosed(() => view.abandon(key, lease))
        return undefined
      }
      const startMs = performance.now()
      const value = await run(loader, key)
      this.#table.recordLoad(performance.now() - startMs)
      const stored = unlessClosed(() => {
        if (value === undefined) view.abandon(key, lease)
        else if (this.#below === undefined) view.publish(key, lease, value, terms.life)
        else return this.#below.fill(call, lease, value, missed)
      })
      if (stored !== undefined) await stored
      return value
    } catch (error) {
      const fail = (): void => unlessClosed(() => view.fail(key, lease, error, ERROR_MEMO_MS))
      const stale = unlessClosed(() => staleEntry(call))
      if (stale !== undefined) {
        this.#holdBack(fail)
        return stale.value
      }
      if (missed.stale !== undefined && terms.life.graceMs > 0) {
        const { value, hardLeftMs } = missed.stale
        const life = { ttlMs: Math.min(GRACE_BACKOFF_MS, hardLeftMs), graceMs: Math.max(0, hardLeftMs - GRACE_BACKOFF_MS) }
        unlessClosed(() => view.publish(key, lease, value, life))
        return value
      }
      fail()
      throw error
    } finally {
      this.#flightByLease.delete(lease)
    }
  }

  /** A run nobody shares and whose result is stored nowhere. */
  async #alone(call: TimedCall): Promise<unknown> {
    const { key, loader, terms } = call
    const found = terms.forceFresh ? undefined : await this.#below?.peek(call)
    return found !== undefined || loader === undefined ? found : run(loader, key)
  }

  /**
   * Keeps the lease for a while, so that the whole host serves the stale value and leaves the source alone; not when the
   * value comes into doubt, because then nobody may serve it and all would wait.
   */
  #holdBack(endLease: () => void): void {
    const endMs = performance.now() + GRACE_BACKOFF_MS
    const doubt = this.#table.doubt()
    const release = (): void => {
      clearInterval(timer)
      this.#heldBack.delete(timer)
      endLease()
    }
    const look = (): void => {
      if (performance.now() >= endMs || unlessClosed(() => this.#table.doubt()) !== doubt) release()
    }
    const timer = setInterval(look, HOLD_LOOK_MS).unref()
    this.#heldBack.set(timer, release)
  }

  #join(call: TimedCall, lease: LeaseToken): Promise<unknown> {
    if (call.terms.forceFresh) return this.#wait(call, lease)
    const stale = staleEntry(call)
    if (stale !== undefined) return Promise.resolve(stale.value)
    let follower = this.#followerByLease.get(lease)
    if (follower === undefined) {
      follower = this.#follow(call, lease)
      this.#followerByLease.set(lease, follower)
    }
    return follower
  }

  async #follow(call: TimedCall, lease: LeaseToken): Promise<unknown> {
    try {
      return await this.#wait(call, lease)
    } finally {
      this.#followerByLease.delete(lease)
    }
  }

  /** Waits until the load of `first` has a result, and takes over when it ends without one. */
  async #wait(call: TimedCall, first: LeaseToken): Promise<unknown> {
    const { view, key, terms } = call
    const waiter = this.#waiters.enter(terms.leaseMs * (2 + Math.random()))
    let lease = first
    // A forced caller wants a load that began after its call: the end of the first flight is only
    // the moment to ask again, the result of any later one will do.
    let force = terms.forceFresh
    try {
      while (!waiter.isOverdue) {
        const awaited = force ? {} : { awaited: lease }
        const acquired = view.acquire(key, { leaseMs: terms.leaseMs, force, ...awaited })
        if (acquired.state === 'hit') return acquired.entry.value
        if (acquired.state === 'failed') throw acquired.error
        if (acquired.state === 'granted') return await this.#own(call, acquired.lease)
        if (acquired.state === 'unavailable') break
        if (acquired.lease !== lease) force = false
        lease = acquired.lease
        const giveUpMs = lease === first ? Number.POSITIVE_INFINITY : this.#below?.deadlineOf(call) ?? Number.POSITIVE_INFINITY
        if (performance.now() >= giveUpMs) break
        const flight = force ? undefined : this.#flightByLease.get(lease)
        const untilMs = Math.min(flight?.leaseEndMs ?? 0, giveUpMs)
        if (performance.now() >= untilMs || flight === undefined) await waiter.nextChance(giveUpMs)
        else if (await settlesBy(flight.promise, untilMs)) return await flight.promise
      }
    } finally {
      waiter.leave()
    }
    return this.#alone(call)
  }
}

const NOTHING_BELOW: Missed = { state: 'miss', base: undefined, doubt: 0 }

function staleEntry({ view, key, terms }: LoadCall): { value: unknown } | undefined {
  return terms.life.graceMs === 0 ? undefined : view.entry(key)
}

async function run(loader: Loader, key: string): Promise<unknown> {
  return loader({ key })
}

/** A cache may be closed while its loads run. Their callers still get what was loaded. */
function unlessClosed<T>(step: () => T): T | undefined {
  try {
    return step()
  } catch (error) {
    if (error instanceof CacheError && error.code === 'ERR_CACHE_CLOSED') return undefined
    throw error
  }
}

/** Whether the promise settles, either way, before the deadline. */
function settlesBy(promise: Promise<unknown>, deadlineMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), deadlineMs - performance.now())
    const settle = (): void => {
      clearTimeout(timer)
      resolve(true)
    }
    promise.then(settle, settle)
  })
}
