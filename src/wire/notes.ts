/**
 * What is noted of a value beside it, in front of its bytes (codec 6). Little-endian.
 *
 *    0  u8 codec of the value (all but 6)   1  u8 1 with a source version, else 0   2  u16 bytes of the etag   4  u32 0
 *    8  f64 ttl, ms, 0 = for ever       16  f64 cost of the load, ms, 0 = unknown
 *   24  f64 last modified, ms since 1970, NaN = unknown
 *   32  f64 cap of sliding, ms of the table's clock, Infinity = none; means nothing on another host
 *   40  f64 source version, only with one
 *       etag in UTF-8, then the value's bytes
 */
import { CacheError } from '../words/errors'

export interface Notes {
  /** The source's name of this state of the value. */
  etag?: string
  lastModified?: Date
  /** The life it was stored with. 0 = for ever. */
  ttlMs: number
  /** How long its load took. 0 = unknown. */
  loadMs: number
  /** Until then reads may lengthen its life; in the table's clock. */
  capAtMs: number
  /** The value's version at its source, as its writer gave it. Above 0. */
  sourceVersion?: number
}

const HEAD_BYTES = 40
const CAP_AT = 32
const WITH_SOURCE = 1
const NOTED = 6
const LAST_CODEC = 10

export function writeNotes(notes: Notes, codec: number, payload: Uint8Array): Buffer {
  const etag = Buffer.from(notes.etag ?? '')
  const { sourceVersion } = notes
  const head = sourceVersion === undefined ? HEAD_BYTES : HEAD_BYTES + 8
  const bytes = Buffer.alloc(head + etag.length + payload.length)
  bytes[0] = codec
  bytes.writeUInt16LE(etag.length, 2)
  bytes.writeDoubleLE(notes.ttlMs, 8)
  bytes.writeDoubleLE(notes.loadMs, 16)
  bytes.writeDoubleLE(notes.lastModified?.getTime() ?? Number.NaN, 24)
  bytes.writeDoubleLE(notes.capAtMs, CAP_AT)
  if (sourceVersion !== undefined) {
    bytes[1] = WITH_SOURCE
    bytes.writeDoubleLE(sourceVersion, HEAD_BYTES)
  }
  bytes.set(etag, head)
  bytes.set(payload, head + etag.length)
  return bytes
}

/** The value's own codec and bytes (a view). Throws ERR_CACHE_PAYLOAD for what `writeNotes` did not make. */
export function behindNotes(bytes: Buffer): { codec: number; payload: Buffer } {
  const codec = bytes[0] ?? 255
  const end = bytes.length < HEAD_BYTES ? Number.POSITIVE_INFINITY : headOf(bytes) + bytes.readUInt16LE(2)
  if (codec > LAST_CODEC || codec === NOTED || end > bytes.length) throw new CacheError('ERR_CACHE_PAYLOAD', 'notes must be whole, got damaged bytes')
  return { codec, payload: bytes.subarray(end) }
}

/** Throws ERR_CACHE_PAYLOAD, as `behindNotes`. */
export function readNotes(given: Uint8Array): Notes {
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength)
  behindNotes(bytes)
  const notes: Notes = { ttlMs: bytes.readDoubleLE(8), loadMs: bytes.readDoubleLE(16), capAtMs: bytes.readDoubleLE(CAP_AT) }
  const etagBytes = bytes.readUInt16LE(2)
  const head = headOf(bytes)
  if (etagBytes > 0) notes.etag = bytes.toString('utf8', head, head + etagBytes)
  if (head > HEAD_BYTES) notes.sourceVersion = bytes.readDoubleLE(HEAD_BYTES)
  const modifiedMs = bytes.readDoubleLE(24)
  if (!Number.isNaN(modifiedMs)) notes.lastModified = new Date(modifiedMs)
  return notes
}

function headOf(bytes: Buffer): number {
  return bytes[1] === WITH_SOURCE ? HEAD_BYTES + 8 : HEAD_BYTES
}

/** The same with no cap: for a value that comes from another host. */
export function withoutCap(bytes: Uint8Array): Buffer {
  const copy = Buffer.from(bytes)
  if (copy.length >= HEAD_BYTES) copy.writeDoubleLE(Number.POSITIVE_INFINITY, CAP_AT)
  return copy
}
