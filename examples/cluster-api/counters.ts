// What one process or thread has done so far. Totals, not rates: whoever reads two of them has both.
import { TIERS } from './store'
import type { Tier } from './store'

export interface Counts {
  requests: number
  errors: number
  byTier: Record<Tier, number>
  /** How many requests took up to `upperMs(i)`. */
  latency: number[]
}

const SMALLEST_MS = 0.01
const GROWTH = 1.12
const CLASSES = 128

const upperMs = (index: number): number => SMALLEST_MS * GROWTH ** index

export function noCounts(): Counts {
  return {
    requests: 0, errors: 0,
    byTier: Object.fromEntries(TIERS.map((tier) => [tier, 0])) as Record<Tier, number>,
    latency: new Array<number>(CLASSES).fill(0),
  }
}

export function count(counts: Counts, ms: number, tier: Tier | undefined): void {
  counts.requests += 1
  if (tier) counts.byTier[tier] += 1
  else counts.errors += 1
  const index = Math.ceil(Math.log(Math.max(ms, SMALLEST_MS) / SMALLEST_MS) / Math.log(GROWTH))
  counts.latency[Math.min(index, CLASSES - 1)]! += 1
}

/** `to` plus `sign` times `other`: sums over processes, differences over time. */
export function combine(to: Counts, other: Counts, sign: 1 | -1): Counts {
  return {
    requests: to.requests + sign * other.requests,
    errors: to.errors + sign * other.errors,
    byTier: Object.fromEntries(TIERS.map((tier) => [tier, to.byTier[tier] + sign * other.byTier[tier]])) as Record<Tier, number>,
    latency: to.latency.map((value, index) => value + sign * other.latency[index]!),
  }
}

/** The upper bound of the class in which the quantile lies, 0 without requests. */
export function quantileMs({ latency }: Counts, quantile: number): number {
  const total = latency.reduce((sum, value) => sum + value, 0)
  let rank = Math.ceil(total * quantile)
  if (total === 0) return 0
  return upperMs(latency.findIndex((value) => (rank -= value) <= 0))
}
