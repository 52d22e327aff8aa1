/**
 * Changing the keys of a namespace. A method that returns a promise never throws: misuse rejects.
 */
import type { Life } from '../l1/table'
import type { OptionsAt } from '../options/schema'
import { callTerms, setTerms, type Terms } from '../options/settings'
import { lifeOf, written } from '../sync/lifetime'
import type { Duration } from '../words/duration'
import { attempt, checkArray } from './calls'
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

  /** `set` for each item, in order; resolves to their versions. Stops at the first it refuses. */
  setMany(items: readonly SetItem[]): Promise<number[]> {
    return attempt(() => {
      this.checkOpen()
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
      this.checkOpen()
      const wereThere = await Promise.all(checkArray('keys', keys).map((key) => this.#delete(key)))
      return wereThere.filter((wasThere) => wasThere).length
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
    const terms = setTerms(this.terms, options)
    const life = lifeOf(terms)
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
