/**
 * The leader's side of a host: campaigns for the lead, and leads while it has it. Runs in a worker thread
 * of one process, in a daemon, or where the connection cannot be sent to a thread in the isolate itself.
 */
import type { Journal } from './journal/contract'
import type { L1Table } from './l1/table'
import type { FarConfig, LinkState } from './l2/contract'
import { ServerClock } from './l2/clock'
import { RedisFeed } from './l2/feed'
import { Nodes } from './l2/nodes'
import { Writer } from './l2/writer'
import { Applier } from './sync/applier'
import { Leader, type LeaderSettings } from './sync/leader'
import type { CacheError } from './words/errors'

/** Plain data: it is sent to the worker thread. */
export interface CoordinationSettings {
  far: FarConfig
  leader: LeaderSettings
  heartbeatMs: number
  onReconnect: 'replay' | 'revalidate' | 'flush' | 'keep'
}

export type CoordinationEvent =
  | { event: 'lead'; term: number }
  | { event: 'link'; state: LinkState; error?: { code: string; message: string } }

export class Coordination {
  readonly #table: L1Table
  readonly #journal: Journal
  readonly #settings: CoordinationSettings
  readonly #tell: (event: CoordinationEvent) => void
  #leader: Leader | undefined
  #writer: Writer | undefined
  #nodes: Nodes | undefined
  #isClosed = false

  constructor(table: L1Table, journal: Journal, settings: CoordinationSettings, tell: (event: CoordinationEvent) => void) {
    this.#table = table
    this.#journal = journal
    this.#settings = settings
    this.#tell = tell
  }

  /** Joins those who wait for the lead. */
  start(): void {
    this.#journal.campaign((term) => this.#lead(term))
  }

  stats(): Record<string, number> {
    return { ...this.#leader?.counters }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#leader?.stop()
    this.#journal.resign()
    await this.#writer?.close()
    this.#nodes?.close()
  }

  #lead(term: number): void {
    if (this.#isClosed) return this.#journal.resign()
    const { far, leader, heartbeatMs, onReconnect } = this.#settings
    const table = this.#table
    const journal = this.#journal
    const from = journal.knownPositions()
    const applier = new Applier(table, journal, {
      onReconnect,
      onLink: (state, error) => {
        this.#leader?.onLink()
        this.#tell({ event: 'link', state, ...told(error) })
      },
    })
    // One connection for writes and heartbeats, one that listens.
    const nodes = new Nodes(far)
    const feed = new RedisFeed(far, applier, { origin: journal.hostId, heartbeatMs, from }, nodes, new ServerClock())
    const writer = new Writer(far, { origin: journal.hostId, seqFloor: (partition) => feed.positions().seqs[partition] ?? 0 }, nodes)
    this.#writer = writer
    this.#nodes = nodes
    this.#leader = new Leader({ table, journal, writer, feed, applier }, leader)
    this.#tell({ event: 'lead', term })
    this.#leader.start()
  }
}

function told(error: CacheError | undefined): { error?: { code: string; message: string } } {
  return error === undefined ? {} : { error: { code: error.code, message: error.message } }
}
