/** What one isolate holds of one shared table, used by all its views. */
import { CacheError, type CacheErrorCode, ERROR_CODES } from '../words/errors'
import type { About } from '../wire/about'
import type { Unreadable } from '../wire/unreadable'
import type { CopyWatch } from './copies'
import type { L0Store } from './l0-store'
import type { NativeTable } from './native'

export interface SharedIsolate {
  readonly native: NativeTable
  /** The mailbox, as 32-bit words and as doubles. */
  readonly words: Int32Array
  readonly numbers: Float64Array
  readonly l0: L0Store
  /** Where the native side puts encoded values. Replaced by a larger one when needed. */
  scratch: Buffer
  /** The addon's names for statuses. */
  readonly statuses: Record<string, number>
  /** Of the value decoded last. */
  about: About | undefined
  readonly unreadable: Unreadable
  /** Told of each change, where copies of entries lie on a disk. */
  copies: CopyWatch | undefined
  isClosed: boolean
}

/** Runs a cold native call and turns its error into ours. */
export function callNative<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    const code = String((error as { code?: unknown }).code)
    if (error instanceof CacheError || !code.startsWith('ERR_CACHE_')) throw error
    const known = (code in ERROR_CODES ? code : 'ERR_CACHE_REGION') as CacheErrorCode
    throw new CacheError(known, `${(error as Error).message} (${code.slice('ERR_CACHE_'.length)})`, { cause: error })
  }
}
