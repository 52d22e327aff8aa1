/**
 * The leader's side of a host: campaigns for the lead, and leads while it has it. Runs in a worker thread
 * of one process, in a daemon, or where the connection cannot be sent to a thread in the isolate itself.
 */
import { AbandonedJournals } from './abandoned-journals'
import type { Journal } from './journal/contract'
import { filesLeft, removeFile, removeFinished } from './journal/disk-files'
import { journalHosts } from './journal/open'
import type { SharedJournalOptions } from './journal/shared-journal'
import type { L1Table } from './l1/table'
import { CONTROL_PARTITION, type FarConfig, type LinkState } from './l2/contract'
import { CatchUp } from './l2/catch-up'
import { ServerClock } from './l2/clock'
import { RedisFeed } from './l2/feed'
import { ForeignWriters } from './l2/foreign'
import { History } from './l2/history'
import { Names } from './l2/names'
import { Nodes } from './l2/nodes'
import { Writer } from './l2/writer'
import { Applier } from './sync/applier'
import { Backoff } from './sync/backoff'
import { type Replayed, replayDisk } from './sync/disk-replay'
import type { LeaderSettings } from './sync/delivery'
import { Leader } from './sync/leader'
import { Touched } from './sync/touched'
import type { CacheError } from './words/errors'

/** Plain data: it is sent to the worker thread. */
export interface CoordinationSettings {
  far: FarConfig
  leader: LeaderSettings
  heartbeatMs: number
  onReconnect: 'replay' | 'revalidate' | 'flush' | 'keep'
  /** Of the append-only files. */
  diskDirectory: string
  /** What the host's journals have in common; absent: what former lives have left, there and on the disk, is left alone. */
  journals?: SharedJournalOptions
  foreignWriters: boolean
}

export type CoordinationEvent =
  | { event: 'lead'; term: number }
  /** A write that Redis refused for good. */
  | { event: 'dead'; reason: string }
  /** Writes wait in the journal for a permission of the user in Redis. */
  | { event: 'denied'; reason: string }
  /** They are taken again. */
  | { event: 'granted' }
  /** Writes that a former life of the host had left on the disk. */
  | ({ event: 'replayed' } & Replayed)
  | { event: 'unreplayed'; message: string }
  /** The journal of a former life of the cache is brought to Redis. */
  | { event: 'adopted'; pendingBytes: number }
  | { event: 'link'; state: LinkState; error?: { code: string; message: string } }

