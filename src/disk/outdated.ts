/**
 * Removes from the disk what this isolate's changes have made outdated, and then gives back the holds of the changes.
 *
 * A change looks whether a copy is there, in a snapshot made after it looked whether copies are being written; only if one is, or
 * may come to be, it takes a transaction. Until the disk can be used, and while it fails, keys stay held.
 */
import type { CopiedView, TableCopies } from '../l1/copies'
import type { CopyDirectory } from './copy-directory'
import { type CopyFile, copyKey } from './copy-file'

export type Outdated =
  | { view: CopiedView; key: string }
  /** All copies that the name of a clear is about. */
  | { clear: string }

export interface OutdatedCounters {
  removed: number
  failures: number
  forgotten: number
}

/** A change is acknowledged without the disk after so long. */
const SETTLE_MS = 1_000
const RETRY_MS = 1_000
const MAX_WAITING = 262_144

export class OutdatedCopies {
  readonly counters: OutdatedCounters = { removed: 0, failures: 0, forgotten: 0 }
  readonly #table: TableCopies
  readonly #directory: CopyDirectory
  /** Undefined: it cannot be used yet. */
  #file: CopyFile | undefined
  #changes: Outdated[] = []
  #isScheduled = false
  readonly #removals = new Set<Promise<void>>()
  #owing: Promise<void> | undefined
  /** What is outdated is not known in full. */
  #isLost = false
  #isClosed = false

  constructor(table: TableCopies, directory: CopyDirectory) {
    this.#table = table
    this.#directory = directory
  }

  use(file: CopyFile): void {
    this.#file = file
    this.flush()
    this.#relieve()
  }

  add(change: Outdated): void {
    if (this.#file === undefined && this.#changes.length >= MAX_WAITING) {
      this.counters.forgotten++
      this.#isLost = true
      return
    }
    this.#changes.push(change)
    if (this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(() => this.flush())
  }

  /** Nobody of another life may use the copies, whatever this isolate does from now on. */
  lose(): void {
    this.#isLost = true
    void this.#owe()
  }

  settled(): Promise<void> | undefined {
    this.flush()
    const isCovered = this.#removals.size === 0 && this.#changes.length === 0 && !this.#isLost
    if (isCovered || this.#isClosed) return undefined
    return this.#settled()
  }

  flush(): void {
    this.#isScheduled = false
    const file = this.#file
    if (file === undefined || this.#changes.length === 0 || this.#isClosed) return
    const changes = this.#changes
    this.#changes = []
    let left: Outdated[] = changes
    try {
      // The look at the word comes before the snapshot: what was over by then is in it.
      const isSpilling = this.#table.isSpilling()
      if (!isSpilling) {
        file.renew()
        // Others of this region may read a file whose name is gone: this one tells nothing of it.
        if (file.life() !== this.#table.regionId) return
        left = changes.filter((change) => 'clear' in change || file.has(copyKey(change.view.namespace, change.key)))
      }
      if (left.length < changes.length) {
        const isLeft = new Set(left)
        for (const change of changes) if (!isLeft.has(change)) release(change)
      }
    } catch {
      this.counters.failures++
    }
    if (left.length > 0) this.#remove(left)
  }

  /** Waits as long as an acknowledgement would. What is outdated yet stays held, and is told to the next life. */
  async close(): Promise<void> {
    this.flush()
    if (this.#removals.size > 0 || this.#changes.length > 0) await this.#settled()
    // What the next life has to know is on the disk before this one ends.
    else if (this.#owing !== undefined) await within(this.#owing, SETTLE_MS)
    this.#isClosed = true
  }

  async #settled(): Promise<void> {
    if (this.#file !== undefined && this.#owing === undefined && !this.#isLost) {
      const isOver = await within(Promise.all(this.#removals), SETTLE_MS)
      if (isOver) return
    }
    await within(this.#owe(), SETTLE_MS)
  }

  #owe(): Promise<void> {
    return (this.#owing ??= this.#directory.owe(this.#table.regionId).catch(() => void this.counters.failures++))
  }

  #remove(changes: Outdated[]): void {
    const removal = this.#removed(changes).then(() => {
      this.#removals.delete(removal)
      this.#relieve()
    })
    this.#removals.add(removal)
  }

  async #removed(changes: Outdated[]): Promise<void> {
    while (!this.#isClosed) {
      try {
        let count = 0
        let isOurs = false
        await this.#file!.write((transaction) => {
          count = 0
          isOurs = transaction.life() === this.#table.regionId
          for (const change of changes) {
            if ('clear' in change) transaction.clear(change.clear)
            else if (transaction.remove(copyKey(change.view.namespace, change.key))) count++
          }
        })
        this.counters.removed += count
        if (isOurs && !this.#isClosed) for (const change of changes) release(change)
        return
      } catch {
        this.counters.failures++
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref())
      }
    }
  }

  /** Nothing is outdated any more. */
  #relieve(): void {
    if (this.#owing === undefined || this.#isLost || this.#removals.size > 0 || this.#changes.length > 0) return
    this.#owing = undefined
    this.#directory.settle()
  }
}

function release(change: Outdated): void {
  if ('clear' in change) return
  try {
    change.view.release(change.key)
  } catch {
    // The table was closed; the key stays held.
  }
}

/** Whether it resolved in time. */
async function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), ms)))
  try {
    return await Promise.race([promise.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}
