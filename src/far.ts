/** What a cache with `redis` has beside its table: the journal, the reader, and a part in the host's coordination. */
import { copiesPlaceOf } from './copies'
import { Coordination, type CoordinationSettings } from './coordination'
import { CoordinationLog } from './coordination-log'
import { type CoordinatorData, CoordinatorThread } from './coordinator-thread'
import type { Journal } from './journal/contract'
import { diskDirectoryOf } from './journal/disk-files'
import { DiskLog } from './journal/disk-log'
import { defaultJournalBytes, openJournal } from './journal/open'
import type { SharedJournalOptions } from './journal/shared-journal'
import type { L1Table } from './l1/table'
import type { FarConfig } from './l2/contract'
import { partitionOf } from './words/partition'
import { Reader } from './l2/reader'
import { connectionSpec, hostOf, whatCannotBeSent } from './l2/redis'
import type { ParsedOptions } from './options/schema'
import { tableOptionsOf } from './open'
import { prefixed } from './stats'
import { type FarSettings, FarTier } from './sync/far-tier'
import type { DiskReads } from './sync/disk-tier'
import { FarWrites } from './sync/far-writes'
import { GuardedReader } from './sync/guarded-reader'
import { watchHearing } from './sync/hearing'
import { type CacheError, misuse } from './words/errors'

export interface FarInfo {
  /** Where Redis is, without user and password. */
  host: string
  /** The state of the host's link, as its leader sees it. */
  link: 'never' | 'connecting' | 'connected' | 'lost'
  /** Changes of other hosts may be missing: nothing was heard from Redis for too long. */
  degraded: boolean
  /** Open: reads do not ask Redis, but for one of the host now and then that tries whether it answers. */
  breaker: 'closed' | 'open'
  /** Rises with each leader of this host. */
  term: number
}

export class Far {
  readonly tier: FarTier
  readonly writes: FarWrites
  readonly journal: Journal
  readonly settings: FarSettings
  readonly #reader: GuardedReader
  readonly #disk: DiskLog
  readonly #options: ParsedOptions
  readonly #host: string
  readonly #log: CoordinationLog
  #thread: CoordinatorThread | undefined
  #coordination: Coordination | undefined
  #claiming: NodeJS.Timeout | undefined
  readonly #watch: NodeJS.Timeout | undefined

  /** `copies`: those on the disk of this host. */
  constructor(options: ParsedOptions, table: L1Table, copies?: DiskReads) {
    const { l2 } = options
    const config = farConfigOf(options)
    this.#options = options
    this.#log = new CoordinationLog(options.logger, { cache: options.name })
    this.#host = hostOf(config.connection)
    this.settings = { softTimeoutMs: l2.softTimeoutMs, hardTimeoutMs: l2.hardTimeoutMs, ttlMs: l2.ttlMs, partitionOf }
    this.journal = openJournal(table.kind, journalOptionsOf(options, table))
    this.#reader = new GuardedReader(new Reader(config), this.journal, (error) => this.#log.warn(told(error), 'Redis did not answer a read'))
    this.tier = new FarTier(table, this.journal, this.#reader, this.settings, copies)
    this.#disk = new DiskLog({
      dir: diskDirectoryFor(options), hostId: this.journal.hostId, fileBytes: DISK_FILE_BYTES, isSettled: (mark) => this.journal.isSettled(mark),
    })
    this.writes = new FarWrites(table, this.journal, this.settings, this.#disk)
    if (options.coordinator === 'auto') this.#coordinate(table, config)
    this.#watch = options.onReconnect === 'keep' ? undefined : watchHearing(table, this.journal, this.#reader, l2.heartbeatMs)
  }

