/** Figures over the rounds of a run. */
import type { Results } from './outcome'

export interface Spread {
  median: number
  min: number
  max: number
}

/** Undefined if no round gave a value. */
export function spreadOf(samples: readonly (number | null)[]): Spread | undefined {
  const sorted = samples.filter((sample): sample is number => sample !== null && !Number.isNaN(sample)).sort((a, b) => a - b)
  if (sorted.length === 0) return undefined
  return { median: middle(sorted), min: sorted[0]!, max: sorted[sorted.length - 1]! }
}

export function median(values: readonly number[]): number {
  return middle([...values].sort((a, b) => a - b))
}

function middle(sorted: readonly number[]): number {
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

/** The value below which `share` of the sorted values lie. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}

/** A metric of a job, as `trial | subject | metric`. */
export type Place = readonly [trial: string, subject: string, metric: string]

export function samplesOf(results: Results, [trial, subject, metric]: Place): (number | null)[] {
  return results.rows.find((row) => row.trial === trial && row.subject === subject)?.samples[metric] ?? []
}

export function spreadAt(results: Results, place: Place): Spread | undefined {
  return spreadOf(samplesOf(results, place))
}

/**
 * The ratio of two metrics, taken round by round: the two of one round were measured next to each
 * other, so what slowed the machine for a while slowed both.
 */
export function ratioOf(results: Results, above: Place, below: Place): Spread | undefined {
  const divisors = samplesOf(results, below)
  return spreadOf(samplesOf(results, above).map((value, round) => {
    const divisor = divisors[round]
    return value === null || divisor === null || divisor === undefined || divisor === 0 ? null : value / divisor
  }))
}
