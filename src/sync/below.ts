/** What flights ask of the tiers below the table. Contract only: `far-tier.ts` fulfils it with Redis. */
import type { L1View, LeaseToken, Life } from '../l1/table'

/** A key somebody wants, and the terms it is wanted under. */
export interface Wish {
  view: L1View
  key: string
  terms: { life: Life; leaseMs: number; forceFresh: boolean; partitionBy?: ((key: string) => string) | undefined }
}

/** A wish and when it began, on the clock of performance.now(): all that is waited for on its behalf shares one deadline. */
export interface TimedWish extends Wish {
  startMs: number
}

/** A fresh value. It is in the table now, unless the key changed meanwhile; the lease has ended. */
export interface Found {
  state: 'value'
  value: unknown
}

/** Nothing fresh; the lease still stands. */
export interface Missed {
  state: 'miss'
  /** The fleet version a loaded value may be stored over: 0 = the key was absent, undefined = unknown, store nothing below. Keeps its deadline, never rejects. */
  base: number | undefined | Promise<number | undefined>
  /** The table's doubt before anything was read or loaded. */
  doubt: number
  stale?: { value: unknown; hardLeftMs: number }
}

export interface Below {
  /** Until when the wish may wait because of the tiers below. */
  deadlineOf(wish: TimedWish): number
  /** Looks for the key on behalf of the lease's holder. Never rejects because of a tier; keeps the deadline. */
  fetch(wish: TimedWish, lease: LeaseToken): Promise<Found | Missed>
  /** The fresh value below, stored nowhere; undefined when there is none or it does not come in time. */
  peek(wish: TimedWish): Promise<unknown>
  /** Publishes a loaded value under the lease and hands it down. Rejects with ERR_CACHE_VALUE for what cannot be stored. */
  fill(wish: Wish, lease: LeaseToken, value: unknown, missed: Missed): void | Promise<void>
}
