/** What a cache with `redis` has beside its table: the journal, the reader, and a part in the host's coordination. */
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { Coordination, type CoordinationEvent, type CoordinationSettings } from './coordination'
import type { Journal } from './journal/contract'
import { defaultJournalBytes, openJournal } from './journal/open'
import type { SharedJournalOptions } from './journal/shared-journal'
import type { L1Table } from './l1/table'
import type { FarConfig } from './l2/contract'
import { partitionOf } from './l2/names'
import { Reader } from './l2/reader'
import { connectionSpec, hostOf, whatCannotBeSent } from './l2/redis'
import type { ParsedOptions } from './options'
import { tableOptionsOf } from './open'
import { type FarSettings, FarTier } from './sync/far-tier'
import { FarWrites } from './sync/far-writes'
import { GuardedReader } from './sync/guarded-reader'

/** What the coordinator's thread is started with. */
export interface CoordinatorData {
  table: ReturnType<typeof tableOptionsOf>
  journal: SharedJournalOptions
  settings: CoordinationSettings
}

export interface FarInfo {
  /** Where Redis is, without user and password. */
  host: string
  /** The state of the host's link, as its leader sees it. */
  link: 'never' | 'connecting' | 'connected' | 'lost'
  /** Changes of other hosts may be missing: nothing was heard from Redis for too long. */
  degraded: boolean
  /** Rises with each leader of this host. */
  term: number
}

const CLOSE_THREAD_MS = 1_000

export class Far {
  readonly tier: FarTier
  readonly writes: FarWrites
  readonly journal: Journal
  readonly settings: FarSettings
  readonly #reader: GuardedReader
  readonly #options: ParsedOptions
  readonly #host: string
  #worker: Worker | undefined
  #coordination: Coordination | undefined
  #claiming: NodeJS.Timeout | undefined
  readonly #watch: NodeJS.Timeout

