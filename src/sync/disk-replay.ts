/**
 * Brings to Redis what a former life of the host had acknowledged as on the disk and could not send.
 *
 * Such a record is newer than what the host knew when it was written, than what former lives of the host wrote and than
 * what its own life wrote before it. It gives way to everything else: to what others have written since, and to what this
 * host wrote later and writes now. In Redis that is the condition of a fill, so a record that is sent twice is applied
 * once; on the host it is the lowest place in the order.
 */
import type { DiskRecord, Journal, Mark } from '../journal/contract'
import type { L1Table, Life } from '../l1/table'
import type { FarHistory, Held } from '../l2/contract'
import { Codec } from '../wire/codec'
import { readStamp, restamped } from '../wire/tags'
import { DELETE, FILL, SET } from './journal-words'
import { SALTS } from './versions'
import { viewAt } from './views'

export interface ReplayParts {
  table: L1Table
  journal: Journal
  history: FarHistory
  /** The present history of the control partition. */
  controlEpoch: number
}

/** What is left of one journal, the oldest first. */
export interface LeftRecords {
  hostId: string
  records: readonly DiskRecord[]
}

export interface Replayed {
  /** Written to Redis. */
  stored: number
  /** Something newer was there, or the namespace was cleared, or its life is over. */
  outdated: number
  /** Could not be sent for another reason; dead letters tell more. */
  failed: number
}

/** Below every place that the table gives. */
const FIRST_ORDER = 1
const ATTEMPT_MS = 2_000

/** Undefined when the leadership was lost before all had an answer: then the next leader does it. */
export async function replayDisk(parts: ReplayParts, left: readonly LeftRecords[]): Promise<Replayed | undefined> {
  const { journal } = parts
  const replayed: Replayed = { stored: 0, outdated: 0, failed: 0 }
  const lives = livesOf(left, journal.hostId)
  const marks: Mark[] = []
  for (const records of byPartition(newestOfEach(left)).values()) {
    const found = await lookUp(parts, records)
    if (found === undefined) return undefined
    for (const [index, { record, hostId }] of records.entries()) {
      const expected = expectedOf(record, { ...found, held: found.held[index], life: lives.get(hostId)!, lives })
      const mark = expected === undefined ? 0 : await write(parts, record, expected)
      if (mark === undefined) return undefined
      if (mark === 0) replayed.outdated++
      else if (mark < 0) replayed.failed++
      else marks.push(mark)
    }
  }
  for (const mark of marks) {
    while (!journal.isSettled(mark)) {
      if (!journal.isLeading) return undefined
      await journal.settled(mark, performance.now() + ATTEMPT_MS)
    }
    const { result } = journal.answerOf(mark) ?? { result: 'unknown' }
    if (result === 'dead') replayed.failed++
    else if (result === 'lost' || result === 'superseded') replayed.outdated++
    else replayed.stored++
  }
  return replayed
}

/** Of the lives of the host, the present one the last. */
function livesOf(left: readonly LeftRecords[], present: string): Map<string, number> {
  const lives = new Map(left.map(({ hostId }, life) => [hostId, life]))
  return lives.set(present, left.length)
}

interface OfLife {
  record: DiskRecord
  hostId: string
}

/** Of several writes of a key the last one counts; of several journals the last. */
function newestOfEach(left: readonly LeftRecords[]): OfLife[] {
  const newest = new Map<string, OfLife>()
  for (const { records, hostId } of left) {
    for (const record of records) {
      const id = `${record.namespace}|${record.key}`
      const before = newest.get(id)
      if (before === undefined || before.hostId !== hostId || record.order >= before.record.order) newest.set(id, { record, hostId })
    }
  }
  return [...newest.values()]
}

function byPartition(records: readonly OfLife[]): Map<number, OfLife[]> {
  const groups = new Map<number, OfLife[]>()
  for (const one of records) {
    const group = groups.get(one.record.partition)
    if (group === undefined) groups.set(one.record.partition, [one])
    else group.push(one)
  }
  return groups
}

interface Found {
  epoch: number
  /** Redis' clock minus the wall clock. */
  offsetMs: number
  held: readonly (Held | undefined)[]
}

