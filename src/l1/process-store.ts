/** What the views of a process table share: the entries, the leases, the clock, the counters. */
import { LRUCache } from 'lru-cache'
import { CacheError } from '../words/errors'
import { ProcessLeases } from './process-leases'
import type { Life } from './table'

/** What an entry costs beside its key and its payload: the LRU's slots, the map's slot, the record. */
const ENTRY_OVERHEAD_BYTES = 160

/** The same limit as in the shared table. */
const MAX_ENTRY_BYTES = 16 * 1024 * 1024

export interface StoredEntry {
  codec: number
  payload: string | Uint8Array
  version: number
  /** The namespace's epoch when it was stored. Any clear above it moves the namespace past it. */
  epoch: number
  softEndMs: number
  hardEndMs: number
  /** `version` 0 = pending or unknown, `mark` 0 = not pending. */
  fleet: { version: number; mark: number; doubt: number } | undefined
}

export class ProcessStore {
  readonly entries: LRUCache<string, StoredEntry>
  readonly leases = new ProcessLeases()
  readonly counters = { hits: 0, misses: 0, sets: 0, deletes: 0, evictions: 0, expirations: 0, loads: 0 }
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
    this.entries = new LRUCache<string, StoredEntry>({
      maxSize: memoryBytes,
      maxEntrySize: Math.min(memoryBytes, MAX_ENTRY_BYTES),
      sizeCalculation: (entry, id) => ENTRY_OVERHEAD_BYTES + id.length + payloadBytes(entry),
      dispose: (_entry, _id, reason) => {
        if (reason === 'evict') this.counters.evictions++
      },
    })
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

function payloadBytes(entry: StoredEntry): number {
  const { payload } = entry
  return typeof payload === 'string' ? payload.length * (entry.codec === 0 ? 1 : 2) : payload.byteLength
}
