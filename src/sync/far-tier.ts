/**
 * One isolate's way through Redis: reads below the table, and loaded values on their way down.
 *
 * A read first asks the journal: a write that is still on its way is newer than anything Redis has.
 */
import type { Journal, PendingWrite } from '../journal/contract'
import type { L1Entry, L1Table, LeaseToken, Life } from '../l1/table'
import type { FarFailure, FarHit, FarKey, FarReader, FarSame, ReadResult } from '../l2/contract'
import { bytesOf, Codec, decode, EncodedValue } from '../wire/codec'
import { type Notes, readNotes, withoutCap } from '../wire/notes'
import { CacheError } from '../words/errors'
import type { Below, Found, Missed, TimedWish, Wish } from './below'
import { Claimer } from './fleet-claims'
import { FILL, hostOrder, IF_ABSENT, IF_VERSION, SET } from './journal-words'
import { isOfMark, markOf, versionOfEntry, versionOfMark } from './versions'

export interface FarSettings {
  softTimeoutMs: number
  hardTimeoutMs: number
  /** Longest life in Redis, 0 = the entry's own. */
  ttlMs: number
  partitionOf: (namespace: string, key: string, group: string | undefined) => number
}

interface Hit {
  value: EncodedValue
  life: Life
  isStale: boolean
}

export type FarEntry = Pick<L1Entry, 'value' | 'version' | 'isStale' | 'ttlLeftMs'> & { tier: 'l0' | 'l1' | 'l2' }

export class FarTier implements Below {
  readonly #table: L1Table
  readonly #journal: Journal
  readonly #reader: FarReader
  readonly #settings: FarSettings
  readonly claims: Claimer

