/**
 * What a forced load may be stored over: a version that is older than the load, as far as that is known. Any other may be
 * newer than what is loaded.
 */
import type { Journal } from '../journal/contract'
import type { L1Entry } from '../l1/table'
import type { ReadResult } from '../l2/contract'
import type { TimedWish, Wish } from './below'
import { heardUpTo, isOfMark, markOf, versionOfEntry } from './versions'

/** Between a read whose value could not be stored and the news of it, which is what it could not be stored for. */
const HANDED_OUT = 64

export interface ForcedSettings {
  softTimeoutMs: number
  hardTimeoutMs: number
}

export class ForcedBase {
  readonly #journal: Journal
  readonly #settings: ForcedSettings
  readonly #handedOut = new Map<string, number>()

  constructor(journal: Journal, settings: ForcedSettings) {
    this.#journal = journal
    this.#settings = settings
  }

  /** A caller was given that version, and the table does not show it. */
  handedOut(of: Wish, version: number): void {
    const id = idOf(of)
    this.#handedOut.delete(id)
    this.#handedOut.set(id, version)
    for (const oldest of this.#handedOut.keys()) {
      if (this.#handedOut.size <= HANDED_OUT) return
      this.#handedOut.delete(oldest)
    }
  }

  /**
   * For a load that begins now: the version the table has, or else the one Redis tells while the loader runs, if it is of
   * the write that the table shows, was given to a caller, or the host had heard of it before.
   */
  base(wish: TimedWish, held: L1Entry | undefined, partition: number, ask: () => Promise<ReadResult>): number | Promise<number | undefined> {
    const known = held === undefined ? undefined : versionOfEntry(this.#journal, held)
    if (known !== undefined && !isOfMark(known)) return known
    const heard = heardUpTo(this.#journal.knownPositions(), partition)
    const given = this.#handedOut.get(idOf(wish))
    return ask().then(async (result) => {
      const base = result.state === 'hit' ? result.version : result.state === 'miss' ? result.base : undefined
      if (base === undefined || base <= heard || base === given) return base
      return known !== undefined && (await this.#versionOf(markOf(known), wish.startMs + this.#settings.hardTimeoutMs)) === base ? base : undefined
    })
  }

  /** What Redis gave a write of this host that it has, as far as is told soon. */
  async #versionOf(mark: number, deadlineMs: number): Promise<number | undefined> {
    await this.#journal.settled(mark, Math.min(deadlineMs, performance.now() + this.#settings.softTimeoutMs))
    const answer = this.#journal.answerOf(mark)
    return answer?.result === 'stored' ? answer.version : undefined
  }
}

function idOf({ view, key }: Wish): string {
  return `${view.namespace}|${key}`
}
