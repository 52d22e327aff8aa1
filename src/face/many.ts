/** Reading through with one run of a factory for many keys: of one call, or of all calls of a moment. */
import { batchTerms, callTerms, loadedTerms, type Terms } from '../options/settings'
import type { BatchTerms } from '../sync/batch-loads'
import { GroupLoad, type GroupLoader } from '../sync/group-load'
import { misuse } from '../words/errors'
import { checkKey } from '../words/keys'
import { isAttentive } from './attention'
import { attempt, checkArray, checkSettled } from './calls'
import type { BatchedCall, Batcher, BatchOptions, GetOrSetManyCall, GetOrSetOptions, ManyFactory } from './load-calls'
import { Loads } from './loads'

/** A batched load, ready for any key. */
interface Batched {
  run: GroupLoader
  options: GetOrSetOptions
  terms: Terms
  batch: BatchTerms
  isForced: boolean
  isAttentive: boolean
}

export abstract class Many extends Loads {
  /**
   * The fresh values in the order of the keys; those that are missing from one run of `factory`. Keys that somebody else
   * loads now, in whatever process, are waited for. Each key is loaded as by `getOrSet`, a key given twice once.
   * Rejects with the error of the first load that fails; the others are stored all the same.
   */
  getOrSetMany<T>(call: GetOrSetManyCall<T> & { settled: true }): Promise<PromiseSettledResult<T | undefined>[]>
  getOrSetMany<T>(call: GetOrSetManyCall<T>): Promise<(T | undefined)[]>
  getOrSetMany<T>(call: GetOrSetManyCall<T>): Promise<unknown[]> {
    return attempt(() => {
      if (typeof call !== 'object' || call === null) throw misuse('ERR_CACHE_ARGUMENT', 'call', '{ keys, factory }', call)
      const { keys, factory, settled = false, ...options } = call
      checkSettled(settled)
      const values = this.#getOrLoad(checkArray('keys', keys), checkFactory(factory), options)
      return settled ? Promise.allSettled(values) : Promise.all(values)
    })
  }

  /**
   * Reads single keys; those that are missing at the same moment are loaded by one run of `factory`. All else is as with
   * `getOrSet`. Throws ERR_CACHE_ARGUMENT or ERR_CACHE_OPTION.
   */
  batcher<T>(factory: ManyFactory<T>, options: GetOrSetOptions & BatchOptions = {}): Batcher<T> {
    if (typeof options !== 'object' || options === null) throw misuse('ERR_CACHE_OPTION', 'options', 'an object', options)
    const { maxSize, maxDelay, ...own } = options
    const batched = this.#batched(checkFactory(factory), own, { maxSize, maxDelay })
    const get = (key: string): Promise<T | undefined> => this.#getBatched(key, batched) as Promise<T | undefined>
    return { get, getMany: (keys) => attempt(() => Promise.all(checkArray('keys', keys).map(get))) }
  }

  protected batched<T>({ key, factory, batch, ...options }: BatchedCall<T>, value: unknown): Promise<unknown> {
    const batched = this.#batched(factory as GroupLoader, options, batch === true ? {} : batch)
    return value === undefined ? this.#loadBatched(key, batched) : this.#onBatchedHit(key, batched, value)
  }

  #batched(run: GroupLoader, options: GetOrSetOptions, batch: BatchOptions): Batched {
    const terms = callTerms(this.terms, 'getOrSet', options)
    return { run, options, terms, batch: batchTerms(batch), isForced: terms.forceFresh, isAttentive: this.attention.isNeeded || isAttentive(options) }
  }

  #getBatched(key: string, batched: Batched): Promise<unknown> {
    try {
      const value = batched.isForced ? undefined : this.view.get(key)
      if (value === undefined) return this.#loadBatched(key, batched)
      return batched.isAttentive ? this.#onBatchedHit(key, batched, value) : Promise.resolve(value)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #onBatchedHit(key: string, { run, options, terms, batch }: Batched, value: unknown): Promise<unknown> {
    this.attention.onHit(key, this.shared.batches.refresher(this.view, terms, run, batch), options)
    return Promise.resolve(value)
  }

  #loadBatched(key: string, { run, terms, batch }: Batched): Promise<unknown> {
    return this.shared.batches.load({ view: this.view, key, terms, withOptions: loadedTerms }, run, batch)
  }

  /** Values that are there, and promises of those that are not. */
  #getOrLoad(keys: readonly string[], run: GroupLoader, options: GetOrSetOptions): unknown[] {
    this.checkOpen()
    const values = this.isForced(options) ? unread(keys) : this.#read(keys, run, options)
    if (!values.includes(undefined)) return values
    const { view } = this
    const terms = callTerms(this.terms, 'getOrSet', options)
    const group = new GroupLoad(this.shared.flights, run, { view, terms, maxSize: keys.length })
    const loadByKey = new Map<string, Promise<unknown>>()
    const load = (key: string): Promise<unknown> => {
      const load = loadByKey.get(key) ?? group.load({ view, key, terms, withOptions: loadedTerms })
      loadByKey.set(key, load)
      return load
    }
    const found = values.map((value, i) => (value === undefined ? load(keys[i]!) : value))
    group.seal()
    return found
  }

  #read(keys: readonly string[], run: GroupLoader, options: GetOrSetOptions): unknown[] {
    if (!this.attention.isNeeded && !isAttentive(options)) return this.view.getMany(keys)
    const refreshes = new GroupLoad(this.shared.flights, run, { view: this.view, terms: this.terms, maxSize: keys.length, isPermitted: true })
    const values = keys.map((key) => {
      const value = this.view.get(key)
      if (value !== undefined) this.attention.onHit(key, refreshes.loader, options)
      return value
    })
    refreshes.seal()
    return values
  }
}

function unread(keys: readonly string[]): undefined[] {
  return keys.map((key) => {
    checkKey(key)
    return undefined
  })
}

function checkFactory(given: unknown): GroupLoader {
  if (typeof given === 'function') return given as GroupLoader
  throw misuse('ERR_CACHE_ARGUMENT', 'factory', 'a function', given)
}
