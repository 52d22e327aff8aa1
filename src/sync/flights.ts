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
import type { Acquired, L1Table, L1View, LeaseToken, TagClear } from '../l1/table'
import type { Below } from './below'
import { Bulkhead, type Release } from './bulkhead'
import { patiently, timedOut } from './deadlines'
import { Flight, type LoadCall, type LoadTools, runAlone, staleEntry, type TimedCall, timedCall, unlessClosed } from './flight'
import { LeaseWaiters, type Waiter } from './lease-waiters'
import type { Ahead } from './refresh'
import { type Listening, NOBODY } from './told'
import { Turns } from './turns'

/** Who has waited for Redis no longer than that has all its time yet. */
const BEGUN_JUST_NOW_MS = 10
/** The load's own deadline comes before that of its caller, who can then try again at once. */
const LOAD_FIRST_MS = 5

export class Flights {
  /** Loads that run in this isolate. */
  readonly #flightByLease = new Map<LeaseToken, Flight>()
  /** What all callers of this isolate who found a lease taken wait for. */
  readonly #followerByLease = new Map<LeaseToken, { outcome: Promise<unknown>; tagClock: number }>()
  /** Runs for those who may not wait for that lease any longer. */
  readonly #besideByLease = new Map<LeaseToken, { outcome: Promise<unknown>; beganMs: number; tagClock: number }>()
  readonly #waiters: LeaseWaiters
  /** Turns of the host, which end with this as leases do. */
  readonly turns: Turns
  readonly #table: L1Table
  readonly #below: Below | undefined
  readonly #tools: LoadTools

  constructor(table: L1Table, below?: Below, listening: Listening = NOBODY) {
    this.#table = table
    this.#below = below
    this.#waiters = new LeaseWaiters(table)
    this.turns = new Turns(this.#waiters)
    this.#tools = {
      table, below, listening, bulkhead: new Bulkhead(this.#waiters),
      whenEnded: (call, lease, untilMs) => this.#whenEnded(call, lease, untilMs),
    }
  }

  /** The clock of lives. */
  nowMs(): number {
    return this.#table.nowMs()
  }

  /** The clock of clears of tags. */
  tagClock(): number {
    return this.#table.tags.clock()
  }

  clearTag(slot: number, kind: TagClear): void {
    this.#table.tags.clear(slot, kind)
  }

  /**
   * The value of the key: a fresh one, or the result of the one load, or with grace a stale one
   * while somebody else loads. Rejects with the loader's error.
   */
  load(wish: LoadCall): Promise<unknown> {
    const { view, key, terms } = wish
    const call = timedCall(wish)
    return this.#ask(call, view.acquire(key, { leaseMs: terms.leaseMs, force: terms.forceFresh, heedsLate: !terms.forceFresh }))
  }

  /** A permit to load in the namespace, as `Bulkhead.enter`. */
  permit(view: L1View, limit: number, deadlineMs: number): Promise<Release | undefined> {
    return this.#tools.bulkhead.enter(view, limit, deadlineMs)
  }

  #ask(call: TimedCall, acquired: Acquired): Promise<unknown> {
    const { onDecided } = call
    if (acquired.state === 'unavailable') {
      const outcome = this.#alone(call)
      if (onDecided !== undefined) outcome.then(onDecided, onDecided)
      return outcome
    }
    if (acquired.state !== 'granted') onDecided?.()
    switch (acquired.state) {
      case 'hit':
        return Promise.resolve(acquired.entry.value)
      case 'granted':
        return this.#serve(call, this.#own(call, acquired))
      case 'busy':
        return this.#join(call, acquired.lease)
      case 'failed':
        return this.#afterFailure(call, acquired.error)
    }
  }

  /** What a load that failed means for who comes later: with grace the stale value, else the error. */
  #afterFailure(call: TimedCall, error: unknown): Promise<unknown> {
    const { view, key, terms } = call
    if (terms.forceFresh || terms.life.graceMs === 0) return Promise.reject(error)
    const stale = view.entry(key)
    if (stale !== undefined) return Promise.resolve(this.#staleOf(call, stale))
    // The stale value has come into doubt since: nobody may serve it before the tier below was asked.
    const isDoubtful = view.entry(key, { quiet: true, doubtful: true }) !== undefined
    return isDoubtful ? this.#ask(call, view.acquire(key, { leaseMs: terms.leaseMs, force: false })) : Promise.reject(error)
  }

  /** Loads a value that is fresh yet, if that is due and nobody does; nobody waits, and a failure is told to nobody. */
  refresh(call: LoadCall, ahead: Ahead): void {
    const { view, key, terms } = call
    const entry = view.entry(key, { quiet: true })
    if (entry === undefined || !ahead.isDue(entry)) return
    const acquired = view.acquire(key, { leaseMs: terms.leaseMs, force: true, heedsLate: true })
    if (acquired.state !== 'granted') return
    if (view.entry(key, { quiet: true })?.version !== entry.version) return view.abandon(key, acquired.lease)
    this.#own(timedCall({ ...call, terms: { ...terms, forceFresh: true }, startMs: undefined }), acquired, true).promise.catch(() => {})
  }