export class Coordination {
  readonly #table: L1Table
  readonly #journal: Journal
  readonly #settings: CoordinationSettings
  readonly #tell: (event: CoordinationEvent) => void
  #leader: Leader | undefined
  #writer: Writer | undefined
  #nodes: Nodes | undefined
  #foreign: ForeignWriters | undefined
  #touched: Touched | undefined
  #isClosed = false
  #deadToldMs = Number.NEGATIVE_INFINITY
  #hasReplayed = false
  #replayAgain: NodeJS.Timeout | undefined
  readonly #replayPause = new Backoff(1_000, 60_000)
  #tidying: NodeJS.Timeout | undefined
  #abandoned: AbandonedJournals | undefined

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
    clearInterval(this.#tidying)
    clearTimeout(this.#replayAgain)
    this.#foreign?.stop()
    this.#touched?.stop()
    await Promise.all([this.#abandoned?.close(), this.#leader?.stop()])
    if (this.#leader !== undefined) this.#tidy()
    this.#journal.resign()
    await this.#writer?.close()
    this.#nodes?.close()
  }

  /** A batch may have thousands. */
  #tellDead(reason: string): void {
    if (performance.now() - this.#deadToldMs < DEAD_AGAIN_MS) return
    this.#deadToldMs = performance.now()
    this.#tell({ event: 'dead', reason })
  }

  #lead(term: number): void {
    if (this.#isClosed) return this.#journal.resign()
    const { far, leader, heartbeatMs, onReconnect, foreignWriters } = this.#settings
    const table = this.#table
    const journal = this.#journal
    const from = journal.knownPositions()
    // One connection for writes and heartbeats, one that listens.
    const nodes = new Nodes(far)
    const applier = new Applier(table, journal, {
      onReconnect,
      onHeard: () => this.#leader?.remember(),
      onLink: (state, error) => {
        this.#leader?.onLink()
        if (state === 'connected') this.#replay(nodes, () => feed.positions().epochs[CONTROL_PARTITION]!)
        this.#tell({ event: 'link', state, ...told(error) })
      },
      onVersion: (of, version) => this.#touched?.learn(of.namespace, of.key, version),
    })
    const feed = new RedisFeed(far, applier, { origin: journal.hostId, skipsOwn: true, heartbeatMs, from }, nodes, new ServerClock())
    const writer = new Writer(far, { origin: journal.hostId, seqFloor: (partition) => feed.seqOf(partition) }, nodes)
    this.#writer = writer
    this.#nodes = nodes
    this.#leader = new Leader({
      table, journal, writer, feed, applier, onDead: (reason) => this.#tellDead(reason),
      onDenied: (reason) => this.#tell(reason === undefined ? { event: 'granted' } : { event: 'denied', reason }),
    }, leader)
    if (foreignWriters) this.#watchForeign(far, heartbeatMs, nodes, applier)
    this.#tell({ event: 'lead', term })
    this.#leader.start()
    this.#tidying = setInterval(() => this.#tidy(), TIDY_MS).unref()
    this.#tidy()
    const { journals, ...settings } = this.#settings
    if (journals === undefined || journal.kind !== 'shared') return
    this.#abandoned = new AbandonedJournals(
      journals,
      (ofLife, left) => new Coordination(ofLife, left, { ...settings, foreignWriters: false }, (event) => this.#hearOfLeft(event)),
      (pendingBytes) => this.#tell({ event: 'adopted', pendingBytes }),
    )
  }

  /** Who leads, and how the link is, is told of the host's own journal. */
  #hearOfLeft(event: CoordinationEvent): void {
    if (event.event !== 'lead' && event.event !== 'link') this.#tell(event)
  }

  #tidy(): void {
    const { kind, hostId } = this.#journal
    if (kind === 'shared') removeFinished(this.#settings.diskDirectory, hostId, (mark) => this.#journal.isSettled(mark))
  }

  /** Once in a term, when the feed knows what the namespaces' epochs are; again later where files could not be read or removed. */
  #replay(nodes: Nodes, controlEpoch: () => number): void {
    if (this.#hasReplayed) return
    this.#hasReplayed = true
    this.#replayFiles(nodes, controlEpoch()).catch(({ message }: Error) => {
      if (this.#isClosed) return
      this.#tell({ event: 'unreplayed', message })
      this.#replayAgain = setTimeout(() => {
        this.#hasReplayed = false
        this.#replay(nodes, controlEpoch)
      }, this.#replayPause.next()).unref()
    })
  }

  async #replayFiles(nodes: Nodes, controlEpoch: number): Promise<void> {
    const { far, diskDirectory, journals } = this.#settings
    if (journals === undefined) return
    const journal = this.#journal
    const hostIds = new Set([journal.hostId, ...(journal.kind === 'shared' ? journalHosts(journals) : [])])
    const { left, unread } = filesLeft(diskDirectory, hostIds, journal.kind === 'process')
    if (left.length > 0) {
      const catchUp = new CatchUp(nodes, { config: far, names: new Names(far.cache, far.prefix), origin: journal.hostId, logCap: 0, tombstoneMs: 0 })
      const replayed = await replayDisk({ table: this.#table, journal, history: new History(catchUp), controlEpoch }, left)
      if (replayed === undefined) return
      for (const { path } of left) removeFile(path)
      this.#tell({ event: 'replayed', ...replayed })
    }
    if (unread.length > 0) throw new Error(unread.join('; '))
  }

  #watchForeign(far: FarConfig, heartbeatMs: number, nodes: Nodes, applier: Applier): void {
    const foreign: ForeignWriters = new ForeignWriters(far, {
      onTouched: (partition, namespace, key) => this.#touched?.touch(partition, namespace, key),
      onDoubt: () => applier.onDoubt(-1, 'server'),
    }, { pingMs: heartbeatMs, nodes })
    this.#touched = new Touched(this.#table, this.#journal, foreign)
    this.#foreign = foreign
    foreign.start()
  }
}

const DEAD_AGAIN_MS = 1_000
const TIDY_MS = 30_000

function told(error: CacheError | undefined): { error?: { code: string; message: string } } {
  return error === undefined ? {} : { error: { code: error.code, message: error.message } }
}
