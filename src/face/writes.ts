/**
 * Changing the keys of a namespace. A method that returns a promise never throws: misuse rejects.
 */
import type { L1View, Life, TagClear } from '../l1/table'
import type { OptionsAt } from '../options/schema'
import { callTerms, setTerms, type Terms } from '../options/settings'
import { oneOrMoreTags } from '../options/tags'
import { NO_SKIPS } from '../options/values'
import { lifeOf, written } from '../sync/lifetime'
import { Packing, packing } from '../sync/packing'
import { clearTags, setWhere, tagged } from '../sync/tagging'
import { EncodedValue } from '../wire/codec'
import type { Duration } from '../words/duration'
import { misuse } from '../words/errors'
import { checkKey } from '../words/keys'
import { attempt, checkArray, each, type ManyOptions } from './calls'
import type { AnyKey, KnownKey, UnknownKey, Untyped, ValueAt } from './key-types'
import { Reads } from './reads'

export type SetOptions = OptionsAt<'set'>
export type TouchOptions = OptionsAt<'touch'>

/** With when the call began that the write is a part of. */
export interface SetItem extends SetOptions {
  key: string
  value: unknown
}

/** An item whose value is of the type that the map gives its key. */
export type SetItemOf<Map> = Map extends Untyped ? SetItem : { [Key in KnownKey<Map>]: SetOptions & { key: Key; value: ValueAt<Map, Key> } }[KnownKey<Map>]

