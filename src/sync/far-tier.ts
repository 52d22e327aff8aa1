/**
 * One isolate's way through Redis: reads below the table, and loaded values on their way down.
 *
 * A read first asks the journal: a write that is still on its way is newer than anything Redis has.
 */
import type { Journal, PendingWrite } from '../journal/contract'
import type { L1Entry, L1Table, LeaseToken } from '../l1/table'
import type { FarFailure, FarHit, FarKey, FarReader, FarSame, ReadResult } from '../l2/contract'
import { type About, aboutOf, bareBytes } from '../wire/about'
import { bytesOf, Codec, decode, EncodedValue } from '../wire/codec'
import { withReady } from '../wire/compressed'
import { CacheError } from '../words/errors'
import type { Below, Found, Missed, TimedWish, Wish } from './below'
import type { DiskReads } from './disk-tier'
import { capped, hitOf, ttlLeftOf } from './far-hit'
import { encodedAgain, FarTags } from './far-tags'
import { Claimer } from './fleet-claims'
import { unlessClosed } from './flight'
import { ForcedBase, type ForcedSettings } from './forced-base'
import { FILL, hostOrder, IF_ABSENT, IF_VERSION, SET } from './journal-words'
import { nearLife } from './near-life'
import { packedOf, unpackElsewhere } from './packing'
import { isKnownFrom, isOfMark, versionOfEntry, versionOfMark } from './versions'
import { isReplicated, needsRedis } from './write-terms'

export interface FarSettings extends ForcedSettings {
  /** Longest life in Redis, 0 = the entry's own. */
  ttlMs: number
  partitionOf: (namespace: string, key: string, group: string | undefined) => number
}

export type FarEntry = Pick<L1Entry, 'value' | 'version' | 'ageMs' | 'isStale' | 'ttlLeftMs' | 'tags'> & { tier: 'l0' | 'l1' | 'l2' }

export class FarTier implements Below {
  readonly #table: L1Table
  readonly #journal: Journal
  readonly #reader: FarReader
  readonly #settings: FarSettings
  readonly #tags: FarTags
  readonly #disk: DiskReads | undefined
  readonly #forced: ForcedBase
  readonly claims: Claimer

