/** What the views of a process table share: the entries, the leases, the clock, the counters. */
import { LRUCache } from 'lru-cache'
import { Unreadable } from '../wire/unreadable'
import { CacheError } from '../words/errors'
import { ProcessLeases } from './process-leases'
import { type Evictable, ProcessQuota } from './process-quotas'
import { ProcessTags } from './process-tags'
import type { Life } from './table'

/** What an entry costs beside its key and its payload: the LRU's slots, the map's slot, the record. */
const ENTRY_OVERHEAD_BYTES = 160

/** As in the shared table. */
const NEGATIVE_SHARE = 20

/** The same limit as in the shared table. */
const MAX_ENTRY_BYTES = 16 * 1024 * 1024

export interface StoredEntry extends Evictable {
  codec: number
  payload: string | Uint8Array
  version: number
  /** The namespace's epoch when it was stored. Any clear above it moves the namespace past it. */
  epoch: number
  writtenAtMs: number
  softEndMs: number
  hardEndMs: number
  /** Of what it takes up room; undefined = of none. */
  charged: ProcessQuota[] | undefined
  tags: { slots: Uint16Array; clock: number } | undefined
  /** `version` 0 = pending or unknown, `mark` 0 = not pending. */
  fleet: { version: number; mark: number; doubt: number } | undefined
}

export class ProcessStore {
  readonly entries: LRUCache<string, StoredEntry>
  readonly leases = new ProcessLeases()
  readonly tags = new ProcessTags(() => this.checkOpen())
  /** Of null entries. */
  readonly negative: ProcessQuota
  /** Quotas of namespaces, by their paths. */
  readonly quotas = new Map<string, ProcessQuota>()
  readonly counters = { hits: 0, misses: 0, sets: 0, deletes: 0, evictions: 0, expirations: 0, loads: 0 }
  readonly unreadable = new Unreadable()
  doubtfulCount = 0
  /** Of the value read last. */
  lastSoftEndMs = 0
  /** Never 0, as in the shared table. */
  doubt = 1
  #viewCount = 0
  #lastVersion = 0
  #clockOffsetMs = 0
  #isClosed = false

  constructor(memoryBytes: number) {
    this.negative = new ProcessQuota(Math.floor(memoryBytes / NEGATIVE_SHARE))
    this.entries = new LRUCache<string, StoredEntry>({
      maxSize: memoryBytes,
      maxEntrySize: Math.min(memoryBytes, MAX_ENTRY_BYTES),
      sizeCalculation: bytesOfEntry,
      dispose: (entry, id, reason) => {
        if (entry.charged !== undefined) for (const quota of entry.charged) quota.remove(id)
        if (reason === 'evict') this.counters.evictions++
      },
    })
  }

  /** False if there is no room for it; then there is nothing under the id. */
  put(id: string, entry: StoredEntry): boolean {
    // LRUCache refuses what is too large and drops what was there.
    this.entries.set(id, entry)
    if (this.entries.peek(id) !== entry) return false
    if (entry.charged === undefined) return true
    const bytes = bytesOfEntry(entry, id)
    for (const quota of entry.charged) quota.add(id, bytes)
    const find = (other: string): StoredEntry => this.entries.peek(other)!
    const evict = (other: string): void => {
      this.entries.delete(other)
      this.counters.evictions++
    }
    if (entry.charged.every((quota) => quota.makeRoom(id, find, evict))) return true
    this.entries.delete(id)
    return false
  }

  /** Charges all entries whose ids begin so. */
  charge(prefix: string, quota: ProcessQuota): void {
    for (const [id, entry] of this.entries.entries()) {
      if (!id.startsWith(prefix)) continue
      entry.charged = [...(entry.charged ?? []), quota]
      quota.add(id, bytesOfEntry(entry, id))
    }
  }

  nextViewNumber(): number {
    return this.#viewCount++
  }

  /** One sequence for all keys, so a key's versions rise through delete and eviction. */
  nextVersion(): number {
    return ++this.#lastVersion
  }

  nowMs(): number {
    return performance.now() + this.#clockOffsetMs
  }

  advanceClock(ms: number): void {
    this.#clockOffsetMs += ms
  }

  setLife(entry: StoredEntry, life: Life): void {
    const isEndless = life.ttlMs === 0
    entry.softEndMs = isEndless ? Number.POSITIVE_INFINITY : this.nowMs() + life.ttlMs
    entry.hardEndMs = entry.softEndMs + (isEndless ? 0 : life.graceMs)
  }

  isDoubtful(entry: StoredEntry): boolean {
    return entry.fleet !== undefined && entry.fleet.doubt !== this.doubt
  }

  isStale(entry: StoredEntry): boolean {
    return this.#isExpiredByTag(entry) || this.isLifeOver(entry)
  }

  /** Ended by a tag. */
  isGoneByTag({ tags, softEndMs, hardEndMs }: StoredEntry): boolean {
    if (tags === undefined) return false
    const state = this.tags.since(tags.slots, tags.clock)
    return state === 'gone' || (state === 'expired' && !(hardEndMs > softEndMs))
  }

  #isExpiredByTag({ tags }: StoredEntry): boolean {
    return tags !== undefined && this.tags.since(tags.slots, tags.clock) !== 'current'
  }

  isLifeOver(entry: StoredEntry): boolean {
    return entry.softEndMs !== Number.POSITIVE_INFINITY && entry.softEndMs <= this.nowMs()
  }

  isExpired(entry: StoredEntry): boolean {
    return entry.hardEndMs !== Number.POSITIVE_INFINITY && entry.hardEndMs <= this.nowMs()
  }

  checkOpen(): void {
    if (this.#isClosed) throw new CacheError('ERR_CACHE_CLOSED', 'the cache is closed')
  }

  close(): void {
    this.#isClosed = true
    this.entries.clear()
    this.leases.close()
  }
}

function bytesOfEntry(entry: StoredEntry, id: string): number {
  return ENTRY_OVERHEAD_BYTES + id.length + payloadBytes(entry)
}

function payloadBytes(entry: StoredEntry): number {
  const { payload } = entry
  return typeof payload === 'string' ? payload.length * (entry.codec === 0 ? 1 : 2) : payload.byteLength
}
