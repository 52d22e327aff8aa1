/**
 * One load under its lease: the tiers below, a permit, the loader, and what becomes of its result.
 *
 * However it ends, the lease has ended by then. A result is stored only if the lease still stood; a failure is
 * remembered for the host, and covered by a stale value where there is one.
 */
import type { L1Entry, L1Table, LeaseToken } from '../l1/table'
import { EncodedValue } from '../wire/codec'
import { joinTags, type Tags, tagsOf } from '../wire/tags'
import { CacheError } from '../words/errors'
import type { Below, Missed, TimedWish, Wish } from './below'
import { type Bulkhead, crowdedOut, type Release } from './bulkhead'
import { LoadDeadline } from './deadlines'
import { isSameValue, loaded, type Storable } from './lifetime'
import type { LoadTerms } from './load-terms'
import { Packing, packing } from './packing'
import { type Before, Context, type LoadContext, type Loader, type LoadReason, nothingSaid, type Said } from './loader-context'
import type { Listening } from './told'

/** One caller's wish to load. */
export interface LoadCall extends Wish {
  terms: LoadTerms
  /** Absent: only the tiers are asked, and a miss is `undefined`. */
  loader?: Loader | undefined
  /** The terms with options over them that a loader gave. */
  withOptions?: ((terms: LoadTerms, options: object) => LoadTerms) | undefined
  /** The tiers below the table are neither asked nor filled. */
  isNear?: boolean | undefined
  /** When the call began of which this is a part, on the clock of performance.now(); absent: now. */
  startMs?: number | undefined
  /** Called, maybe more than once, when the loader will not run soon if it has not begun: there is a result, or somebody else loads. */
  onDecided?: (() => void) | undefined
}

export type TimedCall = LoadCall & TimedWish

/** All calls have one shape, made field by field: the engine gives each copy by spread a shape of its own. */
export function timedCall(wish: LoadCall): TimedCall {
  const { view, key, terms, loader, withOptions, untilMs, sourceVersion, onFound, skipsDisk, isNear, onDecided } = wish
  return { view, key, terms, loader, withOptions, untilMs, sourceVersion, onFound, skipsDisk, isNear, onDecided, startMs: wish.startMs ?? performance.now() }
}

/** What loads of one isolate share. */
export interface LoadTools {
  table: L1Table
  below: Below | undefined
  bulkhead: Bulkhead
  listening: Listening
  /** What becomes of the key once the lease has ended; undefined when it still stands at `untilMs`. */
  whenEnded(call: TimedCall, lease: LeaseToken, untilMs: number): Promise<{ value: unknown } | undefined>
}

export interface Grant {
  lease: LeaseToken
  failures: number
  tagClock: number
}

/** How long the error of a flight is kept for those who wait for it in other processes, where nothing stale is served. */
const ERROR_MEMO_MS = 1_000
/** However many loads have failed in a row, the source is asked that often, unless the first wait is longer. */
const MAX_BACKOFF_MS = 60_000

const MAX_GRACE_MS = 365 * 86_400_000
/** For telling callers of a result before their time is over. */
const TOLD_MS = 10

const NOTHING_BELOW: Missed = { state: 'miss', base: undefined, doubt: 0 }

export class Flight {
  readonly promise: Promise<unknown>
  readonly call: TimedCall
  readonly leaseEndMs: number
  readonly #tools: LoadTools
  readonly #below: Below | undefined
  readonly #grant: Grant
  /** It is not loaded because it is missing, and nobody waits. */
  readonly #isRefresh: boolean
  readonly #deadline: LoadDeadline
  /** The call's, with what the loader has said so far. */
  #own: LoadTerms
  /** Until then its callers wait for what becomes of the result. */
  #untilMs = Number.POSITIVE_INFINITY
  #missed = NOTHING_BELOW
  #tags: Tags | undefined
  readonly #onStale: (() => void)[] = []
  /** What the loader has taken of the call's time; the rest is waited for Redis. */
  #loadMs = 0
  #isLoading = false

  readonly #onEnd: () => void
  #isOver = false

  /** `onEnd` may be called before this returns. */
  constructor(tools: LoadTools, call: TimedCall, grant: Grant, isRefresh: boolean, onEnd: () => void) {
    const nowMs = performance.now()
    this.call = call
    this.leaseEndMs = nowMs + call.terms.leaseMs
    this.#onEnd = onEnd
    this.#own = call.terms
    this.#tools = tools
    this.#below = call.isNear === true ? undefined : tools.below
    this.#grant = grant
    this.#isRefresh = isRefresh
    this.#deadline = new LoadDeadline(call.key, call.terms.leaseMs, nowMs)
    this.promise = this.#fly()
  }