  /** `disk`: the copies of this host, which are looked at before Redis. */
  constructor(table: L1Table, journal: Journal, reader: FarReader, settings: FarSettings, disk?: DiskReads) {
    this.#table = table
    this.#journal = journal
    this.#reader = reader
    this.#settings = settings
    this.#disk = disk
    this.#tags = new FarTags(table, journal)
    this.#forced = new ForcedBase(journal, settings)
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
    const tagClock = this.#table.tags.clock()
    const held = view.entry(key, { doubtful: true })
    if (wish.terms.forceFresh) return { state: 'miss', base: this.#forced.base(wish, held, this.#partitionOf(wish), () => this.#ask(wish, wish.startMs + this.#settings.hardTimeoutMs, 0)), doubt }
    if (held?.fleet !== undefined && held.fleet.isDoubtful && this.#isPending(held.fleet.mark)) {
      view.abandon(key, lease)
      return { state: 'value', value: held.value }
    }
    const { pending, inTheWay } = this.#ownWrites(wish)
    const isUndecided = pending !== undefined && isConditional(pending)
    if (inTheWay === 'clear' && (pending === undefined || isUndecided)) return { state: 'miss', base: undefined, doubt }
    // Redis decides about a conditional write: until it has, what is read may be outdated at once, so it is not stored. Nor is
    // what a write that has just begun, which a clear may hide, may have taken out of the table.
    if (inTheWay !== undefined || isUndecided) return this.#passing(wish, lease, pending, doubt)
    if (pending !== undefined) return this.#fromJournal(wish, lease, pending, doubt)
    const copied = held === undefined && this.#disk !== undefined ? await this.#disk.read(wish, lease, doubt) : undefined
    if (copied?.state === 'value') {
      wish.onFound?.('disk')
      return copied
    }
    const canServeStale = held !== undefined && wish.terms.life.graceMs > 0
    const deadlineMs = wish.startMs + (canServeStale ? this.#settings.softTimeoutMs : this.#settings.hardTimeoutMs)
    const known = held?.fleet?.isDoubtful === true && !held.isStale ? held.fleet.version : 0
    const result = this.#judged(await this.#asked(wish, deadlineMs, known))
    if (result.state === 'same') {
      if (unlessClosed(() => view.revalidated(key, known, doubt)) === true) {
        unlessClosed(() => view.abandon(key, lease))
        return { state: 'value', value: held!.value }
      }
      return { state: 'miss', base: known, doubt }
    }
    if (result.state === 'miss') return { state: 'miss', base: result.base, doubt }
    if (result.state === 'failed') {
      const doubted = this.#doubted(wish)
      if (doubted === undefined) return copied === undefined ? { state: 'miss', base: undefined, doubt } : { state: 'miss', base: undefined, doubt, stale: copied.stale }
      unlessClosed(() => view.abandon(key, lease))
      return { state: 'value', value: doubted.value }
    }
    const hit = hitOf(result, wish.terms, tagClock)
    if (hit.hardLeftMs <= 0) return { state: 'miss', base: result.version, doubt }
    // Nothing is awaited for what is decoded at once: the entry is there before anybody else's turn.
    const decoded = packedOf(hit.value) === undefined ? this.#decoded(hit.value) : await this.#unpacked(hit.value)
    const value = wish.terms.admission === undefined ? decoded : await admitted(wish, decoded)
    // What cannot be read here, or is not admitted, is loaded anew, over what Redis has.
    if (value === undefined) return { state: 'miss', base: result.version, doubt }
    if (hit.isStale) {
      const about = this.#aboutOf(hit.value)
      return { state: 'miss', base: result.version, doubt, stale: { value, stored: hit.value, notes: about?.notes, tags: about?.tags, hardLeftMs: hit.hardLeftMs, ageMs: result.ageMs } }
    }
    wish.onFound?.('l2')
    const stored = unlessClosed(() => view.publish(key, lease, hit.value, nearLife(hit.life, wish.terms), { version: result.version, doubt, ageMs: result.ageMs }))
    if (stored !== 0) return { state: 'value', value }
    const own = this.#own(wish)
    if (own !== undefined) {
      const shown = wish.terms.admission === undefined ? own.value : await admitted(wish, own.value)
      return shown === undefined ? { state: 'miss', base: undefined, doubt } : { state: 'value', value: shown }
    }
    this.#outdate(wish, result)
    return { state: 'value', value }
  }

  async peek(wish: TimedWish): Promise<unknown> {
    const { pending, inTheWay } = this.#ownWrites(wish)
    if (pending !== undefined && !isConditional(pending)) return admitted(wish, this.#valueOf(pending))
    if (inTheWay === 'clear') return undefined
    const result = await this.#ask(wish, this.deadlineOf(wish), 0)
    const own = this.#own(wish)
    if (own !== undefined) return admitted(wish, own.value)
    this.#outdate(wish, result)
    if (result.state === 'failed') return this.#doubted(wish)?.value
    return result.state === 'hit' && !hitOf(result, wish.terms).isStale ? admitted(wish, await this.#unpacked(result)) : undefined
  }

  fill(wish: TimedWish, lease: LeaseToken, value: unknown, { base, doubt }: Missed): void | Promise<void> {
    const encoded = EncodedValue.of(value)
    if (!(base instanceof Promise)) return this.#store(wish, lease, encoded, base, doubt)
    encoded.detach()
    return base.then((known) => unlessClosed(() => this.#store(wish, lease, encoded, known, doubt)))
  }

  /**
   * The entry with its version in the fleet; from Redis where only Redis can tell, if there is time for that. Its value is
   * undefined if the namespace does not admit it.
   */
  async entry(wish: TimedWish, held: L1Entry | undefined): Promise<FarEntry | undefined> {
    const known = held === undefined ? undefined : versionOfEntry(this.#journal, held)
    if (known !== undefined) return { ...held!, version: known }
    const { pending, inTheWay } = this.#ownWrites(wish)
    if (pending !== undefined && held === undefined) return admittedEntry(wish, this.#entryOfPending(pending))
    const unknown = held === undefined ? undefined : { ...held, version: 0 }
    if (pending !== undefined || inTheWay === 'clear') return unknown
    const result = await this.#ask(wish, Math.min(this.deadlineOf(wish), performance.now() + this.#settings.softTimeoutMs), 0)
    if (result.state === 'hit') {
      const { value: stored, life, isStale, hardLeftMs } = hitOf(result, wish.terms)
      const value = hardLeftMs > 0 ? await this.#unpacked(stored) : undefined
      if (value === undefined) return undefined
      return admittedEntry(wish, { value, version: result.version, ageMs: result.ageMs, isStale, ttlLeftMs: ttlLeftOf(life, isStale), tier: 'l2', ...this.#tagsIn(result) })
    }
    const doubted = result.state === 'failed' && unknown === undefined ? this.#doubted(wish) : undefined
    return doubted === undefined ? unknown : { ...doubted, version: 0 }
  }

  /**
   * The version of a value in Redis that is none any more, as a tag of it was cleared, or a namespace: 0 where there is no such
   * value. Undefined where the value is one, or Redis cannot be asked.
   */
  async clearedVersion(wish: Wish, deadlineMs: number): Promise<number | undefined> {
    const result = await this.#ask(wish, deadlineMs, 0)
    return result.state !== 'miss' ? undefined : result.why === 'cleared' ? result.base : 0
  }

  /** Whether an entry of the table is what Redis has. If it is older, it is gone afterwards. */
  async isCurrent(wish: TimedWish, held: L1Entry): Promise<'current' | 'gone' | 'unknown'> {
    const { view, key } = wish
    const doubt = this.#table.doubt()
    const known = versionOfEntry(this.#journal, held)
    // A write of this host that is still on its way comes after whatever Redis has.
    if (known !== undefined && isOfMark(known)) return 'current'
    const result = await this.#ask(wish, wish.startMs + this.#settings.hardTimeoutMs, known ?? 0)
    if (result.state === 'failed') return 'unknown'
    if (result.state === 'same' || (result.state === 'hit' && result.version === known)) {
      unlessClosed(() => view.revalidated(key, known!, doubt))
      return 'current'
    }
    this.#outdate(wish, result)
    return unlessClosed(() => view.entry(key, { quiet: true }))?.version === held.version ? 'unknown' : 'gone'
  }

  #store(wish: TimedWish, lease: LeaseToken, encoded: EncodedValue, base: number | undefined, doubt: number): void | Promise<void> {
    const { view, key, terms } = wish
    const mark = base === undefined || !Number.isFinite(base) ? 0 : this.#journal.prepare({
      op: SET, namespace: view.namespace, key, partition: this.#partitionOf(wish), codec: encoded.codec, payload: encoded.payload,
      life: capped(terms.life, this.#settings.ttlMs), condition: FILL, expected: base, sourceVersion: wish.sourceVersion ?? 0, wantsReplica: isReplicated(terms),
    })
    const fleet = mark > 0 ? { mark, doubt } : { version: 0, doubt }
    let hostVersion = 0
    try {
      hostVersion = view.publish(key, lease, encoded, nearLife(terms.life, terms), fleet)
    } finally {
      if (mark > 0 && hostVersion === 0) this.#journal.cancel(mark)
    }
    if (mark <= 0 || hostVersion === 0) return
    if (this.#journal.commit(mark, hostOrder(hostVersion, SET), view.epoch())) return this.#reached(mark, wish)
    // Given up by the leader, which could not wait. Nobody is owed it: the entry goes, then the record.
    view.invalidate(key, 0, (shown) => shown === mark)
    this.#journal.cancel(mark)
  }

  /** Whatever Redis makes of it: the value is loaded. */
  #reached(mark: number, { terms: { writeMode = 'behind', durability }, startMs, untilMs = Number.POSITIVE_INFINITY }: TimedWish): Promise<void> | undefined {
    if (!needsRedis({ writeMode, durability })) return undefined
    return this.#journal.settled(mark, Math.min(startMs + this.#settings.hardTimeoutMs, untilMs)).then(() => {})
  }

  /** What this host has written to the key and Redis has not answered, and what else forbids to believe Redis. */
  #ownWrites({ view, key }: Wish): { pending: PendingWrite | undefined; inTheWay: 'write' | 'clear' | undefined } {
    const inTheWay = this.#journal.inTheWay(view.namespace, key)
    const pending = this.#tags.pending(view.namespace, key)
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
    return pending === undefined || isConditional(pending) ? undefined : { value: this.#valueOf(pending) }
  }

  /**
   * A fresh entry that is in doubt, for a read that Redis has not answered: while the host knows that Redis is away, it is
   * served as all others are, since nobody can check it.
   */
  #doubted({ view, key, terms }: Wish): L1Entry | undefined {
    const { link, breaker } = this.#journal.status
    if (terms.consistency === 'fresh') return undefined
    if (link === 'connected' && !breaker.isOpen) return undefined
    const held = unlessClosed(() => view.entry(key, { quiet: true, doubtful: true }))
    return held === undefined || held.isStale ? undefined : held
  }

  async #passing(wish: TimedWish, lease: LeaseToken, pending: PendingWrite | undefined, doubt: number): Promise<Found | Missed> {
    if (pending !== undefined && !isConditional(pending)) {
      const value = wish.terms.admission === undefined ? this.#valueOf(pending) : await admitted(wish, this.#valueOf(pending))
      if (value === undefined) return { state: 'miss', base: undefined, doubt }
      unlessClosed(() => wish.view.abandon(wish.key, lease))
      return { state: 'value', value }
    }
    const result = await this.#ask(wish, wish.startMs + this.#settings.hardTimeoutMs, 0)
    const own = this.#own(wish)
    if (own !== undefined && own.value !== undefined) {
      const shown = wish.terms.admission === undefined ? own.value : await admitted(wish, own.value)
      if (shown === undefined) return { state: 'miss', base: undefined, doubt }
      unlessClosed(() => wish.view.abandon(wish.key, lease))
      return { state: 'value', value: shown }
    }
    this.#outdate(wish, result)
    if (result.state !== 'hit' || hitOf(result, wish.terms).isStale) return { state: 'miss', base: undefined, doubt }
    const value = await admitted(wish, await this.#unpacked(result))
    if (value === undefined) return { state: 'miss', base: undefined, doubt }
    unlessClosed(() => wish.view.abandon(wish.key, lease))
    return { state: 'value', value }
  }

  async #fromJournal(wish: Wish, lease: LeaseToken, pending: PendingWrite, doubt: number): Promise<Found | Missed> {
    const { view, key } = wish
    const value = wish.terms.admission === undefined ? this.#valueOf(pending) : await admitted(wish, this.#valueOf(pending))
    if (value === undefined) return { state: 'miss', base: undefined, doubt }
    unlessClosed(() => view.publish(key, lease, new EncodedValue(pending.codec, pending.payload), nearLife(pending.life, wish.terms), { mark: pending.mark, doubt }))
    return { state: 'value', value }
  }

  #ask(wish: Wish, deadlineMs: number, known: 0): Promise<ReadResult>
  #ask(wish: Wish, deadlineMs: number, known: number): Promise<ReadResult | FarSame>
  #ask(wish: Wish, deadlineMs: number, known: number): Promise<ReadResult | FarSame> {
    return this.#asked(wish, deadlineMs, known).then(this.#judged)
  }

  /** What Redis says, tags not heeded. */
  #asked(wish: Wish, deadlineMs: number, known: number): Promise<ReadResult | FarSame> {
    // Whoever waited for another's flight may have no time left.
    if (performance.now() >= deadlineMs) return Promise.resolve(TOO_LATE)
    const ask = this.#keyOf(wish)
    return known > 0 ? this.#reader.revalidate(ask, known, deadlineMs) : this.#reader.read(ask, deadlineMs)
  }

  /** By its tags, if it has any. */
  readonly #judged = (result: ReadResult | FarSame): ReadResult | FarSame => {
    if (result.state !== 'hit' || result.codec !== Codec.tagged) return result
    return unlessClosed(() => this.#tags.judged(result)) ?? TOO_LATE
  }

  #keyOf(wish: Wish): FarKey {
    const { view, key } = wish
    return { namespace: view.namespace, key, partition: this.#partitionOf(wish), nsEpoch: view.fleetEpoch() }
  }

  #partitionOf({ view, key, terms }: Wish): number {
    return this.#settings.partitionOf(view.namespace, key, terms.partitionBy?.(key))
  }

  /** What the caller gets without its being stored: nobody may be given anything older afterwards, also not by a read that began before. */
  #outdate(wish: Wish, result: ReadResult): void {
    const { view, key } = wish
    const version = result.state === 'hit' ? result.version : result.state === 'miss' ? result.base : 0
    if (result.state === 'hit') this.#forced.handedOut(wish, version)
    // What Redis gave the write that the table shows may be forgotten: where Redis has the same value, loads end and the entry stays.
    if (result.state === 'hit' && unlessClosed(() => this.#showsSame(wish, view.entry(key, { quiet: true, doubtful: true }), result)) === true) {
      unlessClosed(() => view.expire(key))
    } else if (version > 0) unlessClosed(() => view.invalidate(key, version, (mark) => this.#journal.isSettled(mark) && !isKnownFrom(this.#journal, mark, version)))
  }

  #showsSame({ view, terms }: Wish, held: L1Entry | undefined, { codec, payload, version }: FarHit): boolean {
    const mark = held?.fleet?.mark ?? 0
    if (mark === 0 || !this.#journal.isSettled(mark) || isKnownFrom(this.#journal, mark, version)) return false
    const own = encodedAgain(view.namespace, { ...held!, value: EncodedValue.by(terms.codec, held!.value) })
    const bare = this.#table.unreadable.read(() => bareBytes(codec, payload))
    return bare !== undefined && bareBytes(own.codec, bytesOf(own.codec, own.payload)).equals(bare)
  }

  /** Undefined for what cannot be read here. */
  #decoded({ codec, payload }: { codec: number; payload: string | Uint8Array }): unknown {
    return this.#table.unreadable.read(() => decode(codec, payload as Uint8Array))
  }

  /** The same, in which the pool does the long part where there is one. */
  async #unpacked(stored: { codec: number; payload: string | Uint8Array }): Promise<unknown> {
    const packed = packedOf(stored)
    if (packed === undefined) return this.#decoded(stored)
    return withReady(packed, await unpackElsewhere(packed), () => this.#decoded(stored))
  }

  /** Of a write that Redis need not decide about; undefined for a delete, or when its life is over. */
  #valueOf(pending: PendingWrite): unknown {
    return pending.op === SET && pending.life.ttlMs >= 0 ? this.#decoded(pending) : undefined
  }

  /** A write on its way that the table does not show: its room was needed, or Redis has lost its data since. */
  #entryOfPending(pending: PendingWrite): FarEntry | undefined {
    const value = isConditional(pending) ? undefined : this.#valueOf(pending)
    if (value === undefined) return undefined
    return { value, version: versionOfMark(pending.mark), ageMs: 0, isStale: false, ttlLeftMs: ttlLeftOf(pending.life, false), tier: 'l1', ...this.#tagsIn(pending) }
  }

  #aboutOf({ codec, payload }: { codec: number; payload: string | Uint8Array }): About | undefined {
    return this.#table.unreadable.read(() => aboutOf(codec, payload))
  }

  #tagsIn(stored: { codec: number; payload: Uint8Array }): Pick<L1Entry, 'tags'> {
    const tags = this.#aboutOf(stored)?.tags
    return tags === undefined ? {} : { tags }
  }

  #isPending(mark: number): boolean {
    return mark > 0 && !this.#journal.isSettled(mark)
  }
}

const TOO_LATE: FarFailure = { state: 'failed', error: new CacheError('ERR_CACHE_L2_TIMEOUT', 'no time was left to ask Redis') }

function isConditional({ condition, sourceVersion }: PendingWrite): boolean {
  return condition === IF_ABSENT || condition === IF_VERSION || sourceVersion > 0
}

/** What readers are given of it; undefined: as if it were not there. */
function admitted({ view, key, terms: { admission } }: Wish, value: unknown): unknown {
  return admission === undefined || value === undefined ? value : admission.decoded(value, key, view.namespace)
}

async function admittedEntry(wish: Wish, entry: FarEntry | undefined): Promise<FarEntry | undefined> {
  return entry === undefined || wish.terms.admission === undefined ? entry : { ...entry, value: await admitted(wish, entry.value) }
}
