/**
 * Brings to Redis what a former life of the host had acknowledged as on the disk and could not send.
 *
 * Such a record is newer than what the host knew when it was written, and than what the host itself wrote after that. It
 * gives way to everything else: to what others have written since, and to what this host writes now. In Redis that is the
 * condition of a fill, so a record that is sent twice is applied once; on the host it is the lowest place in the order.
 */
import type { DiskRecord, Journal, Mark } from '../journal/contract'
import type { L1Table, Life } from '../l1/table'
import type { Change, FarHistory } from '../l2/contract'
import { FILL, SET } from './journal-words'
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

const SALTS = 1024
/** Below every place that the table gives. */
const FIRST_ORDER = 1
const ATTEMPT_MS = 2_000

/** Undefined when the leadership was lost before all had an answer: then the next leader does it. */
export async function replayDisk(parts: ReplayParts, left: readonly LeftRecords[]): Promise<Replayed | undefined> {
  const { journal } = parts
  const replayed: Replayed = { stored: 0, outdated: 0, failed: 0 }
  const own = new Set(left.map(({ hostId }) => hostId))
  const marks: Mark[] = []
  for (const records of byPartition(newestOfEach(left)).values()) {
    const floorRecord = records.reduce((a, b) => (seqOf(b) < seqOf(a) ? b : a))
    const changes = await changesSince(parts, floorRecord)
    if (changes === undefined) return undefined
    for (const record of records) {
      const expected = expectedOf(record, changes, own)
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

/** Of several writes of a key the last one counts; of several journals the last. */
function newestOfEach(left: readonly LeftRecords[]): DiskRecord[] {
  const newest = new Map<string, { record: DiskRecord; life: number }>()
  for (const [life, { records }] of left.entries()) {
    for (const record of records) {
      const id = `${record.namespace}|${record.key}`
      const before = newest.get(id)
      const isNewer = before === undefined || left[before.life]!.hostId !== left[life]!.hostId || record.order >= before.record.order
      if (isNewer) newest.set(id, { record, life })
    }
  }
  return [...newest.values()].map(({ record }) => record)
}

function byPartition(records: readonly DiskRecord[]): Map<number, DiskRecord[]> {
  const groups = new Map<number, DiskRecord[]>()
  for (const record of records) groups.set(record.partition, [...(groups.get(record.partition) ?? []), record])
  return groups
}

async function changesSince({ journal, history }: ReplayParts, record: DiskRecord): Promise<readonly Change[] | 'gone' | 'over' | undefined> {
  for (;;) {
    if (!journal.isLeading) return undefined
    const changes = await history.changesSince(record.partition, record.epoch, seqOf(record), performance.now() + ATTEMPT_MS)
    if (changes !== undefined) return changes
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** The highest version the record may replace; undefined = somebody else's is newer. */
function expectedOf(record: DiskRecord, changes: readonly Change[] | 'gone' | 'over', own: ReadonlySet<string>): number | undefined {
  // Of another history nothing is known to be older.
  if (changes === 'over') return 0
  if (changes === 'gone') return record.floor
  const last = changes.findLast(({ namespace, key, version }) => key === record.key && namespace === record.namespace && version > record.floor)
  if (last === undefined) return record.floor
  return own.has(last.origin) ? last.version : undefined
}

/** Its mark in the journal; 0: it is outdated, -1: it does not fit, undefined: the leadership is lost. */
async function write({ table, journal, controlEpoch }: ReplayParts, record: DiskRecord, expected: number): Promise<Mark | undefined> {
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
