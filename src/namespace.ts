/**
 * The keys of one namespace, and everything that can be done with them.
 *
 * A method that returns a promise never throws: misuse rejects. The hit path allocates nothing but
 * the promise, hence no async functions and no argument lists here.
 */
import { type CacheEntry, toCacheEntry } from './entry'
import type { L1View } from './l1/table'
import type { OptionsAt } from './options'
import { callTerms, overTerms, readOptions, setTerms, type Terms } from './settings'
import type { Flights, LoadContext } from './sync/flights'
import type { Duration } from './words/duration'
import { misuse } from './words/errors'

export type NamespaceOptions = OptionsAt<'namespace'>
export type GetOrSetOptions = OptionsAt<'getOrSet'>
export type SetOptions = OptionsAt<'set'>
export type TouchOptions = OptionsAt<'touch'>

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

export class Namespace {
  readonly #view: L1View
  readonly #flights: Flights
  readonly #terms: Terms

  /** Made by `createCache` and `namespace`. */
  constructor(view: L1View, flights: Flights, terms: Terms) {
    this.#view = view
    this.#flights = flights
    this.#terms = terms
  }

  /** The full path, names joined by '/'; '' for the root. */
  get path(): string {
    return this.#view.namespace
  }

  /** The fresh value, or undefined. An object may be shared with other readers: do not change it. */
  get<T = unknown>(key: string): Promise<T | undefined> {
    try {
      return Promise.resolve(this.#view.get(key) as T | undefined)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** As `get`, without a promise. Throws on misuse. */
  getSync<T = unknown>(key: string): T | undefined {
    return this.#view.get(key) as T | undefined
  }

  /** As `getSync`, without counting and without keeping the entry from eviction. */
  peek<T = unknown>(key: string): T | undefined {
    return this.#view.peek(key) as T | undefined
  }

  /** The value with its version, life and tier; stale ones included and marked. */
  getEntry<T = unknown>(key: string): Promise<CacheEntry<T>> {
    try {
      return Promise.resolve(toCacheEntry<T>(this.#view.entry(key)))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Whether a fresh value is there. */
  has(key: string): Promise<boolean> {
    try {
      return Promise.resolve(this.#view.has(key))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** The fresh values in the order of the keys, undefined where missing. */
  getMany<T = unknown>(keys: readonly string[]): Promise<(T | undefined)[]> {
    try {
      return Promise.resolve(this.#view.getMany(checkArray('keys', keys)) as (T | undefined)[])
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Stores a value and ends any load of the key that began before. `options` may be a bare ttl.
   *
   * Resolves to the entry's new version, or to 0 when it was not stored: the condition did not
   * hold, or the value finds no room. Rejects with ERR_CACHE_VALUE for undefined and whatever
   * else cannot be stored.
   */
  set(key: string, value: unknown, options?: SetOptions | Duration): Promise<number> {
    return attempt(() => this.#set(key, value, options))
  }

  /** `set` for each item, in order; resolves to their versions. Stops at the first it refuses. */
  setMany(items: readonly SetItem[]): Promise<number[]> {
    return attempt(() => {
      this.#checkOpen()
      return checkArray('items', items).map(({ key, value, ...options }) => this.#set(key, value, options))
    })
  }

  /** Removes the value and ends any load of the key that began before. True if a value was there. */
  delete(key: string): Promise<boolean> {
    return attempt(() => this.#view.delete(key))
  }

  /** `delete` for each key; resolves to how many values were there. */
  deleteMany(keys: readonly string[]): Promise<number> {
    return attempt(() => {
      this.#checkOpen()
      return checkArray('keys', keys).filter((key) => this.#view.delete(key)).length
    })
  }

  /** Gives the entry a new life, by default that of this namespace. False if there is none. */
  touch(key: string, options?: TouchOptions | Duration): Promise<boolean> {
    return attempt(() => this.#view.touch(key, callTerms(this.#terms, 'touch', options).life))
  }

  /** Makes the entry stale now, keeping its grace, and ends any load that began before. False if there is none. */
  expire(key: string): Promise<boolean> {
    return attempt(() => this.#view.expire(key))
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
        if (value !== undefined) return Promise.resolve(value as T)
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
    return new Namespace(this.#view.child(name), this.#flights, terms)
  }

  /** Drops every entry here and in the namespaces below, and ends their loads, at the cost of one write. */
  clear(): Promise<void> {
    return attempt(() => this.#view.clear())
  }

  /** For what would do nothing with an empty list, and so not notice that the table is closed. */
  #checkOpen(): void {
    this.#view.getMany([])
  }

  #set(key: string, value: unknown, options: SetOptions | Duration | undefined): number {
    const { life, condition } = setTerms(this.#terms, options)
    return this.#view.set(key, value, life, condition)
  }

  #getOrSetCall<T>(call: GetOrSetCall<T>): Promise<T> {
    if (typeof call.factory !== 'function') throw misuse('ERR_CACHE_ARGUMENT', 'factory', 'a function', call.factory)
    if (!this.#isForced(call)) {
      const value = this.#view.get(call.key)
      if (value !== undefined) return Promise.resolve(value as T)
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
    return this.#flights.load({ view: this.#view, key, loader: factory, terms }) as Promise<T>
  }
}

/** The result of a synchronous step as a promise; what it throws becomes the rejection. */
function attempt<T>(step: () => T): Promise<T> {
  try {
    return Promise.resolve(step())
  } catch (error) {
    return Promise.reject(error)
  }
}

function checkArray<T extends readonly unknown[]>(name: string, given: T): T {
  if (Array.isArray(given)) return given
  throw misuse('ERR_CACHE_ARGUMENT', name, 'an array', given)
}
