/** Drained records out of the numbers and bytes the native side has filled. */
import type { DrainedRecord, JournalWrite } from './contract'

// Numbers of one record (native/binding/journal_lead.cc).
const OP = 0
const CODEC = 1
const CONDITION = 2
const PARTITION = 3
const NS_BYTES = 4
const KEY_BYTES = 5
const VALUE_BYTES = 6
const OFFSET = 7
const MARK = 8
const HOST_VERSION = 9
const NS_EPOCH = 10
const EXPECTED = 11
const SOURCE_VERSION = 12
const OP_NUMBER = 13
const SOFT_AT = 14
const HARD_AT = 15
const FLAGS = 16

const IS_ORPHAN = 1
const HAS_ASCII_KEY = 2
const HAS_SAME_NAMESPACE = 4

/** `width`: numbers per record. Payloads are parts of `body`. */
export function readBatch(meta: Float64Array, body: Buffer, width: number): DrainedRecord[] {
  const records: DrainedRecord[] = []
  let namespace = ''
  for (let at = 0, index = 0; at < meta.length; at += width, index++) {
    const flags = meta[at + FLAGS]!
    const start = meta[at + OFFSET]!
    const keyAt = start + meta[at + NS_BYTES]!
    const valueAt = keyAt + meta[at + KEY_BYTES]!
    if ((flags & HAS_SAME_NAMESPACE) === 0) namespace = body.toString('utf8', start, keyAt)
    records.push({
      mark: meta[at + MARK]!,
      op: meta[at + OP] as JournalWrite['op'],
      namespace,
      key: (flags & HAS_ASCII_KEY) !== 0 ? body.toString('latin1', keyAt, valueAt) : body.toString('utf8', keyAt, valueAt),
      partition: meta[at + PARTITION]!,
      codec: meta[at + CODEC]!,
      payload: body.subarray(valueAt, valueAt + meta[at + VALUE_BYTES]!),
      condition: meta[at + CONDITION] as JournalWrite['condition'],
      expected: meta[at + EXPECTED]!,
      sourceVersion: meta[at + SOURCE_VERSION]!,
      hostVersion: meta[at + HOST_VERSION]!,
      nsEpoch: meta[at + NS_EPOCH]!,
      softAtMs: meta[at + SOFT_AT]!,
      hardAtMs: meta[at + HARD_AT]!,
      opNumber: meta[at + OP_NUMBER]!,
      isOrphan: (flags & IS_ORPHAN) !== 0,
      index,
    })
  }
  return records
}
