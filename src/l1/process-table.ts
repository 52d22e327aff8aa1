/**
 * The near tier within one isolate: the contract of `table.ts` over an LRU in the JS heap.
 *
 * Used where no native binary loads, and as the reference in tests. Values are kept encoded, so a
 * caller can never change what another one reads.
 */
import { ProcessStore } from './process-store'
import { ProcessView } from './process-view'
import type { L1Stats, L1Table } from './table'

export class ProcessL1 implements L1Table {
  readonly kind = 'process'
  readonly root: ProcessView
  readonly #store: ProcessStore
  readonly #memoryBytes: number
  #loadMs = 0

  /** `memory` bounds keys, payloads and their bookkeeping together, in bytes. */
  constructor(options: { memory: number }) {
    this.#memoryBytes = options.memory
    this.#store = new ProcessStore(options.memory)
    this.root = new ProcessView(this.#store, undefined, '')
  }

  stats(): L1Stats {
    const { entries, counters } = this.#open()
    return {
      entries: entries.size,
      liveBytes: entries.calculatedSize,
      memoryBytes: this.#memoryBytes,
      ...counters,
      detail: { loadMs: this.#loadMs, doubtful: this.#store.doubtfulCount },
    }
  }

  onLeaseEnd(listener: () => void): () => void {
    return this.#open().leases.listen(listener)
  }

  doubt(): number {
    return this.#open().doubt
  }

  resetFleetEpochs(root: number): void {
    this.#open()
    this.root.resetFleetEpochs(root)
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