  /** As of when its result holds, by the clears of tags. */
  get tagClock(): number {
    return this.#grant.tagClock
  }

  /** There is an outcome. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Its loader runs: nobody waits for Redis. */
  get isLoading(): boolean {
    return this.#isLoading
  }

  /** A tag of the result was cleared since its load began: it is none for who came after that. */
  get isOutdated(): boolean {
    return this.#tags !== undefined && unlessClosed(() => this.#tools.table.tags.since(this.#tags!.slots, this.#tags!.clock)) !== 'current'
  }

  /** What a caller with grace may be served instead of the result. */
  stale(): { value: unknown } | undefined {
    const { view, key, terms } = this.call
    return terms.life.graceMs === 0 ? undefined : view.entry(key, { quiet: true }) ?? this.#missed.stale
  }

  /** Calls back when a stale value has been found below the table. */
  onStale(listener: () => void): void {
    this.#onStale.push(listener)
  }

  async #fly(): Promise<unknown> {
    const { view, key, loader } = this.call
    const { lease } = this.#grant
    try {
      if (this.#below !== undefined) {
        const fetched = await this.#below.fetch(this.call, lease)
        if (fetched.state === 'value') return fetched.value
        this.#missed = fetched
        if (fetched.stale !== undefined) for (const listener of this.#onStale) listener()
      }
      if (loader === undefined) {
        unlessClosed(() => view.abandon(key, lease))
        return undefined
      }
      return await this.#load(loader)
    } catch (error) {
      return this.#failed(error)
    } finally {
      this.#deadline.end()
      this.#below?.claims?.release(lease)
      this.#isOver = true
      this.#onEnd()
    }
  }

