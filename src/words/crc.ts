/** CRC-32 as in zlib, for what is too short for the way into zlib to pay. */
import { crc32 } from 'node:zlib'

const SHORT_BYTES = 192
const SHORT_TEXT = 96
const TABLE = new Int32Array(256)
for (let byte = 0; byte < 256; byte++) {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0xedb88320
  TABLE[byte] = crc
}

export function crcOf(bytes: Uint8Array, start: number, end: number): number {
  if (end - start > SHORT_BYTES) return crc32(bytes.subarray(start, end))
  let crc = -1
  for (let at = start; at < end; at++) crc = TABLE[(crc ^ bytes[at]!) & 255]! ^ (crc >>> 8)
  return (crc ^ -1) >>> 0
}

/** Goes on from `crc`, -1 at the start, with a short text of ASCII letters; undefined for any other. */
export function asciiCrc(crc: number, text: string): number | undefined {
  const { length } = text
  if (length > SHORT_TEXT) return undefined
  let next = crc
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) return undefined
    next = TABLE[(next ^ code) & 255]! ^ (next >>> 8)
  }
  return next
}

export function endCrc(crc: number): number {
  return (crc ^ -1) >>> 0
}
