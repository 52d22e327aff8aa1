/** What Redis has of a key, as an entry of the table: its value and what is left of its life. */
import type { Life } from '../l1/table'
import type { FarHit } from '../l2/contract'
import { withoutCap } from '../wire/about'
import { Codec, EncodedValue } from '../wire/codec'
import { restamped } from '../wire/tags'
import type { Wish } from './below'

export interface Hit {
  value: EncodedValue
  life: Life
  isStale: boolean
  /** 0 or less: it is none. */
  hardLeftMs: number
}

const MAX_GRACE_MS = 365 * 86_400_000

/** `tagClock`: the table's, before it was read. */
export function hitOf(result: FarHit, terms: Wish['terms'], tagClock = 0): Hit {
  const { softLeftMs, hardLeftMs } = lifeLeftOf(result, terms)
  const life = softLeftMs === Number.POSITIVE_INFINITY
    ? { ttlMs: 0, graceMs: 0 }
    : { ttlMs: Math.max(0, softLeftMs), graceMs: hardLeftMs === Number.POSITIVE_INFINITY ? MAX_GRACE_MS : Math.max(0, hardLeftMs - softLeftMs) }
  const own = withoutCap(result.codec, result.payload)
  const payload = result.codec === Codec.tagged ? restamped(own, tagClock, 0) : own
  return { value: new EncodedValue(result.codec, payload), life, isStale: softLeftMs <= 0, hardLeftMs }
}

/** What Redis says is left, or less: whoever wrote it may know of no cap. The grace begins at the cap then. */
function lifeLeftOf({ softLeftMs, hardLeftMs, ageMs }: FarHit, { maxTtlMs = Number.POSITIVE_INFINITY, life }: Wish['terms']): Pick<FarHit, 'softLeftMs' | 'hardLeftMs'> {
  const cappedMs = maxTtlMs - ageMs
  if (softLeftMs <= 0 || softLeftMs <= cappedMs) return { softLeftMs, hardLeftMs }
  const graceMs = softLeftMs === Number.POSITIVE_INFINITY ? life.graceMs : hardLeftMs - softLeftMs
  return { softLeftMs: cappedMs, hardLeftMs: cappedMs + graceMs }
}

export function ttlLeftOf({ ttlMs }: Life, isStale: boolean): number {
  return ttlMs === 0 && !isStale ? Number.POSITIVE_INFINITY : ttlMs
}

/** The life an entry has in Redis. */
export function capped(life: Life, ttlMs: number): Life {
  if (ttlMs === 0 || (life.ttlMs !== 0 && life.ttlMs <= ttlMs)) return life
  return { ttlMs, graceMs: life.graceMs }
}
