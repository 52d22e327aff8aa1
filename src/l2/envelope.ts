/**
 * The header of every value in Redis: 64 bytes, then the suffix, then the payload. Big-endian.
 *
 *    0  'S' 'C'            2  u8 format = 1         3  u8 codec (bit 7 is 0)
 *    4  u64 version       12  u8 flags: 1 = tombstone   13  u8 0     14  u16 bytes of the suffix
 *   16  u64 soft_at       24  u64 hard_at          32  u64 created_at      ms of Redis' clock, 0 = never
 *   40  u64 source version                         48  u32 sum of the namespace's fleet epochs
 *   52  u32 crc32(suffix, payload)                 56  u32 bytes of the payload
 *   60  u32 place among the writes of its host, modulo 2^32, 0 = not known
 *   64  suffix: <namespace>|<key> in UTF-8, then the payload
 *
 * The writer sends everything from byte 40 on (the tail); the script adds what is before it.
 * Format of the wire: golden bytes in test/unit/l2-envelope.test.ts.
 */
import { crc32 } from 'node:zlib'
import { crcOf } from '../words/crc'

export const ENVELOPE_BYTES = 64
const TAIL_AT = 40
const FORMAT = 1
const TOMBSTONE = 1
const HIGH = 2 ** 32

export interface Envelope {
  codec: number
  version: number
  isTombstone: boolean
  softAtMs: number
  hardAtMs: number
  createdAtMs: number
  sourceVersion: number
  nsEpoch: number
  suffixBytes: number
  crc: number
  payloadBytes: number
  hostOrder: number
}

/** Everything from byte 40 of the envelope on. */
export function buildTail(suffix: string, payload: Uint8Array, sourceVersion: number, nsEpoch: number, hostOrder = 0): Buffer {
  const suffixBytes = Buffer.byteLength(suffix)
  const start = ENVELOPE_BYTES - TAIL_AT
  const tail = Buffer.allocUnsafe(start + suffixBytes + payload.length)
  tail.writeUInt32BE(Math.floor(sourceVersion / HIGH), 0)
  tail.writeUInt32BE(sourceVersion % HIGH, 4)
  tail.writeUInt32BE(nsEpoch, 8)
  tail.write(suffix, start, 'utf8')
  tail.set(payload, start + suffixBytes)
  tail.writeUInt32BE(crc32(tail.subarray(start)), 12)
  tail.writeUInt32BE(payload.length, 16)
  tail.writeUInt32BE(hostOrder % HIGH, 20)
  return tail
}

/** The header of a stored value, or undefined for what is none of ours. Proves nothing of the payload. */
export function readHeader(bytes: Buffer): Envelope | undefined {
  if (bytes.length < ENVELOPE_BYTES || bytes.readUInt16BE(0) !== 0x5343 || bytes[2] !== FORMAT) return undefined
  const codec = bytes[3]!
  if (codec > 127) return undefined
  return {
    codec,
    version: u64(bytes, 4),
    isTombstone: (bytes[12]! & TOMBSTONE) !== 0,
    suffixBytes: bytes.readUInt16BE(14),
    softAtMs: u64(bytes, 16),
    hardAtMs: u64(bytes, 24),
    createdAtMs: u64(bytes, 32),
    sourceVersion: u64(bytes, 40),
    nsEpoch: bytes.readUInt32BE(48),
    crc: bytes.readUInt32BE(52),
    payloadBytes: bytes.readUInt32BE(56),
    hostOrder: bytes.readUInt32BE(60),
  }
}

/** Whose value it is: 'foreign' names another key. */
export function checkWhole(bytes: Buffer, envelope: Envelope, suffix: string): 'whole' | 'foreign' | 'corrupt' {
  const payloadAt = ENVELOPE_BYTES + envelope.suffixBytes
  if (bytes.length !== payloadAt + envelope.payloadBytes) return 'corrupt'
  if (crcOf(bytes, ENVELOPE_BYTES, bytes.length) !== envelope.crc) return 'corrupt'
  return isText(bytes, ENVELOPE_BYTES, payloadAt, suffix) ? 'whole' : 'foreign'
}

export function payloadOf(bytes: Buffer, envelope: Envelope): Buffer {
  return bytes.subarray(ENVELOPE_BYTES + envelope.suffixBytes)
}

/** Whether the bytes are the text in UTF-8. */
function isText(bytes: Buffer, start: number, end: number, text: string): boolean {
  // A text of ASCII letters alone is as long as its bytes; no other text equals such bytes.
  const { length } = text
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) return bytes.toString('utf8', start, end) === text
    if (start + i >= end || bytes[start + i] !== code) return false
  }
  return end - start === length
}

function u64(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * HIGH + bytes.readUInt32BE(at + 4)
}
