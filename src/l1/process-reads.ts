/** Reads of one namespace of the process table. */
import { aboutOf } from '../wire/about'
import { decode } from '../wire/codec'
import { checkKey } from '../words/keys'
import type { ProcessStore, StoredEntry } from './process-store'
import type { L1Entry, RawEntry } from './table'

export abstract class ProcessReads {
  readonly namespace: string
  protected readonly store: ProcessStore
  /** A number before the first colon cannot be forged by a key, so no two pairs share an id. */
  protected readonly prefix: string

  constructor(store: ProcessStore, namespace: string) {
    this.store = store
    this.namespace = namespace
    this.prefix = `${store.nextViewNumber()}:`
  }

  /** Moves whenever this namespace or one above it is cleared, here or in the fleet, or flushed. */
  protected abstract epochSum(): number

  get(key: string): unknown {
    const entry = this.#read(this.id(key), true, false)
    if (entry === undefined) return undefined
    this.store.lastSoftEndMs = entry.softEndMs
    return this.#decode(entry)
  }

  ttlLeftMs(): number {
    const { lastSoftEndMs } = this.store
    return lastSoftEndMs === Number.POSITIVE_INFINITY ? lastSoftEndMs : Math.max(0, lastSoftEndMs - this.store.nowMs())
  }

  peek(key: string): unknown {
    const entry = this.present(this.id(key), false)
    if (entry === undefined || !this.isFresh(entry)) return undefined
    this.store.lastSoftEndMs = entry.softEndMs
    return this.#decode(entry)
  }

  copy(key: string): unknown {
    return this.get(key)
  }

  entry(key: string, options?: { doubtful?: boolean; quiet?: boolean }): L1Entry | undefined {
    const id = this.id(key)
    const isDoubtfulToo = options?.doubtful === true
    const found = options?.quiet === true ? this.present(id, false) : undefined
    const entry = options?.quiet !== true ? this.#read(id, false, isDoubtfulToo)
      : found !== undefined && (isDoubtfulToo || !this.store.isDoubtful(found)) ? found : undefined
    return entry === undefined ? undefined : this.describe(entry)
  }

  raw(key: string): RawEntry | undefined {
    const entry = this.present(this.id(key), false)
    if (entry === undefined || this.store.isDoubtful(entry)) return undefined
    const { codec, payload } = entry
    return { codec, payload: typeof payload === 'string' ? payload : Buffer.from(payload), ...this.#lifeLeft(entry) }
  }

  has(key: string): boolean {
    const entry = this.present(this.id(key), false)
    return entry !== undefined && this.isFresh(entry)
  }

  getMany(keys: readonly string[]): unknown[] {
    this.store.checkOpen()
    return keys.map((key) => this.get(key))
  }

  protected id(key: string): string {
    this.store.checkOpen()
    checkKey(key)
    return this.prefix + key
  }

  protected isFresh(entry: StoredEntry): boolean {
    return !this.store.isStale(entry) && !this.store.isDoubtful(entry)
  }

  /** The entry if it may be returned, counted as a hit or a miss; stale ones only if not `onlyFresh`. */
  #read(id: string, onlyFresh: boolean, doubtfulToo: boolean): StoredEntry | undefined {
    const entry = this.present(id, true)
    const isDoubtful = entry !== undefined && !doubtfulToo && this.store.isDoubtful(entry)
    if (isDoubtful) this.store.doubtfulCount++
    if (entry === undefined || isDoubtful || (onlyFresh && this.store.isStale(entry))) {
      this.store.counters.misses++
      return undefined
    }
    this.store.counters.hits++
    if (entry.charged !== undefined) entry.isWarm = true
    return entry
  }

  /** The entry unless it was cleared or its hard life has passed, in which case it is dropped. */
  protected present(id: string, keepsWarm: boolean): StoredEntry | undefined {
    const { entries, counters } = this.store
    const entry = keepsWarm ? entries.get(id) : entries.peek(id)
    if (entry === undefined) return undefined
    const isExpired = this.store.isExpired(entry)
    if (!isExpired && !this.store.isGoneByTag(entry) && entry.epoch === this.epochSum()) return entry
    if (isExpired) counters.expirations++
    entries.delete(id)
    return undefined
  }

  #decode({ codec, payload }: StoredEntry): unknown {
    return typeof payload === 'string' ? payload : this.store.unreadable.read(() => decode(codec, payload))
  }

  #lifeLeft(entry: StoredEntry): Pick<L1Entry, 'ageMs' | 'isStale' | 'ttlLeftMs' | 'hardLeftMs'> {
    const isStale = this.store.isStale(entry)
    const leftMs = isStale ? 0 : entry.softEndMs - (entry.softEndMs === Number.POSITIVE_INFINITY ? 0 : this.store.nowMs())
    return {
      ageMs: Math.max(0, this.store.nowMs() - entry.writtenAtMs),
      isStale: isStale || leftMs <= 0,
      ttlLeftMs: Math.max(0, leftMs),
      hardLeftMs: entry.hardEndMs === Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : Math.max(0, entry.hardEndMs - this.store.nowMs()),
    }
  }

  protected describe(entry: StoredEntry): L1Entry | undefined {
    const value = this.#decode(entry)
    if (value === undefined) return undefined
    const described: L1Entry = { value, version: entry.version, ...this.#lifeLeft(entry), tier: 'l1' }
    const about = aboutOf(entry.codec, entry.payload)
    if (about?.notes !== undefined) described.notes = about.notes
    if (about?.tags !== undefined) described.tags = { names: about.tags.names, clock: entry.tags!.clock }
    const { fleet } = entry
    if (fleet !== undefined) {
      described.fleet = { version: fleet.version, mark: fleet.mark, isDoubtful: this.store.isDoubtful(entry) }
    }
    return described
  }
}
