/**
 * The one error class of the package and the table of its codes.
 *
 * Misuse throws or rejects with a `CacheError`; a loader's own error passes through untouched; a
 * failing tier is never an error of the caller.
 */

/** Every code with what it means. Codes are stable; messages are not. */
export const ERROR_CODES = {
  ERR_CACHE_ARGUMENT: 'An argument has the wrong type or range.',
  ERR_CACHE_CLOSED: 'The cache was closed.',
  ERR_CACHE_CONFLICT: 'The value changed whenever it was to be updated; nothing was written.',
  ERR_CACHE_DISK: 'The append-only file does not have the write: the disk is full, broken or too slow. The write is in the journal all the same. Or the directory of `disk` cannot be made.',
  ERR_CACHE_FILE: 'A file of exported keys cannot be read or written, is damaged, or is no such file.',
  ERR_CACHE_JOURNAL_FULL: 'The journal of pending writes had no room in time; nothing was written.',
  ERR_CACHE_KEY: 'A key is not a well-formed string of 1 to 1024 UTF-8 bytes.',
  ERR_CACHE_L2_AUTH: 'Redis refuses the user or password.',
  ERR_CACHE_L2_BUSY: 'Too many requests to Redis are under way.',
  ERR_CACHE_L2_DENIED: 'The user lacks a permission in Redis; the message names it. Writes wait in the journal until it is granted.',
  ERR_CACHE_L2_FULL: 'Redis is out of memory, or has too few replicas to accept writes.',
  ERR_CACHE_L2_READONLY: 'The server that answers is a replica.',
  ERR_CACHE_L2_REFUSED: 'Redis refuses a command as such: wrong type, wrong script.',
  ERR_CACHE_L2_TIMEOUT: 'Redis did not answer in time.',
  ERR_CACHE_L2_UNAVAILABLE: 'Redis cannot be reached, or is loading, failing over or resharding.',
  ERR_CACHE_LOAD_FAILED: 'A loader gave up with a message of its own.',
  ERR_CACHE_LOAD_TIMEOUT: 'A load did not end in time; its signal was aborted.',
  ERR_CACHE_NATIVE_MISSING: 'No native binary loads on this platform.',
  ERR_CACHE_NOT_WARM: 'The cache did not become as warm as was asked for.',
  ERR_CACHE_OPTION: 'An option is unknown or has a bad value.',
  ERR_CACHE_PAYLOAD: 'Stored bytes cannot be decoded.',
  ERR_CACHE_REGION: 'The shared region cannot be created or attached.',
  ERR_CACHE_SCHEMA: 'A value does not fit the schema of its namespace, or that schema is asynchronous where no promise is returned.',
  ERR_CACHE_VALUE: 'A value cannot be stored: undefined, a function, a symbol, a promise, a cycle; or it is none that can be added to.',
} as const

export type CacheErrorCode = keyof typeof ERROR_CODES

const BRAND = Symbol.for('stratacache.error')

/**
 * An error of this package. `instanceof` holds across two loaded copies of the package, because
 * it asks for a brand and not for the class.
 */
export class CacheError extends Error {
  readonly code: CacheErrorCode

  constructor(code: CacheErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
    Object.defineProperty(this, BRAND, { value: true })
  }

  static {
    Object.defineProperty(this.prototype, 'name', { value: 'CacheError', configurable: true, writable: true })
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && BRAND in value
  }
}

/** How a message names a value that was given: short, on one line, without the content of objects. */
export function describe(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
  }
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) return 'an array'
  if (value instanceof Promise) return 'a promise'
  return 'an object'
}

/** The error for `name` that is not what it must be: "name must be X, got Y". */
export function misuse(code: CacheErrorCode, name: string, expected: string, given: unknown): CacheError {
  return new CacheError(code, `${name} must be ${expected}, got ${describe(given)}`)
}
