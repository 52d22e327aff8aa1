/**
 * The contract of the near tier: one table, seen through one namespace at a time.
 *
 * Two implementations satisfy it: `SharedL1` (the native table in shared memory, seen by every
 * process and thread of the host) and `ProcessL1` (the same promises within one isolate, used
 * where no native binary loads). Every call is synchronous. A miss is `undefined`; no method
 * throws because of the state of the table, only because of misuse (bad key, closed table).
 */

import type { Notes } from '../wire/notes'
import type { Unreadable } from '../wire/unreadable'
import type { TableCopies } from './copies'

/** How long an entry lives, in milliseconds from now. */
export interface Life {
  /** Soft life: until then the entry is fresh. 0 = for ever. */
  ttlMs: number
  /** Kept and readable as stale for this long after the soft life. Ignored when `ttlMs` is 0. */
  graceMs: number
}

export interface L1Entry {
  value: unknown
  /** Rises with every change of the key, through delete and eviction too. Below 2^53. */
  version: number
  /** Milliseconds since it was stored or expired, and those of `Fleet` before. `touch` changes nothing about it. */
  ageMs: number
  /** The soft life has passed, the hard life has not. */
  isStale: boolean
  /** Milliseconds of soft life left, 0 when stale, Infinity when it never ends. */
  ttlLeftMs: number
  /** Milliseconds until it is gone, Infinity when it never is. */
  hardLeftMs: number
  tier: 'l0' | 'l1'
  /** What was noted when it was stored (`EncodedValue.noted`). */
  notes?: Notes
  /** The tags it was stored with (`EncodedValue.tagged`), and the clock as of which they hold. */
  tags?: { names: readonly string[]; clock: number }
  /** What ties it to L2; absent for a value that was stored without `Fleet`. */
  fleet?: EntryFleet
}

/**
 * Ties a value to L2. `version`: what L2 gave it, below 2^52; or `mark`: pending in the journal, below 2^53; neither (or
 * 0): L2 does not know it.
 */
export interface Fleet {
  version?: number
  mark?: number
  /** The table's `doubt` as it was before the value was read from L2, or when it was written. */
  doubt: number
  /** How old the value is already. */
  ageMs?: number | undefined
}

export interface EntryFleet {
  /** 0 = pending, or unknown to L2. */
  version: number
  /** 0 = not pending. */
  mark: number
  /** Filled before doubt was raised last: only what L2 says of the version makes it usable. */
  isDoubtful: boolean
}

/**
 * Which marks are settled: asked per mark (any number of times), or as the positions (in 8 bytes) up to
 * which each lane is settled: a mark `lane * 2^40 + position` is settled if `position <= settled[lane]`.
 */
export type Settled = ((mark: number) => boolean) | Float64Array

/** Which current state of the key a `set` accepts. Anything else leaves the key as it is. */
export type Condition =
  | { if: 'absent' }
  | { if: 'version'; version: number }

/** What those who come after a failed load are told. */
export interface LateFailure {
  ms: number
  /** Loads of the key that failed in a row, this one included. */
  failures: number
}

/** Names one right to load one key. Opaque; unique for the life of the table. */
export type LeaseToken = number

export interface AcquireOptions {
  /** The lease ends by itself after this many milliseconds. */
  leaseMs: number
  /** Grant even over a fresh value. */
  force: boolean
  /** The flight this caller has been waiting for, if any: its failure is reported to it. */
  awaited?: LeaseToken
  /** The last failure of the key is reported to this caller as well, for as long as `fail` said. */
  heedsLate?: boolean
  /** The lease stands for the right to run, not for a load: it is not counted. */
  isPermit?: boolean
}

export type Acquired =
  /** The caller loads, then calls `publish`, `fail` or `abandon`. `failures`: loads that failed in a row before, while that is remembered. `tagClock`: `tags.clock()` at the grant. */
  | { state: 'granted'; lease: LeaseToken; failures: number; tagClock: number }
  /** Somebody else loads. `onLeaseEnd` fires when that may have ended. */
  | { state: 'busy'; lease: LeaseToken }
  /** A fresh value is there. */
  | { state: 'hit'; entry: L1Entry }
  /** The awaited flight failed, or the last one and the caller heeds that; `error` is what its owner handed to `fail`. */
  | { state: 'failed'; error: unknown }
  /** No room for a lease: load, and do not publish. */
  | { state: 'unavailable' }

/** Who looks at each value that was decoded, before anybody reads it. */
export interface Admission {
  /**
   * The value as it is read; undefined: it is a miss; or a promise of either, which never rejects. May use the cache.
   * `isOwn`: nobody else will have the object.
   */
  decoded(value: unknown, key: string, namespace: string, isOwn?: boolean): unknown
}

