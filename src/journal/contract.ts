/**
 * The contract of the journal: writes of the host on their way to Redis, and what all its processes know of the link.
 *
 * A write is `prepare` (a record in the journal), the change of the near tier under the record's mark, `commit`. From
 * then on the record outlives its process: a leader, one per host, drains it, brings it to Redis and settles it.
 *
 * Two implementations satisfy it: `SharedJournal` (a file that all processes and threads of the host map) and
 * `ProcessJournal` (the same promises within one isolate). No method throws because of the state of the journal.
 */
import type { Life } from '../l1/table'

/** Names a record, for the life of the journal. A whole number from 1 to below 2^53; rises along a lane. */
export type Mark = number

/** Operations (JournalOp in native/journal/layout.h). */
export const SET = 1 as const
export const DELETE = 2 as const
/** Ends the life of whatever Redis has; its value, with its life over, is that of the host until then. */
export const EXPIRE = 4 as const
export const CLEAR = 5 as const

/** The partition that words/partition.ts gives namespace and key. */
export const BY_KEY = -1

export interface JournalWrite {
  /** 1 set, 2 delete, 3 touch, 4 expire, 5 clear (whose key is ''). */
  op: 1 | 2 | 3 | 4 | 5
  /** Full path of the namespace, '' for the root. */
  namespace: string
  key: string
  /** 0 to 255, the same for every write of the key, or `BY_KEY`; 256 for a clear. */
  partition: number
  /** As in wire/codec.ts: tells how a string payload is laid down. */
  codec: number
  payload: string | Uint8Array
  life: Life
  /** 0 none, 1 absent, 2 version (`expected`), 3 unchanged since `expected`: a loaded value, a new life. */
  condition: 0 | 1 | 2 | 3
  /** For condition 3 and op 4 also the version of a write of this host that was not answered yet (sync/versions.ts). */
  expected: number
  /** The caller's own version, 0 = none. A record that has one is conditional. */
  sourceVersion: number
  /** Its caller waits until a replica has it. */
  wantsReplica?: boolean
}

/** What became of a record. `dup`: answered under a former leader. `superseded`: not sent, a later record went in its place. */
export type ResultName = 'stored' | 'lost' | 'older' | 'dup' | 'dead' | 'superseded'

export interface RecordResult {
  result: ResultName
  /** What Redis gave it, 0 if nothing. */
  version: number
  /** Fewer replicas than were wanted have it, or what went in its place. */
  isShort?: boolean
  /** Of `dead`: why, for people. */
  reason?: string
  /** Of an expiry: the life it ended was another value's. */
  isOther?: boolean
}

/** `unknown`: settled, but nobody asked in time: its answer has been overwritten. Cannot happen to who asks in the tick of the commit. */
export interface Settled {
  result: ResultName | 'unknown'
  /** What Redis gave it, or of 'superseded' what it gave the record in its place; 0 if nothing. */
  version: number
  /** As of `RecordResult`. */
  isShort?: boolean
}

export interface DrainedRecord {
  readonly mark: Mark
  readonly op: JournalWrite['op']
  readonly namespace: string
  readonly key: string
  readonly partition: number
  readonly codec: number
  /** The leader's own copy. Undefined when it lay in a file that is gone or damaged: such a record can only be settled as dead. */
  readonly payload: Uint8Array | undefined
  /** It is that; told without making the payload. */
  readonly isLost: boolean
  /** Of key and payload, told without making them. */
  readonly bytes: number
  /** Of namespace and key, where they are there as bytes. */
  readonly nameBytes?: number
  /** CRC-32 of `<namespace>|<key>` and payload, where it is known. */
  readonly crc?: number | undefined
  /** Writes these at that place of `target`, with `between` between them, where there is room for all. */
  putNames?(target: Uint8Array, at: number, between: number): void
  readonly condition: JournalWrite['condition']
  readonly expected: number
  readonly sourceVersion: number
  /** As given to `commit`: orders the records of a key. Of an orphan 0. */
  readonly hostVersion: number
  readonly nsEpoch: number
  /** Ends of the lives on the clock of `nowMs`; 0 = never. */
  readonly softAtMs: number
  readonly hardAtMs: number
  /** Names the record to Redis within its partition, for ever; 0 before `assign`. */
  opNumber: number
  /** Its writer died between prepare and commit: `resolve` it. */
  readonly isOrphan: boolean
  /** Of an orphan: later records did not wait for it. */
  readonly wasGivenUp: boolean
  /** Place in the batch. */
  readonly index: number
}

