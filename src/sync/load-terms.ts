/** What a load is done under, beside the life of its result. */
import type { ValueAdmission } from './admission'
import type { LifeTerms } from './lifetime'
import type { PackTerms } from './packing'
import type { WriteTerms } from './write-terms'

/** Who shares one run: the callers of a process, of the host, or of all hosts on one Redis. */
export type SingleFlight = 'process' | 'host' | 'fleet'

/** When a fresh value is loaded anew: by the share of its ttl, by the time left, or by chance that grows with what a load costs. */
export type RefreshAhead = { fraction: number } | { beforeMs: number } | { beta: number }

/** Times are milliseconds, Infinity = no bound. */
export interface LoadTerms extends LifeTerms, PackTerms {
  /** One load keeps others waiting no longer. */
  leaseMs: number
  forceFresh: boolean
  /** A caller waits no longer where a stale value can be served. */
  timeoutMs: number
  /** A caller waits no longer, and its load is given up. */
  hardTimeoutMs: number
  /** A load nobody waits for is given up then. */
  backgroundTimeoutMs: number
  /** After a failure a stale value is served this long before the source is asked again; doubles with each failure in a row. */
  graceBackoffMs: number
  /** The error of a load is told that long to all who ask. */
  errorTtlMs: number
  refreshAhead: RefreshAhead | undefined
  /** Loads of the namespace that run at once on the host; 0 = no bound. */
  maxConcurrentLoads: number
  singleFlight: SingleFlight
  /** Of the result; a loader may add some. */
  tags: readonly string[]
  partitionBy?: ((key: string) => string) | undefined
  /** Tiers that the result is kept out of. */
  skips?: { l1: boolean; l2: boolean }
  writeMode?: WriteTerms['writeMode'] | undefined
  durability?: WriteTerms['durability']
  /** What is found and what is loaded passes through it. */
  admission?: ValueAdmission | undefined
}