  info(): FarInfo {
    const { link, lastHeardMs, term, breaker } = this.journal.status
    const silentMs = this.journal.nowMs() - lastHeardMs
    return { host: this.#host, link, degraded: link !== 'connected' || silentMs > 4 * this.#options.l2.heartbeatMs, breaker: breaker.isOpen ? 'open' : 'closed', term }
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
    if (!isDrained) this.#log.warn({}, 'closed before all writes were in Redis; the rest stays in the journal')
    await this.#disk.close()
    await this.#coordination?.close()
    await this.#thread?.end()
    await this.#reader.close()
    this.journal.close()
    closeTable()
  }

  #coordinate(table: L1Table, config: FarConfig): void {
    const settings = coordinationSettingsOf(this.#options, config)
    const stays = whatCannotBeSent(config.connection)
    if (table.kind === 'process' || stays.length > 0) {
      if (stays.length > 0) {
        this.#log.warn({ options: stays }, 'these options of redis cannot be sent to a thread: this thread may lead')
      }
      this.#coordination = new Coordination(table, this.journal, settings, (event) => this.#log.hear(event))
      this.#coordination.start()
      return
    }
    // By its id: the name may lead to another region by the time the thread is started anew.
    const regionId = table.regionId === undefined ? {} : { regionId: table.regionId }
    const data: CoordinatorData = { table: { ...tableOptionsOf(this.#options), ...regionId }, journal: journalOptionsOf(this.#options, table), settings, copies: copiesPlaceOf(this.#options) }
    const claim = (): void => {
      if (!this.journal.claimCoordinator()) return
      clearInterval(this.#claiming)
      this.#thread = new CoordinatorThread(this.#options.name, data, this.#log)
      this.#thread.start()
    }
    // Whoever has the claim may close before this isolate does.
    this.#claiming = setInterval(claim, CLAIM_AGAIN_MS).unref()
    claim()
  }
}

/** What all that speaks Redis is made from. Throws ERR_CACHE_OPTION for what names no server. */
export function farConfigOf({ name, redis, l2 }: ParsedOptions): FarConfig {
  const connection = connectionSpec(redis)
  if (l2.foreignWriters && connection.kind === 'cluster') {
    throw misuse('ERR_CACHE_OPTION', 'l2.foreignWriters', 'false with a Cluster, whose nodes tell only of their own keys', true)
  }
  return { connection, cache: name, maxValueBytes: l2.maxValueBytes + ENVELOPE_BYTES }
}

/** What whoever leads the host is given; plain data unless the connection is not. `replicas`: have to confirm every write of the host. */
export function coordinationSettingsOf(options: ParsedOptions, far: FarConfig, replicas = 0): CoordinationSettings {
  const { l2, onReconnect } = options
  return {
    far,
    heartbeatMs: l2.heartbeatMs,
    onReconnect,
    foreignWriters: l2.foreignWriters,
    diskDirectory: diskDirectoryFor(options),
    journals: journalOptionsOf(options, {}),
    leader: {
      batchRecords: l2.batchRecords, batchBytes: l2.batchBytes, batchDelayMs: l2.batchDelayMs,
      writeTimeoutMs: WRITE_TIMEOUT_MS, replicas,
    },
  }
}

/** Room for what Redis holds beside the value. */
const ENVELOPE_BYTES = 64
const DISK_FILE_BYTES = 8 * 1024 * 1024
const WRITE_TIMEOUT_MS = 2_000
const CLAIM_AGAIN_MS = 1_000
const LOOK_AGAIN_MS = 5

/** What finds and shapes the journal; plain data. */
export function journalOptionsOf({ name, dir, memory, l2 }: ParsedOptions, { regionId }: Pick<L1Table, 'regionId'>): SharedJournalOptions {
  return {
    name, bytes: l2.journalBytes ?? defaultJournalBytes(memory), maxValueBytes: l2.maxValueBytes,
    ...(dir === undefined ? {} : { dir }), ...(regionId === undefined ? {} : { regionId }),
  }
}

function diskDirectoryFor({ name, dir, l2 }: ParsedOptions): string {
  return diskDirectoryOf({ name, dir, disk: l2.disk })
}

function told({ code, message }: CacheError): { error: { code: string; message: string } } {
  return { error: { code, message } }
}
