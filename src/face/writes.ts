/**
 * Changing the keys of a namespace. A method that returns a promise never throws: misuse rejects.
 */
import type { Life } from '../l1/table'
import type { OptionsAt } from '../options/schema'
import { callTerms, type SetTerms, setTerms, type Terms } from '../options/settings'
import { lifeOf, written } from '../sync/lifetime'
import type { Duration } from '../words/duration'
import { misuse } from '../words/errors'
import { attempt, checkArray, each, type ManyOptions } from './calls'
import { Reads } from './reads'

export type SetOptions = OptionsAt<'set'>
export type TouchOptions = OptionsAt<'touch'>

export interface SetItem extends SetOptions {
  key: string
  value: unknown
}

export abstract class Writes extends Reads {
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

  /**
   * `set` for each item, in order; resolves to their versions. Each stands for itself: when one is refused the others are
   * stored all the same, and the call rejects with the error of the first, when all have ended. With `settled` it resolves
   * to one `{ status, value }` or `{ status, reason }` per item instead.
   */
  setMany(items: readonly SetItem[], options: { settled: true }): Promise<PromiseSettledResult<number>[]>
  setMany(items: readonly SetItem[], options?: ManyOptions): Promise<number[]>
  setMany(items: readonly SetItem[], options?: ManyOptions): Promise<unknown[]> {
    return attempt(() => {
      this.checkOpen()
      return each(checkArray('items', items), (item) => {
        if (typeof item !== 'object' || item === null) throw misuse('ERR_CACHE_ARGUMENT', 'item', '{ key, value }', item)
        const { key, value, ...own } = item
        return this.#set(key, value, own)
      }, options)
    })
  }

  /** Removes the value and ends any load of the key that began before. True if a value was there. */
  delete(key: string): Promise<boolean> {
    return attempt(() => this.#delete(key))
  }

  /**
   * `delete` for each key; resolves to how many values were there. Each stands for itself, as with `setMany`; with `settled`
   * it resolves to whether a value was there, per key.
   */
  deleteMany(keys: readonly string[], options: { settled: true }): Promise<PromiseSettledResult<boolean>[]>
  deleteMany(keys: readonly string[], options?: ManyOptions): Promise<number>
  deleteMany(keys: readonly string[], options?: ManyOptions): Promise<unknown> {
    return attempt(async () => {
      this.checkOpen()
      const wereThere = await each(checkArray('keys', keys), (key) => this.#delete(key), options)
      return options?.settled === true ? wereThere : wereThere.filter((wasThere) => wasThere).length
    })
  }

  /** Gives the entry a new life, by default that of this namespace. False if there is none. */
  touch(key: string, options?: TouchOptions | Duration): Promise<boolean> {
    return attempt(() => {
      const terms = callTerms(this.terms, 'touch', options)
      const life = lifeOf(terms)
      return this.far === undefined ? this.view.touch(key, life) : this.#renew(key, terms, () => life)
    })
  }

  /** Makes the entry stale now, keeping its grace, and ends any load that began before. False if there is none. */
  expire(key: string): Promise<boolean> {
    return attempt(() => (this.far === undefined ? this.view.expire(key) : this.#renew(key, this.terms, expiredLife)))
  }

  /** Drops every entry here and in the namespaces below, and ends their loads, at the cost of one write. */
  clear(): Promise<void> {
    return attempt(() => (this.far === undefined ? this.view.clear() : this.far.writes.clear(this.view, this.terms)))
  }

  /** For what would do nothing with an empty list, and so not notice that the table is closed. */
  protected checkOpen(): void {
    this.view.getMany([])
  }

  #set(key: string, value: unknown, options: SetOptions | Duration | undefined): number | Promise<number> {
    return this.store(key, value, setTerms(this.terms, options))
  }

  /** The version, or 0. Throws for misuse. */
  protected store(key: string, value: unknown, terms: SetTerms, life = lifeOf(terms)): number | Promise<number> {
    const stored = written(terms, value, life, this.shared.flights)
    if (this.far !== undefined) return this.far.writes.set(this.view, key, stored, terms, life)
    return this.view.set(key, stored, life, terms.condition)
  }

  #delete(key: string): boolean | Promise<boolean> {
    return this.far === undefined ? this.view.delete(key) : this.far.writes.delete(this.view, key, this.terms)
  }

  /** A new life for the value, wherever it is. */
  async #renew(key: string, terms: Terms, lifeOf: (hardLeftMs: number, ttlLeftMs: number) => Life): Promise<boolean> {
    const startMs = performance.now()
    if (this.view.entry(key) === undefined) await this.readBelow(key)
    return this.far!.writes.renew(this.view, key, terms, lifeOf, startMs)
  }
}

/** Stale from now on, with the grace it had. */
function expiredLife(hardLeftMs: number, ttlLeftMs: number): Life {
  const graceMs = ttlLeftMs === Number.POSITIVE_INFINITY ? 0 : hardLeftMs - ttlLeftMs
  return { ttlMs: 1, graceMs }
}
