/** All benchmarks by name. */
import { compression } from './compression'
import { getOrSet } from './get-or-set'
import { hitRatio } from './hit-ratio'
import { invalidation } from './l2/invalidation'
import { miss } from './l2/miss'
import { processes } from './l2/processes'
import { writeBehind } from './l2/write-behind'
import { latency } from './latency'
import { memory } from './memory'
import { micro } from './micro'
import { native } from './native'
import { stampede } from './stampede'
import type { SubBench } from './sub-bench'
import { throughput } from './throughput'

/** `npm run bench:redis`. */
export const REDIS_BENCHES: readonly SubBench[] = [writeBehind, processes, invalidation, miss].map((bench) => ({ ...bench, isOnRequest: true }))

export const SUB_BENCHES: readonly SubBench[] = [micro, getOrSet, throughput, latency, memory, stampede, hitRatio, compression, native, ...REDIS_BENCHES]

export function subBench(name: string): SubBench {
  const found = SUB_BENCHES.find((each) => each.name === name)
  if (found === undefined) throw new Error(`no benchmark ${name}; there are ${SUB_BENCHES.map((each) => each.name).join(', ')}`)
  return found
}
