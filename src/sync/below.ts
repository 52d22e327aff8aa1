/** What flights ask of the tiers below the table. Contract only: `far-tier.ts` fulfils it with Redis. */
import type { Admission, L1View, LeaseToken, Life } from '../l1/table'
import type { EncodedValue } from '../wire/codec'
import type { Notes } from '../wire/notes'
import type { Tags } from '../wire/tags'
import type { ValueCodec } from '../wire/value-codec'
import type { NearTerms } from './near-life'
import type { WriteTerms } from './write-terms'

/** A key somebody wants, and the terms it is wanted under. */
export interface Wish {
  view: L1View
  key: string
  /** What is loaded waits no longer to be below, on the clock of performance.now(). */
  untilMs?: number | undefined
  /** Of a loaded value that was found unchanged. */
  sourceVersion?: number | undefined
  /** Called when a fresh value was found below the table on behalf of this very wish. */
  onFound?: ((tier: 'disk' | 'l2') => void) | undefined
  /** Copies on the disk are passed over. */
  skipsDisk?: boolean | undefined
  terms: NearTerms & {
    life: Life
    leaseMs: number
    forceFresh: boolean
    /** 'fresh': nothing is served that Redis was not asked about. */
    consistency?: string
    /** What is found is fresh for no longer than that after it was stored. */
    maxTtlMs?: number
    partitionBy?: ((key: string) => string) | undefined
    /** What a loaded value waits for; absent: for nothing. */
    writeMode?: WriteTerms['writeMode'] | undefined
    durability?: WriteTerms['durability']
    /** What is found passes through it. */
    admission?: Admission | undefined
    /** The namespace's own, absent: the built-in one. */
    codec?: ValueCodec | undefined
  }
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
  stale?: { value: unknown; stored: EncodedValue; notes?: Notes | undefined; tags?: Tags | undefined; hardLeftMs: number; ageMs: number }
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
  /** Publishes a loaded value under the lease and hands it down, and waits as its terms say. Rejects with ERR_CACHE_VALUE for what cannot be stored. */
  fill(wish: TimedWish, lease: LeaseToken, value: unknown, missed: Missed): void | Promise<void>
}
