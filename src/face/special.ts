/**
 * Reads that need more than the plain way: consequences of a hit, listeners, tiers passed over, values checked with Redis
 * before they are used, objects for one caller alone.
 */
import type { L1Entry, L1View } from '../l1/table'
import { callTerms, loadedTerms, type Terms } from '../options/settings'
import type { Skips } from '../options/values'
import type { OptionsAt } from '../options/schema'
import { privateCopy } from '../sync/admission'
import type { LoadCall } from '../sync/flight'
import type { Loader } from '../sync/loader-context'
import { UNPACK_IN_POOL_ABOVE, unpackElsewhere } from '../sync/packing'
import { deferring, Packed, withReady } from '../wire/compressed'
import type { Duration } from '../words/duration'
import { CacheError } from '../words/errors'
import { type Attention, isAttentive } from './attention'
import { type CacheEntry, type FoundEntry, toCacheEntry } from './entry'
import type { Shared } from './shared'

export type GetOptions = OptionsAt<'get'>
type LoadOptions = OptionsAt<'getOrSet'> | Duration | undefined

/** Loads of a key that run together with those of others. */
export interface Company {
  /** As `Flights.load`, or as `Flights.past`. */
  load(call: LoadCall, isPast: boolean): Promise<unknown>
  /** For loads that nobody waits for. */
  refresher(): Loader
}

/** Terms of one call, and what it passes over. */
interface Way {
  terms: Terms
  skips: Skips
  isFresh: boolean
}

/** Whether options of `getOrSet` need more than the plain way. */
export function isSpecialCall(options: LoadOptions): boolean {
  return typeof options === 'object' && options !== null
    && (options.forceFresh !== undefined || options.skip !== undefined || options.consistency !== undefined || options.clone !== undefined
      || options.refreshAhead !== undefined || options.sliding !== undefined)
}

export function isSpecialNamespace(terms: Terms, attention: Attention): boolean {
  return attention.isNeeded || terms.forceFresh || terms.clone || terms.compression !== undefined || terms.consistency === 'fresh' || Object.values(terms.skips).includes(true)
}

const REFUSED = Symbol('it does not fit its schema')

const isThere = (looked: unknown): boolean => looked !== undefined && looked !== REFUSED

export class SpecialReads {
  readonly #table: L1View
  readonly #view: L1View
  readonly #shared: Shared
  readonly #terms: Terms
  readonly #attention: Attention

  /** `view` has only what the namespace admits, `table` has all. */
  constructor(table: L1View, view: L1View, shared: Shared, terms: Terms, attention: Attention) {
    this.#table = table
    this.#view = view
    this.#shared = shared
    this.#terms = terms
    this.#attention = attention
  }

  get(key: string, options: GetOptions | undefined): Promise<unknown> {
    const way = this.#wayOf(callTerms(this.#terms, 'get', options))
    return this.#written(key)?.then(() => this.#get(key, way)) ?? this.#get(key, way)
  }

