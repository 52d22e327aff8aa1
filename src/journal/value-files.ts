/**
 * Values too large for a lane: each lies in a file of its own, which the record's value names.
 *
 *   <name>.values/<host id>.<mark>         of that record
 *   <name>.values/<host id>.new-<random>   not yet of a record
 *
 *   the record's value:  0 u48 bytes   6 u32 CRC-32 of the value
 *
 * A file has its mark before the table shows the value, and goes when the record is settled. What a dead process left
 * behind goes after a while; a writer that was only slow finds its file gone and begins anew.
 */
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Mark } from './contract'
import { makeDirectory } from './disk-files'
import { monotonicMs } from './words'

/** kCodecInFile in native/journal/layout.h. */
export const IN_FILE = 0x80

const REFERENCE_BYTES = 10
/** A file without a record, or of a journal that is gone, may be in use for so long. */
const ABANDONED_MS = 60_000
const FOREIGN_MS = 86_400_000
/** After a file could not be written. */
const PAUSE_MS = 50
/** A writer whose file is taken for abandoned so often is not slow: something else removes them. */
const ATTEMPTS = 3

export class ValueFiles {
  readonly #dir: string
  readonly #hostId: string
  readonly #maxTotalBytes: number
  readonly #isSettled: (mark: Mark) => boolean
  #hasDirectory = false
  #pausedUntilMs = 0

  constructor(dir: string, hostId: string, maxTotalBytes: number, isSettled: (mark: Mark) => boolean) {
    this.#dir = dir
    this.#hostId = hostId
    this.#maxTotalBytes = maxTotalBytes
    this.#isSettled = isSettled
  }

  /**
   * Writes the value, has its record made by `prepare`, and gives the file to it. The record's mark; 0 where there is no
   * room, of either kind.
   */
  place(bytes: Uint8Array, prepare: (reference: Buffer) => Mark, cancel: (mark: Mark) => void): Mark {
    const reference = referenceTo(bytes)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const path = this.isRoomy(bytes.length) ? this.#write(bytes) : undefined
      if (path === undefined) return 0
      let mark = 0
      try {
        mark = prepare(reference)
      } finally {
        if (mark <= 0) rmSync(path, { force: true })
      }
      if (mark <= 0 || this.#give(path, mark)) return mark
      cancel(mark)
    }
    this.#pausedUntilMs = monotonicMs() + PAUSE_MS
    return 0
  }

  /** Whether there is room for so many bytes beside what all processes have pending. */
  isRoomy(bytes: number): boolean {
    if (monotonicMs() < this.#pausedUntilMs) return false
    if (this.#hasRoom(bytes)) return true
    this.sweep()
    return this.#hasRoom(bytes)
  }

  #hasRoom(bytes: number): boolean {
    const used = this.#names().reduce((sum, name) => sum + (sizeOf(join(this.#dir, name)) ?? 0), 0)
    return used === 0 || used + bytes <= this.#maxTotalBytes
  }

  /** The value of the record; undefined when it is gone or not what was written. */
  read(mark: Mark, reference: Uint8Array): Buffer | undefined {
    let bytes: Buffer
    try {
      bytes = readFileSync(this.#pathOf(mark))
    } catch {
      return undefined
    }
    const { length, crc } = parse(reference)
    return bytes.length === length && crc32(bytes) === crc ? bytes : undefined
  }

  /** Removes the files nobody needs any more. */
  sweep(): void {
    for (const name of this.#names()) {
      const path = join(this.#dir, name)
      const [hostId, what = ''] = name.split('.')
      const isOurs = hostId === this.#hostId
      const isDone = isOurs && /^\d+$/.test(what) ? this.#isSettled(Number(what)) : isOlder(path, isOurs ? ABANDONED_MS : FOREIGN_MS)
      if (isDone) rmSync(path, { force: true })
    }
  }

  /** Undefined where the file system has no room. */
  #write(bytes: Uint8Array): string | undefined {
    const path = join(this.#dir, `${this.#hostId}.new-${randomBytes(8).toString('hex')}`)
    try {
      if (!this.#hasDirectory) makeDirectory(this.#dir)
      this.#hasDirectory = true
      writeFileSync(path, bytes, { mode: 0o600, flag: 'wx' })
      return path
    } catch {
      rmSync(path, { force: true })
      this.#hasDirectory = false
      this.#pausedUntilMs = monotonicMs() + PAUSE_MS
      return undefined
    }
  }

  /** False when the file was taken for abandoned. */
  #give(path: string, mark: Mark): boolean {
    try {
      renameSync(path, this.#pathOf(mark))
      return true
    } catch {
      return false
    }
  }

  #pathOf(mark: Mark): string {
    return join(this.#dir, `${this.#hostId}.${mark}`)
  }

  #names(): string[] {
    try {
      return readdirSync(this.#dir)
    } catch {
      return []
    }
  }
}

/** How many bytes the value has that a record names. */
export function bytesNamed(reference: Uint8Array): number {
  return parse(reference).length
}

/** What the record says in place of the value. */
function referenceTo(bytes: Uint8Array): Buffer {
  const reference = Buffer.alloc(REFERENCE_BYTES)
  reference.writeUIntBE(bytes.length, 0, 6)
  reference.writeUInt32BE(crc32(bytes), 6)
  return reference
}

function parse(reference: Uint8Array): { length: number; crc: number } {
  if (reference.length !== REFERENCE_BYTES) return { length: -1, crc: -1 }
  const buffer = Buffer.from(reference.buffer, reference.byteOffset, REFERENCE_BYTES)
  return { length: buffer.readUIntBE(0, 6), crc: buffer.readUInt32BE(6) }
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size
}

function isOlder(path: string, ms: number): boolean {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat !== undefined && Date.now() - stat.mtimeMs > ms
}
