/**
 * Changes that depend on what is there. Each is tried until nothing came between its reading and its writing.
 *
 * On one host the table decides by version; with Redis, Redis does, so it holds across hosts.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { type SetTerms, setTerms, type Terms } from '../options/settings'
import { Backoff } from '../sync/backoff'
import type { Duration } from '../words/duration'
import { CacheError, misuse } from '../words/errors'
import { attempt } from './calls'
import { type CacheEntry, type FoundEntry, toCacheEntry } from './entry'
import { type SetOptions, Writes } from './writes'

export type UpdateOptions = Omit<SetOptions, 'ifAbsent' | 'ifVersion' | 'version'>

/** Makes a new value of the present one, which is undefined where there is no fresh one; undefined leaves things as they are. */
export type Updater<T> = (value: T | undefined, entry: CacheEntry<T>) => T | undefined | Promise<T | undefined>

const MAX_ATTEMPTS = 64
/** Without Redis an attempt is a few microseconds, and each that fails means that another succeeded. */
const MAX_QUICK_ATTEMPTS = 10_000
const FIRST_PAUSE_MS = 2
const MAX_PAUSE_MS = 50

export abstract class Updates extends Writes {
  /**
   * Replaces the value by what `fn` makes of it, and resolves to that; `fn` runs again when the value has changed meanwhile,
   * and never at the same time as another update of the key on this host. It must not change the value it is given. The
   * new value has a new life. Rejects with the error of `fn`, with ERR_CACHE_CONFLICT after 64 attempts, and with Redis
   * as a conditional `set` does.
   */
  update<T = unknown>(key: string, fn: Updater<T>, options?: UpdateOptions | Duration): Promise<T | undefined> {
    return attempt(async () => {
      if (typeof fn !== 'function') throw misuse('ERR_CACHE_ARGUMENT', 'fn', 'a function', fn)
      const terms = this.#termsOf(options)
      const leave = await this.shared.flights.turns.enter(this.view, this.#checked(key), terms.leaseMs)
      try {
        return await this.#retry(key, MAX_ATTEMPTS, async (found) => {
          const present = freshValue<T>(found)
          const value = await fn(present, toCacheEntry<T>(found))
          if (value === undefined) return { result: present }
          return (await this.store(key, value, over(terms, found))) > 0 ? { result: value } : undefined
        })
      } finally {
        leave()
      }
    })
  }

  /**
   * Adds to a number and resolves to the sum; what is not there counts as 0. The sum lives as long as the number would
   * have, so a counter ends a ttl after it began. Exact, however many processes and hosts add. Rejects with
   * ERR_CACHE_VALUE for what is no number, else as `update`.
   */
  incr(key: string, by = 1, options?: UpdateOptions | Duration): Promise<number> {
    return attempt(async () => {
      if (typeof by !== 'number' || !Number.isFinite(by)) throw misuse('ERR_CACHE_ARGUMENT', 'by', 'a finite number', by)
      const terms = this.#termsOf(options)
      if (this.far === undefined) return this.#addQuickly(key, by, terms)
      const leave = await this.shared.flights.turns.enter(this.view, this.#checked(key), terms.leaseMs)
      try {
        return await this.#retry(key, MAX_ATTEMPTS, async (found, readMs) => {
          const sum = sumOf(found, by)
          return (await this.store(key, sum, over(terms, found), ...lifeLeft(found, terms, readMs))) > 0 ? { result: sum } : undefined
        })
      } finally {
        leave()
      }
    })
  }

  /** Removes the fresh value and resolves to it: of all who ask at once, on whatever host, one gets it. Rejects as `update`. */
  pull<T = unknown>(key: string): Promise<T | undefined> {
    return attempt(() => {
      if (this.far !== undefined) return this.#pullBelow<T>(key)
      for (let attempt = 0; attempt < MAX_QUICK_ATTEMPTS; attempt++) {
        const entry = this.view.entry(key)
        if (entry === undefined || this.view.take(key, entry.version)) return freshValue<T>(entry)
      }
      throw conflict(key, MAX_QUICK_ATTEMPTS)
    })
  }

  #pullBelow<T>(key: string): Promise<T | undefined> {
    return this.#retry(key, MAX_ATTEMPTS, async (found) => {
      if (found === undefined) return { result: undefined }
      // What Redis does not have is the table's to give.
      const held = found.version > 0 ? found : this.view.entry(key)
      if (held === undefined) return undefined
      const isOurs = await this.far!.writes.take(this.view, key, this.terms, found.version, held.version)
      return isOurs ? { result: freshValue<T>(held) } : undefined
    })
  }

  #addQuickly(key: string, by: number, terms: SetTerms): number {
    for (let attempt = 0; attempt < MAX_QUICK_ATTEMPTS; attempt++) {
      const found = this.view.entry(key)
      const readMs = performance.now()
      const sum = sumOf(found, by)
      if ((this.store(key, sum, over(terms, found), ...lifeLeft(found, terms, readMs)) as number) > 0) return sum
    }
    throw conflict(key, MAX_QUICK_ATTEMPTS)
  }

  async #retry<R>(key: string, attempts: number, step: (found: FoundEntry | undefined, readMs: number) => Promise<{ result: R } | undefined>): Promise<R> {
    const backoff = new Backoff(FIRST_PAUSE_MS, MAX_PAUSE_MS)
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const found = await this.find(key)
      const outcome = await step(found, performance.now())
      if (outcome !== undefined) return outcome.result
      if (this.far !== undefined) await pause(backoff.next())
    }
    throw conflict(key, attempts)
  }

  /** What is refused by a read is refused before anything waits for its turn. */
  #checked(key: string): string {
    this.view.peek(key)
    return key
  }

  #termsOf(options: UpdateOptions | Duration | undefined): SetTerms {
    const terms = setTerms(this.terms, options)
    if (terms.condition === undefined && terms.sourceVersion === undefined) return terms
    throw new CacheError('ERR_CACHE_OPTION', 'an update has its own condition: ifAbsent, ifVersion and version are for set')
  }
}

function freshValue<T>(found: FoundEntry | undefined): T | undefined {
  return found === undefined || found.isStale ? undefined : (found.value as T)
}

/** Version 0: Redis does not have the value, so nothing must be there when it is written. */
function over(terms: Terms, found: FoundEntry | undefined): SetTerms {
  const version = found?.version ?? 0
  return { ...terms, condition: version === 0 ? { if: 'absent' } : { if: 'version', version } }
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
  if (found === undefined || found.isStale) return []
  if (found.ttlLeftMs === Number.POSITIVE_INFINITY) return [{ ttlMs: 0, graceMs: 0 }]
  const leftMs = found.ttlLeftMs - (performance.now() - readMs)
  return [{ ttlMs: Math.max(1, Math.floor(leftMs + Math.random())), graceMs: life.graceMs }]
}

function conflict(key: string, attempts: number): CacheError {
  return new CacheError('ERR_CACHE_CONFLICT', `${JSON.stringify(key.slice(0, 80))} must keep its value while it is updated, it did not in ${attempts} attempts, or there is no room for it`)
}