  /**
   * The fresh value of the key in the table or below it, or undefined; nothing is loaded. Waits for
   * a flight of somebody else no longer than `patienceMs`, and then asks below without storing.
   */
  async read(given: LoadCall, patienceMs: number): Promise<unknown> {
    const wish = timedCall(given)
    const { view, key, terms } = wish
    let waiter: Waiter | undefined
    try {
      for (;;) {
        // Heeding failures: a lease would end the memory of them.
        const acquired = view.acquire(key, { leaseMs: terms.leaseMs, force: false, heedsLate: true })
        if (acquired.state === 'hit') return acquired.entry.value
        if (acquired.state === 'granted') return await this.#own(wish, acquired).promise
        if (acquired.state !== 'busy' || waiter?.isOverdue === true) return await this.#below?.peek(wish)
        // Few reads find the lease taken. After the entry it is asked for once more: it may have ended in between.
        if (waiter === undefined) waiter = this.#waiters.enter(Math.min(patienceMs, this.#leftMs(wish)))
        else await waiter.nextChance()
      }
    } finally {
      waiter?.leave()
    }
  }

  /** What is below the table, or the loader's result, which is stored nowhere: for a call that leaves the table out. */
  past(wish: LoadCall): Promise<unknown> {
    const { onDecided } = wish
    const outcome = this.#alone(timedCall(wish))
    if (onDecided !== undefined) outcome.then(onDecided, onDecided)
    return outcome
  }

