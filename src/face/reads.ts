/**
 * Reading the keys of a namespace.
 *
 * A method that returns a promise never throws: misuse rejects. The hit path allocates nothing but
 * the promise, hence no async functions and no argument lists here.
 */
import type { L1Entry, L1View } from '../l1/table'
import type { Terms } from '../options/settings'
import { Attention } from './attention'
import { checkArray } from './calls'
import { type CacheEntry, type FoundEntry, toCacheEntry } from './entry'
import type { AnyKey, KnownKey, UnknownKey, ValueAt } from './key-types'
import { ALWAYS_SPECIAL, type Mode } from './mode'
import type { Shared } from './shared'
import { type GetOptions, isSpecialNamespace, SpecialReads } from './special'

export abstract class Reads<Map> {
  /** As it is; `view` has only what the namespace admits. */
  protected readonly table: L1View
  protected readonly view: L1View
  /** With what is there of other stamps. */
  protected readonly whole: L1View
  protected readonly shared: Shared
  protected readonly far: Shared['far']
  protected readonly below: Shared['below']
  protected readonly terms: Terms
  protected readonly mode: Readonly<Mode>
  protected readonly special: SpecialReads

  constructor(view: L1View, shared: Shared, given: Terms, whole = view) {
    const admission = shared.admissions.of(given)
    const terms = admission === given.admission ? given : { ...given, admission }
    this.table = view
    this.whole = whole
    this.view = admission === undefined ? view : view.admitting(admission)
    this.shared = shared
    this.far = shared.far
    this.below = shared.below
    this.terms = terms
    const attention = new Attention(this.view, shared.flights, terms)
    this.mode = isSpecialNamespace(terms, attention) ? ALWAYS_SPECIAL : shared.mode
    this.special = new SpecialReads(view, this.view, shared, terms, attention)
    if (terms.compression !== undefined) shared.usePool()
  }

  /** The full path, names joined by '/'; '' for the root. */
  get path(): string {
    return this.view.namespace
  }

  /** The fresh value, or undefined. An object may be shared with other readers: do not change it. */
  get<K extends KnownKey<Map>>(key: K, options?: GetOptions): Promise<ValueAt<Map, K> | undefined>
  get<T = unknown>(key: UnknownKey<Map>, options?: GetOptions): Promise<T | undefined>
  get(key: string, options?: GetOptions): Promise<unknown> {
    try {
      if (options !== undefined || this.mode.isSpecial) return this.special.get(key, options)
      const value = this.view.get(key)
      if (value !== undefined) return Promise.resolve(value)
      return this.#missed(key)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** As `get`, without a promise. Throws on misuse. */
  getSync<K extends KnownKey<Map>>(key: K, options?: GetOptions): ValueAt<Map, K> | undefined
  getSync<T = unknown>(key: UnknownKey<Map>, options?: GetOptions): T | undefined
  getSync(key: string, options?: GetOptions): unknown {
    if (options !== undefined || this.mode.isSpecial) return this.special.getSync(key, options)
    const value = this.view.get(key)
    if (value === undefined && this.terms.admission !== undefined) this.special.checkDecided()
    return value
  }

  /** As `getSync`, without counting and without keeping the entry from eviction. */
  peek<K extends KnownKey<Map>>(key: K): ValueAt<Map, K> | undefined
  peek<T = unknown>(key: UnknownKey<Map>): T | undefined
  peek(key: string): unknown {
    return this.mode.isSpecial || this.terms.admission !== undefined ? this.special.peek(key) : this.view.peek(key)
  }

  /** The value with its version, life and tier; stale ones included and marked. */
  getEntry<K extends KnownKey<Map>>(key: K, options?: GetOptions): Promise<CacheEntry<ValueAt<Map, K>>>
  getEntry<T = unknown>(key: UnknownKey<Map>, options?: GetOptions): Promise<CacheEntry<T>>
  getEntry(key: string, options?: GetOptions): Promise<CacheEntry<unknown>> {
    try {
      if (options !== undefined || this.mode.isSpecial || this.terms.admission !== undefined) return this.special.getEntry(key, options)
      if (this.below === undefined) return Promise.resolve(toCacheEntry(this.view.entry(key)))
      return this.find(key).then(toCacheEntry)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Whether a fresh value is there. */
  has(key: AnyKey<Map>): Promise<boolean>
  has(key: string): Promise<boolean> {
    try {
      if (this.mode.isSpecial || this.terms.admission !== undefined) return this.special.has(key)
      if (this.view.has(key)) return Promise.resolve(true)
      if (this.below === undefined) return Promise.resolve(false)
      return this.readBelow(key).then((value) => value !== undefined)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** The fresh values in the order of the keys, undefined where missing. */
  getMany<K extends KnownKey<Map>>(keys: readonly K[], options?: GetOptions): Promise<(ValueAt<Map, K> | undefined)[]>
  getMany<T = unknown>(keys: readonly UnknownKey<Map>[], options?: GetOptions): Promise<(T | undefined)[]>
  getMany(keys: readonly string[], options?: GetOptions): Promise<unknown[]> {
    try {
      const isSpecial = options !== undefined || this.mode.isSpecial || this.terms.admission !== undefined
      // An empty list reads nothing, and would not notice that the table is closed.
      if (isSpecial && checkArray('keys', keys).length > 0) return this.special.getMany(keys, options)
      const values = this.view.getMany(checkArray('keys', keys))
      if (this.below === undefined || !values.includes(undefined)) return Promise.resolve(values)
      // All misses begin in this turn of the loop, so they are one request to Redis.
      return Promise.all(values.map((value, i) => value ?? this.readBelow(keys[i]!)))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** What an asynchronous schema has not decided yet, or what is below the table. */
  #missed(key: string): Promise<unknown> {
    const undecided = this.view.takeUndecided?.()
    if (undecided !== undefined) return undecided.then((value) => (value === undefined && this.below !== undefined ? this.readBelow(key) : value))
    return this.below === undefined ? Promise.resolve(undefined) : this.readBelow(key)
  }

  /** The entry with the version that callers see, stale ones included, where nothing special is asked for. Throws for misuse. */
  protected find(key: string, startMs = performance.now()): Promise<FoundEntry | undefined> {
    const entry = this.view.entry(key)
    if (this.below === undefined) return Promise.resolve(entry)
    const isThere = entry !== undefined && !entry.isStale
    if (isThere) return this.#describe(key, entry, startMs)
    let tier: FoundEntry['tier'] | undefined
    return this.readBelow(key, (from) => (tier = from), startMs)
      .then(() => this.#describe(key, this.view.entry(key), startMs))
      .then((found) => (found === undefined || tier === undefined ? found : { ...found, tier }))
  }

  /** The value of a key that the table does not have, from below it. */
  protected readBelow(key: string, onFound?: (tier: 'disk' | 'l2') => void, startMs = performance.now()): Promise<unknown> {
    return this.shared.flights.read({ view: this.view, key, terms: this.terms, onFound, startMs }, this.below!.patienceMs)
  }

  #describe(key: string, entry: L1Entry | undefined, startMs: number): Promise<FoundEntry | undefined> {
    if (this.far === undefined) return Promise.resolve(entry)
    return this.far.tier.entry({ view: this.view, key, terms: this.terms, startMs }, entry)
  }
}
