import type { Policy } from './policies/policy'
import type { Trace } from './traces'

export interface ReplayResult {
  readonly requests: number
  readonly hits: number
}

/** Runs every request of the trace through the policy, which must be fresh and made for the trace's number of keys. */
export function replay(policy: Policy, trace: Trace): ReplayResult {
  let hits = 0
  for (const key of trace.keys) if (policy.access(key)) hits++
  return { requests: trace.keys.length, hits }
}

export function hitRatio(result: ReplayResult): number {
  return result.requests === 0 ? 0 : result.hits / result.requests
}

/** Cache sizes in entries: 5, 10 and 20 % of the distinct keys, at least 500, without repetition. */
export function cacheSizes(trace: Trace): number[] {
  const sizes = [0.05, 0.1, 0.2].map((share) => Math.max(500, Math.floor(trace.distinct * share)))
  return [...new Set(sizes)]
}
