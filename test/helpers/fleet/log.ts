/**
 * What a process of the fleet did, in a file that survives its SIGKILL: an intent before each change, and the
 * acknowledgement as soon as there is one. What has an intent alone may have happened, now or later.
 *
 *   0 u8 kind    1 u8 place of the value    2 u16 key    4 u32 counter of the value
 *   8 f64 start ns    16 f64 end ns    24 f64 version that the cache gave
 */
import { openSync, readFileSync, writeSync } from 'node:fs'
import { nowNs } from '../redis/history'
import type { Origin } from './keys'

const BYTES = 32
const KINDS = ['none', 'set', 'delete', 'acknowledged', 'refused', 'read'] as const

export interface Line {
  /** `set` and `delete` are intents; `acknowledged` and `refused` end them. */
  kind: (typeof KINDS)[number]
  key: number
  /** Counter 0: a miss. */
  origin: Origin
  startNs: number
  endNs: number
  version: number
}

/** A value that nobody can have written. */
export const STRANGE: Origin = { place: 255, counter: 2 ** 32 - 1 }

export class Log {
  readonly #file: number
  readonly #line = Buffer.alloc(BYTES)

  constructor(path: string) {
    this.#file = openSync(path, 'a')
  }

  intend(kind: 'set' | 'delete', key: number, origin: Origin, startNs: number): void {
    this.#write(kind, key, origin, startNs, 0, 0)
  }

  end(kind: 'acknowledged' | 'refused', key: number, origin: Origin, startNs: number, version: number): void {
    this.#write(kind, key, origin, startNs, nowNs(), version)
  }

  read(key: number, origin: Origin, startNs: number): void {
    this.#write('read', key, origin, startNs, nowNs(), 0)
  }

  #write(kind: Line['kind'], key: number, { place, counter }: Origin, startNs: number, endNs: number, version: number): void {
    const line = this.#line
    line[0] = KINDS.indexOf(kind)
    line[1] = place
    line.writeUInt16LE(key, 2)
    line.writeUInt32LE(counter, 4)
    line.writeDoubleLE(startNs, 8)
    line.writeDoubleLE(endNs, 16)
    line.writeDoubleLE(version, 24)
    writeSync(this.#file, line)
  }
}

/** A line that death has cut short is left out. */
export function readLog(path: string): Line[] {
  const bytes = readFileSync(path)
  return Array.from({ length: Math.floor(bytes.length / BYTES) }, (_, i) => {
    const at = i * BYTES
    return {
      kind: KINDS[bytes[at]!]!,
      key: bytes.readUInt16LE(at + 2),
      origin: { place: bytes[at + 1]!, counter: bytes.readUInt32LE(at + 4) },
      startNs: bytes.readDoubleLE(at + 8),
      endNs: bytes.readDoubleLE(at + 16),
      version: bytes.readDoubleLE(at + 24),
    }
  })
}
