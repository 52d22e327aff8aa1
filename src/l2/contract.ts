/**
 * The contract of the far tier: what the rest of the package sees of Redis. Types only.
 *
 * Every promise here settles by its deadline, whatever the connection does, and none ever rejects:
 * failures are values. Deadlines are absolute, in milliseconds of `performance.now()` of the
 * calling thread; times that leave the thread are in milliseconds of the monotonic clock
 * (`process.hrtime`). Numbers are exact: versions lie below 2^52, sequences below 2^42.
 */
import type { CacheError } from '../words/errors'

/** Partitions of keys are 0 to 255. */
export const PARTITIONS = 256
/** Carries the clears of namespaces. */
export const CONTROL_PARTITION = 256

/** How to reach a Redis: plain data, may be sent to a worker thread. Holds credentials: never print it. */
export interface ConnectionSpec {
  kind: 'single' | 'sentinel' | 'cluster'
  /** ioredis options of each connection, without functions. */
  options: Record<string, unknown>
  /** Where a cluster is asked for its nodes. Empty unless `kind` is 'cluster'. */
  nodes: { host: string; port: number }[]
  /** Address as a cluster node tells it -> address to use. */
  natMap?: Record<string, { host: string; port: number }>
}

/** What all parts of the far tier are made from. Plain data. */
export interface FarConfig {
  connection: ConnectionSpec
  /** The cache's name; part of every key. */
  cache: string
  /** First letters of every key. Default 'sc1'. */
  prefix?: string
  /** Values above are not taken from Redis. Bytes of envelope, key and payload. Default 64 MiB. */
  maxValueBytes?: number
  /** A connection is made anew when it owes an answer for longer. Default 2000. */
  stuckMs?: number
}

// ---- reading

export interface FarHit {
  state: 'hit'
  codec: number
  /** May be a view of a larger buffer: copy what is kept. */
  payload: Uint8Array
  version: number
  /** Of the caller who wrote it; 0 = none. */
  sourceVersion: number
  /** 0 = stale, Infinity = fresh for ever. */
  softLeftMs: number
  /** Infinity = for ever. */
  hardLeftMs: number
  /** Milliseconds of Redis' clock. */
  createdAtMs: number
  /** Since then. */
  ageMs: number
}

export interface FarMiss {
  state: 'miss'
  /** Version of what is there without being a value for this reader (tombstone, cleared, expired, damaged), or 0: what a fill gives as `expected` of condition 3. */
  base: number
  why: 'absent' | 'deleted' | 'cleared' | 'expired' | 'corrupt' | 'foreign' | 'oversize'
}

export interface FarFailure {
  state: 'failed'
  error: CacheError
}

export type ReadResult = FarHit | FarMiss | FarFailure

/** The asked version is still what Redis holds; only its life is told. */
export interface FarSame {
  state: 'same'
  version: number
  softLeftMs: number
  hardLeftMs: number
}

export interface FarKey {
  namespace: string
  key: string
  partition: number
  /** Sum of fleet epochs of the namespace and its ancestors, modulo 2^32. A value of another sum is a miss ('cleared'). */
  nsEpoch: number
}

export interface ClaimOwner {
  /** Names the host. */
  host: string
  /** Names the claim among those of the host. */
  token: string
}

/** `isUnasked`: Redis was not asked. */
export type ClaimResult = { state: 'won' } | { state: 'taken'; leftMs: number } | (FarFailure & { isUnasked?: boolean })

export interface FarReader {
  /** All reads of one tick share one round trip per node. */
  read(key: FarKey, deadlineMs: number): Promise<ReadResult>
  /** One result per key, in order. */
  readMany(keys: readonly FarKey[], deadlineMs: number): Promise<ReadResult[]>
  /** Asks for the envelope alone, and for the value only where the version differs. */
  revalidate(key: FarKey, version: number, deadlineMs: number): Promise<FarSame | ReadResult>
  /** The right to load the key for all hosts, for `ms` at most; what the same host has of it is replaced. */
  claim(key: FarKey, owner: ClaimOwner, ms: number, deadlineMs: number): Promise<ClaimResult>
  /** Gives a right back and tells everybody so. False: it may still be there. Never rejects. */
  release(key: FarKey, owner: ClaimOwner, deadlineMs: number): Promise<boolean>
  stats(): Record<string, number>
  close(): Promise<void>
}