  constructor(table: L1Table, journal: Journal, reader: FarReader, settings: FarSettings) {
    this.#table = table
    this.#journal = journal
    this.#reader = reader
    this.#settings = settings
    this.claims = new Claimer(journal, reader, settings.hardTimeoutMs, (wish) => this.#keyOf(wish))
  }

  deadlineOf({ view, key, terms, startMs }: TimedWish): number {
    const canServeStale = terms.life.graceMs > 0 && view.entry(key, { doubtful: true }) !== undefined
    return startMs + (canServeStale ? this.#settings.softTimeoutMs : this.#settings.hardTimeoutMs)
  }

  async fetch(wish: TimedWish, lease: LeaseToken): Promise<Found | Missed> {
    const { view, key } = wish
    // Before anything is read: what is found may be as old as this.
    const doubt = this.#table.doubt()
    const held = view.entry(key, { doubtful: true })
    if (wish.terms.forceFresh) return { state: 'miss', base: this.#baseNow(wish, held), doubt }
    if (held?.fleet !== undefined && held.fleet.isDoubtful && this.#isPending(held.fleet.mark)) {
      view.abandon(key, lease)
      return { state: 'value', value: held.value }
    }
    const { pending, inTheWay } = this.#ownWrites(wish)
    // Redis decides about a conditional write: until it has, what is read may be outdated at once, so it is not stored. Nor is
    // what a write that has just begun may have taken out of the table.
    if (inTheWay === 'write' || (pending !== undefined && isConditional(pending))) return this.#passing(wish, lease, pending, doubt)
    if (pending !== undefined) return this.#fromJournal(wish, lease, pending, doubt)
    if (inTheWay === 'clear') return { state: 'miss', base: undefined, doubt }
    const canServeStale = held !== undefined && wish.terms.life.graceMs > 0
    const deadlineMs = wish.startMs + (canServeStale ? this.#settings.softTimeoutMs : this.#settings.hardTimeoutMs)
    const known = held?.fleet?.isDoubtful === true && !held.isStale ? held.fleet.version : 0
    const result = await this.#ask(wish, deadlineMs, known)
    if (result.state === 'same') {
      if (unlessClosed(() => view.revalidated(key, known, doubt)) === true) {
        unlessClosed(() => view.abandon(key, lease))
        return { state: 'value', value: held!.value }
      }
      return { state: 'miss', base: known, doubt }
    }
    if (result.state !== 'hit') return { state: 'miss', base: result.state === 'miss' ? result.base : undefined, doubt }
    const hit = hitOf(result)
    if (hit.isStale) {
      return { state: 'miss', base: result.version, doubt, stale: { value: decoded(hit.value), notes: notesOf(hit.value), hardLeftMs: result.hardLeftMs } }
    }
    const value = decoded(hit.value)
    const stored = unlessClosed(() => view.publish(key, lease, hit.value, hit.life, { version: result.version, doubt }))
    if (stored !== 0) return { state: 'value', value }
    const own = this.#own(wish)
    if (own !== undefined) return own.value === undefined ? { state: 'miss', base: undefined, doubt } : { state: 'value', value: own.value }
    this.#outdate(wish, result)
    return { state: 'value', value }
  }

  async peek(wish: TimedWish): Promise<unknown> {
    const { pending, inTheWay } = this.#ownWrites(wish)
    if (pending !== undefined && !isConditional(pending)) return valueOf(pending)
    if (inTheWay === 'clear') return undefined
    const result = await this.#ask(wish, this.deadlineOf(wish), 0)
    const own = this.#own(wish)
    if (own !== undefined) return own.value
    this.#outdate(wish, result)
    return result.state === 'hit' && !hitOf(result).isStale ? decode(result.codec, result.payload) : undefined
  }

  fill(wish: Wish, lease: LeaseToken, value: unknown, { base, doubt }: Missed): void | Promise<void> {
    const encoded = EncodedValue.of(value)
    if (!(base instanceof Promise)) return this.#store(wish, lease, encoded, base, doubt)
    encoded.detach()
    return base.then((known) => unlessClosed(() => this.#store(wish, lease, encoded, known, doubt)))
  }

  /** The entry with its version in the fleet; from Redis where only Redis can tell, if there is time for that. */
  async entry(wish: TimedWish, held: L1Entry | undefined): Promise<FarEntry | undefined> {
    const known = held === undefined ? undefined : versionOfEntry(this.#journal, held)
    if (known !== undefined) return { ...held!, version: known }
    const { pending, inTheWay } = this.#ownWrites(wish)
    if (pending !== undefined && held === undefined) return entryOfPending(pending)
    const unknown = held === undefined ? undefined : { ...held, version: 0 }
    if (pending !== undefined || inTheWay === 'clear') return unknown
    const result = await this.#ask(wish, Math.min(this.deadlineOf(wish), performance.now() + this.#settings.softTimeoutMs), 0)
    if (result.state === 'hit') {
      const { value, life, isStale } = hitOf(result)
      return { value: decoded(value), version: result.version, isStale, ttlLeftMs: ttlLeftOf(life, isStale), tier: 'l2' }
    }
    return unknown
  }

  #store(wish: Wish, lease: LeaseToken, encoded: EncodedValue, base: number | undefined, doubt: number): void {
    const { view, key, terms } = wish
    const mark = base === undefined || !Number.isFinite(base) ? 0 : this.#journal.prepare({
      op: SET, namespace: view.namespace, key, partition: this.#partitionOf(wish), codec: encoded.codec, payload: encoded.payload,
      life: capped(terms.life, this.#settings.ttlMs), condition: FILL, expected: base, sourceVersion: 0,
    })
    const fleet = mark > 0 ? { mark, doubt } : { version: 0, doubt }
    let hostVersion = 0
    try {
      hostVersion = view.publish(key, lease, encoded, terms.life, fleet)
    } finally {
      if (mark > 0 && hostVersion === 0) this.#journal.cancel(mark)
    }
    if (mark <= 0 || hostVersion === 0 || this.#journal.commit(mark, hostOrder(hostVersion, SET), view.epoch())) return
    // Given up by the leader, which could not wait. Nobody is owed it: the entry goes, then the record.
    view.invalidate(key, 0, (shown) => shown === mark)
    this.#journal.cancel(mark)
  }

  /**
   * What a forced load that begins now may be stored over: the version the table has, or else the one Redis tells while
   * the loader runs, if it is of the write that the table shows or the host had heard of it before: any other may be newer
   * than what is loaded.
   */
  #baseNow(wish: TimedWish, held: L1Entry | undefined): number | Promise<number | undefined> {
    const known = held === undefined ? undefined : versionOfEntry(this.#journal, held)
    if (known !== undefined && !isOfMark(known)) return known
    const partition = this.#partitionOf(wish)
    const { seqs, epochs } = this.#journal.knownPositions()
    const heard = epochs[partition]! > 0 ? seqs[partition]! * SALTS + SALTS - 1 : 0
    const deadlineMs = wish.startMs + this.#settings.hardTimeoutMs
    return this.#ask(wish, deadlineMs, 0).then(async (result) => {
      const base = result.state === 'hit' ? result.version : result.state === 'miss' ? result.base : undefined
      if (base === undefined || base <= heard) return base
      return known !== undefined && (await this.#versionOf(markOf(known), deadlineMs)) === base ? base : undefined
    })
  }

  /** What Redis gave a write of this host that it has, as far as is told soon. */
  async #versionOf(mark: number, deadlineMs: number): Promise<number | undefined> {
    await this.#journal.settled(mark, Math.min(deadlineMs, performance.now() + this.#settings.softTimeoutMs))
    const answer = this.#journal.answerOf(mark)
    return answer?.result === 'stored' ? answer.version : undefined
  }

  /** What this host has written to the key and Redis has not answered, and what else forbids to believe Redis. */
  #ownWrites({ view, key }: Wish): { pending: PendingWrite | undefined; inTheWay: 'write' | 'clear' | undefined } {
    const inTheWay = this.#journal.inTheWay(view.namespace, key)
    const pending = this.#journal.pending(view.namespace, key)
    // Cleared on this host since: it will not be sent.
    return { pending: pending?.nsEpoch === view.epoch() ? pending : undefined, inTheWay }
  }

  /**
   * What this host shows of the key by now, for a read that cannot store what Redis told: a write of this host may have been
   * seen here before it reached Redis, after what was read. Undefined: nothing of its own.
   */
  #own(wish: Wish): { value: unknown } | undefined {
    const entry = unlessClosed(() => wish.view.entry(wish.key, { quiet: true }))
    if (entry !== undefined && !entry.isStale) return { value: entry.value }
    const pending = unlessClosed(() => this.#ownWrites(wish).pending)
    return pending === undefined || isConditional(pending) ? undefined : { value: valueOf(pending) }
  }

  async #passing(wish: TimedWish, lease: LeaseToken, pending: PendingWrite | undefined, doubt: number): Promise<Found | Missed> {
    if (pending !== undefined && !isConditional(pending)) {
      const value = valueOf(pending)
      if (value === undefined) return { state: 'miss', base: undefined, doubt }
      unlessClosed(() => wish.view.abandon(wish.key, lease))
      return { state: 'value', value }
    }
    const result = await this.#ask(wish, wish.startMs + this.#settings.hardTimeoutMs, 0)
    const own = this.#own(wish)
    if (own !== undefined && own.value !== undefined) {
      unlessClosed(() => wish.view.abandon(wish.key, lease))
      return { state: 'value', value: own.value }
    }
    this.#outdate(wish, result)
    if (result.state !== 'hit' || hitOf(result).isStale) return { state: 'miss', base: undefined, doubt }
    unlessClosed(() => wish.view.abandon(wish.key, lease))
    return { state: 'value', value: decode(result.codec, result.payload) }
  }

  #fromJournal(wish: Wish, lease: LeaseToken, pending: PendingWrite, doubt: number): Found | Missed {
    const { view, key } = wish
    const value = valueOf(pending)
    if (value === undefined) return { state: 'miss', base: undefined, doubt }
    unlessClosed(() => view.publish(key, lease, new EncodedValue(pending.codec, pending.payload), pending.life, { mark: pending.mark, doubt }))
    return { state: 'value', value }
  }

  #ask(wish: Wish, deadlineMs: number, known: 0): Promise<ReadResult>
  #ask(wish: Wish, deadlineMs: number, known: number): Promise<ReadResult | FarSame>
  #ask(wish: Wish, deadlineMs: number, known: number): Promise<ReadResult | FarSame> {
    // Whoever waited for another's flight may have no time left.
    if (performance.now() >= deadlineMs) return Promise.resolve(TOO_LATE)
    const ask = this.#keyOf(wish)
    return known > 0 ? this.#reader.revalidate(ask, known, deadlineMs) : this.#reader.read(ask, deadlineMs)
  }

