/** Slots of a Redis cluster. */
import { PARTITIONS } from './contract'

export const SLOTS = 16_384

/** CRC-16/XMODEM of the tag's bytes, modulo 16384: what Redis computes for a key with that hash tag. */
export function slotOfTag(tag: string): number {
  let crc = 0
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021
    crc &= 0xffff
  }
  return crc % SLOTS
}

/** The slot of each partition of a cache; 257 long. */
export function partitionSlots(cache: string): number[] {
  return Array.from({ length: PARTITIONS + 1 }, (_, partition) => slotOfTag(`${cache}.${partition}`))
}

export interface SlotRange {
  first: number
  last: number
  host: string
  port: number
}

/** The reply of CLUSTER SLOTS: the primaries. `asked` stands where a node does not know its own name. */
export function readSlotRanges(reply: unknown, asked: string): SlotRange[] | undefined {
  if (!Array.isArray(reply)) return undefined
  const ranges: SlotRange[] = []
  for (const row of reply as unknown[]) {
    if (!Array.isArray(row) || !Array.isArray(row[2])) return undefined
    const [first, last, [host, port]] = row as [unknown, unknown, [unknown, unknown]]
    if (!isSlot(first) || !isSlot(last) || typeof port !== 'number') return undefined
    const name = host === null ? '' : String(host)
    ranges.push({ first, last, host: name === '' || name === '?' ? asked : name, port })
  }
  return ranges
}

function isSlot(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < SLOTS
}
