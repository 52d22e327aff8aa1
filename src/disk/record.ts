/**
 * A copy of an entry, as it lies on the disk. Little-endian.
 *
 *    0  u32 CRC-32 of the key's bytes and of all that follows here
 *    4  u8 format, u8 codec, u8 1 = the cache had Redis, u8 0
 *    8  f64 number, in the order of writing   16  8 bytes: the region's id
 *   24  f64 sum of epochs   32  f64 doubt   40  f64 fleet version, 0 = none   48  f64 tag clock
 *   56  f64 milliseconds of the table's clock when it was copied   64  f64 of the wall's
 *   72  f64 soft and 80 f64 hard life that was left then, in milliseconds; Infinity = for ever   88  f64 age then
 *   96  the value's bytes
 */
import { crc32 } from 'node:zlib'

export interface Copy {
  codec: number
  payload: Buffer
  hasFar: boolean
  number: number
  /** The region it was copied from. */
  life: string
  epochSum: number
  doubt: number
  fleetVersion: number
  tagClock: number
  tableMs: number
  wallMs: number
  softLeftMs: number
  hardLeftMs: number
  ageMs: number
}

const FORMAT = 1
const HEAD_BYTES = 96
const LIFE_AT = 16

const DOUBLES = ['epochSum', 'doubt', 'fleetVersion', 'tagClock', 'tableMs', 'wallMs', 'softLeftMs', 'hardLeftMs', 'ageMs'] as const
const DOUBLES_AT = 24

export function writeCopy(key: Uint8Array, copy: Copy): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + copy.payload.length)
  bytes[4] = FORMAT
  bytes[5] = copy.codec
  bytes[6] = copy.hasFar ? 1 : 0
  bytes[7] = 0
  bytes.writeDoubleLE(copy.number, 8)
  bytes.write(copy.life, LIFE_AT, 8, 'hex')
  DOUBLES.forEach((name, i) => bytes.writeDoubleLE(copy[name], DOUBLES_AT + 8 * i))
  bytes.set(copy.payload, HEAD_BYTES)
  bytes.writeUInt32LE(crcOf(key, bytes), 0)
  return bytes
}

/** Undefined for anything but what `writeCopy` made for that key. `payload` is a view of `bytes`. */
export function readCopy(key: Uint8Array, bytes: Buffer): Copy | undefined {
  if (bytes.length < HEAD_BYTES || bytes[4] !== FORMAT || bytes.readUInt32LE(0) !== crcOf(key, bytes)) return undefined
  const copy = {
    codec: bytes[5]!, payload: bytes.subarray(HEAD_BYTES), hasFar: bytes[6] === 1, number: bytes.readDoubleLE(8),
    life: bytes.toString('hex', LIFE_AT, LIFE_AT + 8),
  } as Copy
  DOUBLES.forEach((name, i) => (copy[name] = bytes.readDoubleLE(DOUBLES_AT + 8 * i)))
  return copy
}

/** The number alone; NaN for what has none. */
export function numberOf(bytes: Buffer): number {
  return bytes.length < HEAD_BYTES ? Number.NaN : bytes.readDoubleLE(8)
}

function crcOf(key: Uint8Array, bytes: Buffer): number {
  return crc32(bytes.subarray(4), crc32(key))
}
