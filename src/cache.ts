/** The cache users hold: the root namespace, and the life of the table behind it. */
import type { Far, FarInfo } from './far'
import type { DeadLetter } from './journal/contract'
import type { L1Table } from './l1/table'
import { Namespace } from './face/namespace'
import { type OpenedTable, openTable } from './open'
import type { OptionsAt, ParsedOptions } from './options/schema'
import { cacheOptions, DEFAULT_TERMS, overTerms } from './options/settings'
import { type CacheStats, readStats } from './stats'
import { BatchLoads } from './sync/batch-loads'
import { Flights } from './sync/flights'
import { CacheError } from './words/errors'

export type CacheOptions = OptionsAt<'cache'>

export interface CacheInfo {
  name: string
  /** 'shared': one table for every process and thread of the host. 'process': this isolate's own. */
  l1: 'shared' | 'process'
  memoryBytes: number
  /** The region's file. */
  path?: string
  /** What processes must agree on to share the region. */
  layout?: string
  /** Why the table is not shared. */
  fallbackReason?: string
  /** The host's link to Redis, where there is one. */
  l2?: FarInfo
}

/**
 * Opens the cache of that name, making it if it is the first. Synchronous. Options that are not given are taken from the
 * environment (`STRATACACHE_TTL` for `ttl`), then from the preset.
 *
 * Throws ERR_CACHE_OPTION for a bad or misspelt option, ERR_CACHE_REGION when the region is there
 * and cannot be used, and with `fallback: 'error'` ERR_CACHE_NATIVE_MISSING.
 */
export function createCache(options?: CacheOptions): Cache {
  const parsed = cacheOptions(options, process.env)
  return new Cache(parsed, openTable(parsed))
}

export class Cache extends Namespace {
  readonly #table: L1Table
  readonly #flights: Flights
  readonly #far: Far | undefined
  readonly #info: CacheInfo
  #isClosed = false

  /** Made by `createCache`. */
  constructor(options: ParsedOptions, { table, ...origin }: OpenedTable) {
    const far = openFar(options, table)
    const flights = new Flights(table, far?.tier)
    const view = options.namespace === undefined ? table.root : table.root.child(options.namespace)
    const shared = { flights, batches: new BatchLoads(flights), far: far === undefined ? undefined : { writes: far.writes, tier: far.tier, patienceMs: far.settings.softTimeoutMs } }
    super(view, shared, overTerms(DEFAULT_TERMS, options))
    this.#table = table
    this.#flights = flights
    this.#far = far
    this.#info = { name: options.name, l1: table.kind, memoryBytes: table.stats().memoryBytes, ...origin }
  }

  /** The table behind a cache: for tests, and for what in this package stands beside the cache. */
  static tableOf(cache: Cache): L1Table {
    return cache.#table
  }

  /** Resolves when the cache can be used; with Redis, when the host has heard from it or `l2.hardTimeout` has passed. */
  async ready(): Promise<void> {
    this.#open()
    await this.#far?.ready()
  }

  /** Counters of all processes together. Throws ERR_CACHE_CLOSED after `close`. */
  stats(): CacheStats {
    const stats = readStats(this.#open())
    return this.#far === undefined ? stats : { ...stats, detail: { ...stats.detail, ...this.#far.stats() } }
  }

  /** Writes that Redis refused for good, newest last. Empty without Redis. Throws ERR_CACHE_CLOSED after `close`. */
  deadLetters(): DeadLetter[] {
    this.#open()
    return this.#far?.journal.deadLetters() ?? []
  }

  /**
   * Writes what the letters hold again, as writes of now: over whatever the keys have. Resolves to how many; a letter whose
   * value was not kept, or whose life is over, stays. `ids`: of which letters, default all. Rejects as `set` does.
   */
  async retryDeadLetters(ids?: readonly number[]): Promise<number> {
    let count = 0
    for (const letter of chosen(this.deadLetters(), ids)) {
      if (!(await this.#far!.writes.retry(letter))) continue
      this.#far!.journal.takeLetter(letter.id)
      count++
    }
    return count
  }

  /** Removes letters for good; how many. `ids`: which, default all. */
  discardDeadLetters(ids?: readonly number[]): number {
    return chosen(this.deadLetters(), ids).filter(({ id }) => this.#far!.journal.takeLetter(id)).length
  }

  /** What this cache turned out to be. Throws ERR_CACHE_CLOSED after `close`. */
  info(): CacheInfo {
    this.#open()
    return this.#far === undefined ? { ...this.#info } : { ...this.#info, l2: this.#far.info() }
  }

  /**
   * Leaves the table to the others. Loads that run still answer their callers; every later call
   * is refused with ERR_CACHE_CLOSED. `unlink` also removes the region's file, so that whoever
   * opens the name next begins empty. Closing twice is harmless.
   */
  async close(options?: { unlink?: boolean }): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#flights.close()
    if (this.#far === undefined) this.#table.close(options)
    else await this.#far.close(() => this.#table.close(options))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  [Symbol.dispose](): void {
    void this.close()
  }

  #open(): L1Table {
    if (this.#isClosed) throw new CacheError('ERR_CACHE_CLOSED', 'the cache is closed')
    return this.#table
  }
}

/** Loaded late: a cache of this host alone never loads the driver. */
function openFar(options: ParsedOptions, table: L1Table): Far | undefined {
  if (options.redis === undefined) return undefined
  try {
    const { Far } = require('./far') as typeof import('./far')
    return new Far(options, table)
  } catch (error) {
    table.close()
    throw error
  }
}

function chosen(letters: readonly DeadLetter[], ids: readonly number[] | undefined): readonly DeadLetter[] {
  return ids === undefined ? letters : letters.filter(({ id }) => ids.includes(id))
}
