/**
 * Reading through: what is not there is loaded. As in reads.ts, the hit path allocates nothing but the promise.
 */
import type { OptionsAt } from '../options/schema'
import { callTerms, loadedTerms } from '../options/settings'
import type { LoadContext as AnyLoadContext } from '../sync/loader-context'
import type { Duration } from '../words/duration'
import { misuse } from '../words/errors'
import { isAttentive } from './attention'
import { Writes } from './writes'

export type GetOrSetOptions = OptionsAt<'getOrSet'>

export interface LoadContext extends AnyLoadContext {
  setOptions(options: GetOrSetOptions): void
}

/** Computes the value of a key. `null` is a value; `undefined` is returned and not stored. */
export type Factory<T> = (context: LoadContext) => T | Promise<T>

export interface GetOrSetCall<T> extends GetOrSetOptions {
  key: string
  factory: Factory<T>
}

export abstract class Loads extends Writes {
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

  #getOrSetCall<T>(call: GetOrSetCall<T>): Promise<T> {
    if (typeof call.factory !== 'function') throw misuse('ERR_CACHE_ARGUMENT', 'factory', 'a function', call.factory)
    if (!this.isForced(call)) {
      const value = this.view.get(call.key)
      if (value !== undefined) {
        if (this.attention.isNeeded || isAttentive(call)) {
          const { key, factory, ...options } = call
          this.attention.onHit(key, factory, options)
        }
        return Promise.resolve(value as T)
      }
    }
    const { key, factory, ...options } = call
    return this.#load(key, factory, options)
  }

  protected isForced(options: GetOrSetOptions | Duration | undefined): boolean {
    if (typeof options !== 'object' || options.forceFresh === undefined) return this.terms.forceFresh
    return options.forceFresh
  }

  #load<T>(key: string, factory: Factory<T>, options: GetOrSetOptions | Duration | undefined): Promise<T> {
    const terms = callTerms(this.terms, 'getOrSet', options)
    return this.shared.flights.load({ view: this.view, key, loader: factory, terms, withOptions: loadedTerms }) as Promise<T>
  }
}
