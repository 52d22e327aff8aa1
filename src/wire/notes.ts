/**
 * What is noted of a value beside it, in front of its bytes (codec 6). Little-endian.
 *
 *    0  u8 codec of the value (0 to 5)   1  u8 0   2  u16 bytes of the etag   4  u32 0
 *    8  f64 ttl, ms, 0 = for ever       16  f64 cost of the load, ms, 0 = unknown
 *   24  f64 last modified, ms since 1970, NaN = unknown
 *   32  f64 cap of sliding, ms of the table's clock, Infinity = none; means nothing on another host
 *   40  etag in UTF-8, then the value's bytes
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
}

const HEAD_BYTES = 40
const CAP_AT = 32
const LAST_INNER_CODEC = 5

export function writeNotes(notes: Notes, codec: number, payload: Uint8Array): Buffer {
  const etag = Buffer.from(notes.etag ?? '')
  const bytes = Buffer.alloc(HEAD_BYTES + etag.length + payload.length)
  bytes[0] = codec
  bytes.writeUInt16LE(etag.length, 2)
  bytes.writeDoubleLE(notes.ttlMs, 8)
  bytes.writeDoubleLE(notes.loadMs, 16)
  bytes.writeDoubleLE(notes.lastModified?.getTime() ?? Number.NaN, 24)
  bytes.writeDoubleLE(notes.capAtMs, CAP_AT)
  bytes.set(etag, HEAD_BYTES)
  bytes.set(payload, HEAD_BYTES + etag.length)
  return bytes
}

/** The value's own codec and bytes (a view). Throws ERR_CACHE_PAYLOAD for what `writeNotes` did not make. */
export function behindNotes(bytes: Buffer): { codec: number; payload: Buffer } {
  const codec = bytes[0] ?? 255
  const end = bytes.length < HEAD_BYTES ? Number.POSITIVE_INFINITY : HEAD_BYTES + bytes.readUInt16LE(2)
  if (codec > LAST_INNER_CODEC || end > bytes.length) throw new CacheError('ERR_CACHE_PAYLOAD', 'notes must be whole, got damaged bytes')
  return { codec, payload: bytes.subarray(end) }
}

/** Throws ERR_CACHE_PAYLOAD, as `behindNotes`. */
export function readNotes(given: Uint8Array): Notes {
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength)
  behindNotes(bytes)
  const notes: Notes = { ttlMs: bytes.readDoubleLE(8), loadMs: bytes.readDoubleLE(16), capAtMs: bytes.readDoubleLE(CAP_AT) }
  const etagBytes = bytes.readUInt16LE(2)
  if (etagBytes > 0) notes.etag = bytes.toString('utf8', HEAD_BYTES, HEAD_BYTES + etagBytes)
  const modifiedMs = bytes.readDoubleLE(24)
  if (!Number.isNaN(modifiedMs)) notes.lastModified = new Date(modifiedMs)
  return notes
}

/** The same with no cap: for a value that comes from another host. */
export function withoutCap(bytes: Uint8Array): Buffer {
  const copy = Buffer.from(bytes)
  if (copy.length >= HEAD_BYTES) copy.writeDoubleLE(Number.POSITIVE_INFINITY, CAP_AT)
  return copy
}
