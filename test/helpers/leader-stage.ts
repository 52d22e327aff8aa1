/** A leader between a journal and a table of one process, with fakes of everything that speaks Redis. */
import { ProcessJournal } from '../../src/journal/process-journal'
import { ProcessL1 } from '../../src/l1/process-table'
import type { EntryResult, FarWriter, Feed, WriteRecord } from '../../src/l2/contract'
import { Applier, type ApplierOptions } from '../../src/sync/applier'
import type { LeaderSettings } from '../../src/sync/delivery'
import { Leader } from '../../src/sync/leader'
import { elected } from '../contract/with-journal'

/** The partition of the writes. */
export const PARTITION = 7
/** What Redis says of every partition, unless a test says more. */
export const SEQ = 41
export const applied: EntryResult = { state: 'applied', version: 42_000 }

/** Answers a batch of one partition, record by record. */
export type Answer = (batch: readonly WriteRecord[], stage: LeaderStage) => EntryResult[] | Promise<EntryResult[]>

export interface StageOptions extends Partial<LeaderSettings> {
  answer: Answer
  /** How far the feed has heard of every partition. */
  heard?: () => number
  journalBytes?: number
  onReconnect?: ApplierOptions['onReconnect']
}

const SETTINGS: LeaderSettings = { batchRecords: 10, batchBytes: 1_000, batchDelayMs: 0, writeTimeoutMs: 1_000, replicas: 0 }

export class LeaderStage {
  readonly table = new ProcessL1({ memory: 1024 * 1024 })
  readonly journal: ProcessJournal
  readonly applier: Applier
  readonly #options: StageOptions
  #leader: Leader | undefined

  constructor(options: StageOptions) {
    this.#options = options
    this.journal = new ProcessJournal({ bytes: options.journalBytes ?? 1024 * 1024 })
    this.applier = new Applier(this.table, this.journal, { onReconnect: options.onReconnect ?? 'replay', onLink: () => {} })
  }

  /** The next leader, elected and started. */
  async lead(answer = this.#options.answer): Promise<void> {
    const { answer: _, heard = () => SEQ, onReconnect, journalBytes, ...settings } = this.#options
    const { table, journal, applier } = this
    const writer: FarWriter = {
      write: async (batch) => {
        const results = await answer(batch, this)
        return [{ partition: batch[0]!.partition, records: batch, results, epoch: 1, lastSeq: SEQ, replicas: 0 }]
      },
      byNode: (records) => [[...records]], missingPermissions: async () => [], stats: () => ({}), close: async () => {},
    }
    const positions = () => ({ seqs: new Float64Array(257).fill(heard()), epochs: new Float64Array(257).fill(1), servers: new Float64Array(257) })
    const feed: Feed = { start() {}, stop: async () => {}, positions, link: 'connected', runId: '', stats: () => ({}) }
    await elected(journal)
    this.#leader = new Leader({ table, journal, writer, feed, applier }, { ...SETTINGS, ...settings })
    this.#leader.start()
  }

  /** The leader stops; what it has no answer to is left to the next. */
  async resign(): Promise<void> {
    await this.#leader?.stop()
    this.#leader = undefined
    this.journal.resign()
  }

  async close(): Promise<void> {
    await this.#leader?.stop()
    this.journal.close()
    this.table.close()
  }
}

/** Runs `body` with a stage whose leader is not started yet. */
export async function withLeader(options: StageOptions, body: (stage: LeaderStage) => Promise<void>): Promise<void> {
  const stage = new LeaderStage(options)
  try {
    await body(stage)
  } finally {
    await stage.close()
  }
}
