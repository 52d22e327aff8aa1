/**
 * A batch of sets and deletes without conditions in the form that leaves the script the least to do: whole values, with
 * their times and with the versions they get if nobody else has written to the partition, and the message's part. The
 * common case by far, so it is made without an object per entry.
 */
import { type Batch, type BatchSettings, commonArguments } from './batch'
import type { WriteRecord } from './contract'
import { crcOf } from '../words/crc'
import { ENVELOPE_BYTES } from './envelope'
import { suffixOf } from './names'
import { RespBlock } from './resp'
import { WRITE } from './scripts'
import { randomSalt, versionOf } from './version'

const NONE = new Uint8Array()

export function isPlain(records: readonly WriteRecord[]): boolean {
  for (const { op, condition, sourceVersion, resendFloor } of records) {
    if (op > 2 || condition !== 0 || sourceVersion !== 0 || resendFloor !== undefined) return false
  }
  return records.length > 0
}

/** `nowMs`: Redis' clock, as far as it is known; a whole number, better too low than too high. */
export function buildPlainBatch(
  partition: number, records: readonly WriteRecord[], seqFloor: number, settings: BatchSettings, nowMs: number, block: RespBlock,
): Batch {
  const { names } = settings
  const salt = randomSalt()
  const count = records.length
  block.begin(3 + 2 + count + 14 + 2 * count)
  block.ascii('EVALSHA')
  block.ascii(WRITE.sha)
  block.number(2 + count)
  block.ascii(names.state(partition))
  block.ascii(names.log(partition))
  const stem = names.dataStem(partition)
  const places = new Int32Array(count * 2)
  let eventBytes = 0
  for (let i = 0; i < count; i++) {
    const record = records[i]!
    const known = record.suffixBytes
    const length = known ?? block.utf8(stem, suffixOf(record.namespace, record.key))
    if (known !== undefined) block.suffixed(stem, record, known)
    places[2 * i] = block.at - 2 - length - block.origin
    places[2 * i + 1] = length
    eventBytes += 1 + stringHead(length) + length
  }
  for (const argument of commonArguments(partition, records, seqFloor, salt, settings)) {
    if (typeof argument === 'number' && argument >= 0) block.number(argument)
    else block.ascii(String(argument))
  }
  block.number(nowMs)
  block.ascii('w')
  writeEvents(block, records, places, eventBytes)
  for (let i = 0; i < count; i++) {
    const place: Place = { at: places[2 * i]!, bytes: places[2 * i + 1]!, version: versionOf(seqFloor + 1 + i, salt) }
    writeEntry(block, records[i]!, place, nowMs, settings.tombstoneMs)
  }
  return { request: { name: 'evalsha', bytes: block.end() }, salt }
}

/** Msgpack, as the script itself would pack them. */
function writeEvents(block: RespBlock, records: readonly WriteRecord[], places: Int32Array, total: number): void {
  block.reserve(total + 32)
  block.open(total)
  for (let i = 0; i < records.length; i++) {
    const length = places[2 * i + 1]!
    block.bytes[block.at++] = records[i]!.op
    switch (stringHead(length)) {
      case 1:
        block.bytes[block.at++] = 0xa0 | length
        break
      case 2:
        block.bytes[block.at++] = 0xd9
        block.bytes[block.at++] = length
        break
      default:
        block.bytes[block.at++] = 0xda
        block.view.setUint16(block.at, length)
        block.at += 2
    }
    block.again(block.origin + places[2 * i]!, length)
  }
  block.close()
}

/** 'SC', format 1, codec 0. */
const MAGIC = 0x53430100

/** Where the bytes of an entry's suffix lie in the block, and the version it should get. */
interface Place {
  at: number
  bytes: number
  version: number
}

function stringHead(length: number): number {
  return length < 32 ? 1 : length < 256 ? 2 : 3
}

function writeEntry(block: RespBlock, record: WriteRecord, place: Place, nowMs: number, tombstoneMs: number): void {
  const isDelete = record.op === 2
  const payload = isDelete ? NONE : record.payload
  const softMs = isDelete ? 0 : Math.round(record.softMs)
  const hardMs = isDelete ? tombstoneMs : record.hardMs
  const hardAtMs = hardMs === 0 ? 0 : nowMs + Math.max(1, Math.ceil(hardMs))
  const length = ENVELOPE_BYTES + place.bytes + payload.length
  block.reserve(length + 96)
  block.open(length)
  block.u32(MAGIC + record.codec)
  block.u64(place.version)
  block.u32((isDelete ? 0x1000000 : 0) + place.bytes)
  block.u64(softMs === 0 ? 0 : Math.max(1, nowMs + softMs))
  block.u64(hardAtMs)
  block.u64(nowMs)
  block.u64(record.sourceVersion)
  block.u32(record.nsEpoch)
  const { at } = block
  block.u32(0)
  block.u32(payload.length)
  block.u32((record.hostOrder ?? 0) % 0x100000000)
  const start = block.at
  block.again(block.origin + place.at, place.bytes)
  if (payload.length > 0) block.bytes.set(payload, block.at)
  block.at += payload.length
  block.view.setUint32(at, (isDelete ? undefined : record.crc) ?? crcOf(block.bytes, start, block.at))
  block.close()
  if (hardAtMs === 0) {
    block.open(0)
    block.close()
  } else block.number(hardAtMs)
}