export interface DrainedBatch {
  /** Nobody asks them anything after the turn of the event loop in which all of them are settled. Clears alone, or no clears: by key in the order of their host versions, orphans last. Those sent again: by partition and op number. */
  readonly records: readonly DrainedRecord[]
  /** These were sent by a former leader; whether they arrived is not known. They have their op numbers, in order. */
  readonly isResend: boolean
  /** One of them, or of those that they replaced, wants a replica. */
  readonly wantsReplica: boolean
}

export interface PendingWrite {
  op: JournalWrite['op']
  codec: number
  /** A copy. */
  payload: Uint8Array
  /** What is left of its life; 0 = for ever. A life that is over has a ttl below 0. */
  life: Life
  mark: Mark
  hostVersion: number
  /** The namespace's epoch on this host when it was written: under another one it has been cleared since. */
  nsEpoch: number
  condition: JournalWrite['condition']
  sourceVersion: number
}

/** Why and what Redis refused for good. */
export interface DeadLetter {
  /** Names it, for the life of the journal. */
  id: number
  /** Wall clock. */
  timeMs: number
  op: number
  partition: number
  /** Ends of the lives on the clock of `nowMs`; 0 = never. */
  softAtMs: number
  hardAtMs: number
  codec: number
  namespace: string
  key: string
  reason: string
  /** Size of the value. */
  bytes: number
  /** Absent if the value was too large to be kept. */
  payload?: Uint8Array
}

export type LinkWord = 'never' | 'connecting' | 'connected' | 'lost'

export interface BreakerLimits {
  /** Failures in a row that open it. Default 5. */
  failures: number
  /** How long it stays open at first, milliseconds. Doubled with every failed probe. Default 500. */
  firstOpenMs: number
  /** Default 10,000. */
  maxOpenMs: number
}

/** One breaker per host. */
export interface HostBreaker {
  limits: BreakerLimits
  /** `probe`: the caller alone may try, and has to `report`. The right ends with the caller's thread or process too. */
  mayTry(): 'closed' | 'open' | 'probe'
  /** While it is open only the prober's report counts. */
  report(isGood: boolean): void
  close(): void
  readonly isOpen: boolean
}

/** What the leader knows of the link, for all processes. Setting it without the leadership has no effect. */
export interface HostStatus {
  link: LinkWord
  /** On the clock of `Journal.nowMs`; 0 = never. */
  lastHeardMs: number
  /** Redis server milliseconds minus `Journal.nowMs`. */
  clockOffsetMs: number
  /** Rises with each leader. */
  readonly term: number
  /** 0 = none so far. For people. */
  readonly leaderPid: number
  readonly breaker: HostBreaker
}

/** Where the feed stood, one number for each of the 257 partitions. */
export interface FeedPositions {
  seqs: Float64Array
  epochs: Float64Array
  /** A number of the server that told, 0 = not known. */
  servers: Float64Array
}

/** A write as it lies on the disk, for a host that has lost its journal. */
export interface DiskRecord {
  op: number
  namespace: string
  key: string
  partition: number
  codec: number
  payload: Uint8Array
  /** Ends of the lives on the wall clock, the only one that a reboot leaves; 0 = never. */
  softAtMs: number
  hardAtMs: number
  /** As given to `commit`. */
  order: number
  mark: Mark
  /** When it was written, on the wall clock. */
  atMs: number
  /** What the host knew when it was written: the partition's history (0: nothing yet, -1: there was none) and the highest version in it. */
  epoch: number
  floor: number
  /** The same of the namespaces: the history of the control partition, and the namespace's fleet epoch in it. */
  controlEpoch: number
  fleetEpoch: number
}

export interface HostDisk {
  /** Resolves when the record is on the disk. Rejects with ERR_CACHE_DISK when it is not by the deadline, or cannot be. */
  append(record: DiskRecord, deadlineMs: number): Promise<void>
}

export interface Journal {
  readonly kind: 'shared' | 'process'
  /** 16 hex digits: the origin of the host's writes. */
  readonly hostId: string
  /** Namespace, key and value together. What does not fit a lane lies in a file beside the journal. */
  readonly maxRecordBytes: number
  /** The clock of the host in whole milliseconds: monotonic, the same in all its processes. */
  nowMs(): number

