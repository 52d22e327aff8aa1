/**
 * Changes that depend on what is there. Each is tried until nothing came between its reading and its writing.
 *
 * On one host the table decides by version; with Redis, Redis does, so it holds across hosts.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Life } from '../l1/table'
import { setTerms, type Terms } from '../options/settings'
import { NO_SKIPS } from '../options/values'
import { Backoff } from '../sync/backoff'
import { joinTags } from '../wire/tags'
import type { Duration } from '../words/duration'
import { CacheError, misuse } from '../words/errors'
import { attempt } from './calls'
import { type CacheEntry, type FoundEntry, toCacheEntry } from './entry'
import type { AnyKey, KnownKey, UnknownKey, ValueAt } from './key-types'
import { type SetOptions, Writes } from './writes'

export type UpdateOptions = Omit<SetOptions, 'ifAbsent' | 'ifVersion' | 'version'>

/** Makes a new value of the present one, which is undefined where there is no fresh one; undefined leaves things as they are. */
export type Updater<T> = (value: T | undefined, entry: CacheEntry<T>) => T | undefined | Promise<T | undefined>

const MAX_ATTEMPTS = 64
/** Without Redis an attempt is a few microseconds, and each that fails means that another succeeded. */
const MAX_QUICK_ATTEMPTS = 10_000
const FIRST_PAUSE_MS = 2
const MAX_PAUSE_MS = 20

export abstract class Updates<Map> extends Writes<Map> {
  /**
   * Replaces the value by what `fn` makes of it, and resolves to that; `fn` runs again when the value has changed meanwhile,
   * and never at the same time as another update of the key on this host. It must not change the value it is given. The
   * new value has a new life. Rejects with the error of `fn`, with ERR_CACHE_CONFLICT after 64 attempts, with Redis also at
   * `l2.hardTimeout`, and as a conditional `set` does.
   */
  update<K extends KnownKey<Map>>(key: K, fn: Updater<ValueAt<Map, K>>, options?: UpdateOptions | Duration): Promise<ValueAt<Map, K> | undefined>
  update<T = unknown>(key: UnknownKey<Map>, fn: Updater<T>, options?: UpdateOptions | Duration): Promise<T | undefined>
  update<T>(key: string, fn: Updater<T>, options?: UpdateOptions | Duration): Promise<T | undefined> {
    return this.changed(attempt(async () => {
      if (typeof fn !== 'function') throw misuse('ERR_CACHE_ARGUMENT', 'fn', 'a function', fn)
      const terms = this.#termsOf(options)
      const clock = { startMs: performance.now() }
      const leave = await this.#turn(key, terms)
      try {
        return await this.#retry(key, terms, clock, async (found, foundMs) => {
          const present = freshValue<T>(found)
          const made = fn(present, toCacheEntry<T>(found))
          // For what is there at once nothing is awaited: the time that others take meanwhile would count as the function's.
          const isAtOnce = !isLater(made) && terms.admission === undefined
          const given = isAtOnce ? (made as T | undefined) : await made
          if (given === undefined) return { result: present }
          const value = isAtOnce ? given : await this.#fitting(key, given)
          clock.startMs += performance.now() - foundMs
          if (!(await this.#replace(key, value, over(terms, found, clock.startMs)))) return undefined
          return { result: (terms.admission === undefined ? value : terms.admission.handedOut(value, terms.codec)) as T }
        })
      } finally {
        leave()
      }
    }))
  }

  /**
   * Adds to a number and resolves to the sum; what is not there counts as 0. The sum lives as long as the number would
   * have, so a counter ends a ttl after it began, and keeps its tags. Exact, however many processes and hosts add. Rejects with
   * ERR_CACHE_VALUE for what is no number, else as `update`.
   */
  incr(key: AnyKey<Map>, by?: number, options?: UpdateOptions | Duration): Promise<number>
  incr(key: string, by = 1, options?: UpdateOptions | Duration): Promise<number> {
    return this.changed(attempt(async () => {
      if (typeof by !== 'number' || !Number.isFinite(by)) throw misuse('ERR_CACHE_ARGUMENT', 'by', 'a finite number', by)
      const terms = this.#termsOf(options)
      const isHosts = this.far === undefined || terms.skips.l2
      if (isHosts && !terms.skips.l1 && terms.admission === undefined && terms.compression === undefined) return this.#addQuickly(key, by, terms)
      const clock = { startMs: performance.now() }
      const leave = await this.#turn(key, terms)
      try {
        return await this.#retry(key, terms, clock, async (found, readMs) => {
          const sum = (await this.#fitting(key, sumOf(found, by))) as number
          return (await this.#replace(key, sum, sumTerms(terms, found, clock.startMs), ...lifeLeft(found, terms, readMs))) ? { result: sum } : undefined
        })
      } finally {
        leave()
      }
    }))
  }