export interface L1View {
  /** The namespace's full path, '' for the root. */
  readonly namespace: string
  /** The fresh value, decoded. A returned object may be shared with other readers of the isolate. */
  get(key: string): unknown
  /** How long the value that `get` returned last is fresh yet; Infinity when that never ends. */
  ttlLeftMs(): number
  /** As `get`, without counting and without keeping the entry warm. */
  peek(key: string): unknown
  /** As `get`, decoded for this caller alone: nobody else has the object, nor is it kept. */
  copy(key: string): unknown
  /** The entry, stale ones included; with `doubtful` also those that are misses to every other read, with `quiet` as `peek`. */
  entry(key: string, options?: { doubtful?: boolean; quiet?: boolean }): L1Entry | undefined
  /** The value as it lies there, stale ones included, quietly; not what is in doubt. */
  raw(key: string): RawEntry | undefined
  has(key: string): boolean
  /** One result per key, in order; `undefined` where missing. */
  getMany(keys: readonly string[]): unknown[]
  /**
   * The new version, or 0 when the condition did not hold. A value that finds no room leaves the key absent and
   * returns 0. The value may be an `EncodedValue`. Conditions look at doubtful entries as at any other.
   */
  set(key: string, value: unknown, life: Life, condition?: Condition, fleet?: Fleet): number
  /** The `epoch` that the value which `set` has just stored with `Fleet` belongs to: under another one it is cleared. */
  epochOfSet(): number
  /** Removes the value and ends any load of the key that began before. True if a value was there. */
  delete(key: string): boolean
  /** As `delete`; `version` is the removal's own: above every one the key has had, below every one it will have. */
  remove(key: string): { wasThere: boolean; version: number }
  /** As `delete`, if the entry has that version, stale and doubtful ones included; else nothing changes and it is false. */
  take(key: string, version: number): boolean
  /** Gives a present entry a new life, a doubtful one too, which stays so. False if absent. */
  touch(key: string, life: Life): boolean
  /** Ends the soft life now, keeps the grace (counted from now), and ends any load that began before. False if absent. */
  expire(key: string): boolean
  acquire(key: string, options: AcquireOptions): Acquired
  /**
   * Stores the loaded value if the lease still holds and nothing changed the key since. Returns the entry's version,
   * or 0 when the lease was lost, a tag of the value was cleared after the clock it carries, or the value finds no room. The
   * value may be an `EncodedValue`.
   */
  publish(key: string, lease: LeaseToken, value: unknown, life: Life, fleet?: Fleet): number
  /**
   * Ends the lease and hands the error to those who wait for this flight, and with `late` for `late.ms` to all who ask
   * with `heedsLate`; `late.failures` is kept for `memoMs`. A set, delete or clear of the key forgets it.
   */
  fail(key: string, lease: LeaseToken, error: unknown, memoMs: number, late?: LateFailure): void
  /** Ends the lease without a result. */
  abandon(key: string, lease: LeaseToken): void
  /** Drops every entry of this namespace and of those below it, and ends their loads. O(1). */
  clear(): void
  /**
   * The key came to fleet version `version` elsewhere (Infinity: to something without one). Removes the entry unless its
   * fleet version is at least that, or it is pending by a mark that is not settled; a value without `Fleet` is removed.
   * Ends the key's load where the entry was 'removed' or 'absent', since it may have read what is outdated.
   */
  invalidate(key: string, version: number, settled: Settled): 'removed' | 'kept' | 'absent'
  /**
   * L2 says that fleet version `version` is right as of `doubt`: an entry of that version is no longer doubtful, and
   * has a new life if one is given. Its own version stays. False if the entry is not of that version.
   */
  revalidated(key: string, version: number, doubt: number, life?: Life): boolean
  /** The sum of this host's clears from this namespace up to the root, modulo 2^32. Entries of another are gone. */
  epoch(): number
  /** The sum of the fleet epochs from this namespace up to the root, modulo 2^32. Entries of another are gone. */
  fleetEpoch(): number
  /** Sets the fleet epoch of this namespace alone: what was stored here and below under another one is gone, and its loads end. */
  setFleetEpoch(value: number): void
  /** The same, but only forwards (modulo 2^32): what comes out of turn brings nothing back. */
  advanceFleetEpoch(value: number): void
  /**
   * The entries of this namespace and of those below it shall have no more bytes together, in whatever process they are
   * stored: when it is full, its own entries give way, and what finds no room even so is not stored. Infinity ends that. What
   * is there already is counted soon.
   */
  setQuota(bytes: number): void
  /** A child's values pass through no admission. */
  child(name: string): L1View
  /** The same namespace with another admission in place of any other. */
  admitting(admission: Admission): L1View
  /** Of an admitting view: what becomes of the value that the last read left undecided. */
  takeUndecided?(): Promise<unknown> | undefined
}