export abstract class Writes<Map> extends Reads<Map> {
  /**
   * Stores a value and ends any load of the key that began before. `options` may be a bare ttl.
   *
   * Resolves to the entry's new version (see `CacheEntry`), or to 0 when it was not stored: the condition did not
   * hold, or without Redis the value finds no room. Rejects with ERR_CACHE_VALUE for undefined and whatever
   * else cannot be stored.
   */
  set<K extends KnownKey<Map>>(key: K, value: ValueAt<Map, K>, options?: SetOptions | Duration): Promise<number>
  set(key: UnknownKey<Map>, value: unknown, options?: SetOptions | Duration): Promise<number>
  set(key: string, value: unknown, options?: SetOptions | Duration): Promise<number> {
    return this.changed(attempt(() => this.#set(key, value, options)))
  }

  /**
   * `set` for each item, in order; resolves to their versions. Each stands for itself: when one is refused the others are
   * stored all the same, and the call rejects with the error of the first, when all have ended. With `settled` it resolves
   * to one `{ status, value }` or `{ status, reason }` per item instead.
   */
  setMany(items: readonly SetItemOf<Map>[], options: { settled: true }): Promise<PromiseSettledResult<number>[]>
  setMany(items: readonly SetItemOf<Map>[], options?: ManyOptions): Promise<number[]>
  setMany(items: readonly SetItem[], options?: ManyOptions): Promise<unknown[]> {
    return this.changed(attempt(() => {
      this.checkOpen()
      return each(checkArray('items', items), (item) => {
        if (typeof item !== 'object' || item === null) throw misuse('ERR_CACHE_ARGUMENT', 'item', '{ key, value }', item)
        const { key, value, ...own } = item
        return this.#set(key, value, own)
      }, options)
    }))
  }

  /** Removes the value and ends any load of the key that began before. True if a value was there. */
  delete(key: AnyKey<Map>): Promise<boolean>
  delete(key: string): Promise<boolean> {
    return this.changed(attempt(() => this.#delete(key)))
  }

  /**
   * `delete` for each key; resolves to how many values were there. Each stands for itself, as with `setMany`; with `settled`
   * it resolves to whether a value was there, per key.
   */
  deleteMany(keys: readonly AnyKey<Map>[], options: { settled: true }): Promise<PromiseSettledResult<boolean>[]>
  deleteMany(keys: readonly AnyKey<Map>[], options?: ManyOptions): Promise<number>
  deleteMany(keys: readonly string[], options?: ManyOptions): Promise<unknown> {
    return this.changed(attempt(async () => {
      this.checkOpen()
      const wereThere = await each(checkArray('keys', keys), (key) => this.#delete(key), options)
      return options?.settled === true ? wereThere : wereThere.filter((wasThere) => wasThere).length
    }))
  }

  /** Gives the entry a new life, by default that of this namespace. False if there is none. */
  touch(key: AnyKey<Map>, options?: TouchOptions | Duration): Promise<boolean>
  touch(key: string, options?: TouchOptions | Duration): Promise<boolean> {
    return this.changed(attempt(() => {
      const terms = callTerms(this.terms, 'touch', options)
      const life = lifeOf(terms)
      this.hurry(key)
      return this.far === undefined ? this.raised(key).touch(key, life) : this.#renew(key, terms, () => life, false)
    }))
  }

  /** Makes the entry stale now, keeping its grace, and ends any load that began before. False if there is none. */
  expire(key: AnyKey<Map>): Promise<boolean>
  expire(key: string): Promise<boolean> {
    return this.changed(attempt(() => {
      this.hurry(key)
      const expired = this.far === undefined ? this.raised(key).expire(key) : this.#renew(key, this.terms, expiredLife, true)
      this.shared.events.invalidated('expire', this.path, key)
      return expired
    }))
  }

  /** Drops every entry here, of whatever stamp, and in the namespaces below, and ends their loads, at the cost of one write. */
  clear(): Promise<void>
  clear(...given: unknown[]): Promise<void> {
    return this.changed(attempt(() => {
      // Taken for a soft clear it would drop what was to be kept.
      if (given[0] !== undefined) throw misuse('ERR_CACHE_OPTION', 'options', 'nothing: clear() has none, expireByTag() keeps what has a grace', given[0])
      this.shared.unwritten.hurryAll()
      const cleared = this.far === undefined ? this.whole.clear() : this.far.writes.clear(this.whole, this.terms)
      this.shared.events.invalidated('clear', this.path)
      return cleared
    }))
  }

  /**
   * Drops every entry of this namespace that was stored with the tag, or with one of the tags, and keeps loads that began
   * before from storing one. Costs the same for any number of entries. Namespaces below have tags of their own.
   */
  deleteByTag(tags: string | readonly string[]): Promise<void> {
    return this.changed(attempt(() => this.#clearTags(oneOrMoreTags(tags, 'tags'), 'delete')))
  }

  /** As `deleteByTag`, but what has a grace stays as stale, as long as it would have been kept. */
  expireByTag(tags: string | readonly string[]): Promise<void> {
    return this.changed(attempt(() => this.#clearTags(oneOrMoreTags(tags, 'tags'), 'expire')))
  }

  /** A write of the key that was called before takes effect before. */
  protected hurry(key: string): void {
    if (!this.shared.unwritten.isEmpty) this.shared.unwritten.hurry(this.view, key)
  }

  /** The outcome of a change, when what it has made outdated on the disk cannot come back, neither in the region's next life. */
  protected changed<T>(outcome: Promise<T>): Promise<T> {
    const { copies } = this.shared
    if (copies === undefined) return outcome
    return outcome.then(async (result) => {
      await copies.settled()
      return result
    })
  }

  /** The view, for what depends on the present value, which without Redis may lie on the disk alone. */
  protected raised(key: string): L1View {
    if (this.shared.copies !== undefined && this.far === undefined) this.shared.copies.raise(this.table, key)
    return this.view
  }

  /** For what would do nothing with an empty list, and so not notice that the table is closed. */
  protected checkOpen(): void {
    this.view.getMany([])
  }

  #set(key: string, value: unknown, options: SetOptions | Duration | undefined): number | Promise<number> {
    const terms = setTerms(this.terms, options)
    if (terms.admission === undefined) return this.store(key, value, terms)
    const fitting = terms.admission.given(value, key)
    return fitting instanceof Promise ? fitting.then((fits) => this.store(key, fits, terms)) : this.store(key, fitting, terms)
  }

  /** A value that the namespace admits. The version, or 0. Throws for misuse. */
  protected store(key: string, value: unknown, terms: Terms, life = lifeOf(terms)): number | Promise<number> {
    const packed = packing(terms, value)
    if (packed instanceof Packing) {
      checkKey(key)
      this.checkOpen()
      return this.shared.unwritten.add(this.view, key, packed, (stored) => this.#put(key, stored, terms, life))
    }
    this.hurry(key)
    return this.#put(key, packed, terms, life)
  }

  #put(key: string, value: unknown, terms: Terms, life: Life): number | Promise<number> {
    const untagged = written(terms, value, life, this.shared.flights)
    const stored = terms.tags.length === 0 ? untagged : tagged(this.view, untagged, terms.tags, this.shared)
    if (terms.skips !== NO_SKIPS && (terms.skips.l1 || terms.skips.l2)) return this.#storePast(key, stored, terms, life)
    return this.far === undefined ? this.#storeHere(key, stored, terms, life) : this.#storeFar(key, stored, terms, life)
  }

  #storeHere(key: string, stored: unknown, terms: Terms, life: Life): number {
    if (terms.sourceVersion !== undefined) return this.#storeNewer(key, stored, terms.sourceVersion, terms, life)
    if (terms.condition === undefined) return this.view.set(key, stored, life)
    return this.raised(key).set(key, stored, life, terms.condition)
  }

  /** Over what has a lower source version, or none; a stale value has its own yet. */
  #storeNewer(key: string, stored: unknown, sourceVersion: number, terms: Terms, life: Life): number {
    const { view } = this
    const { copies } = this.shared
    if (copies !== undefined && this.far === undefined && copies.raise(this.table, key) >= sourceVersion) return 0
    for (;;) {
      const there = this.table.entry(key, { quiet: true, doubtful: true })
      if (there?.notes?.sourceVersion !== undefined && there.notes.sourceVersion >= sourceVersion) return 0
      const unchanged = there === undefined ? { if: 'absent' as const } : { if: 'version' as const, version: there.version }
      const version = view.set(key, stored, life, terms.condition ?? unchanged)
      if (version > 0 || terms.condition !== undefined) return version
      if (this.table.entry(key, { quiet: true, doubtful: true })?.version !== there?.version) continue
      // Nobody came between: there is no room for it, or nobody here can read what is there.
      return view.raw(key) === undefined ? 0 : view.set(key, stored, life)
    }
  }

  #storeFar(key: string, stored: unknown, terms: Terms, life: Life): Promise<number> {
    const far = this.far!
    if (terms.condition === undefined && terms.sourceVersion === undefined) return far.writes.set(this.view, key, stored, terms, life)
    checkKey(key)
    return setWhere(this.view, key, EncodedValue.of(stored), terms, life, far)
  }

  /** With a tier left out; what it has of the key goes where it would be older than the rest. */
  #storePast(key: string, stored: unknown, terms: Terms, life: Life): number | Promise<number> {
    if (!terms.skips.l1) return this.#storeHere(key, stored, terms, life)
    if (!terms.skips.l2 && this.far !== undefined) return this.#storeFar(key, stored, { ...terms, writeMode: 'around' }, life)
    this.view.delete(key)
    return 0
  }

  #clearTags(tags: readonly string[], by: TagClear): Promise<void> {
    this.shared.unwritten.hurryAll()
    const cleared = clearTags(this.view, tags, by, this.terms, this.shared)
    this.shared.events.invalidated(by, this.path, undefined, tags)
    return cleared
  }

  #delete(key: string): boolean | Promise<boolean> {
    this.hurry(key)
    const deleted = this.far === undefined ? this.raised(key).delete(key) : this.far.writes.delete(this.view, key, this.terms)
    this.shared.events.invalidated('delete', this.path, key)
    return deleted
  }

  /** A new life for the value, wherever it is. */
  async #renew(key: string, terms: Terms, lifeOf: (hardLeftMs: number, ttlLeftMs: number) => Life, ends: boolean): Promise<boolean> {
    const startMs = performance.now()
    for (;;) {
      if (this.view.entry(key) === undefined) await this.readBelow(key)
      const isRenewed = await this.far!.writes.renew(this.view, key, terms, lifeOf, startMs, ends)
      if (isRenewed !== undefined) return isRenewed
    }
  }
}

/** Stale from now on, with the grace it had. */
function expiredLife(hardLeftMs: number, ttlLeftMs: number): Life {
  const graceMs = ttlLeftMs === Number.POSITIVE_INFINITY ? 0 : hardLeftMs - ttlLeftMs
  return { ttlMs: 1, graceMs }
}