  /** Removes the fresh value and resolves to it: of all who ask at once, on whatever host, one gets it. Rejects as `update`. */
  pull<K extends KnownKey<Map>>(key: K): Promise<ValueAt<Map, K> | undefined>
  pull<T = unknown>(key: UnknownKey<Map>): Promise<T | undefined>
  pull(key: string): Promise<unknown> {
    return this.changed(attempt(() => {
      this.hurry(key)
      this.raised(key)
      if (this.far !== undefined || this.terms.admission !== undefined) return this.#pullSlowly(key)
      for (let attempt = 0; attempt < MAX_QUICK_ATTEMPTS; attempt++) {
        const entry = this.view.entry(key)
        if (entry === undefined) return undefined
        if (this.view.take(key, entry.version)) return this.#pulled(key, entry)
      }
      throw conflict(key, MAX_QUICK_ATTEMPTS)
    }))
  }

  /** From every tier, whatever the namespace leaves out, as with `delete`. */
  #pullSlowly(key: string): Promise<unknown> {
    const terms = { ...this.terms, skips: NO_SKIPS }
    const clock = { startMs: performance.now() }
    return this.#retry(key, terms, clock, async (found) => {
      if (found === undefined) return { result: undefined }
      // What Redis does not have is the table's to give.
      const isTables = this.far === undefined || found.version === 0
      const held = isTables ? this.table.entry(key) : found
      if (held === undefined) return undefined
      const isOurs = this.far === undefined
        ? this.view.take(key, found.version)
        : await this.far.writes.take(this.view, key, { ...terms, startMs: clock.startMs }, found.version, held.version)
      return isOurs ? { result: this.#pulled(key, found) } : undefined
    })
  }

  #pulled(key: string, found: FoundEntry): unknown {
    this.shared.events.invalidated('delete', this.path, key)
    return freshValue(found)
  }

  #addQuickly(key: string, by: number, terms: Terms): number {
    this.raised(key)
    for (let attempt = 0; attempt < MAX_QUICK_ATTEMPTS; attempt++) {
      const found = this.view.entry(key)
      const readMs = performance.now()
      const sum = sumOf(found, by)
      if ((this.store(key, sum, sumTerms(terms, found, undefined), ...lifeLeft(found, terms, readMs)) as number) > 0) return sum
    }
    throw conflict(key, MAX_QUICK_ATTEMPTS)
  }

  /** What the namespace makes of a value that is to be stored. Rejects with ERR_CACHE_SCHEMA. */
  async #fitting(key: string, given: unknown): Promise<unknown> {
    return this.terms.admission === undefined ? given : this.terms.admission.given(given, key)
  }

  /** Whether it is done: a value that no tier may keep is. */
  async #replace(key: string, value: unknown, terms: Terms, ...life: [] | [Life]): Promise<boolean> {
    const isKeptNowhere = terms.skips.l1 && (terms.skips.l2 || this.far === undefined)
    return (await this.store(key, value, terms, ...life)) > 0 || isKeptNowhere
  }

  /** Half of the time there is for Redis may be waited for others, who wait for it as well. */
  #turn(key: string, { leaseMs }: Terms): Promise<() => void> {
    const patienceMs = this.far === undefined ? leaseMs : Math.min(leaseMs, this.far.hardTimeoutMs / 2)
    return this.shared.flights.turns.enter(this.view, this.#checked(key), leaseMs, patienceMs)
  }

  #find(key: string, terms: Terms, startMs: number): Promise<FoundEntry | undefined> {
    this.hurry(key)
    const isPlain = terms.admission === undefined && !terms.clone && terms.skips === NO_SKIPS
    return isPlain ? this.find(key, startMs) : this.special.find(key, terms, startMs)
  }

  /** All attempts share one deadline; what the caller's own function takes does not count. */
  async #retry<R>(
    key: string, terms: Terms, clock: { startMs: number }, step: (found: FoundEntry | undefined, foundMs: number) => Promise<{ result: R } | undefined>,
  ): Promise<R> {
    const backoff = new Backoff(FIRST_PAUSE_MS, MAX_PAUSE_MS)
    for (let attempt = 1; ; attempt++) {
      const found = await this.#find(key, terms, clock.startMs)
      const outcome = await step(found, performance.now())
      if (outcome !== undefined) return outcome.result
      const leftMs = this.far === undefined ? Number.POSITIVE_INFINITY : clock.startMs + this.far.hardTimeoutMs - performance.now()
      if (attempt === MAX_ATTEMPTS || leftMs <= 0) throw conflict(key, attempt)
      if (this.far !== undefined) await pause(Math.min(backoff.next(), leftMs))
    }
  }

  /** What is refused by a read is refused before anything waits for its turn. */
  #checked(key: string): string {
    this.view.peek(key)
    return key
  }

  #termsOf(options: UpdateOptions | Duration | undefined): Terms {
    const terms = setTerms(this.terms, options)
    if (terms.condition === undefined && terms.sourceVersion === undefined) return terms
    throw new CacheError('ERR_CACHE_OPTION', 'an update has its own condition: ifAbsent, ifVersion and version are for set')
  }
}