  #keyOf(wish: Wish): FarKey {
    const { view, key } = wish
    return { namespace: view.namespace, key, partition: this.#partitionOf(wish), nsEpoch: view.fleetEpoch() }
  }

  #partitionOf({ view, key, terms }: Wish): number {
    return this.#settings.partitionOf(view.namespace, key, terms.partitionBy?.(key))
  }

  /** What the caller gets without its being stored: nobody may be given anything older afterwards, also not by a read that began before. */
  #outdate({ view, key }: Wish, result: ReadResult): void {
    const version = result.state === 'hit' ? result.version : result.state === 'miss' ? result.base : 0
    // What Redis gave the write that the table shows may be forgotten: where Redis has the same value, loads end and the entry stays.
    if (result.state === 'hit' && unlessClosed(() => this.#showsSame(view.entry(key, { quiet: true, doubtful: true }), result)) === true) {
      unlessClosed(() => view.expire(key))
    } else if (version > 0) unlessClosed(() => view.invalidate(key, version, (mark) => this.#journal.isSettled(mark) && !this.#isFrom(mark, version)))
  }

  #showsSame(held: L1Entry | undefined, { codec, payload, version }: FarHit): boolean {
    const mark = held?.fleet?.mark ?? 0
    if (mark === 0 || !this.#journal.isSettled(mark) || this.#isFrom(mark, version)) return false
    const own = held!.notes === undefined ? EncodedValue.of(held!.value) : EncodedValue.noted(held!.value, held!.notes)
    return own.codec === codec && Buffer.compare(bytesOf(own.codec, own.payload), payload) === 0
  }

  /** Redis is known to have given the write at least that version. */
  #isFrom(mark: number, version: number): boolean {
    const answer = this.#journal.answerOf(mark)
    return answer?.result === 'stored' && answer.version >= version
  }

  #isPending(mark: number): boolean {
    return mark > 0 && !this.#journal.isSettled(mark)
  }
}

