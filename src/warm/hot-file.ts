/**
 * Files of exported keys.
 *
 *   file   "STHOT001"   frames
 *   frame  u32 bytes of the body   u32 CRC-32 of the body   body
 *   body   u16 bytes of the head   head (JSON)   payload
 *
 * Little-endian. The first frame says when the file was made, under which stamps, and how many entries it should have; the
 * last one is empty of everything but `end`. Each in between is an entry: `n` namespace below the exported one, `k` key, `h`
 * heat, and with a value `c` codec, `s` and `l` soft and hard life left in ms (absent: for ever), `a` age in ms.
 *
 * It is made beside its name and takes it when it is whole. A frame that is damaged is passed over; one that is cut off ends
 * the file.
 */
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { CacheError } from '../words/errors'

const MAGIC = 'STHOT001'
const FRAME_HEAD_BYTES = 8
const MAX_BODY_BYTES = 2 ** 27
const CHUNK_BYTES = 1024 * 1024

export interface HotFileHead {
  madeAtMs: number
  stamps: string[]
  count: number
}

export interface HotRecord {
  n: string
  k: string
  h: number
  c?: number
  s?: number
  l?: number
  a?: number
}

export interface HotFileEntry {
  record: HotRecord
  payload: Buffer
}

/** Resolves to the bytes written. Rejects with ERR_CACHE_FILE. */
export async function writeHotFile(path: string, head: HotFileHead, entries: Iterable<{ record: HotRecord; payload: Uint8Array }>): Promise<number> {
  const draft = `${path}.${process.pid}.draft`
  let file: FileHandle | undefined
  try {
    file = await open(draft, 'w', 0o600)
    let bytes = 0
    let chunk: Buffer[] = [Buffer.from(MAGIC), frame(head)]
    let size = 0
    const flush = async (): Promise<void> => {
      const whole = Buffer.concat(chunk)
      await file!.writeFile(whole)
      bytes += whole.length
      chunk = []
      size = 0
    }
    for (const { record, payload } of entries) {
      const made = frame(record, payload)
      chunk.push(made)
      size += made.length
      if (size >= CHUNK_BYTES) await flush()
    }
    chunk.push(frame({ end: true }))
    await flush()
    await file.sync()
    await file.close()
    await rename(draft, path)
    return bytes
  } catch (cause) {
    await file?.close().catch(() => {})
    await rm(draft, { force: true }).catch(() => {})
    if (cause instanceof CacheError) throw cause
    throw failure(`cannot be written (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`, path, cause)
  }
}

/** A file that is open for reading; `entries` ends it. */
export class HotFile {
  readonly head: HotFileHead
  readonly #reader: FrameReader

  /** Rejects with ERR_CACHE_FILE for a file that is not there, is none of these, or whose beginning is damaged. */
  static async open(path: string): Promise<HotFile> {
    let file: FileHandle | undefined
    try {
      file = await open(path, 'r')
      const reader = new FrameReader(file, (await file.stat()).size)
      const magic = await reader.take(MAGIC.length)
      if (magic?.toString('latin1') !== MAGIC) throw failure('must be one of exported keys, it is none', path)
      const first = await reader.next()
      const head = typeof first === 'object' ? (first.head as Partial<HotFileHead>) : undefined
      if (typeof head?.madeAtMs !== 'number' || !Array.isArray(head.stamps) || typeof head.count !== 'number') throw failure('must be whole, its beginning is damaged', path)
      return new HotFile(head as HotFileHead, reader)
    } catch (cause) {
      await file?.close().catch(() => {})
      if (cause instanceof CacheError) throw cause
      throw failure(`cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`, path, cause)
    }
  }

  private constructor(head: HotFileHead, reader: FrameReader) {
    this.head = head
    this.#reader = reader
  }

  /** 'damaged' stands for an entry, or for all that is missing at the end. */
  async *entries(): AsyncGenerator<HotFileEntry | 'damaged'> {
    try {
      for (;;) {
        const found = await this.#reader.next()
        if (found === 'cut') return yield 'damaged'
        if (found === 'damaged') {
          yield 'damaged'
          continue
        }
        if ('end' in found.head) return
        yield isRecord(found.head) ? { record: found.head, payload: found.payload } : 'damaged'
      }
    } finally {
      await this.close()
    }
  }

  close(): Promise<void> {
    return this.#reader.close()
  }
}

class FrameReader {
  readonly #file: FileHandle
  readonly #bytes: number
  #at = 0
  #chunk = Buffer.alloc(0)
  #chunkAt = 0

  constructor(file: FileHandle, bytes: number) {
    this.#file = file
    this.#bytes = bytes
  }

  /** Undefined where the file ends before. */
  async take(bytes: number): Promise<Buffer | undefined> {
    if (this.#chunk.length - this.#chunkAt < bytes) {
      if (bytes > this.#bytes - this.#at) return undefined
      const want = Math.min(Math.max(bytes, CHUNK_BYTES), this.#bytes - this.#at)
      const { buffer, bytesRead } = await this.#file.read(Buffer.alloc(want), 0, want, this.#at)
      if (bytesRead < bytes) return undefined
      this.#chunk = buffer.subarray(0, bytesRead)
      this.#chunkAt = 0
    }
    const taken = this.#chunk.subarray(this.#chunkAt, this.#chunkAt + bytes)
    this.#chunkAt += bytes
    this.#at += bytes
    return taken
  }

  async next(): Promise<{ head: object; payload: Buffer } | 'damaged' | 'cut'> {
    const lengths = await this.take(FRAME_HEAD_BYTES)
    if (lengths === undefined) return 'cut'
    const bytes = lengths.readUInt32LE(0)
    const sum = lengths.readUInt32LE(4)
    if (bytes < 2 || bytes > MAX_BODY_BYTES) return 'cut'
    const body = await this.take(bytes)
    if (body === undefined) return 'cut'
    const headEnd = 2 + body.readUInt16LE(0)
    if (crc32(body) !== sum || headEnd > body.length) return 'damaged'
    try {
      const head: unknown = JSON.parse(body.toString('utf8', 2, headEnd))
      return typeof head === 'object' && head !== null ? { head, payload: body.subarray(headEnd) } : 'damaged'
    } catch {
      return 'damaged'
    }
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

function isRecord(head: object): head is HotRecord {
  const { n, k, c, s, l, a } = head as Partial<HotRecord>
  const isNumberOrAbsent = (value: unknown): boolean => value === undefined || (typeof value === 'number' && Number.isFinite(value))
  return typeof n === 'string' && typeof k === 'string' && (c === undefined || Number.isInteger(c)) && [s, l, a].every(isNumberOrAbsent)
}

function frame(head: object, payload: Uint8Array = new Uint8Array()): Buffer {
  const text = Buffer.from(JSON.stringify(head))
  const whole = Buffer.alloc(FRAME_HEAD_BYTES + 2 + text.length + payload.length)
  whole.writeUInt16LE(text.length, FRAME_HEAD_BYTES)
  text.copy(whole, FRAME_HEAD_BYTES + 2)
  whole.set(payload, FRAME_HEAD_BYTES + 2 + text.length)
  const body = whole.subarray(FRAME_HEAD_BYTES)
  whole.writeUInt32LE(body.length, 0)
  whole.writeUInt32LE(crc32(body), 4)
  return whole
}

function failure(what: string, path: string, cause?: unknown): CacheError {
  return new CacheError('ERR_CACHE_FILE', `file ${path} ${what}`, { cause })
}
