/** The cache users hold: the root namespace, and the life of the table behind it. */
import type { Copies, DiskInfo } from './disk/copies'
import type { Far, FarInfo } from './far'
import type { DeadLetter } from './journal/contract'
import type { L1Table, L1View } from './l1/table'
import { Admissions } from './face/admissions'
import { type CacheEvent, type CacheListener, Events } from './face/events'
import { Features } from './face/features'
import type { Untyped, ValuesOf } from './face/key-types'
import { Mode } from './face/mode'
import { Namespace } from './face/namespace'
import { Pulse } from './face/pulse'
import { type OpenedTable, openTable } from './open'
import { OPTIONS, type OptionsAt, type ParsedOptions } from './options/schema'
import { cacheOptions, DEFAULT_TERMS, overTerms, readOptions } from './options/settings'
import { type CacheStats, prefixed, readStats } from './stats'
import { BatchLoads } from './sync/batch-loads'
import { DiskReads, DiskTier } from './sync/disk-tier'
import { Flights } from './sync/flights'
import { Unwritten } from './sync/unwritten'
import { CodecPool } from './wire/codec-pool'
import { Warmth } from './warm/warmth'
import { CacheError } from './words/errors'
import type { StandardSchema } from './words/standard-schema'

export type CacheOptions = OptionsAt<'cache'>

export type ReadyOptions = OptionsAt<'ready'>

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
  /** The copies on the disk, where there may be some. */
  disk?: DiskInfo
  /** The host's link to Redis, where there is one. */
  l2?: FarInfo
}

/**
 * Opens the cache of that name, making it if it is the first. Synchronous. Options that are not given are taken from the
 * environment (`STRATACACHE_TTL` for `ttl`), then from the preset. `Map` names its keys and the types of their values, as in
 * `createCache<{ 'user:{id}': User }>()`.
 *
 * Throws ERR_CACHE_OPTION for a bad or misspelt option, ERR_CACHE_REGION when the region is there
 * and cannot be used, and with `fallback: 'error'` ERR_CACHE_NATIVE_MISSING.
 */
export function createCache<Output>(options: CacheOptions & { schema: StandardSchema<Output> }): Cache<ValuesOf<Output>>
export function createCache<Map extends object = Untyped>(options?: CacheOptions): Cache<Map>
export function createCache(options?: CacheOptions): Cache<any> {
  const parsed = cacheOptions(options, process.env)
  return new Cache(parsed, openTable(parsed))
}

export class Cache<Map = Untyped> extends Namespace<Map> {
  /** Tiers that can be switched off while the cache runs, for this process. */
  readonly features: Features
  readonly #table: L1Table
  readonly #flights: Flights
  readonly #far: Far | undefined
  readonly #disk: Copies | undefined
  readonly #info: CacheInfo
  readonly #pool: { entered?: CodecPool }
  #isClosed = false

  /** Made by `createCache`. */
  constructor(options: ParsedOptions, { table, ...origin }: OpenedTable) {
    const view = openRoom(options, table)
    const disk = openDisk(options, table, () => far)
    const copies = disk === undefined ? undefined : new DiskReads(table, disk)
    const far: Far | undefined = openFar(options, table, copies)
    const mode = new Mode()
    const adapt = (): void => {
      mode.isSpecial = events.hears('hit') || events.hears('miss') || features.isAnyOff
      pulse.adapt()
    }
    const events = new Events(options.name, options.logger, adapt)
    const features = new Features(adapt)
    const pulse = new Pulse(events, { evictions: () => table.stats().evictions, far: () => far?.info() })
    const admissions = new Admissions(options.name, options.logger)
    const flights = new Flights(table, far?.tier ?? (copies === undefined ? undefined : new DiskTier(table, copies)), events)
    const tier = far === undefined ? undefined : { writes: far.writes, tier: far.tier, hardTimeoutMs: far.settings.hardTimeoutMs }
    const below = far !== undefined ? { patienceMs: far.settings.softTimeoutMs } : copies !== undefined ? { patienceMs: DISK_PATIENCE_MS } : undefined
    const pool: { entered?: CodecPool } = {}
    const usePool = (): void => void (pool.entered ??= CodecPool.enter())
    const shared = { table, warmth: new Warmth(), flights, batches: new BatchLoads(flights), unwritten: new Unwritten(), usePool, events, features, mode, admissions, far: tier, copies, below }
    super(view, shared, overTerms(DEFAULT_TERMS, options), options.stamp)
    this.#table = table
    this.#flights = flights
    this.#far = far
    this.#disk = disk
    this.#pool = pool
    this.features = features
    table.unreadable.hear = (error) => options.logger?.warn({ cache: options.name, code: error.code }, error.message)
    this.#info = { name: options.name, l1: table.kind, memoryBytes: table.stats().memoryBytes, ...origin }
  }

