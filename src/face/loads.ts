/**
 * Reading through: what is not there is loaded. As in reads.ts, the hit path allocates nothing but the promise.
 */
import { callTerms, loadedTerms } from '../options/settings'
import type { Duration } from '../words/duration'
import { misuse } from '../words/errors'
import type { GotAt, KnownKey, LoadedAt, UnknownKey, ValueAt } from './key-types'
import type { BatchedCall, Factory, GetOrSetCall, GetOrSetOptions } from './load-calls'
import { isSpecialCall } from './special'
import { Updates } from './updates'

export abstract class Loads<Map> extends Updates<Map> {
  /**
   * The fresh value, or what `factory` makes of it: one run per key and host, however many ask.
   * Rejects with the factory's error. Resolves to the factory's own result even where that could
   * not be stored because the key was changed meanwhile.
   *
   * With `batch`, `factory` is one of many keys: calls with the same factory at the same moment are one run of it.
   */
  getOrSet<K extends KnownKey<Map>, L extends LoadedAt<Map, K>>(call: BatchedCall<L, K>): Promise<ValueAt<Map, K> | undefined>
  getOrSet<T>(call: BatchedCall<T, UnknownKey<Map>>): Promise<T | undefined>
  getOrSet<K extends KnownKey<Map>, L extends LoadedAt<Map, K>>(key: K, factory: Factory<L>, options?: GetOrSetOptions | Duration): Promise<GotAt<Map, K, L>>
  getOrSet<K extends KnownKey<Map>, L extends LoadedAt<Map, K>>(call: GetOrSetCall<L, K>): Promise<GotAt<Map, K, L>>
  getOrSet<T>(key: UnknownKey<Map>, factory: Factory<T>, options?: GetOrSetOptions | Duration): Promise<T>
  getOrSet<T>(call: GetOrSetCall<T, UnknownKey<Map>>): Promise<T>
  getOrSet<T>(key: string | GetOrSetCall<T> | BatchedCall<T>, factory?: Factory<T>, options?: GetOrSetOptions | Duration): Promise<T | undefined> {
    try {
      if (typeof key === 'object' && key !== null) return this.#getOrSetCall(key)
      if (typeof factory !== 'function') throw misuse('ERR_CACHE_ARGUMENT', 'factory', 'a function', factory)
      if (this.mode.isSpecial || isSpecialCall(options)) return this.special.getOrSet(key, factory, options) as Promise<T>
      const value = this.view.get(key)
      return value === undefined ? this.#load(key, factory, options) : Promise.resolve(value as T)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** `getOrSet` under the name and in the form of cache-manager. */
  wrap<K extends KnownKey<Map>, L extends LoadedAt<Map, K>>(key: K, factory: Factory<L>, options?: GetOrSetOptions | Duration): Promise<GotAt<Map, K, L>>
  wrap<T>(key: UnknownKey<Map>, factory: Factory<T>, options?: GetOrSetOptions | Duration): Promise<T>
  wrap<T>(key: string, factory: Factory<T>, options?: GetOrSetOptions | Duration): Promise<T> {
    return this.getOrSet<T>(key as UnknownKey<Map>, factory, options)
  }

  #getOrSetCall<T>(call: GetOrSetCall<T> | BatchedCall<T>): Promise<T> {
    if (typeof call.factory !== 'function') throw misuse('ERR_CACHE_ARGUMENT', 'factory', 'a function', call.factory)
    const isSpecial = this.mode.isSpecial || isSpecialCall(call)
    if (!isSpecial) {
      const value = this.view.get(call.key)
      if (value !== undefined) return Promise.resolve(value as T)
    }
    if (isBatched(call)) return this.batched(call, isSpecial) as Promise<T>
    const { key, factory, batch: _, ...options } = call
    if (isSpecial) return this.special.getOrSet(key, factory, options) as Promise<T>
    return this.#load(key, factory, options)
  }

  /** What follows a batched call: all of it, or after a read of the view that found nothing. */
  protected abstract batched<T>(call: BatchedCall<T>, isSpecial: boolean): Promise<unknown>

  #load<T>(key: string, factory: Factory<T>, options: GetOrSetOptions | Duration | undefined): Promise<T> {
    if (this.terms.admission !== undefined) return this.special.loadMissed(key, factory, options) as Promise<T>
    const terms = callTerms(this.terms, 'getOrSet', options)
    return this.shared.flights.load({ view: this.view, key, loader: factory, terms, withOptions: loadedTerms }) as Promise<T>
  }
}

function isBatched<T>(call: GetOrSetCall<T> | BatchedCall<T>): call is BatchedCall<T> {
  return call.batch !== undefined && call.batch !== false
}
