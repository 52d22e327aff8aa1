/**
 * Journals of lives of the cache whose regions are gone, and that nobody uses any more: a leader of its own, on a table of its
 * own, brings what is pending in one to Redis, as another host would. Then its file goes, but for one with dead letters: the next
 * region that has no journal goes on with that.
 */
import type { Journal } from './journal/contract'
import { adoptJournal } from './journal/open'
import type { SharedJournalOptions } from './journal/shared-journal'
import { ProcessL1 } from './l1/process-table'
import type { L1Table } from './l1/table'

/** Whoever uses a journal may go at any time; a look is a walk over the directory. */
const LOOK_MS = 5_000
/** Of a table in which nothing is looked for. */
const MEMORY_BYTES = 1024 * 1024

interface Coordinating {
  start(): void
  close(): Promise<void>
}

interface Adopted {
  journal: Journal
  table: L1Table
  coordination: Coordinating
}

export class AbandonedJournals {
  readonly #options: SharedJournalOptions
  readonly #coordinate: (table: L1Table, journal: Journal) => Coordinating
  readonly #tell: (pendingBytes: number) => void
  readonly #looking: NodeJS.Timeout
  #adopted: Adopted | undefined
  #ending: Promise<void> = Promise.resolve()

  /** `tell` hears how much was found in each. */
  constructor(options: SharedJournalOptions, coordinate: (table: L1Table, journal: Journal) => Coordinating, tell: (pendingBytes: number) => void) {
    this.#options = options
    this.#coordinate = coordinate
    this.#tell = tell
    this.#looking = setInterval(() => this.#look(), LOOK_MS).unref()
    this.#look()
  }

  /** What is not in Redis by then is left to the next leader. */
  async close(): Promise<void> {
    clearInterval(this.#looking)
    await this.#ending
    await this.#end({ unlink: false })
  }

  #look(): void {
    const { journal } = this.#adopted ?? {}
    if (journal !== undefined) {
      if (pendingIn(journal) === 0) this.#ending = this.#end({ unlink: true })
      return
    }
    const found = this.#adopt()
    if (found === undefined) return
    const pendingBytes = pendingIn(found)
    if (pendingBytes === 0) return found.close({ unlink: found.deadLetters().length === 0 })
    const table = new ProcessL1({ memory: MEMORY_BYTES })
    const coordination = this.#coordinate(table, found)
    this.#adopted = { journal: found, table, coordination }
    this.#tell(pendingBytes)
    coordination.start()
  }

  #adopt(): Journal | undefined {
    try {
      return adoptJournal(this.#options)
    } catch {
      // The directory is gone, or no longer ours: so is what lay in it.
      return undefined
    }
  }

  async #end(how: { unlink: boolean }): Promise<void> {
    const adopted = this.#adopted
    if (adopted === undefined) return
    this.#adopted = undefined
    await adopted.coordination.close()
    adopted.journal.close({ unlink: how.unlink && adopted.journal.deadLetters().length === 0 })
    adopted.table.close()
  }
}

function pendingIn(journal: Journal): number {
  return journal.stats()['pending_bytes'] ?? 0
}