  /** The table behind a cache: for tests, and for what in this package stands beside the cache. */
  static tableOf<Map>(cache: Cache<Map>): L1Table {
    return cache.#table
  }

  /**
   * Resolves when the cache can be used; with Redis, when the host has heard from it or `l2.hardTimeout` has passed. With
   * `warm: 0.8`, when also that share of the entries is in the table which the runs of `warm` and `importHot` that this cache
   * has begun are about: at once when there are none, as in a region that was there before. Rejects with ERR_CACHE_NOT_WARM
   * when they have ended with less, or `deadline` has passed.
   */
  async ready(options?: ReadyOptions): Promise<void> {
    this.#open()
    const { warm, deadline = OPTIONS.deadline.default } = readOptions('ready', options)
    const untilMs = performance.now() + deadline
    await Promise.all([this.#far?.ready(), this.#disk?.ready()])
    if (warm !== undefined) await this.shared.warmth.reached(warm, untilMs)
  }

  /**
   * Calls the listener for each event of that name; see `CacheEvents`. Throws ERR_CACHE_ARGUMENT for a name that there is not.
   * A listener that throws disturbs nobody: the logger is told, or else it is a process warning.
   */
  on<Event extends CacheEvent>(event: Event, listener: CacheListener<Event>): this {
    this.shared.events.on(event, listener)
    return this
  }

  /** As `on`, for the next event alone. */
  once<Event extends CacheEvent>(event: Event, listener: CacheListener<Event>): this {
    this.shared.events.once(event, listener)
    return this
  }

  /** Undoes `on` or `once`. */
  off<Event extends CacheEvent>(event: Event, listener: CacheListener<Event>): this {
    this.shared.events.off(event, listener)
    return this
  }

  /** Counters of all processes together. Throws ERR_CACHE_CLOSED after `close`. */
  stats(): CacheStats {
    const stats = readStats(this.#open())
    const detail = { ...stats.detail, ...this.#far?.stats(), ...prefixed('disk', this.#disk?.stats() ?? {}), 'schema.refused': this.shared.admissions.refused }
    return { ...stats, detail }
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
    const tiers = { ...(this.#disk === undefined ? {} : { disk: this.#disk.info() }), ...(this.#far === undefined ? {} : { l2: this.#far.info() }) }
    return { ...this.#info, ...tiers }
  }

  /**
   * Leaves the table to the others. Loads that run still answer their callers; every later call
   * is refused with ERR_CACHE_CLOSED. `unlink` also removes the region's name, so that whoever
   * opens it next begins empty; those that use the region keep it, as another host would. What is
   * on its way to Redis goes on. Closing twice is harmless.
   */
  async close(options?: { unlink?: boolean }): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.shared.events.close()
    this.shared.unwritten.hurryAll()
    if (this.#disk !== undefined) await this.#disk.close(options)
    this.#flights.close()
    if (this.#far === undefined) this.#table.close(options)
    else await this.#far.close(() => this.#table.close(options))
    await this.#pool.entered?.leave()
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

/** The root of the cache, with its bounds. */
function openRoom({ namespace, quota, negativeQuota }: ParsedOptions, table: L1Table): L1View {
  try {
    const view = namespace === undefined ? table.root : table.root.child(namespace)
    if (quota !== undefined) view.setQuota(quota)
    if (negativeQuota !== undefined) table.setNegativeQuota(negativeQuota)
    return view
  } catch (error) {
    table.close()
    throw error
  }
}

/** Loaded late: a cache of this host alone never loads the driver. */
function openFar(options: ParsedOptions, table: L1Table, copies: DiskReads | undefined): Far | undefined {
  if (options.redis === undefined) return undefined
  try {
    const { Far } = require('./far') as typeof import('./far')
    return new Far(options, table, copies)
  } catch (error) {
    table.close()
    throw error
  }
}

/** Loaded late: a cache without `disk` loads none of it. */
function openDisk(options: ParsedOptions, table: L1Table, far: () => Far | undefined): Copies | undefined {
  if (options.disk === undefined) return undefined
  try {
    const { openCopies } = require('./copies') as typeof import('./copies')
    return openCopies(options, table, () => far()?.journal)
  } catch (error) {
    table.close()
    throw error
  }
}

/** How long a read that misses waits for whoever reads the key from the disk. */
const DISK_PATIENCE_MS = 20

function chosen(letters: readonly DeadLetter[], ids: readonly number[] | undefined): readonly DeadLetter[] {
  return ids === undefined ? letters : letters.filter(({ id }) => ids.includes(id))
}
