/**
 * Reading the keys of a namespace.
 *
 * A method that returns a promise never throws: misuse rejects. The hit path allocates nothing but
 * the promise, hence no async functions and no argument lists here.
 */
import type { L1Entry, L1View } from '../l1/table'
import type { Terms } from '../options/settings'
import type { BatchLoads } from '../sync/batch-loads'
import type { FarTier } from '../sync/far-tier'
import type { FarWrites } from '../sync/far-writes'
import type { Flights } from '../sync/flights'
import { Attention } from './attention'
import { checkArray } from './calls'
import { type CacheEntry, type FoundEntry, toCacheEntry } from './entry'

/** What the namespaces of one cache share. */
export interface Shared {
  flights: Flights
  batches: BatchLoads
  /** With Redis behind the table: all writes go through it, and reads that miss wait for others no longer than `patienceMs`. */
  far: { writes: FarWrites; tier: FarTier; patienceMs: number } | undefined
}

export abstract class Reads {
  protected readonly view: L1View
  protected readonly shared: Shared
  protected readonly far: Shared['far']
  protected readonly terms: Terms
  protected readonly attention: Attention

  constructor(view: L1View, shared: Shared, terms: Terms) {
    this.view = view
    this.shared = shared
    this.far = shared.far
    this.terms = terms
    this.attention = new Attention(view, shared.flights, terms)
  }

  /** The full path, names joined by '/'; '' for the root. */
  get path(): string {
    return this.view.namespace
  }

  /** The fresh value, or undefined. An object may be shared with other readers: do not change it. */
  get<T = unknown>(key: string): Promise<T | undefined> {
    try {
      const value = this.view.get(key)
      if (value !== undefined && this.attention.isNeeded) this.attention.onRead(key)
      if (value !== undefined || this.far === undefined) return Promise.resolve(value as T | undefined)
      return this.readBelow(key) as Promise<T | undefined>
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** As `get`, without a promise. Throws on misuse. */
  getSync<T = unknown>(key: string): T | undefined {
    const value = this.view.get(key)
    if (value !== undefined && this.attention.isNeeded) this.attention.onRead(key)
    return value as T | undefined
  }

  /** As `getSync`, without counting and without keeping the entry from eviction. */
  peek<T = unknown>(key: string): T | undefined {
    return this.view.peek(key) as T | undefined
  }

  /** The value with its version, life and tier; stale ones included and marked. */
  getEntry<T = unknown>(key: string): Promise<CacheEntry<T>> {
    try {
      if (this.far === undefined) return Promise.resolve(toCacheEntry<T>(this.view.entry(key)))
      return this.find(key).then(toCacheEntry<T>)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Whether a fresh value is there. */
  has(key: string): Promise<boolean> {
    try {
      if (this.view.has(key)) return Promise.resolve(true)
      if (this.far === undefined) return Promise.resolve(false)
      return this.readBelow(key).then((value) => value !== undefined)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** The fresh values in the order of the keys, undefined where missing. */
  getMany<T = unknown>(keys: readonly string[]): Promise<(T | undefined)[]> {
    try {
      const values = this.#getMany(checkArray('keys', keys)) as (T | undefined)[]
      if (this.far === undefined || !values.includes(undefined)) return Promise.resolve(values)
      // All misses begin in this turn of the loop, so they are one request to Redis.
      return Promise.all(values.map((value, i) => value ?? (this.readBelow(keys[i]!) as Promise<T | undefined>)))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** The entry with the version that callers see, stale ones included. Throws for misuse. */
  protected find(key: string): Promise<FoundEntry | undefined> {
    const entry = this.view.entry(key)
    if (this.far === undefined) return Promise.resolve(entry)
    const startMs = performance.now()
    const isThere = entry !== undefined && !entry.isStale
    return isThere ? this.#describe(key, entry, startMs) : this.readBelow(key).then(() => this.#describe(key, this.view.entry(key), startMs))
  }

  /** The value of a key that the table does not have, from below it. */
  protected readBelow(key: string): Promise<unknown> {
    return this.shared.flights.read({ view: this.view, key, terms: this.terms }, this.far!.patienceMs)
  }

  #describe(key: string, entry: L1Entry | undefined, startMs: number): Promise<FoundEntry | undefined> {
    return this.far!.tier.entry({ view: this.view, key, terms: this.terms, startMs }, entry)
  }

  #getMany(keys: readonly string[]): unknown[] {
    if (this.terms.sliding === undefined || keys.length === 0) return this.view.getMany(keys)
    return keys.map((key) => this.getSync(key))
  }
}
