/**
 * Whether a value that is fresh yet should be loaded anew.
 *
 * Two looks. The first costs a comparison on each hit and may say yes too often; only then is the entry itself asked
 * what its ttl is and what its load cost.
 */
import type { L1Entry } from '../l1/table'
import type { LoadTerms, RefreshAhead } from './load-terms'

/** exp(-40): such a chance is none. */
const NO_CHANCE = 40
/** One hit of so many asks the entry although the costs known so far say no: others may have costlier loads. */
const LOOK_EVERY = 64

export class Ahead {
  readonly #rule: RefreshAhead
  /** 0: not by chance. */
  readonly #beta: number
  readonly #ttlMs: number
  /** What is left in the table is not what is left of the entry, but less. */
  readonly #isNearOnly: boolean
  /** Fraction and time: nothing is due with more than this left. */
  readonly #gateMs: number
  /** Chance: the costliest load known. */
  #costMs = Number.NaN
  #looks = 0
  #chance = 0

  constructor(rule: RefreshAhead, { life, adaptive, l1TtlMs }: LoadTerms) {
    this.#rule = rule
    this.#beta = 'beta' in rule ? rule.beta : 0
    this.#ttlMs = adaptive?.maxMs ?? life.ttlMs
    this.#isNearOnly = l1TtlMs !== Number.POSITIVE_INFINITY
    if ('fraction' in rule) this.#gateMs = this.#ttlMs === 0 ? Number.POSITIVE_INFINITY : this.#ttlMs * (1 - rule.fraction)
    else this.#gateMs = 'beforeMs' in rule ? rule.beforeMs : Number.POSITIVE_INFINITY
  }

  /** The first look, at the freshness left. */
  mayBeDue(leftMs: number): boolean {
    if (leftMs > this.#gateMs || leftMs === Number.POSITIVE_INFINITY) return false
    const beta = this.#beta
    if (beta === 0) return true
    const isUnsure = Number.isNaN(this.#costMs) || (++this.#looks & (LOOK_EVERY - 1)) === 0
    if (!isUnsure && leftMs > NO_CHANCE * beta * this.#costMs) return false
    // XFetch: due when left <= cost * beta * -ln(u), u uniform in (0, 1].
    this.#chance = -beta * Math.log(1 - Math.random())
    return isUnsure || leftMs <= this.#costMs * this.#chance
  }

  /** The second look, which follows the first. */
  isDue(entry: L1Entry): boolean {
    const { isStale, notes } = entry
    if (isStale) return false
    const rule = this.#rule
    const ttlLeftMs = this.#isNearOnly ? this.#leftOf(entry) : entry.ttlLeftMs
    if ('beta' in rule) {
      const costMs = notes?.loadMs ?? 0
      this.#costMs = Number.isNaN(this.#costMs) ? costMs : Math.max(this.#costMs, costMs)
      return ttlLeftMs <= costMs * this.#chance
    }
    const ttlMs = notes?.ttlMs ?? this.#ttlMs
    if (ttlMs === 0) return false
    // An entry that lives shorter than the time asked for would be loaded without end.
    return ttlLeftMs <= ('fraction' in rule ? ttlMs * (1 - rule.fraction) : Math.min(rule.beforeMs, ttlMs / 2))
  }

  /** Of its life in Redis. */
  #leftOf({ ttlLeftMs, ageMs, notes }: L1Entry): number {
    const ttlMs = notes?.ttlMs ?? this.#ttlMs
    return ttlMs === 0 ? Number.POSITIVE_INFINITY : Math.max(ttlLeftMs, ttlMs - ageMs)
  }
}
