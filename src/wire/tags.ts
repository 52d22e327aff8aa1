/**
 * The tags of a value, in front of its bytes (codec 11). Little-endian.
 *
 *    0  u8 codec of the value (0 to 10)  1  u8 0   2  u16 number of tags   4  u32 bytes before the value
 *    8  f64 clock: the tag clock of the host's table as of which they hold; 0 = that of the table's own record
 *   16  f64 sequence: that of Redis' control partition as of which they hold; 0 = on no other host
 *   24  u16 slot of each tag, then each tag as u16 bytes and UTF-8, then the value's bytes
 *
 * Part of the format, in Redis too: it never changes.
 */
import { crc32 } from 'node:zlib'
import { CacheError, misuse } from '../words/errors'

export const MAX_TAGS = 128
export const MAX_TAG_BYTES = 256

export interface Tags {
  names: readonly string[]
  slots: Uint16Array
  clock: number
  sequence: number
}

const CLOCK_AT = 8
const SEQUENCE_AT = 16
const SLOTS_AT = 24
const LAST_INNER_CODEC = 10
const MAX_KNOWN = 16_384

const SLOTS = new Map<string, number>()

/** The slot of a tag of a namespace: CRC-32 of the UTF-8 bytes of `<namespace>#<tag>`, its upper 16 bits. */
export function slotOf(namespace: string, tag: string): number {
  const id = `${namespace}#${tag}`
  let slot = SLOTS.get(id)
  if (slot === undefined) {
    slot = crc32(id) >>> 16
    if (SLOTS.size >= MAX_KNOWN) SLOTS.clear()
    SLOTS.set(id, slot)
  }
  return slot
}

/** `clock`: as of which the value was made; 0 = as of when it is stored. */
export function tagsOf(namespace: string, names: readonly string[], clock: number): Tags {
  return { names, slots: Uint16Array.from(names, (name) => slotOf(namespace, name)), clock, sequence: 0 }
}

/** Throws ERR_CACHE_OPTION. */
export function checkTag(given: unknown, name: string): string {
  const isSound = typeof given === 'string' && given !== '' && given.isWellFormed() && Buffer.byteLength(given) <= MAX_TAG_BYTES
  if (isSound) return given
  throw misuse('ERR_CACHE_OPTION', name, `a well-formed string of 1 to ${MAX_TAG_BYTES} bytes`, given)
}

/** Both, each once. Throws ERR_CACHE_OPTION for too many. */
export function joinTags(base: readonly string[], more: readonly string[]): readonly string[] {
  if (more.length === 0) return base
  const joined = [...new Set([...base, ...more])]
  if (joined.length <= MAX_TAGS) return joined
  throw new CacheError('ERR_CACHE_OPTION', `tags of one entry must be at most ${MAX_TAGS}, got ${joined.length}`)
}

export function writeTags({ names, slots, clock, sequence }: Tags, codec: number, payload: Uint8Array): Buffer {
  const texts = names.map((name) => Buffer.from(name))
  const headBytes = texts.reduce((sum, text) => sum + 2 + text.length, SLOTS_AT + 2 * slots.length)
  const bytes = Buffer.alloc(headBytes + payload.length)
  bytes[0] = codec
  bytes.writeUInt16LE(slots.length, 2)
  bytes.writeUInt32LE(headBytes, 4)
  bytes.writeDoubleLE(clock, CLOCK_AT)
  bytes.writeDoubleLE(sequence, SEQUENCE_AT)
  let at = SLOTS_AT
  for (const slot of slots) at = bytes.writeUInt16LE(slot, at)
  for (const text of texts) {
    at = bytes.writeUInt16LE(text.length, at)
    at += text.copy(bytes, at)
  }
  bytes.set(payload, at)
  return bytes
}

/** The value's own codec and bytes (a view). Throws ERR_CACHE_PAYLOAD for what `writeTags` did not make. */
export function behindTags(bytes: Buffer): { codec: number; payload: Buffer } {
  checkHead(bytes)
  return { codec: bytes[0]!, payload: bytes.subarray(bytes.readUInt32LE(4)) }
}

/** Throws ERR_CACHE_PAYLOAD, as `behindTags`. */
export function readTags(given: Uint8Array): Tags {
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength)
  const slots = readSlots(bytes)
  const end = bytes.readUInt32LE(4)
  const names: string[] = []
  for (let at = SLOTS_AT + 2 * slots.length; names.length < slots.length;) {
    const start = at + 2
    at = start > end ? Number.POSITIVE_INFINITY : start + bytes.readUInt16LE(at)
    if (at > end) throw damaged()
    names.push(bytes.toString('utf8', start, at))
  }
  return { names, slots, clock: bytes.readDoubleLE(CLOCK_AT), sequence: bytes.readDoubleLE(SEQUENCE_AT) }
}

/** What judges them, without their names. Throws ERR_CACHE_PAYLOAD. */
export function readStamp(given: Uint8Array): { slots: Uint16Array; clock: number; sequence: number } {
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength)
  return { slots: readSlots(bytes), clock: bytes.readDoubleLE(CLOCK_AT), sequence: bytes.readDoubleLE(SEQUENCE_AT) }
}

/** The same as of another clock and sequence; a copy. */
export function restamped(given: Uint8Array, clock: number, sequence: number): Buffer {
  const bytes = Buffer.from(given)
  checkHead(bytes)
  bytes.writeDoubleLE(clock, CLOCK_AT)
  bytes.writeDoubleLE(sequence, SEQUENCE_AT)
  return bytes
}

function readSlots(bytes: Buffer): Uint16Array {
  checkHead(bytes)
  const slots = new Uint16Array(bytes.readUInt16LE(2))
  for (let i = 0; i < slots.length; i++) slots[i] = bytes.readUInt16LE(SLOTS_AT + 2 * i)
  return slots
}

function checkHead(bytes: Buffer): void {
  if (bytes.length < SLOTS_AT || bytes[0]! > LAST_INNER_CODEC) throw damaged()
  const count = bytes.readUInt16LE(2)
  const headBytes = bytes.readUInt32LE(4)
  if (count === 0 || count > MAX_TAGS || headBytes < SLOTS_AT + 4 * count || headBytes > bytes.length) throw damaged()
}

function damaged(): CacheError {
  return new CacheError('ERR_CACHE_PAYLOAD', 'tags must be whole, got damaged bytes')
}
