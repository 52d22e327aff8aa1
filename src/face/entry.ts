import type { L1Entry } from '../l1/table'

export type Tier = 'l0' | 'l1' | 'disk' | 'l2'

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
      stale: boolean
      /**
       * Milliseconds since the value was set or loaded, on whatever host, as exact as the clocks are (about 10 ms, with Redis
       * as its clock tells). Of a value that was found unchanged (`notModified`), or made stale by
       * `expire`, since that. `touch` leaves it as it is, but with Redis is a write. 0 for a write on its way to Redis that the table has no room for.
       */
      age: number
      /** Milliseconds of freshness left: 0 when stale, Infinity when it never ends. */
      ttlLeft: number
      /** Where the value was found: among the decoded objects of this isolate, in the table, on the disk, in Redis. */
      tier: Tier
      /** All it was stored with. */
      tags: readonly string[]
    }

/** Its value is undefined if the namespace does not admit it. */
export type FoundEntry = Pick<L1Entry, 'value' | 'version' | 'ageMs' | 'isStale' | 'ttlLeftMs' | 'tags' | 'notes'> & { tier: Tier }

const MISS = Object.freeze({ hit: false } as const)

export function toCacheEntry<T>(entry: FoundEntry | undefined): CacheEntry<T> {
  if (entry === undefined || entry.value === undefined) return MISS
  const { value, version, ageMs, isStale, ttlLeftMs, tier, tags } = entry
  return { hit: true, value: value as T, version, stale: isStale, age: ageMs, ttlLeft: ttlLeftMs, tier, tags: tags === undefined ? [] : [...tags.names] }
}
