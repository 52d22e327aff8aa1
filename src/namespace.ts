/**
 * The keys of one namespace, and everything that can be done with them.
 *
 * A method that returns a promise never throws: misuse rejects. The hit path allocates nothing but
 * the promise, hence no async functions and no argument lists here.
 */
import { Attention, isAttentive } from './attention'
import { type CacheEntry, type FoundEntry, toCacheEntry } from './entry'
import type { L1Entry, L1View, Life } from './l1/table'
import type { OptionsAt } from './options'
import { callTerms, loadedTerms, overTerms, readOptions, setTerms, type Terms } from './settings'
import type { FarTier } from './sync/far-tier'
import type { FarWrites } from './sync/far-writes'
import type { Flights } from './sync/flights'
import { lifeOf, written } from './sync/lifetime'
import type { LoadContext as AnyLoadContext } from './sync/loader-context'
import type { Duration } from './words/duration'
import { misuse } from './words/errors'

export type NamespaceOptions = OptionsAt<'namespace'>
export type GetOrSetOptions = OptionsAt<'getOrSet'>
export type SetOptions = OptionsAt<'set'>
export type TouchOptions = OptionsAt<'touch'>

export interface LoadContext extends AnyLoadContext {
  setOptions(options: GetOrSetOptions): void
}

/** Computes the value of a key. `null` is a value; `undefined` is returned and not stored. */
export type Factory<T> = (context: LoadContext) => T | Promise<T>

export interface GetOrSetCall<T> extends GetOrSetOptions {
  key: string
  factory: Factory<T>
}

export interface SetItem extends SetOptions {
  key: string
  value: unknown
}

/** What the namespaces of one cache share. */
export interface Shared {
  flights: Flights
  /** With Redis behind the table: all writes go through it, and reads that miss wait for others no longer than `patienceMs`. */
  far: { writes: FarWrites; tier: FarTier; patienceMs: number } | undefined
}

export class Namespace {
  readonly #view: L1View
  readonly #shared: Shared
  readonly #far: Shared['far']
  readonly #terms: Terms
  readonly #attention: Attention

  /** Made by `createCache` and `namespace`. */
  constructor(view: L1View, shared: Shared, terms: Terms) {
    this.#view = view
    this.#shared = shared
    this.#far = shared.far
    this.#terms = terms
    this.#attention = new Attention(view, shared.flights, terms)
  }

  /** The full path, names joined by '/'; '' for the root. */
  get path(): string {
    return this.#view.namespace
  }

