/**
 * The append-only files of `durability: 'disk'`.
 *
 *   file   "STDISK01"   16 bytes id of the host's journal   frames
 *   frame  u32 bytes of the body   u32 CRC-32 of the body   body
 *   body   u16 bytes of the head   head (JSON)   payload
 *
 * A head is a record, or tells that all frames before an offset are settled. A frame that is cut off or damaged ends the
 * file: what came after it was never acknowledged.
 */
import { crc32 } from 'node:zlib'
import type { DiskRecord } from './contract'

const MAGIC = 'STDISK01'
export const FILE_HEAD_BYTES = 24
const FRAME_HEAD_BYTES = 8
const MAX_BODY_BYTES = 2 ** 30

export interface DiskFile {
  hostId: string
  /** Not settled as far as the file tells, in the order they were written. */
  records: DiskRecord[]
  /** Something after them is cut off or damaged. */
  isCut: boolean
}

export function fileHead(hostId: string): Buffer {
  return Buffer.from(MAGIC + hostId, 'latin1')
}

export function recordFrame({ payload, ...head }: DiskRecord): Buffer {
  return frame(JSON.stringify(head), payload)
}

/** All frames before the offset are settled. */
export function settledFrame(offset: number): Buffer {
  return frame(JSON.stringify({ settled: offset }), new Uint8Array())
}

/** Undefined for what is no such file. */
export function readDiskFile(bytes: Buffer): DiskFile | undefined {
  if (bytes.length < FILE_HEAD_BYTES || bytes.toString('latin1', 0, 8) !== MAGIC) return undefined
  const found: { at: number; record: DiskRecord }[] = []
  let settled = 0
  let at = FILE_HEAD_BYTES
  while (at + FRAME_HEAD_BYTES <= bytes.length) {
    const length = bytes.readUInt32BE(at)
    const start = at + FRAME_HEAD_BYTES
    if (length < 2 || length > MAX_BODY_BYTES || start + length > bytes.length) break
    const body = bytes.subarray(start, start + length)
    if (crc32(body) !== bytes.readUInt32BE(at + 4)) break
    const payloadAt = 2 + body.readUInt16BE(0)
    const head = parsed(body.toString('utf8', 2, payloadAt))
    if (head === undefined) break
    if ('settled' in head) settled = Math.max(settled, head.settled)
    else found.push({ at, record: { ...head, payload: body.subarray(payloadAt) } })
    at = start + length
  }
  const records = found.filter((one) => one.at >= settled).map(({ record }) => record)
  return { hostId: bytes.toString('latin1', 8, FILE_HEAD_BYTES), records, isCut: at < bytes.length }
}

function parsed(head: string): Omit<DiskRecord, 'payload'> | { settled: number } | undefined {
  try {
    return JSON.parse(head)
  } catch {
    return undefined
  }
}

function frame(head: string, payload: Uint8Array): Buffer {
  const headBytes = Buffer.byteLength(head)
  const bytes = Buffer.allocUnsafe(FRAME_HEAD_BYTES + 2 + headBytes + payload.length)
  const body = bytes.subarray(FRAME_HEAD_BYTES)
  body.writeUInt16BE(headBytes, 0)
  body.write(head, 2)
  body.set(payload, 2 + headBytes)
  bytes.writeUInt32BE(body.length, 0)
  bytes.writeUInt32BE(crc32(body), 4)
  return bytes
}
