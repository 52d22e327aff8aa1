/** Which of the 256 partitions of Redis' data a key belongs to. */
import { crc32 } from 'node:zlib'
import { asciiCrc, endCrc } from './crc'

const PARTITIONS = 256
const CRC_OF_BAR = asciiCrc(-1, '|')

/**
 * CRC-32 (as in zlib) of the UTF-8 bytes of `<namespace>|<key>`, or of `group` alone where given, modulo 256. Part of the
 * wire format: it never changes. The native side has it too (binding/journal_write.cc).
 */
export function partitionOf(namespace: string, key: string, group?: string): number {
  return (group === undefined ? crcOfNames(namespace, key) : crc32(group)) % PARTITIONS
}

function crcOfNames(namespace: string, key: string): number {
  const start = namespace === '' ? CRC_OF_BAR : asciiCrc(-1, `${namespace}|`)
  const crc = start === undefined ? undefined : asciiCrc(start, key)
  return crc === undefined ? crc32(`${namespace}|${key}`) : endCrc(crc)
}