// ---- writing

/** How long replicas are waited for after the primary has answered. */
export const REPLICA_MS = 300

/** 1 set, 2 delete, 3 touch, 4 expire, 5 clear (partition 256, `namespace` is cleared, no key; or a name that begins with '#'). */
export type FarOp = 1 | 2 | 3 | 4 | 5

/** 0 none, 1 no live value, 2 stored version equals `expected`, 3 stored version (tombstones too, none = 0) is at most `expected`. */
export type FarCondition = 0 | 1 | 2 | 3

export interface WriteRecord {
  op: FarOp
  namespace: string
  key: string
  partition: number
  codec: number
  /** Empty unless `op` is 1. */
  payload: Uint8Array
  /** Milliseconds from now until stale; 0 = never. Below 0: it is stale already. For ops 1 and 3. */
  softMs: number
  /** Milliseconds from now until gone; 0 = never, at least 1 otherwise. For ops 1 and 3. */
  hardMs: number
  condition: FarCondition
  /** For conditions 2 and 3, and op 4; below 0 = what the same call has written. For op 5 the last epoch of the namespace known to this host. */
  expected: number
  /** Applied only over a lower one when above 0; with condition 3 over any, and kept. */
  sourceVersion: number
  /** As `FarKey.nsEpoch`. A stored value of another sum counts as absent. */
  nsEpoch: number
  /** From 1, rising by one per record and partition. A record sent again keeps its number. */
  opNumber: number
  /** Places it among the writes of its key on its host, for those who find it later. */
  hostOrder?: number
  /** Bytes of key and payload, where they are known without asking for both. */
  bytes?: number
  /** Bytes of `<namespace>|<key>` in UTF-8, where they are there without a string. */
  suffixBytes?: number | undefined
  /** CRC-32 of them and of the payload, where it is known. */
  crc?: number | undefined
  /** Writes them at that place, where there is room. */
  putSuffix?(target: Uint8Array, at: number): void
  /** On a record sent again: the last sequence of the partition that this host knew when it sent it first. */
  resendFloor?: number | undefined
}

export type EntryResult =
  /**
   * Written. For op 5, `version` is the new epoch of the namespace, or the sequence of the clear. `isOther`: the life that was
   * ended was not that of the expected value.
   */
  | { state: 'applied'; version: number; isOther?: true }
  /** The condition did not hold. */
  | { state: 'lost' }
  /** A value with the same or a newer source version is there. */
  | { state: 'older' }
  /** Answered before; what the answer was is no longer known. */
  | { state: 'dup' }
  /** Will never succeed as it is: a dead letter. */
  | { state: 'refused'; error: CacheError }
  /** May have been executed, or may be yet. Send it again with the same number before anything newer of its partition. */
  | { state: 'unknown'; error: CacheError }
  /** Was not executed. Send it again. */
  | { state: 'unsent'; error: CacheError }

export interface PartitionOutcome {
  partition: number
  records: readonly WriteRecord[]
  /** One per record, in order. After an unknown or unsent record there are only unsent ones. */
  results: EntryResult[]
  /** State of the partition after the last answered batch; 0 when nothing was answered. */
  epoch: number
  lastSeq: number
  /** Replicas that have the batch, where `replicas` was asked for. */
  replicas: number
}

export interface WriteOptions {
  /** Waits until so many replicas have the writes, for a while: `PartitionOutcome.replicas` tells. Default 0. */
  replicas?: number
}

export interface FarWriter {
  /**
   * Writes records: per partition in the order given, which is that of their op numbers. Two calls
   * that touch one partition must not overlap. Resolves by `deadlineMs`.
   */
  write(batch: readonly WriteRecord[], deadlineMs: number, options?: WriteOptions): Promise<PartitionOutcome[]>
  /** The same records, those that one node serves at present together: a call for each does not wait for the others' nodes. */
  byNode<T extends { readonly partition: number }>(records: readonly T[]): T[][]
  /** What the server refuses to this user although it is needed; empty = all is allowed. */
  missingPermissions(deadlineMs: number): Promise<string[]>
  stats(): Record<string, number>
  close(): Promise<void>
}

