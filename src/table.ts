/** The low-level door (`stratacache/table`): the shared table by itself, synchronous, strings and bytes. */
import { type SharedL1, openShared } from './l1/shared-table'
import type { L1Stats, Life } from './l1/table'
import { CacheError, misuse } from './words/errors'
import { parseDuration } from './words/duration'
import { parseSize } from './words/size'

export interface SharedTableOptions {
  /** Name of the region: 1 to 64 letters, digits, dot, dash, underscore. Default 'default'. */
  name?: string
  /** Size of the region in bytes or as '256mb'. A region that exists keeps its size. Default '64mb'. */
  memory?: number | string
  /** Private directory (mode 0700) of the region. Default /dev/shm/stratacache-<uid>. */
  dir?: string
  /** Expected bytes of key and value; sizes the index. Default 256. */
  averageEntryBytes?: number
  /** Size of a log segment: a power of two from 4096 to 1 MiB. Default: chosen from the memory. */
  segmentBytes?: number
}

export interface SetOptions {
  /** Milliseconds or '5m'. Default: for ever. */
  ttl?: number | string
}

const FOR_EVER: Life = { ttlMs: 0, graceMs: 0 }
const NAME = /^[A-Za-z0-9._-]{1,64}$/

/**
 * A table of strings and bytes that every process and thread of the host shares.
 *
 * All calls are synchronous and take no lock. A value larger than a quarter of the table, or one that finds no
 * room, is not stored. Throws ERR_CACHE_KEY and ERR_CACHE_VALUE for misuse, ERR_CACHE_CLOSED after `close`, and
 * from the constructor ERR_CACHE_OPTION, ERR_CACHE_REGION or ERR_CACHE_NATIVE_MISSING.
 */
export class SharedTable {
  readonly #l1: SharedL1

  constructor(options: SharedTableOptions = {}) {
    const name = options.name ?? 'default'
    if (!NAME.test(name)) throw misuse('ERR_CACHE_OPTION', 'name', '1 to 64 letters, digits, ".", "_" or "-"', name)
    this.#l1 = openShared({
      name,
      memory: parseSize(options.memory ?? '64mb', 'memory'),
      averageEntryBytes: options.averageEntryBytes ?? 256,
      l0: false,
      ...(options.dir === undefined ? {} : { dir: options.dir }),
      ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
    })
  }

  /** Path of the region's file. */
  get path(): string {
    return this.#l1.path
  }

  /** The value as a string (bytes are read as UTF-8), or undefined. */
  get(key: string): string | undefined {
    const value = this.#l1.root.get(key)
    if (value === undefined || typeof value === 'string') return value
    return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString() : undefined
  }

  /** A private copy of the value's bytes (strings as UTF-8), or undefined. */
  getBytes(key: string): Buffer | undefined {
    const value = this.#l1.root.get(key)
    if (typeof value === 'string') return Buffer.from(value)
    return value instanceof Uint8Array ? (value as Buffer) : undefined
  }

  /** The new version, or 0 when the value found no room; the key is absent then. */
  set(key: string, value: string | Uint8Array, options?: SetOptions): number {
    if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
      throw misuse('ERR_CACHE_VALUE', 'value', 'a string or Uint8Array', value)
    }
    const life = options?.ttl === undefined ? FOR_EVER : { ttlMs: parseDuration(options.ttl, 'ttl'), graceMs: 0 }
    return this.#l1.root.set(key, value, life)
  }

  /** True if a value was there. */
  delete(key: string): boolean {
    return this.#l1.root.delete(key)
  }

  has(key: string): boolean {
    return this.#l1.root.has(key)
  }

  /** Version of the present value, which rises with every change of the key; 0 if there is none. */
  version(key: string): number {
    return this.#l1.root.entry(key)?.version ?? 0
  }

  /** What all processes of the host have counted together. */
  stats(): L1Stats {
    return this.#l1.stats()
  }

  /** Leaves the region, which stays for others; `unlink` also removes its name. */
  close(options?: { unlink?: boolean }): void {
    this.#l1.close(options)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

export { CacheError }
export type { L1Stats }