  #get(key: string, way: Way): Promise<unknown> {
    if (way.isFresh) return this.#getFresh(key, way)
    const looked = this.#look(key, way)
    if (looked instanceof Promise) return looked.then((value) => (isThere(value) ? value : this.#below(key, way)))
    return looked === undefined ? this.#below(key, way) : Promise.resolve(looked)
  }

  getSync(key: string, options: GetOptions | undefined): unknown {
    const way = this.#wayOf(callTerms(this.#terms, 'get', options))
    if (way.isFresh) throw new CacheError('ERR_CACHE_OPTION', "consistency must be 'host' where no promise is returned, got \"fresh\"")
    this.#hurry(key)
    const value = this.#look(key, way, undefined, false)
    if (!(value instanceof Promise)) return value
    throw new CacheError('ERR_CACHE_SCHEMA', 'the schema must be synchronous where no promise is returned, it is not')
  }

  peek(key: string): unknown {
    const { skips, terms } = this.#wayOf(this.#terms)
    this.#hurry(key)
    const value = skips.l1 ? undefined : this.#view.peek(key)
    if (value === undefined) this.checkDecided()
    return terms.clone || skips.l0 ? privateCopy(value, terms.codec) : value
  }

  async has(key: string): Promise<boolean> {
    const way = this.#wayOf(this.#terms)
    if (way.skips.l1 || way.isFresh) return (await this.get(key, undefined)) !== undefined
    this.#hurry(key)
    const isThere = way.terms.admission === undefined ? this.#view.has(key) : (this.#view.peek(key) ?? (await this.#view.takeUndecided?.())) !== undefined
    return isThere || (await this.#below(key, way)) !== undefined
  }

  async getEntry(key: string, options: GetOptions | undefined): Promise<CacheEntry<unknown>> {
    const way = this.#wayOf(callTerms(this.#terms, 'get', options))
    const { terms, skips } = way
    const far = skips.l2 ? undefined : this.#shared.far
    const startMs = performance.now()
    await this.#written(key)
    let tier: FoundEntry['tier'] | undefined
    const isKnown = !way.isFresh || (await this.#isCurrent(key, way, startMs)) !== 'unknown'
    let entry = skips.l1 || !isKnown ? undefined : this.#view.entry(key)
    if (this.#hasBelow(skips) && !skips.l1 && isKnown && (entry === undefined || entry.isStale)) {
      await this.#below(key, way, (from) => (tier = from), startMs)
      entry = this.#view.entry(key)
    }
    const found = far === undefined ? entry : await far.tier.entry({ view: this.#view, key, terms, startMs }, entry)
    const value = found === undefined ? undefined : await this.#handed(key, found.value, way)
    return toCacheEntry(value === undefined ? undefined : { ...found!, value, tier: tier ?? found!.tier })
  }

  /**
   * The entry that an update changes, with the value as the caller gets it; that is undefined if it does not fit, and must be
   * replaced all the same. Features are not heeded: what is written goes to every tier.
   */
  async find(key: string, terms: Terms, startMs: number): Promise<FoundEntry | undefined> {
    const { skips, admission } = terms
    const { far: allFar, flights, below } = this.#shared
    const far = skips.l2 ? undefined : allFar
    const wish = { view: this.#view, key, terms, startMs, skipsDisk: skips.disk }
    let entry = skips.l1 ? undefined : this.#view.entry(key)
    if (this.#hasBelow(skips) && !skips.l1 && (entry === undefined || entry.isStale)) {
      await flights.read(wish, below!.patienceMs)
      entry = this.#view.entry(key)
    }
    const held = entry ?? (skips.l1 ? undefined : this.#refused(key))
    const found = far === undefined ? held : await far.tier.entry(wish, held)
    if (found?.value === undefined) return found
    const value = admission === undefined ? found.value : await admission.decided(found.value, key, this.#view.namespace)
    return { ...found, value: terms.clone || skips.l0 ? privateCopy(value, terms.codec) : value }
  }

  /** An entry that the view does not show. */
  #refused(key: string): FoundEntry & L1Entry | undefined {
    const entry = this.#table.entry(key, { quiet: true })
    return entry === undefined ? undefined : { ...entry, value: undefined }
  }

  /** What one caller of `getOrSet` was given, for another one. */
  another(value: unknown, options: LoadOptions): unknown {
    return this.#private(value, this.#wayOf(callTerms(this.#terms, 'getOrSet', options)))
  }

  getMany(keys: readonly string[], options: GetOptions | undefined): Promise<unknown[]> {
    return Promise.all(keys.map((key) => this.get(key, options)))
  }

  getOrSet(key: string, factory: Loader | Company, options: LoadOptions): Promise<unknown> {
    const way = this.#wayOf(callTerms(this.#terms, 'getOrSet', options))
    return this.#written(key)?.then(() => this.#getOrSet(key, factory, options, way)) ?? this.#getOrSet(key, factory, options, way)
  }

  #getOrSet(key: string, factory: Loader | Company, options: LoadOptions, way: Way): Promise<unknown> {
    if (way.terms.forceFresh) return this.#load(key, factory, way)
    if (way.isFresh) return this.#getOrSetFresh(key, factory, way)
    const looked = this.#look(key, way, () => {
      if (this.#attention.isNeeded || isAttentive(options)) this.#attention.onHit(key, typeof factory === 'function' ? factory : factory.refresher(), options)
    })
    if (looked === undefined) return this.#load(key, factory, way)
    if (!(looked instanceof Promise)) return Promise.resolve(looked)
    return looked.then((value) => (isThere(value) ? value : this.#load(key, factory, way, value === REFUSED)))
  }

  /** `getOrSet` after `get` of the view found nothing. */
  loadMissed(key: string, factory: Loader | Company, options: LoadOptions): Promise<unknown> {
    const way = this.#wayOf(callTerms(this.#terms, 'getOrSet', options))
    const undecided = this.#view.takeUndecided?.()
    if (undecided === undefined) return this.#load(key, factory, way)
    return undecided.then((value) => value ?? this.#load(key, factory, way, true))
  }

  /** For reads that cannot wait for an asynchronous schema. */
  checkDecided(): void {
    if (this.#view.takeUndecided?.() === undefined) return
    throw new CacheError('ERR_CACHE_SCHEMA', 'the schema must be synchronous where no promise is returned, it is not')
  }

  /** Resolves when a write of the key that this isolate is compressing has taken effect; undefined when there is none. */
  #written(key: string): Promise<void> | undefined {
    return this.#shared.unwritten.written(this.#view, key)
  }

  #hurry(key: string): void {
    this.#shared.unwritten.hurry(this.#view, key)
  }

  /**
   * The fresh value in the table, undefined, or a promise of it, of undefined or of REFUSED: where a schema is asynchronous, and
   * with `canWait` where the value is large and compressed.
   */
  #look(key: string, way: Way, onHit = () => void (this.#attention.isNeeded && this.#attention.onRead(key)), canWait = true): unknown {
    const { terms, skips } = way
    if (skips.l1) return this.#looked(key, undefined, way, onHit)
    const isOwn = terms.clone || skips.l0
    const read = (): unknown => (isOwn ? this.#view.copy(key) : this.#view.get(key))
    const value = canWait && terms.compression !== undefined ? deferring(UNPACK_IN_POOL_ABOVE, read) : read()
    if (!(value instanceof Packed)) return this.#looked(key, value, way, onHit)
    // Read again, since the key may have changed meanwhile; what is found is unpacked already if it has not.
    const again = (): unknown => (isOwn ? this.#view.copy(key) : this.#view.peek(key))
    return unpackElsewhere(value).then((raw) => this.#looked(key, withReady(value, raw, again), way, onHit))
  }

  #looked(key: string, value: unknown, way: Way, onHit: () => void): unknown {
    const { skips } = way
    if (value !== undefined) onHit()
    const undecided = value === undefined && !skips.l1 ? this.#view.takeUndecided?.() : undefined
    if (undecided === undefined) {
      this.#tell(key, value)
      return value
    }
    return undecided.then((decided) => {
      this.#tell(key, decided)
      return decided === undefined ? REFUSED : this.#private(decided, way)
    })
  }

  async #getFresh(key: string, way: Way): Promise<unknown> {
    const startMs = performance.now()
    const state = await this.#isCurrent(key, way, startMs)
    if (state === 'current') {
      const value = await this.#look(key, way)
      if (isThere(value)) return value
    } else this.#tell(key, undefined)
    if (state === 'unknown') return undefined
    const value = await this.#below(key, way, undefined, startMs)
    // It may be of a read that began before this call.
    if (value === undefined || way.skips.l1 || (await this.#isCurrent(key, way, startMs)) === 'current') return value
    return this.#below(key, { ...way, skips: { ...way.skips, l1: true } }, undefined, startMs)
  }

  async #getOrSetFresh(key: string, factory: Loader | Company, way: Way): Promise<unknown> {
    const startMs = performance.now()
    const state = await this.#isCurrent(key, way, startMs)
    if (state === 'current') {
      const value = await this.#look(key, way)
      if (isThere(value)) return value
    } else this.#tell(key, undefined)
    let hasLoaded = false
    const loader: Loader | Company = typeof factory === 'object' ? factory : (context) => {
      hasLoaded = true
      return factory(context)
    }
    const value = await this.#load(key, loader, way, state === 'unknown', startMs)
    if (hasLoaded || state === 'unknown' || value === undefined || way.skips.l1) return value
    // What this call has not loaded may be of a load that began before it.
    const after = await this.#isCurrent(key, way, startMs)
    return after === 'current' ? value : this.#load(key, factory, way, after === 'unknown', startMs)
  }

  /** How the table's entry stands to what Redis has: if it is older, it is gone then; 'unknown' where Redis does not say. */
  async #isCurrent(key: string, { terms, skips }: Way, startMs = performance.now()): Promise<'current' | 'gone' | 'unknown'> {
    const entry = skips.l1 ? undefined : this.#view.entry(key, { quiet: true })
    if (entry === undefined || entry.isStale) return 'gone'
    return this.#shared.far!.tier.isCurrent({ view: this.#view, key, terms, startMs }, entry)
  }

  /** The value below the table, for a read that found none there. */
  async #below(key: string, way: Way, onFound?: (tier: 'disk' | 'l2') => void, startMs = performance.now()): Promise<unknown> {
    const { below, flights } = this.#shared
    if (!this.#hasBelow(way.skips)) return undefined
    const wish = { view: this.#view, key, terms: way.terms, skipsDisk: way.skips.disk, onFound, startMs }
    return this.#handed(key, await (way.skips.l1 ? flights.past(wish) : flights.read(wish, below!.patienceMs)), way)
  }

  /** Past Redis nothing is asked that lies before it. */
  #hasBelow(skips: Skips): boolean {
    const { far, copies } = this.#shared
    return far === undefined ? copies !== undefined && !skips.disk : !skips.l2
  }

  /** `isForced`: what the table has will not do. */
  async #load(key: string, loader: Loader | Company, way: Way, isForced = false, startMs = performance.now()): Promise<unknown> {
    const terms = isForced ? { ...way.terms, forceFresh: true } : way.terms
    const wish: LoadCall = { view: this.#view, key, terms, loader: undefined, withOptions: loadedTerms, isNear: way.skips.l2 && this.#shared.far !== undefined, skipsDisk: way.skips.disk, startMs }
    const loaded = await this.#loaded(wish, loader, way.skips.l1)
    const value = await this.#handed(key, loaded, way)
    // What another process has loaded may not fit here.
    return value === undefined && loaded !== undefined && !terms.forceFresh ? this.#load(key, loader, way, true) : value
  }

  #loaded(wish: LoadCall, loader: Loader | Company, isPast: boolean): Promise<unknown> {
    if (typeof loader === 'object') return loader.load(wish, isPast)
    wish.loader = loader
    const { flights } = this.#shared
    return isPast ? flights.past(wish) : flights.load(wish)
  }

  /** What others may have as well, as this caller gets it; undefined if it does not fit after all. */
  async #handed(key: string, given: unknown, way: Way): Promise<unknown> {
    const { admission } = way.terms
    const isSettled = admission === undefined || given === undefined
    return this.#private(isSettled ? given : await admission.decided(given, key, this.#view.namespace), way)
  }

  #private(value: unknown, { terms, skips }: Way): unknown {
    return terms.clone || skips.l0 ? privateCopy(value, terms.codec) : value
  }

  #tell(key: string, value: unknown): void {
    const { events } = this.#shared
    const event = value === undefined ? 'miss' : 'hit'
    if (events.hears(event)) events.emit(event, { namespace: this.#view.namespace, key })
  }

  #wayOf(terms: Terms): Way {
    const skips = this.#shared.features.over(terms.skips)
    return { terms, skips, isFresh: terms.consistency === 'fresh' && this.#shared.far !== undefined && !skips.l2 }
  }
}