function isLater(given: unknown): boolean {
  return typeof (given as { then?: unknown } | null | undefined)?.then === 'function'
}

function freshValue<T>(found: FoundEntry | undefined): T | undefined {
  return found === undefined || found.isStale ? undefined : (found.value as T)
}

/** Version 0: Redis does not have the value, so nothing must be there when it is written. */
function over(terms: Terms, found: FoundEntry | undefined, startMs: number | undefined): Terms {
  const version = found?.version ?? 0
  return { ...terms, condition: version === 0 ? { if: 'absent' } : { if: 'version', version }, startMs }
}

/** With the tags that the number has, and its cap where reads lengthen lives: what ends the one ends the other. */
function sumTerms(terms: Terms, found: FoundEntry | undefined, startMs: number | undefined): Terms {
  const own = over(terms, found, startMs)
  if (found === undefined || freshValue(found) === undefined) return own
  if (terms.sliding !== undefined) own.goesOn = { capAtMs: found.notes?.capAtMs, ageMs: found.ageMs }
  if (found.tags !== undefined) own.tags = joinTags(found.tags.names, terms.tags)
  return own
}

function sumOf(found: FoundEntry | undefined, by: number): number {
  const present = freshValue(found)
  const value = present === undefined ? 0 : present
  if (typeof value !== 'number') throw misuse('ERR_CACHE_VALUE', 'what incr adds to', 'a number', value)
  const sum = value + by
  if (Number.isFinite(sum)) return sum
  throw misuse('ERR_CACHE_VALUE', 'the sum', 'a finite number', sum)
}

/**
 * The life the entry has left, nothing for a new one. Lives are whole milliseconds: rounded by chance, so that many sums
 * neither lengthen nor shorten it.
 */
function lifeLeft(found: FoundEntry | undefined, { life }: Terms, readMs: number): [] | [{ ttlMs: number; graceMs: number }] {
  if (found === undefined || found.isStale || found.value === undefined) return []
  if (found.ttlLeftMs === Number.POSITIVE_INFINITY) return [{ ttlMs: 0, graceMs: 0 }]
  const leftMs = found.ttlLeftMs - (performance.now() - readMs)
  return [{ ttlMs: Math.max(1, Math.floor(leftMs + Math.random())), graceMs: life.graceMs }]
}

function conflict(key: string, attempts: number): CacheError {
  return new CacheError('ERR_CACHE_CONFLICT', `${JSON.stringify(key.slice(0, 80))} must keep its value while it is updated, it did not in ${attempts} attempts, or there is no room for it`)
}
