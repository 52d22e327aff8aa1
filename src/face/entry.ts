import type { L1Entry } from '../l1/table'

/** What `getEntry` tells: a miss, or the value with its version and life. */
export type CacheEntry<T> =
  | { hit: false }
  | {
      hit: true
      value: T
      /**
       * For `set` with `ifVersion`. Without Redis it rises with every change of the key on this host. With Redis it is what
       * Redis gave the write, the same on all hosts, or from 2^52 on a name for a write that is still on its way, good on
       * this host; 0 where Redis does not have the value or cannot be asked.
       */
      version: number
      /** The ttl has passed, the grace has not. */
      isStale: boolean
      /** Milliseconds of freshness left: 0 when stale, Infinity when it never ends. */
      ttlLeftMs: number
      /** Where the value was found: among the decoded objects of this isolate, in the table, in Redis. */
      tier: 'l0' | 'l1' | 'l2'
    }

export type FoundEntry = Pick<L1Entry, 'value' | 'version' | 'isStale' | 'ttlLeftMs'> & { tier: 'l0' | 'l1' | 'l2' }

const MISS = Object.freeze({ hit: false } as const)

export function toCacheEntry<T>(entry: FoundEntry | undefined): CacheEntry<T> {
  if (entry === undefined) return MISS
  const { value, version, isStale, ttlLeftMs, tier } = entry
  return { hit: true, value: value as T, version, isStale, ttlLeftMs, tier }
}
