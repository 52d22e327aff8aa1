/** Clears of this host that Redis has answered and the feed may not have told yet. */
import type { L1Table } from '../l1/table'
import type { EntryResult, Feed } from '../l2/contract'
import { CONTROL_PARTITION } from '../l2/contract'
import { tagClearOf } from './tag-words'
import { viewAt } from './views'

/** Late, they cost a miss in Redis and nothing else. */
const PATIENCE_MS = 1_000
const LOOK_MS = 2

export class OwnClears {
  readonly #table: L1Table
  readonly #feed: Feed
  /** The last of them. */
  #seq = 0
  /** One of them is of a namespace, and the answer did not say what its epoch is. */
  #isEpochUntold = false

  constructor(table: L1Table, feed: Feed) {
    this.#table = table
    this.#feed = feed
  }

  /** What has ended at which epoch, or at which sequence: where that is not told, it is taken for the last one. */
  note(namespace: string, entry: EntryResult, lastSeq: number): void {
    if (entry.state !== 'applied' && entry.state !== 'dup') return
    const clear = tagClearOf(namespace)
    const sequence = clear !== undefined && entry.state === 'applied' ? entry.version : lastSeq
    if (clear !== undefined) this.#table.tags.noteFleetClear(clear.slot, clear.kind, sequence)
    else if (entry.state === 'applied') return viewAt(this.#table, namespace).advanceFleetEpoch(entry.version)
    else this.#isEpochUntold = true
    this.#seq = Math.max(this.#seq, sequence)
  }

  /** Whether what is to be sent would go as of before them. */
  matterTo(hasTags: boolean): boolean {
    return this.#seq > 0 && (hasTags || this.#isEpochUntold)
  }

  /** Until the feed has told them, or nobody leads any more. */
  async told(isLeading: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + PATIENCE_MS
    while (isLeading() && this.#feed.positions().seqs[CONTROL_PARTITION]! < this.#seq && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
    this.#seq = 0
    this.#isEpochUntold = false
  }
}
