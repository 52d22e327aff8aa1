/** What flights ask of the tiers below the table. Contract only: `far-tier.ts` fulfils it with Redis. */
import type { L1View, LeaseToken, Life } from '../l1/table'
import type { Notes } from '../wire/notes'

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
  stale?: { value: unknown; notes?: Notes | undefined; hardLeftMs: number }
}

/** 'alone': nobody can tell who else loads. */
export type Claim = { state: 'won' | 'alone' } | { state: 'taken'; leftMs: number }

/** Which host loads a key for all of them. */
export interface FleetClaims {
  /** The right to load, for `ms` at most. Never rejects; keeps its deadline. */
  claim(wish: TimedWish, lease: LeaseToken, ms: number): Promise<Claim>
  /** Gives back what the lease's holder has claimed, once its value is below. */
  release(lease: LeaseToken): void
}

export interface Below {
  /** Absent: there is no fleet. */
  readonly claims?: FleetClaims
  /** Until when the wish may wait because of the tiers below. */
  deadlineOf(wish: TimedWish): number
  /** Looks for the key on behalf of the lease's holder. Never rejects because of a tier; keeps the deadline. */
  fetch(wish: TimedWish, lease: LeaseToken): Promise<Found | Missed>
  /** The fresh value below, stored nowhere; undefined when there is none or it does not come in time. */
  peek(wish: TimedWish): Promise<unknown>
  /** Publishes a loaded value under the lease and hands it down. Rejects with ERR_CACHE_VALUE for what cannot be stored. */
  fill(wish: Wish, lease: LeaseToken, value: unknown, missed: Missed): void | Promise<void>
}