const TOO_LATE: FarFailure = { state: 'failed', error: new CacheError('ERR_CACHE_L2_TIMEOUT', 'no time was left to ask Redis') }

function isConditional({ condition, sourceVersion }: PendingWrite): boolean {
  return condition === IF_ABSENT || condition === IF_VERSION || sourceVersion > 0
}

/** Of a write that Redis need not decide about; undefined for a delete, or when its life is over. */
function valueOf({ op, life, codec, payload }: PendingWrite): unknown {
  return op === SET && life.ttlMs >= 0 ? decode(codec, payload) : undefined
}

/** A write on its way that the table does not show: its room was needed, or Redis has lost its data since. */
function entryOfPending(pending: PendingWrite): FarEntry | undefined {
  const { op, codec, payload, life, mark } = pending
  if (op !== SET || life.ttlMs < 0 || isConditional(pending)) return undefined
  return { value: decode(codec, payload), version: versionOfMark(mark), isStale: false, ttlLeftMs: ttlLeftOf(life, false), tier: 'l1' }
}

function ttlLeftOf({ ttlMs }: Life, isStale: boolean): number {
  return ttlMs === 0 && !isStale ? Number.POSITIVE_INFINITY : ttlMs
}

function hitOf(result: FarHit): Hit {
  const { softLeftMs, hardLeftMs } = result
  const life = softLeftMs === Number.POSITIVE_INFINITY
    ? { ttlMs: 0, graceMs: 0 }
    : { ttlMs: softLeftMs, graceMs: hardLeftMs === Number.POSITIVE_INFINITY ? MAX_GRACE_MS : Math.max(0, hardLeftMs - softLeftMs) }
  const payload = result.codec === Codec.noted ? withoutCap(result.payload) : result.payload
  return { value: new EncodedValue(result.codec, payload), life, isStale: softLeftMs <= 0 }
}

/** Of a version: sequence * 1024 + salt. */
const SALTS = 1024
const MAX_GRACE_MS = 365 * 86_400_000

function decoded(value: EncodedValue): unknown {
  return decode(value.codec, value.payload as Uint8Array)
}

function notesOf({ codec, payload }: EncodedValue): Notes | undefined {
  return codec === Codec.noted ? readNotes(payload as Uint8Array) : undefined
}

/** The life an entry has in Redis. */
export function capped(life: Life, ttlMs: number): Life {
  if (ttlMs === 0 || (life.ttlMs !== 0 && life.ttlMs <= ttlMs)) return life
  return { ttlMs, graceMs: life.graceMs }
}

/** A cache may be closed while its reads are under way. Their callers still get what came. */
function unlessClosed<T>(step: () => T): T | undefined {
  try {
    return step()
  } catch (error) {
    if (error instanceof CacheError && error.code === 'ERR_CACHE_CLOSED') return undefined
    throw error
  }
}
