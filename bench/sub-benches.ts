/** All benchmarks by name. */
import { getOrSet } from './get-or-set'
import { hitRatio } from './hit-ratio'
import { latency } from './latency'
import { memory } from './memory'
import { micro } from './micro'
import { native } from './native'
import type { SubBench } from './sub-bench'
import { throughput } from './throughput'

export const SUB_BENCHES: readonly SubBench[] = [micro, getOrSet, throughput, latency, memory, hitRatio, native]

export function subBench(name: string): SubBench {
  const found = SUB_BENCHES.find((each) => each.name === name)
  if (found === undefined) throw new Error(`no benchmark ${name}; there are ${SUB_BENCHES.map((each) => each.name).join(', ')}`)
  return found
}
