import type { L1Entry } from './l1/table'

/** What `getEntry` tells: a miss, or the value with its version and life. */
export type CacheEntry<T> =
  | { hit: false }
  | {
      hit: true
      value: T
      /** For `set` with `ifVersion`. Rises with every change of the key on this host. */
      version: number
      /** The ttl has passed, the grace has not. */
      isStale: boolean
      /** Milliseconds of freshness left: 0 when stale, Infinity when it never ends. */
      ttlLeftMs: number
      /** Where the value was found: among the decoded objects of this isolate, or in the table. */
      tier: 'l0' | 'l1'
    }

const MISS = Object.freeze({ hit: false } as const)

export function toCacheEntry<T>(entry: L1Entry | undefined): CacheEntry<T> {
  if (entry === undefined) return MISS
  const { value, version, isStale, ttlLeftMs, tier } = entry
  return { hit: true, value: value as T, version, isStale, ttlLeftMs, tier }
}