  async #load(loader: Loader): Promise<unknown> {
    const { terms } = this.call
    const hasStandIn = this.#isRefresh || (terms.timeoutMs !== Number.POSITIVE_INFINITY && unlessClosed(() => this.stale()) !== undefined)
    const limitMs = hasStandIn ? terms.backgroundTimeoutMs : terms.hardTimeoutMs
    this.#untilMs = this.leaseEndMs - terms.leaseMs + limitMs - TOLD_MS
    return this.#deadline.within(this.#run(loader, limitMs), limitMs)
  }

  /** The loader's run, whose result is stored even where nobody waits for it any more, if the lease still stands. */
  async #run(loader: Loader, limitMs: number): Promise<unknown> {
    const { key, terms } = this.call
    const elsewhere = terms.singleFlight === 'fleet' ? await this.#claim() : undefined
    if (elsewhere !== undefined) return elsewhere.value
    const leave = terms.maxConcurrentLoads === 0 ? () => {} : await this.#permit(limitMs)
    if (leave === undefined) return unlessClosed(() => this.call.view.abandon(key, this.#grant.lease))
    try {
      // Who has been told that it is over does not begin after all.
      if (this.#deadline.isOver) return undefined
      const startMs = performance.now()
      const said = nothingSaid()
      const context = new Context(key, this.#grant.failures + 1, {
        setOptions: (options) => void (this.#own = this.call.withOptions?.(this.#own, options) ?? this.#own),
        reason: () => this.#reason(), before: () => this.#before(), signal: () => this.#deadline.signal,
      }, said)
      this.#isLoading = true
      const made = await runTold(this.#tools.listening, this.call, loader, context)
      this.#isLoading = false
      const loadMs = (this.#loadMs = performance.now() - startMs)
      this.#tools.table.recordLoad(loadMs)
      const value = terms.admission === undefined ? made : await terms.admission.given(made, key)
      await unlessClosed(() => this.#store(value, this.#own, said, loadMs))
      return terms.admission === undefined ? value : terms.admission.handedOut(value, terms.codec)
    } finally {
      leave()
    }
  }

  /** Undefined when this host is to load; else what another host has loaded, or meanwhile something stale. */
  async #claim(): Promise<{ value: unknown } | undefined> {
    const { lease } = this.#grant
    const claims = this.#below?.claims
    let { startMs } = this.call
    while (claims !== undefined && !this.#deadline.isOver) {
      const claim = await claims.claim({ ...this.call, startMs }, lease, this.leaseEndMs - performance.now())
      if (claim.state !== 'taken') return undefined
      this.call.onDecided?.()
      if (this.#isRefresh) return { value: unlessClosed(() => this.call.view.abandon(this.call.key, lease)) }
      const ended = this.#tools.whenEnded(this.call, lease, performance.now() + claim.leftMs)
      const stale = this.call.terms.forceFresh ? undefined : unlessClosed(() => this.stale())
      if (stale !== undefined) {
        // The lease stays until the other host is done, so that this one does not ask again with each call.
        const giveBack = (found: unknown): void => void (found ?? unlessClosed(() => this.call.view.abandon(this.call.key, lease)))
        ended.then(giveBack, () => {})
        this.#tools.listening.stale(this.call.view.namespace, this.call.key)
        return stale
      }
      const found = await ended
      if (found !== undefined) return found
      // The wait was for the other host and not for Redis.
      startMs = performance.now()
    }
    return undefined
  }

  /** Undefined: a refresh that can wait for another time. */
  async #permit(limitMs: number): Promise<Release | undefined> {
    const { view, key, terms } = this.call
    const untilMs = Math.min(this.leaseEndMs, performance.now() + limitMs)
    if (this.#isRefresh) return this.#tools.bulkhead.tryEnter(view, terms.maxConcurrentLoads, untilMs)
    const leave = await this.#tools.bulkhead.enter(view, terms.maxConcurrentLoads, untilMs)
    if (leave !== undefined) return leave
    throw crowdedOut(key, terms.maxConcurrentLoads)
  }

  #store(value: unknown, terms: LoadTerms, said: Said, loadMs: number): void | Promise<void> {
    const { view, key } = this.call
    const { lease } = this.#grant
    if (value === undefined || terms.skips?.l1 === true) return view.abandon(key, lease)
    const packed = packing(terms, value)
    const sourceVersion = said.isNotModified ? this.#before()?.notes?.sourceVersion : undefined
    const put = (stored: unknown): void | Promise<void> =>
      this.#put(this.#tagged(this.#storable(stored, value, terms, said, loadMs, sourceVersion), terms, said), terms, sourceVersion)
    if (!(packed instanceof Packing)) return put(packed)
    // The lease stands meanwhile; a change of the key ends it.
    return packed.packed.then((stored) => unlessClosed(() => put(stored)))
  }

  #put(stored: Storable, terms: LoadTerms, sourceVersion: number | undefined): void | Promise<void> {
    const { view, key } = this.call
    const { lease } = this.#grant
    if (this.#below === undefined || terms.skips?.l2 === true) view.publish(key, lease, stored.value, stored.life)
    else return this.#below.fill({ ...this.call, startMs: this.call.startMs + this.#loadMs, terms: { ...terms, life: stored.life }, untilMs: this.#untilMs, sourceVersion }, lease, stored.value, this.#missed)
  }

  #storable(stored: unknown, value: unknown, terms: LoadTerms, said: Said, loadMs: number, sourceVersion: number | undefined): Storable {
    const hasOwnTtl = terms.refreshAhead !== undefined && terms.life.ttlMs !== this.call.terms.life.ttlMs
    const isWeighed = terms.refreshAhead !== undefined && 'beta' in terms.refreshAhead
    const before = (): { ttlMs: number; isSame: boolean } | undefined => {
      const there = this.#before()
      return there?.notes === undefined ? undefined
        : { ttlMs: there.notes.ttlMs, isSame: said.isNotModified || isSameValue(there.value, value, terms.codec) }
    }
    const findings = { etag: said.etag, lastModified: said.lastModified, loadMs, sourceVersion, before, hasOwnTtl, isWeighed }
    return loaded(terms, stored, findings, this.#tools.table)
  }

  #tagged(stored: Storable, terms: LoadTerms, said: Said): Storable {
    // Who is told that nothing has changed does not look what it is about.
    const names = said.isNotModified ? joinTags(this.#before()?.tags?.names ?? [], terms.tags) : terms.tags
    if (names.length === 0) return stored
    this.#tags = tagsOf(this.call.view.namespace, names, this.#grant.tagClock)
    return { value: EncodedValue.tagged(stored.value, this.#tags), life: stored.life }
  }

  #failed(error: unknown): unknown {
    const { view, key, terms } = this.call
    const { lease } = this.#grant
    const failures = this.#grant.failures + 1
    const { errorTtlMs, graceBackoffMs } = this.#own
    const maxBackoffMs = Math.max(MAX_BACKOFF_MS, graceBackoffMs)
    const backoffMs = Math.min(maxBackoffMs, graceBackoffMs * 2 ** Math.min(failures - 1, 20))
    const fail = (lateMs: number, memoMs = 2 * maxBackoffMs, token = lease): void => {
      unlessClosed(() => view.fail(key, token, error, memoMs, { ms: lateMs, failures }))
    }
    const there = unlessClosed(() => view.entry(key, { quiet: true }))
    if (this.#isRefresh && there !== undefined) {
      // Told to nobody: once the value has ended, its readers ask the source again.
      fail(Math.min(backoffMs, terms.life.graceMs > 0 ? there.hardLeftMs : there.ttlLeftMs))
    } else if (there !== undefined && terms.life.graceMs > 0) {
      fail(Math.min(backoffMs, there.hardLeftMs))
      this.#tools.listening.stale(view.namespace, key)
      return there.value
    } else if (this.#missed.stale !== undefined && terms.life.graceMs > 0) {
      const { stale: { value, stored, hardLeftMs, ageMs }, base, doubt } = this.#missed
      const fleet = typeof base === 'number' ? { version: base, doubt, ageMs } : undefined
      unlessClosed(() => {
        // Stale at once: it is there to be served instead, and only so.
        if (view.publish(key, lease, stored, { ttlMs: 1, graceMs: Math.min(hardLeftMs, MAX_GRACE_MS) }, fleet) === 0) return
        const again = view.acquire(key, { leaseMs: terms.leaseMs, force: true })
        if (again.state === 'granted') fail(Math.min(backoffMs, hardLeftMs), undefined, again.lease)
      })
      this.#tools.listening.stale(view.namespace, key)
      return value
    } else {
      fail(errorTtlMs, Math.max(ERROR_MEMO_MS, 2 * errorTtlMs))
    }
    throw error
  }

  #reason(): LoadReason {
    if (this.#isRefresh) return 'refresh'
    if (this.call.terms.forceFresh) return 'forced'
    return unlessClosed(() => this.#before()) === undefined ? 'miss' : 'stale'
  }

  /** A doubtful one too: what its source says of it does not depend on Redis. */
  #before(): Before | undefined {
    return unlessClosed(() => this.call.view.entry(this.call.key, { quiet: true, doubtful: true })) ?? this.#missed.stale
  }
}

/** A load without a lease, whose result is not stored. */
export async function runAlone(call: LoadCall, loader: Loader, listening: Listening): Promise<unknown> {
  const { view, key, terms } = call
  const deadline = new LoadDeadline(key, terms.leaseMs, performance.now())
  const before = (): L1Entry | undefined => unlessClosed(() => view.entry(key, { quiet: true }))
  // Checked all the same.
  const setOptions = (options: object): void => void call.withOptions?.(terms, options)
  const context = new Context(key, 1, { setOptions, reason: () => (terms.forceFresh ? 'forced' : 'miss'), before, signal: () => deadline.signal }, nothingSaid())
  try {
    const made = await deadline.within(runTold(listening, call, loader, context), terms.hardTimeoutMs)
    return terms.admission === undefined ? made : terms.admission.handedOut(await terms.admission.given(made, key), terms.codec)
  } finally {
    deadline.end()
  }
}

async function runTold(listening: Listening, { view, key }: LoadCall, loader: Loader, context: LoadContext): Promise<unknown> {
  if (!listening.hearsLoads) return loader(context)
  const told = { namespace: view.namespace, key, reason: context.reason }
  const startMs = performance.now()
  try {
    const value = await loader(context)
    listening.load({ ...told, ms: performance.now() - startMs })
    return value
  } catch (error) {
    listening.load({ ...told, ms: performance.now() - startMs, error })
    throw error
  }
}

/** The entry, if the caller's grace lets it be served. */
export function staleEntry({ view, key, terms }: LoadCall): L1Entry | undefined {
  return terms.life.graceMs === 0 ? undefined : view.entry(key)
}

/** A cache may be closed while its loads run. Their callers still get what was loaded. */
export function unlessClosed<T>(step: () => T): T | undefined {
  try {
    return step()
  } catch (error) {
    if (error instanceof CacheError && error.code === 'ERR_CACHE_CLOSED') return undefined
    throw error
  }
}