/** What Redis has in place of records of one partition. Undefined when the lead is lost. */
async function lookUp({ journal, history }: ReplayParts, records: readonly OfLife[]): Promise<Found | undefined> {
  const { partition } = records[0]!.record
  const afterSeq = records.reduce((least, { record }) => Math.min(least, seqOf(record)), Number.POSITIVE_INFINITY)
  for (;;) {
    if (!journal.isLeading) return undefined
    const deadlineMs = performance.now() + ATTEMPT_MS
    const askedMs = Date.now()
    const now = await history.now(partition, deadlineMs)
    const offsetMs = now?.clockMs === undefined ? 0 : now.clockMs - (askedMs + Date.now()) / 2
    const held = now && (await history.held(partition, records.map(({ record }) => record), afterSeq, deadlineMs))
    if (held !== undefined) return { epoch: now!.epoch, offsetMs, held }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** The highest version the record may replace; undefined = what is there is newer. */
function expectedOf(
  record: DiskRecord, { epoch, offsetMs, held, life, lives }: Omit<Found, 'held'> & { held: Held | undefined; life: number; lives: ReadonlyMap<string, number> },
): number | undefined {
  // Of another history nothing is known to be older.
  if (record.epoch > 0 && epoch > 0 && epoch !== record.epoch) return 0
  if (held === undefined || held.version <= record.floor) return record.floor
  const ofLife = held.origin === undefined ? undefined : lives.get(held.origin)
  if (ofLife !== undefined) {
    const isNewer = ofLife === life ? isLater(held.hostOrder, record.order) : ofLife > life
    return isNewer ? undefined : held.version
  }
  // The host had heard of all that was there before: somebody else wrote it since.
  if (held.origin !== undefined && record.epoch !== 0) return undefined
  return held.createdAtMs > record.atMs + offsetMs ? undefined : held.version
}

/** Of two places on one host, `place` modulo 2^32. */
function isLater(place: number, order: number): boolean {
  return place !== 0 && ((place - (order % 2 ** 32)) | 0) > 0
}

/** Its mark in the journal; 0: it is outdated, -1: it does not fit, undefined: the leadership is lost. */
async function write({ table, journal, controlEpoch }: ReplayParts, given: DiskRecord, expected: number): Promise<Mark | undefined> {
  const record = given.op === SET && given.codec === Codec.tagged ? tagged(table, given, controlEpoch) : given
  const { op, namespace, key, partition, codec, payload } = record
  const view = viewAt(table, namespace)
  const life = lifeLeft(record)
  // In another history of the namespaces nobody has cleared anything yet.
  const isCleared = record.controlEpoch === controlEpoch && view.fleetEpoch() !== record.fleetEpoch
  if (life === undefined || isCleared) return 0
  for (;;) {
    if (!journal.isLeading) return undefined
    const mark = journal.prepare({ op: op === SET ? 1 : 2, namespace, key, partition, codec, payload, life, condition: FILL, expected, sourceVersion: 0 })
    if (mark < 0) return -1
    if (mark > 0 && journal.commit(mark, FIRST_ORDER, view.epoch())) {
      // After it: who reads from now on finds the record, who has begun before must not store what he finds.
      view.invalidate(key, Number.POSITIVE_INFINITY, (other) => journal.isSettled(other))
      return mark
    }
    await journal.roomy(performance.now() + ATTEMPT_MS)
  }
}

/** What its tags have lost since is replaced in Redis all the same, by what is gone or stale. */
function tagged(table: L1Table, record: DiskRecord, controlEpoch: number): DiskRecord {
  const clock = table.tags.clock()
  const { slots, sequence } = readStamp(record.payload)
  // In another history nobody has cleared anything yet.
  const state = record.controlEpoch === controlEpoch ? table.tags.fleetSince(slots, sequence) : 'current'
  const hasGrace = record.softAtMs !== 0 && record.hardAtMs > record.softAtMs
  if (state === 'gone' || (state === 'expired' && !hasGrace)) return { ...record, op: DELETE, codec: 0, payload: new Uint8Array() }
  const payload = restamped(record.payload, clock, 0)
  return state === 'expired' ? { ...record, payload, softAtMs: Math.min(record.softAtMs, Date.now()) } : { ...record, payload }
}

/** Undefined when nothing is left of it. */
function lifeLeft({ op, softAtMs, hardAtMs }: DiskRecord): Life | undefined {
  if (op !== SET || softAtMs === 0) return { ttlMs: 0, graceMs: 0 }
  const nowMs = Date.now()
  if (hardAtMs <= nowMs) return undefined
  const ttlMs = Math.max(1, softAtMs - nowMs)
  return { ttlMs, graceMs: Math.max(0, hardAtMs - nowMs - ttlMs) }
}

/** The last sequence of the partition that the host knew. */
function seqOf({ floor }: DiskRecord): number {
  return Math.floor(floor / SALTS)
}