/** Whether tags have lost what carries them: `expired` is stale, and gone if it has no grace. */
export type TagState = 'current' | 'expired' | 'gone'

/** What a clear of a tag does: `delete` ends entries, `expire` leaves them their grace. */
export type TagClear = 'delete' | 'expire'

/**
 * Clears of tags, by slot. An entry holds while no slot of its tags was cleared after the clock it carries; that clock is a
 * count of this table's clears, which only rises. What slots are is up to the caller; some may share one.
 */
export interface TableTags {
  clock(): number
  /** Ends or expires what carries the slot and a clock of before; loads that began before cannot store it either. O(1). */
  clear(slot: number, kind: TagClear): void
  since(slots: Uint16Array, clock: number): TagState
  /** L2 knows of a clear at `sequence`. True if that was news; entries stay as they are. */
  noteFleetClear(slot: number, kind: TagClear, sequence: number): boolean
  /** By what was noted. */
  fleetSince(slots: Uint16Array, sequence: number): TagState
}

/** What a quota allows, Infinity for no bound, and what counts against it: keys, values and what is kept beside them. */
export interface Quota {
  bytes: number
  limit: number
}

/** A fresh value that a scan came by. */
export interface Scanned {
  /** The namespace's full path, '' for the root. */
  namespace: string
  key: string
  /** Of key and value. */
  bytes: number
  /** 0 to 7: how much it is read, as the table knows it. */
  heat: number
}

/** A value as it lies in the table. */
export interface RawEntry {
  codec: number
  /** The string itself for the string codecs; else bytes of the caller's own. */
  payload: string | Uint8Array
  ageMs: number
  isStale: boolean
  /** As of an `L1Entry`. */
  ttlLeftMs: number
  hardLeftMs: number
}

export interface L1Stats {
  entries: number
  /** Bytes of live records: keys, values, headers. */
  liveBytes: number
  memoryBytes: number
  hits: number
  misses: number
  sets: number
  deletes: number
  evictions: number
  expirations: number
  /** Leases granted, that is: loader runs started. */
  loads: number
  /** Of negative entries (null) and of remembered errors of loads. */
  negative: Quota
  /** Of the namespaces that have one, by their paths. */
  quotas: Record<string, Quota>
  /** Everything else the implementation counts, by name. */
  detail: Record<string, number>
}

export interface L1Table {
  readonly kind: 'shared' | 'process'
  /** The root namespace. */
  readonly root: L1View
  /** Values that are there and cannot be decoded here: misses to every read, and `acquire` grants over them. Only `has` finds them, and conditions of a `set`. */
  readonly unreadable: Unreadable
  stats(): L1Stats
  /** As `setQuota` of a view, of all null entries and errors of loads: they give way to each other and to nothing else. Default: a twentieth. */
  setNegativeQuota(bytes: number): void
  /**
   * Part of the fresh values of all namespaces, from a position on, 0 being the first; `next` is that of the rest. What
   * is written or moved between two parts may be left out or come twice.
   */
  scan(from: number): { found: Scanned[]; next: number | undefined }
  /**
   * Calls `listener` (on this isolate's loop) soon after a lease that somebody waits for may have
   * ended, in whatever process. Spurious calls are allowed. Returns the function that stops it.
   */
  onLeaseEnd(listener: () => void): () => void
  readonly tags: TableTags
  /** Only of a table that all processes of the host share. */
  readonly copies?: TableCopies
  /** Of the region, where there is one: another life of the cache has another. */
  readonly regionId?: string
  /** The fleet's history began anew: the root's fleet epoch is `root`, that of all others 0; no clear of a tag is known. */
  resetFleetEpochs(root: number): void
  /** Entries with `Fleet` of another doubt are doubtful: a miss for all but `entry` with `doubtful`. Never 0. */
  doubt(): number
  /** Makes everything with `Fleet` that was stored before doubtful, for the whole host. Returns the new doubt. */
  raiseDoubt(): number
  /** Drops every entry and ends all loads, as a clear of the root, but is none: `epoch` stays, so what is on its way to L2 goes on. */
  flush(): void
  /** Milliseconds of the table's clock, which lives are counted in: never back, no relation to wall time. */
  nowMs(): number
  /** Tells how long a loader ran, for the statistics. Milliseconds. */
  recordLoad(ms: number): void
  /** Moves this isolate's notion of now forward. For tests. */
  advanceClock(ms: number): void
  /** After it every other call throws ERR_CLOSED. `unlink` also removes the region's name. */
  close(options?: { unlink?: boolean }): void
}