  constructor(options: ParsedOptions, table: L1Table) {
    const { l2 } = options
    const config: FarConfig = { connection: connectionSpec(options.redis), cache: options.name }
    this.#options = options
    this.#host = hostOf(config.connection)
    this.settings = { softTimeoutMs: l2.softTimeoutMs, hardTimeoutMs: l2.hardTimeoutMs, ttlMs: l2.ttlMs, partitionOf }
    this.journal = openJournal(table.kind, journalOptionsOf(options))
    this.#reader = new GuardedReader(new Reader(config), this.journal)
    this.tier = new FarTier(table, this.journal, this.#reader, this.settings)
    this.writes = new FarWrites(table, this.journal, this.settings)
    if (options.coordinator === 'auto') this.#coordinate(table, config)
    this.#watch = watchLeader(table, this.journal, l2.heartbeatMs)
  }

  info(): FarInfo {
    const { link, lastHeardMs, term } = this.journal.status
    const silentMs = this.journal.nowMs() - lastHeardMs
    return { host: this.#host, link, degraded: link !== 'connected' || silentMs > 4 * this.#options.l2.heartbeatMs, term }
  }

  /** Resolves when the host's leader is in contact with Redis, or after the hard timeout. */
  async ready(): Promise<void> {
    const deadlineMs = performance.now() + this.settings.hardTimeoutMs
    while (this.journal.status.link !== 'connected' && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
    }
  }

  stats(): Record<string, number> {
    return { ...prefixed('journal', this.journal.stats()), ...prefixed('reader', this.#reader.stats()) }
  }

  /** Waits for this isolate's writes, `l2.closeTimeout` at most; what is not in Redis then stays in the journal. */
  async close(closeTable: () => void): Promise<void> {
    clearInterval(this.#claiming)
    clearInterval(this.#watch)
    // A leader in this isolate still needs the table; every other has its own.
    if (this.#coordination === undefined) closeTable()
    const isDrained = await this.writes.drained(performance.now() + this.#options.l2.closeTimeoutMs)
    if (!isDrained) this.#options.logger?.warn({ cache: this.#options.name }, 'closed before all writes were in Redis; the rest stays in the journal')
    await this.#coordination?.close()
    await this.#endWorker()
    await this.#reader.close()
    this.journal.close()
    closeTable()
  }

  #coordinate(table: L1Table, config: FarConfig): void {
    const { l2, onReconnect, durability } = this.#options
    const settings: CoordinationSettings = {
      far: config,
      heartbeatMs: l2.heartbeatMs,
      onReconnect,
      leader: {
        batchRecords: l2.batchRecords, batchBytes: l2.batchBytes, batchDelayMs: l2.batchDelayMs,
        writeTimeoutMs: WRITE_TIMEOUT_MS, replicas: durability === 'replicated' ? 1 : 0,
      },
    }
    const stays = whatCannotBeSent(config.connection)
    if (table.kind === 'process' || stays.length > 0) {
      if (stays.length > 0) {
        this.#options.logger?.warn({ cache: this.#options.name, options: stays }, 'these options of redis cannot be sent to a thread: this thread may lead')
      }
      this.#coordination = new Coordination(table, this.journal, settings, (event) => this.#hear(event))
      this.#coordination.start()
      return
    }
    const workerData: CoordinatorData = { table: tableOptionsOf(this.#options), journal: journalOptionsOf(this.#options), settings }
    const claim = (): void => {
      if (!this.journal.claimCoordinator()) return
      clearInterval(this.#claiming)
      this.#startWorker(workerData)
    }
    // Whoever has the claim may close before this isolate does.
    this.#claiming = setInterval(claim, CLAIM_AGAIN_MS).unref()
    claim()
  }

  #startWorker(workerData: CoordinatorData): void {
    this.#worker = new Worker(join(__dirname, '..', 'workers', 'coordinator.js'), { workerData, name: `stratacache:${this.#options.name}` })
    this.#worker.on('message', (event: CoordinationEvent) => this.#hear(event))
    this.#worker.on('error', (error) => this.#options.logger?.error({ cache: this.#options.name, message: error.message }, 'the coordinator ended; another process may lead'))
    this.#worker.unref()
  }

  #hear(event: CoordinationEvent): void {
    const fields = { cache: this.#options.name, ...event }
    if (event.event === 'link' && event.state === 'lost') this.#options.logger?.warn(fields, 'Redis is away')
    else this.#options.logger?.info(fields, event.event === 'lead' ? 'this process leads' : `Redis is ${event.event === 'link' ? event.state : ''}`)
  }

  async #endWorker(): Promise<void> {
    const worker = this.#worker
    if (worker === undefined) return
    worker.ref()
    worker.postMessage('close')
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
    const late = setTimeout(() => void worker.terminate(), CLOSE_THREAD_MS)
    await ended
    clearTimeout(late)
  }
}

const WRITE_TIMEOUT_MS = 2_000
const CLAIM_AGAIN_MS = 1_000
const LOOK_AGAIN_MS = 5

/**
 * A leader that is stopped, but not dead, keeps the lead and hears nothing. While that lasts, entries are checked against
 * Redis before they are used: what was checked is doubted again after each turn of the watch.
 */
function watchLeader(table: L1Table, journal: Journal, heartbeatMs: number): NodeJS.Timeout {
  let seenDoubt = 0
  const look = (): void => {
    const { link, lastHeardMs } = journal.status
    const isStuck = link === 'connected' && journal.nowMs() - lastHeardMs > 3 * heartbeatMs
    const doubt = table.doubt()
    // One process of the host is enough.
    seenDoubt = isStuck && doubt === seenDoubt ? table.raiseDoubt() : doubt
  }
  return setInterval(look, heartbeatMs).unref()
}

function journalOptionsOf({ name, dir, memory, l2 }: ParsedOptions): SharedJournalOptions {
  return { name, bytes: l2.journalBytes ?? defaultJournalBytes(memory), ...(dir === undefined ? {} : { dir }) }
}

function prefixed(prefix: string, numbers: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(numbers).map(([name, value]) => [`${prefix}.${name}`, value]))
}
