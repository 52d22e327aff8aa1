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

/** Of the parts one after the other; undefined unless they are short and of ASCII letters. */
export function asciiCrc(...parts: readonly string[]): number | undefined {
  let crc = -1
  for (const part of parts) {
    if (part.length > SHORT_TEXT) return undefined
    for (let i = 0; i < part.length; i++) {
      const code = part.charCodeAt(i)
      if (code > 127) return undefined
      crc = TABLE[(crc ^ code) & 255]! ^ (crc >>> 8)
    }
  }
  return (crc ^ -1) >>> 0
}
