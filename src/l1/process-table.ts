/**
 * The near tier within one isolate: the contract of `table.ts` over an LRU in the JS heap.
 *
 * Used where no native binary loads, and as the reference in tests. Values are kept encoded, so a
 * caller can never change what another one reads.
 */
import type { Unreadable } from '../wire/unreadable'
import { ProcessStore } from './process-store'
import type { ProcessTags } from './process-tags'
import { ProcessView } from './process-view'
import type { L1Stats, L1Table, Scanned } from './table'

export class ProcessL1 implements L1Table {
  readonly kind = 'process'
  readonly root: ProcessView
  readonly tags: ProcessTags
  readonly unreadable: Unreadable
  readonly #store: ProcessStore
  readonly #memoryBytes: number
  #loadMs = 0

  /** `memory` bounds keys, payloads and their bookkeeping together, in bytes. */
  constructor(options: { memory: number }) {
    this.#memoryBytes = options.memory
    this.#store = new ProcessStore(options.memory)
    this.unreadable = this.#store.unreadable
    this.root = new ProcessView(this.#store, undefined, '')
    this.tags = this.#store.tags
  }

  stats(): L1Stats {
    const { entries, counters } = this.#open()
    return {
      entries: entries.size,
      liveBytes: entries.calculatedSize,
      memoryBytes: this.#memoryBytes,
      ...counters,
      negative: this.#store.negative.told(),
      quotas: Object.fromEntries([...this.#store.quotas].filter(([, { limit }]) => limit !== Number.POSITIVE_INFINITY).map(([path, quota]) => [path, quota.told()])),
      detail: { loadMs: this.#loadMs, doubtful: this.#store.doubtfulCount, unreadable: this.unreadable.count },
    }
  }

  /** The most recently used is the hottest. All of it is one part. */
  scan(): { found: Scanned[]; next: undefined } {
    const ids = [...this.#open().entries.keys()]
    const found: Scanned[] = []
    ids.forEach((id, rank) => {
      const value = this.root.scanned(id)
      if (value !== undefined) found.push({ ...value, heat: 7 - Math.floor((8 * rank) / ids.length) })
    })
    return { found, next: undefined }
  }

  onLeaseEnd(listener: () => void): () => void {
    return this.#open().leases.listen(listener)
  }

  setNegativeQuota(bytes: number): void {
    this.#open().negative.limit = bytes
  }

  doubt(): number {
    return this.#open().doubt
  }

  resetFleetEpochs(root: number): void {
    this.#open()
    this.root.resetFleetEpochs(root)
    this.tags.resetFleet()
  }

  raiseDoubt(): number {
    return ++this.#open().doubt
  }

  flush(): void {
    const { leases } = this.#open()
    this.root.flush()
    leases.notify()
  }

  nowMs(): number {
    return this.#open().nowMs()
  }

  recordLoad(ms: number): void {
    this.#loadMs += ms
  }

  advanceClock(ms: number): void {
    this.#open().advanceClock(ms)
  }

  close(): void {
    this.#store.close()
  }

  #open(): ProcessStore {
    this.#store.checkOpen()
    return this.#store
  }
}
