/** Reading through with one run of a factory for many keys: of one call, or of all calls of a moment. */
import { batchTerms, callTerms, loadedTerms, type Terms } from '../options/settings'
import type { BatchTerms } from '../sync/batch-loads'
import type { LoadCall } from '../sync/flight'
import { GroupLoad, type GroupLoader } from '../sync/group-load'
import { misuse } from '../words/errors'
import { checkKey } from '../words/keys'
import { attempt, checkArray, checkSettled } from './calls'
import type { AnyKey, GotAt, KnownKey, LoadedAt, UnknownKey, ValueAt } from './key-types'
import type { BatchedCall, Batcher, BatchOptions, GetOrSetManyCall, GetOrSetOptions, ManyFactory } from './load-calls'
import { Loads } from './loads'
import { type Company, isSpecialCall } from './special'

/** A batched load, ready for any key. */
interface Batched {
  run: GroupLoader
  options: GetOrSetOptions
  terms: Terms
  batch: BatchTerms
  isSpecial: boolean
}

/** Any value of a map. */
type AnyValue<Map> = [KnownKey<Map>] extends [never] ? unknown : ValueAt<Map, KnownKey<Map>>

export abstract class Many<Map> extends Loads<Map> {
  /**
   * The fresh values in the order of the keys; those that are missing from one run of `factory`. Keys that somebody else
   * loads now, in whatever process, are waited for. Each key is loaded as by `getOrSet`, a key given twice once.
   * Rejects with the error of the first load that fails; the others are stored all the same.
   */
  getOrSetMany<K extends KnownKey<Map>, L extends LoadedAt<Map, K>>(
    call: GetOrSetManyCall<L, K> & { settled: true },
  ): Promise<PromiseSettledResult<GotAt<Map, K, L> | undefined>[]>
  getOrSetMany<K extends KnownKey<Map>, L extends LoadedAt<Map, K>>(call: GetOrSetManyCall<L, K>): Promise<(GotAt<Map, K, L> | undefined)[]>
  getOrSetMany<T>(call: GetOrSetManyCall<T, UnknownKey<Map>> & { settled: true }): Promise<PromiseSettledResult<T | undefined>[]>
  getOrSetMany<T>(call: GetOrSetManyCall<T, UnknownKey<Map>>): Promise<(T | undefined)[]>
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
  batcher<T extends AnyValue<Map>>(factory: ManyFactory<T>, options: GetOrSetOptions & BatchOptions = {}): Batcher<T, AnyKey<Map>> {
    if (typeof options !== 'object' || options === null) throw misuse('ERR_CACHE_OPTION', 'options', 'an object', options)
    const { maxSize, maxDelay, ...own } = options
    const batched = this.#batched(checkFactory(factory), own, { maxSize, maxDelay })
    const get = (key: string): Promise<T | undefined> => this.#getBatched(key, batched) as Promise<T | undefined>
    return { get, getMany: (keys) => attempt(() => Promise.all(checkArray('keys', keys).map(get))) }
  }

  protected batched<T>({ key, factory, batch, ...options }: BatchedCall<T>, isSpecial: boolean): Promise<unknown> {
    const batched = this.#batched(factory as GroupLoader, options, batch === true ? {} : batch)
    return isSpecial ? this.special.getOrSet(key, this.#company(batched), options) : this.#loadBatched(key, batched)
  }

  #batched(run: GroupLoader, options: GetOrSetOptions, batch: BatchOptions): Batched {
    return { run, options, terms: callTerms(this.terms, 'getOrSet', options), batch: batchTerms(batch), isSpecial: isSpecialCall(options) }
  }

  #getBatched(key: string, batched: Batched): Promise<unknown> {
    try {
      if (batched.isSpecial || this.mode.isSpecial) return this.special.getOrSet(key, this.#company(batched), batched.options)
      const value = this.view.get(key)
      return value === undefined ? this.#loadBatched(key, batched) : Promise.resolve(value)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** After a read of the view that found nothing. */
  #loadBatched(key: string, batched: Batched): Promise<unknown> {
    const { run, options, terms, batch } = batched
    if (terms.admission !== undefined) return this.special.loadMissed(key, this.#company(batched), options)
    return this.shared.batches.load({ view: this.view, key, terms, withOptions: loadedTerms }, run, batch)
  }

  #company({ run, terms, batch }: Batched): Company {
    const { batches } = this.shared
    return {
      load: (call, isPast) => batches.load(call, run, batch, isPast),
      refresher: () => batches.refresher(this.view, terms, run, batch),
    }
  }

  /** Values that are there, and promises of those that are not. */
  #getOrLoad(keys: readonly string[], run: GroupLoader, options: GetOrSetOptions): unknown[] {
    this.checkOpen()
    if (this.mode.isSpecial || this.terms.admission !== undefined || isSpecialCall(options)) return this.#getOrLoadSpecially(keys, run, options)
    const values = this.view.getMany(keys)
    if (!values.includes(undefined)) return values
    const { view } = this
    const terms = callTerms(this.terms, 'getOrSet', options)
    const group = new GroupLoad(this.shared.flights, run, { view, terms, maxSize: keys.length })
    const found = oncePerKey(keys, (key, i) => values[i] ?? group.load({ view, key, terms, withOptions: loadedTerms }))
    group.seal()
    return found
  }

  /** Each key is looked for on its own; what is to be loaded then waits until all keys have been. */
  #getOrLoadSpecially(keys: readonly string[], run: GroupLoader, options: GetOrSetOptions): unknown[] {
    keys.forEach(checkKey)
    const { view, special } = this
    const terms = callTerms(this.terms, 'getOrSet', options)
    const group = new GroupLoad(this.shared.flights, run, { view, terms, maxSize: keys.length })
    const refreshes = new GroupLoad(this.shared.flights, run, { view, terms, maxSize: keys.length, isPermitted: true })
    const get = (key: string): Promise<unknown> => {
      const onLooked = group.expect()
      const load = (call: LoadCall, isPast: boolean): Promise<unknown> => {
        const outcome = group.load(call, isPast)
        onLooked()
        return outcome
      }
      return attempt(() => special.getOrSet(key, { load, refresher: () => refreshes.loader }, options)).finally(onLooked)
    }
    const again = (outcome: unknown): Promise<unknown> => (outcome as Promise<unknown>).then((value) => special.another(value, options))
    const found = oncePerKey(keys, get, again)
    group.seal()
    refreshes.seal()
    return found
  }
}

/** In the order of the keys; `again` makes of the first outcome of a key that of another. */
function oncePerKey(keys: readonly string[], get: (key: string, index: number) => unknown, again = (outcome: unknown) => outcome): unknown[] {
  const outcomes = new Map<string, unknown>()
  return keys.map((key, i) => {
    if (outcomes.has(key)) return again(outcomes.get(key))
    const outcome = get(key, i)
    outcomes.set(key, outcome)
    return outcome
  })
}

function checkFactory(given: unknown): GroupLoader {
  if (typeof given === 'function') return given as GroupLoader
  throw misuse('ERR_CACHE_ARGUMENT', 'factory', 'a function', given)
}