  /**
   * Called just before the table closes: gives back the leases held here, so that others need not
   * wait, and sends on whoever waits. Loads that run still answer their callers, unstored.
   */
  close(): void {
    for (const [lease, { call }] of this.#flightByLease) unlessClosed(() => call.view.abandon(call.key, lease))
    this.#waiters.close()
  }

  #own(call: TimedCall, grant: Extract<Acquired, { state: 'granted' }>, isRefresh = false): Flight {
    const flight = new Flight(this.#tools, call, grant, isRefresh, () => {
      this.#flightByLease.delete(grant.lease)
      call.onDecided?.()
    })
    if (!flight.isOver) this.#flightByLease.set(grant.lease, flight)
    return flight
  }

  /** The flight's outcome, as long as the caller is willing to wait for it. */
  #serve(call: TimedCall, flight: Flight): Promise<unknown> {
    const { key, terms } = call
    const softMs = terms.forceFresh ? Number.POSITIVE_INFINITY : terms.timeoutMs
    const instead = (): { value: unknown } | undefined => this.#told(call, unlessClosed(() => flight.stale()))
    return patiently(flight.promise, key, { softMs, hardMs: terms.hardTimeoutMs + LOAD_FIRST_MS, instead, onInstead: (look) => flight.onStale(look) })
  }

  async #whenEnded(call: TimedCall, lease: LeaseToken, untilMs: number): Promise<{ value: unknown } | undefined> {
    const { view, key, terms } = call
    const waiter = this.#waiters.enter(untilMs - performance.now())
    try {
      for (;;) {
        const acquired = view.acquire(key, { leaseMs: terms.leaseMs, force: terms.forceFresh })
        if (acquired.state === 'hit') return { value: acquired.entry.value }
        if (acquired.state === 'granted') return { value: await this.#own(call, acquired).promise }
        if (acquired.state !== 'busy') return { value: await this.#alone(call) }
        // The wait so far was for the other host and not for Redis.
        if (acquired.lease !== lease) return { value: await this.#wait(timedCall({ ...call, startMs: undefined }), acquired.lease) }
        if (waiter.isOverdue) return undefined
        await waiter.nextChance()
      }
    } finally {
      waiter.leave()
    }
  }

  /** A run nobody shares and whose result is stored nowhere. */
  async #alone(call: TimedCall): Promise<unknown> {
    const below = call.isNear === true ? undefined : this.#below
    const found = call.terms.forceFresh ? undefined : await below?.peek(call)
    return found !== undefined || call.loader === undefined ? found : runAlone(call, call.loader, this.#tools.listening)
  }

  /** A run that all of this isolate share who have waited for Redis as long as they may, and find the lease taken by who may yet. */
  #beside(call: TimedCall, lease: LeaseToken): Promise<unknown> {
    const tagClock = this.tagClock()
    const there = this.#besideByLease.get(lease)
    if (there !== undefined && there.beganMs >= call.startMs && there.tagClock === tagClock) return there.outcome
    const run = { outcome: this.#alone(call), beganMs: performance.now(), tagClock }
    this.#besideByLease.set(lease, run)
    const forget = (): void => void (this.#besideByLease.get(lease) === run && this.#besideByLease.delete(lease))
    run.outcome.then(forget, forget)
    return run.outcome
  }

  /** What is left of the time in which the call may wait because of the tiers below. */
  #leftMs(call: TimedCall): number {
    return (this.#below?.deadlineOf(call) ?? Number.POSITIVE_INFINITY) - performance.now()
  }

  #staleOf(call: TimedCall, stale: { value: unknown }): unknown {
    return this.#told(call, stale).value
  }

  /** Tells that the caller is served something stale, if it is. */
  #told<S extends { value: unknown } | undefined>({ view, key }: TimedCall, stale: S): S {
    if (stale !== undefined) this.#tools.listening.stale(view.namespace, key)
    return stale
  }

  #join(call: TimedCall, lease: LeaseToken): Promise<unknown> {
    const { key, terms } = call
    const hardMs = terms.hardTimeoutMs
    if (terms.forceFresh) {
      return patiently(this.#wait(call, lease, hardMs), key, { softMs: Number.POSITIVE_INFINITY, hardMs, instead: () => undefined })
    }
    const stale = staleEntry(call)
    if (stale !== undefined) return Promise.resolve(this.#staleOf(call, stale))
    // Who comes after a clear of tags may not take what was loaded before it, so it does not wait with those who may.
    const tagClock = this.tagClock()
    let follower = this.#followerByLease.get(lease)
    if (follower?.tagClock !== tagClock) {
      follower = { outcome: this.#follow(call, lease, tagClock), tagClock }
      this.#followerByLease.set(lease, follower)
    }
    return patiently(follower.outcome, key, { softMs: Number.POSITIVE_INFINITY, hardMs, instead: () => this.#told(call, unlessClosed(() => staleEntry(call))) })
  }

  async #follow(call: TimedCall, lease: LeaseToken, tagClock: number): Promise<unknown> {
    const isOthers = !this.#flightByLease.has(lease)
    try {
      return await (isOthers && call.terms.singleFlight === 'process' ? this.#alone(call) : this.#wait(call, lease, Number.POSITIVE_INFINITY, tagClock))
    } finally {
      if (this.#followerByLease.get(lease)?.tagClock === tagClock) this.#followerByLease.delete(lease)
    }
  }

  /** Waits until the load of `first` has a result, and takes over when it ends without one, if that is within `hardMs`. */
  async #wait(call: TimedCall, first: LeaseToken, hardMs = Number.POSITIVE_INFINITY, tagClock = this.tagClock()): Promise<unknown> {
    const { view, key, terms } = call
    const patienceMs = terms.leaseMs * (2 + Math.random())
    const waiter = this.#waiters.enter(Math.min(patienceMs, hardMs))
    let lease = first
    // A forced caller wants a load that began after its call: the end of the first flight is only
    // the moment to ask again, the result of any later one will do.
    let force = terms.forceFresh
    // The first flight has begun before a call that begins now: it waits for the tiers below no longer than the call may.
    const isJustBegun = performance.now() - call.startMs <= BEGUN_JUST_NOW_MS
    try {
      for (;;) {
        // Before it is asked for, and the answer heeded first: who was late itself may still find the lease ended. At its
        // deadline the call is over: nothing begins on its behalf.
        const isOverdue = waiter.isOverdue
        if (isOverdue && hardMs < patienceMs) throw timedOut(key, hardMs)
        const awaited = force ? {} : { awaited: lease }
        const acquired = view.acquire(key, { leaseMs: terms.leaseMs, force, heedsLate: !force, ...awaited })
        if (acquired.state === 'hit') return acquired.entry.value
        if (acquired.state === 'failed') return await this.#afterFailure(call, acquired.error)
        if (acquired.state === 'granted') return await this.#own(call, acquired).promise
        if (acquired.state === 'unavailable') return await this.#alone(call)
        if (isOverdue) break
        if (acquired.lease !== lease) force = false
        lease = acquired.lease
        const isAwaited = lease === first && (isJustBegun || this.#flightByLease.get(lease)?.isLoading === true)
        const giveUpMs = isAwaited ? Number.POSITIVE_INFINITY : performance.now() + this.#leftMs(call)
        if (performance.now() >= giveUpMs) return await this.#beside(call, lease)
        const flight = force ? undefined : this.#flightByLease.get(lease)
        const untilMs = Math.min(flight?.leaseEndMs ?? 0, giveUpMs)
        if (performance.now() >= untilMs || flight === undefined) await waiter.nextChance(giveUpMs)
        else if (await settlesBy(flight.promise, untilMs)) {
          if (!flight.isOutdated || tagClock <= flight.tagClock) return await flight.promise
        }
      }
    } finally {
      waiter.leave()
    }
    return this.#alone(call)
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
