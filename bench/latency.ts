/** How long single calls take at the slow end, each timed by itself. */
import type { Chart } from './chart'
import { check, fill, warmUp } from './fill'
import { quantile, spreadAt } from './statistics'
import type { Job, Metrics, Results } from './outcome'
import type { Conditions, SubBench } from './sub-bench'
import { openLruCache, openMap } from './subjects/in-process'
import { openCache, openCacheAllInL0, openTable } from './subjects/stratacache'
import type { OpenSubject, Subject } from './subjects/subject'
import { digits, type Table, trialTable } from './table'
import { type Blocks, blocksOf, freshKeys } from './timing'
import { type Dataset, type DatasetName, dataset, labelOf, uniformIds, zipfIds } from './workload'

const TIMER = 'the clock alone'
const nothing: OpenSubject<Subject> = () => ({ get: () => null, set: () => null, close: () => {} })
const OPEN: Record<string, OpenSubject<Subject>> = {
  SharedTable: openTable, cache: openCache, 'cache, all in L0': openCacheAllInL0, Map: openMap, 'lru-cache': openLruCache, [TIMER]: nothing,
}

/** What is called on what; an evicting set meets a cache with room for half of the entries. */
const TRIALS: Record<string, { call: 'get' | 'set' | 'evict'; name: DatasetName; subjects: string[] }> = {
  'get s64': { call: 'get', name: 's64', subjects: ['SharedTable', 'cache', 'Map', 'lru-cache', TIMER] },
  'get s1k': { call: 'get', name: 's1k', subjects: ['SharedTable', 'cache', 'Map', 'lru-cache'] },
  'get obj': { call: 'get', name: 'obj', subjects: ['cache', 'cache, all in L0', 'Map', 'lru-cache'] },
  'set s64': { call: 'set', name: 's64', subjects: ['SharedTable', 'cache', 'Map', 'lru-cache'] },
  'set s1k': { call: 'set', name: 's1k', subjects: ['SharedTable', 'cache', 'Map', 'lru-cache'] },
  'evicting set s64': { call: 'evict', name: 's64', subjects: ['SharedTable', 'cache', 'lru-cache'] },
  'evicting set s1k': { call: 'evict', name: 's1k', subjects: ['SharedTable', 'cache', 'lru-cache'] },
}

const titleOf = (trial: string): string => `${trial.slice(0, trial.lastIndexOf(' '))}, ${labelOf(TRIALS[trial]!.name)}`

export const latency: SubBench = {
  name: 'latency',
  title: 'The slow end',
  about: 'Each call timed by itself with process.hrtime.bigint, whose own cost is the row "the clock alone" and is in every figure. Keys made fresh, Zipf 0.99. "Evicting" sets store keys that are absent in caches with room for half of them, so that every set has to make room. Nanoseconds.',
  rounds: 3,
  plan: () => Object.entries(TRIALS).flatMap(([trial, { subjects }]) => subjects.map((subject) => ({ trial, subject }))),
  measure,
  tables,
  charts,
}

async function measure({ trial, subject }: Job, conditions: Conditions): Promise<Metrics> {
  const { call, name } = TRIALS[trial]!
  const data = dataset(name, conditions.isQuick)
  const cache = await OPEN[subject]!(data, conditions, { factor: call === 'evict' ? 0.5 : 2 })
  fill(cache, data)
  if (call !== 'evict' && subject !== TIMER) {
    await check(cache.get, data)
    warmUp(cache, data, zipfIds(data.count))
  }
  const start = conditions.round * 50_021
  const ids = call === 'get' ? zipfIds(data.count) : call === 'set' ? uniformIds(data.count) : inOrder(data.count)
  const once = call === 'get' ? cache.get : setter(cache, data)
  const { spent, nothings } = timeEach(once, blocksOf(freshKeys(data, ids, start)), conditions.isQuick ? 20_000 : call === 'get' ? 300_000 : 200_000)
  await cache.close()
  return {
    p50: quantile(spent, 0.5), p90: quantile(spent, 0.9), p99: quantile(spent, 0.99),
    ...(call === 'get' ? { misses: nothings } : {}),
    'p99.9': quantile(spent, 0.999), 'p99.99': quantile(spent, 0.9999), max: spent[spent.length - 1]!,
  }
}

/** Round and round: with room for half, whatever comes next has gone before. */
const inOrder = (count: number): Uint32Array => Uint32Array.from({ length: count }, (_, id) => id)

function setter(cache: Subject, data: Dataset): (key: string) => unknown {
  const values = Array.from({ length: 256 }, (_, id) => data.value(id, 1))
  let turn = 0
  return (key) => cache.set(key, values[turn++ & 255])
}

/** Sorted durations of `count` calls, after a tenth of that to warm up; and how many calls gave undefined. */
function timeEach(call: (key: string) => unknown, blocks: Blocks, count: number): { spent: Float64Array; nothings: number } {
  const spent = new Float64Array(count)
  let nothings = 0
  for (let done = -count / 10; done < count; ) {
    for (const key of blocks()) {
      const begin = process.hrtime.bigint()
      const result = call(key)
      const ns = Number(process.hrtime.bigint() - begin)
      // Used, or the compiler leaves out a lookup it can see through.
      if (result === undefined) nothings++
      if (done >= 0 && done < count) spent[done] = ns
      done++
    }
  }
  return { spent: spent.sort(), nothings }
}

function tables(results: Results): Table[] {
  return Object.keys(TRIALS).map((trial) => trialTable(results, trial, titleOf(trial), [
    { metric: 'p50', label: 'p50' }, { metric: 'p90', label: 'p90' }, { metric: 'p99', label: 'p99' },
    { metric: 'p99.9', label: 'p99.9', against: 'lru-cache' }, { metric: 'p99.99', label: 'p99.99' }, { metric: 'max', label: 'max' },
    { metric: 'misses', label: 'hits missed' },
  ]))
}

function charts(results: Results): Chart[] {
  const groups = Object.entries(TRIALS).map(([trial, { subjects }]) => ({
    label: titleOf(trial),
    bars: subjects.flatMap((subject) => ['p50', 'p99.9'].flatMap((metric) => {
      const spread = spreadAt(results, [trial, subject, metric])
      if (spread === undefined) return []
      return [{ label: `${subject}, ${metric}`, value: spread.median, range: [spread.min, spread.max] as const, isOurs: /^(SharedTable|cache)/.test(subject) }]
    })),
  }))
  return [{ name: 'latency', title: 'Latency of single calls: median and one in a thousand', axis: 'ns, logarithmic; less is better; the clock included', isLogarithmic: true, format: digits, groups }]
}