// ---- other writers

export interface VersionReader {
  /** What each key has in Redis: 0 where that is nothing of ours, undefined where Redis could not be asked. Never rejects. */
  versions(keys: readonly { partition: number; namespace: string; key: string }[], deadlineMs: number): Promise<(number | undefined)[]>
}

// ---- hearing

/** 1 set, 2 delete, 3 life changed. */
export type ChangeKind = 1 | 2 | 3

export interface Change {
  partition: number
  version: number
  kind: ChangeKind
  namespace: string
  key: string
  /** The host that wrote it. */
  origin: string
}

/**
 * 'range-gone': the log does not reach back far enough. 'epoch': the partition's history began anew
 * (FLUSHALL, eviction, restart without persistence). 'server': another server answers.
 */
export type DoubtReason = 'range-gone' | 'epoch' | 'server'

export type LinkState = 'connecting' | 'connected' | 'lost'

export interface FeedListener {
  /** In order within a partition, each at most once. */
  onChange(change: Change): void
  /** Host `origin` has ended its load of the key for all hosts. */
  onRelease?(namespace: string, key: string, origin: string): void
  /** `epoch` is the namespace's own; for a name that begins with '#' it is the sequence of the clear. `origin`: of a 'clear'. 'state': read where messages could not tell, 'first': read at start. 'reset': the control partition began anew. */
  onClear(namespace: string, epoch: number, why: 'clear' | 'state' | 'first' | 'reset', origin?: string): void
  /** Nothing known of the partition (-1: of any) before this moment may be trusted. */
  onDoubt(partition: number, reason: DoubtReason): void
  /** Everything published before `sinceMs` (monotonic) has been delivered. */
  onHeard(sinceMs: number): void
  /** What had come was delivered. */
  onDelivered?(): void
  onLink(state: LinkState, error?: CacheError): void
  /** Redis' clock minus the monotonic clock, milliseconds. */
  onClock(offsetMs: number): void
}

/** Where a feed stands in each partition: index = partition, 257 long. Epoch 0 = none known, -1 = there is none. */
export interface Positions {
  seqs: Float64Array
  epochs: Float64Array
  /** A number of the server that told, 0 = not known. */
  servers: Float64Array
}

export interface FeedOptions {
  /** This host, 16 hex digits. */
  origin: string
  /** What this host wrote itself is not told, clears excepted. Default false. */
  skipsOwn?: boolean
  /** Default 500. */
  heartbeatMs?: number
  /** Heartbeats in a row that may stay away before the connections are made anew. Default 2. */
  missedHeartbeats?: number
  /** Where a former leader stood. Default: nothing known, start from the present without doubt. */
  from?: Positions
  /** Messages replayed at most per partition; what is further back is doubted. Default 4096. */
  replayMessages?: number
}

/** What Redis has under a key, tombstones included. */
export interface Held {
  version: number
  createdAtMs: number
  /** As `WriteRecord.hostOrder`, modulo 2^32; 0 = not known. */
  hostOrder: number
  /** The host that wrote it; undefined where the log tells no more. */
  origin: string | undefined
}

export interface FarHistory {
  /** The history of the partition, 0 = it has none. Undefined: Redis does not answer. */
  now(partition: number, deadlineMs: number): Promise<{ epoch: number; clockMs: number | undefined } | undefined>
  /** One for each key, undefined where nothing of ours is; `afterSeq`: where the log is read from. Undefined: Redis does not answer. */
  held(partition: number, keys: readonly { namespace: string; key: string }[], afterSeq: number, deadlineMs: number): Promise<(Held | undefined)[] | undefined>
}

export interface Feed {
  start(): void
  /** After it the listener is not called. */
  stop(): Promise<void>
  /** Everything up to these has been delivered. A copy. */
  positions(): Positions
  readonly link: LinkState
  /** Id of the server process (of all of a cluster's), '' before it is known and where INFO is denied. */
  readonly runId: string
  stats(): Record<string, number>
}