  /** The fresh value, or undefined. An object may be shared with other readers: do not change it. */
  get<T = unknown>(key: string): Promise<T | undefined> {
    try {
      const value = this.#view.get(key)
      if (value !== undefined && this.#attention.isNeeded) this.#attention.onRead(key)
      if (value !== undefined || this.#far === undefined) return Promise.resolve(value as T | undefined)
      return this.#readBelow(key) as Promise<T | undefined>
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** As `get`, without a promise. Throws on misuse. */
  getSync<T = unknown>(key: string): T | undefined {
    const value = this.#view.get(key)
    if (value !== undefined && this.#attention.isNeeded) this.#attention.onRead(key)
    return value as T | undefined
  }

  /** As `getSync`, without counting and without keeping the entry from eviction. */
  peek<T = unknown>(key: string): T | undefined {
    return this.#view.peek(key) as T | undefined
  }

  /** The value with its version, life and tier; stale ones included and marked. */
  getEntry<T = unknown>(key: string): Promise<CacheEntry<T>> {
    try {
      const entry = this.#view.entry(key)
      if (this.#far === undefined) return Promise.resolve(toCacheEntry<T>(entry))
      const isThere = entry !== undefined && !entry.isStale
      return (isThere ? this.#describe(key, entry) : this.#readBelow(key).then(() => this.#describe(key, this.#view.entry(key)))).then(toCacheEntry<T>)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Whether a fresh value is there. */
  has(key: string): Promise<boolean> {
    try {
      if (this.#view.has(key)) return Promise.resolve(true)
      if (this.#far === undefined) return Promise.resolve(false)
      return this.#readBelow(key).then((value) => value !== undefined)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** The fresh values in the order of the keys, undefined where missing. */
  getMany<T = unknown>(keys: readonly string[]): Promise<(T | undefined)[]> {
    try {
      const values = this.#getMany(checkArray('keys', keys)) as (T | undefined)[]
      if (this.#far === undefined || !values.includes(undefined)) return Promise.resolve(values)
      // All misses begin in this turn of the loop, so they are one request to Redis.
      return Promise.all(values.map((value, i) => value ?? (this.#readBelow(keys[i]!) as Promise<T | undefined>)))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Stores a value and ends any load of the key that began before. `options` may be a bare ttl.
   *
   * Resolves to the entry's new version (see `CacheEntry`), or to 0 when it was not stored: the condition did not
   * hold, or without Redis the value finds no room. Rejects with ERR_CACHE_VALUE for undefined and whatever
   * else cannot be stored.
   */
  set(key: string, value: unknown, options?: SetOptions | Duration): Promise<number> {
    return attempt(() => this.#set(key, value, options))
  }

  /** `set` for each item, in order; resolves to their versions. Stops at the first it refuses. */
  setMany(items: readonly SetItem[]): Promise<number[]> {
    return attempt(() => {
      this.#checkOpen()
      return Promise.all(checkArray('items', items).map(({ key, value, ...options }) => this.#set(key, value, options)))
    })
  }

  /** Removes the value and ends any load of the key that began before. True if a value was there. */
  delete(key: string): Promise<boolean> {
    return attempt(() => this.#delete(key))
  }

  /** `delete` for each key; resolves to how many values were there. */
  deleteMany(keys: readonly string[]): Promise<number> {
    return attempt(async () => {
      this.#checkOpen()
      const wereThere = await Promise.all(checkArray('keys', keys).map((key) => this.#delete(key)))
      return wereThere.filter((wasThere) => wasThere).length
    })
  }

  /** Gives the entry a new life, by default that of this namespace. False if there is none. */
  touch(key: string, options?: TouchOptions | Duration): Promise<boolean> {
    return attempt(() => {
      const terms = callTerms(this.#terms, 'touch', options)
      const life = lifeOf(terms)
      return this.#far === undefined ? this.#view.touch(key, life) : this.#renew(key, terms, () => life)
    })
  }

  /** Makes the entry stale now, keeping its grace, and ends any load that began before. False if there is none. */
  expire(key: string): Promise<boolean> {
    return attempt(() => (this.#far === undefined ? this.#view.expire(key) : this.#renew(key, this.#terms, expiredLife)))
  }

  /**
   * The fresh value, or what `factory` makes of it: one run per key and host, however many ask.
   * Rejects with the factory's error. Resolves to the factory's own result even where that could
   * not be stored because the key was changed meanwhile.
   */
  getOrSet<T>(key: string, factory: Factory<T>, options?: GetOrSetOptions | Duration): Promise<T>
  getOrSet<T>(call: GetOrSetCall<T>): Promise<T>
  getOrSet<T>(key: string | GetOrSetCall<T>, factory?: Factory<T>, options?: GetOrSetOptions | Duration): Promise<T> {
    try {
      if (typeof key === 'object' && key !== null) return this.#getOrSetCall(key)
      if (typeof factory !== 'function') throw misuse('ERR_CACHE_ARGUMENT', 'factory', 'a function', factory)
      if (!this.#isForced(options)) {
        const value = this.#view.get(key)
        if (value !== undefined) {
          if (this.#attention.isNeeded || isAttentive(options)) this.#attention.onHit(key, factory, options)
          return Promise.resolve(value as T)
        }
      }
      return this.#load(key, factory, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** `getOrSet` under the name and in the form of cache-manager. */
  wrap<T>(key: string, factory: Factory<T>, options?: GetOrSetOptions | Duration): Promise<T> {
    return this.getOrSet(key, factory, options)
  }

  /** The namespace of that name below this one. Its options stand over those of this one. */
  namespace(name: string, options?: NamespaceOptions): Namespace {
    const terms = overTerms(this.#terms, readOptions('namespace', options))
    return new Namespace(this.#view.child(name), this.#shared, terms)
  }

  /** Drops every entry here and in the namespaces below, and ends their loads, at the cost of one write. */
  clear(): Promise<void> {
    return attempt(() => (this.#far === undefined ? this.#view.clear() : this.#far.writes.clear(this.#view, this.#terms)))
  }

  /** For what would do nothing with an empty list, and so not notice that the table is closed. */
  #checkOpen(): void {
    this.#view.getMany([])
  }

  #set(key: string, value: unknown, options: SetOptions | Duration | undefined): number | Promise<number> {
    const terms = setTerms(this.#terms, options)
    const life = lifeOf(terms)
    const stored = written(terms, value, life, this.#shared.flights)
    if (this.#far !== undefined) return this.#far.writes.set(this.#view, key, stored, terms, life)
    return this.#view.set(key, stored, life, terms.condition)
  }

  #delete(key: string): boolean | Promise<boolean> {
    return this.#far === undefined ? this.#view.delete(key) : this.#far.writes.delete(this.#view, key, this.#terms)
  }

  #describe(key: string, entry: L1Entry | undefined): Promise<FoundEntry | undefined> {
    return this.#far!.tier.entry({ view: this.#view, key, terms: this.#terms }, entry)
  }

  #readBelow(key: string): Promise<unknown> {
    return this.#shared.flights.read({ view: this.#view, key, terms: this.#terms }, this.#far!.patienceMs)
  }

  /** A new life for the value, wherever it is. */
  async #renew(key: string, terms: Terms, lifeOf: (hardLeftMs: number, ttlLeftMs: number) => Life): Promise<boolean> {
    const startMs = performance.now()
    if (this.#view.entry(key) === undefined) await this.#readBelow(key)
    return this.#far!.writes.renew(this.#view, key, terms, lifeOf, startMs)
  }

  #getOrSetCall<T>(call: GetOrSetCall<T>): Promise<T> {
    if (typeof call.factory !== 'function') throw misuse('ERR_CACHE_ARGUMENT', 'factory', 'a function', call.factory)
    if (!this.#isForced(call)) {
      const value = this.#view.get(call.key)
      if (value !== undefined) {
        if (this.#attention.isNeeded || isAttentive(call)) {
          const { key, factory, ...options } = call
          this.#attention.onHit(key, factory, options)
        }
        return Promise.resolve(value as T)
      }
    }
    const { key, factory, ...options } = call
    return this.#load(key, factory, options)
  }

  #isForced(options: GetOrSetOptions | Duration | undefined): boolean {
    if (typeof options !== 'object' || options.forceFresh === undefined) return this.#terms.forceFresh
    return options.forceFresh
  }

  #load<T>(key: string, factory: Factory<T>, options: GetOrSetOptions | Duration | undefined): Promise<T> {
    const terms = callTerms(this.#terms, 'getOrSet', options)
    return this.#shared.flights.load({ view: this.#view, key, loader: factory, terms, withOptions: loadedTerms }) as Promise<T>
  }

  #getMany(keys: readonly string[]): unknown[] {
    if (this.#terms.sliding === undefined || keys.length === 0) return this.#view.getMany(keys)
    return keys.map((key) => this.getSync(key))
  }
}

/** The result of a synchronous step as a promise; what it throws becomes the rejection. */
function attempt<T>(step: () => T | Promise<T>): Promise<T> {
  try {
    return Promise.resolve(step())
  } catch (error) {
    return Promise.reject(error)
  }
}

/** Stale from now on, with the grace it had. */
function expiredLife(hardLeftMs: number, ttlLeftMs: number): Life {
  const graceMs = ttlLeftMs === Number.POSITIVE_INFINITY ? 0 : hardLeftMs - ttlLeftMs
  return { ttlMs: 1, graceMs }
}

function checkArray<T extends readonly unknown[]>(name: string, given: T): T {
  if (Array.isArray(given)) return given
  throw misuse('ERR_CACHE_ARGUMENT', name, 'an array', given)
}
