/**
 * Reading through: what is not there is loaded. As in reads.ts, the hit path allocates nothing but the promise.
 */
import { callTerms, loadedTerms } from '../options/settings'
import type { Duration } from '../words/duration'
import { misuse } from '../words/errors'
import { isAttentive } from './attention'
import type { BatchedCall, Factory, GetOrSetCall, GetOrSetOptions } from './load-calls'
import { Updates } from './updates'

export abstract class Loads extends Updates {
  /**
   * The fresh value, or what `factory` makes of it: one run per key and host, however many ask.
   * Rejects with the factory's error. Resolves to the factory's own result even where that could
   * not be stored because the key was changed meanwhile.
   *
   * With `batch`, `factory` is one of many keys: calls with the same factory at the same moment are one run of it.
   */
  getOrSet<T>(call: BatchedCall<T>): Promise<T | undefined>
  getOrSet<T>(key: string, factory: Factory<T>, options?: GetOrSetOptions | Duration): Promise<T>
  getOrSet<T>(call: GetOrSetCall<T>): Promise<T>
  getOrSet<T>(key: string | GetOrSetCall<T> | BatchedCall<T>, factory?: Factory<T>, options?: GetOrSetOptions | Duration): Promise<T | undefined> {
    try {
      if (typeof key === 'object' && key !== null) return this.#getOrSetCall(key)
      if (typeof factory !== 'function') throw misuse('ERR_CACHE_ARGUMENT', 'factory', 'a function', factory)
      if (!this.isForced(options)) {
        const value = this.view.get(key)
        if (value !== undefined) {
          if (this.attention.isNeeded || isAttentive(options)) this.attention.onHit(key, factory, options)
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

  #getOrSetCall<T>(call: GetOrSetCall<T> | BatchedCall<T>): Promise<T> {
    if (typeof call.factory !== 'function') throw misuse('ERR_CACHE_ARGUMENT', 'factory', 'a function', call.factory)
    if (!this.isForced(call)) {
      const value = this.view.get(call.key)
      if (value !== undefined) {
        if (this.attention.isNeeded || isAttentive(call)) {
          if (isBatched(call)) return this.batched(call, value) as Promise<T>
          const { key, factory, batch: _, ...options } = call
          this.attention.onHit(key, factory, options)
        }
        return Promise.resolve(value as T)
      }
    }
    if (isBatched(call)) return this.batched(call, undefined) as Promise<T>
    const { key, factory, batch: _, ...options } = call
    return this.#load(key, factory, options)
  }

  protected isForced(options: GetOrSetOptions | Duration | undefined): boolean {
    if (typeof options !== 'object' || options.forceFresh === undefined) return this.terms.forceFresh
    return options.forceFresh
  }

  /** What follows the read of a batched call. */
  protected abstract batched<T>(call: BatchedCall<T>, value: unknown): Promise<unknown>

  #load<T>(key: string, factory: Factory<T>, options: GetOrSetOptions | Duration | undefined): Promise<T> {
    const terms = callTerms(this.terms, 'getOrSet', options)
    return this.shared.flights.load({ view: this.view, key, loader: factory, terms, withOptions: loadedTerms }) as Promise<T>
  }
}

function isBatched<T>(call: GetOrSetCall<T> | BatchedCall<T>): call is BatchedCall<T> {
  return call.batch !== undefined && call.batch !== false
}