  /** The record's mark; 0 = full (see `roomy`); -1 = too large. Throws ERR_CACHE_KEY and ERR_CACHE_CLOSED. */
  prepare(write: JournalWrite): Mark
  /**
   * False: the leader gave the record up meanwhile. Then the write is not acknowledged and has to be made anew, unless
   * another one came after it (`heir`), and the record to be cancelled once the table shows another write in its place, or none.
   */
  commit(mark: Mark, hostVersion: number, nsEpoch: number): boolean
  /**
   * Of a record of this isolate that `commit` refused, and whose write the table had at `hostVersion` and no longer has: the
   * mark of a later write of the key that replaced it, 0 when that one is settled, undefined when there is none, so that
   * the table has lost the value by itself.
   */
  heir(mark: Mark, namespace: string, key: string, hostVersion: number): Mark | undefined
  /** Ends a record that is not committed. */
  cancel(mark: Mark): void
  /** For records of any process: its answer is there. */
  isSettled(mark: Mark): boolean
  /** For records of this isolate. Undefined when `deadlineMs` (of performance.now) passed first. Never rejects. */
  settled(mark: Mark, deadlineMs: number): Promise<Settled | undefined>
  /** What became of a record of any process, where that is still known. Undefined before it is settled. */
  answerOf(mark: Mark): Settled | undefined
  /** Tells whether everything this isolate has prepared until now is settled. */
  ownSettling(): () => boolean
  /** Waits until everything this isolate has prepared so far is settled; false when the deadline passed first. */
  ownSettled(deadlineMs: number): Promise<boolean>
  /** After `prepare` gave 0: whether that record found room before the deadline. Others may take it again. */
  roomy(deadlineMs: number): Promise<boolean>
  /** The newest committed record of the key that is not settled, of any process. */
  pending(namespace: string, key: string): PendingWrite | undefined
  /**
   * What keeps a reader from storing what Redis has of the key: a `write` of it, of any process, that has begun and may or
   * may not have reached the table; or a `clear` of its namespace, or of one above, that is not settled: then what Redis has
   * may be of before. Asked with the lease of the key in hand, it misses none that began before the lease.
   */
  inTheWay(namespace: string, key: string): 'write' | 'clear' | undefined

  /** Whether this isolate is to start the coordinator of its process: one has the claim, until it closes or ends. */
  claimCoordinator(): boolean
  /** Asks for the leadership; `onElected` is called on this isolate's loop, once. */
  campaign(onElected: (term: number) => void): void
  /** Gives candidacy and leadership up at once. */
  resign(): void
  /** True while this isolate leads. */
  readonly isLeading: boolean
  /** Leader: calls `listener` on its loop when there may be something to drain. Returns the function that stops it. */
  onAppend(listener: () => void): () => void
  /**
   * Leader: the next batch, of partitions of which nothing is under way; undefined when there is none, a clear is under way,
   * or without the leadership.
   */
  drain(limits: { records: number; bytes: number }): DrainedBatch | undefined
  /** Leader: the table's word on an orphan: its host version, or 0 if the table does not show it. */
  resolve(record: DrainedRecord, hostVersion: number, nsEpoch: number): boolean
  /** Leader, before the first sending: gives op numbers in this order. False without the leadership: do not send. */
  assign(records: readonly DrainedRecord[]): boolean
  /**
   * Leader: writes down the answers, by place in the batch; undefined = not answered yet, or told before. What they
   * replaced is settled, too. True when all of the batch are answered.
   */
  settle(batch: DrainedBatch, results: readonly (RecordResult | undefined)[]): boolean
  /** Leader: for the next one. */
  rememberPositions(positions: FeedPositions): void
  /** What the last leader remembered; 0 where nothing. */
  knownPositions(): FeedPositions

  readonly status: HostStatus
  /** Oldest first. */
  deadLetters(): DeadLetter[]
  /** Takes the letter away from everybody. True for one caller alone, whatever the process. */
  takeLetter(id: number): boolean
  stats(): Record<string, number>
  /** Gives lane and leadership back; what is in the journal stays. `unlink` also removes the journal's name. */
  close(options?: { unlink?: boolean }): void
}
