/** Tables and charts of single calls. */
import type { Chart, Group } from './chart'
import { spreadAt } from './statistics'
import type { Results } from './outcome'
import { type Column, digits, type Table, trialTable } from './table'
import { type DatasetName, labelOf } from './workload'

const OURS = /^(SharedTable|cache)/
const CALLS: Column[] = [
  { metric: 'get Zipf fresh', label: 'get, Zipf, fresh', against: 'lru-cache' },
  { metric: 'get uniform fresh', label: 'get, uniform, fresh', against: 'lru-cache' },
  { metric: 'get Zipf same', label: 'get, Zipf, same', against: 'lru-cache' },
  { metric: 'get uniform same', label: 'get, uniform, same', against: 'lru-cache' },
  { metric: 'miss', label: 'miss, fresh', against: 'lru-cache' },
  { metric: 'set', label: 'set, fresh', against: 'lru-cache' },
  { metric: 'misses', label: 'hits missed' },
]
const BENCHMARK: Column[] = [
  { metric: 'benchmark ns', label: '`benchmark`, ns' },
  { metric: 'benchmark margin %', label: 'its margin, %' },
  { metric: 'plain loop ns', label: 'plain loop, ns' },
]

const MANY: Column[] = [
  { metric: 'getMany', label: 'getMany of 100, ns per key' },
  { metric: 'getSync', label: '100 of getSync, ns per key' },
  { metric: 'ratio', label: 'ratio' },
  { metric: 'misses', label: 'hits missed' },
]

/** The trials over a dataset; `many` has tables of its own. */
const trialsOf = (results: Results): DatasetName[] =>
  [...new Set(results.rows.map(({ trial }) => trial))].filter((trial) => trial !== 'many') as DatasetName[]

export const micros = {
  tables(results: Results): Table[] {
    const trials = trialsOf(results)
    return [
      ...trials.map((trial) => trialTable(results, trial, labelOf(trial), CALLS)),
      trialTable(results, 'many', '100 keys at once', MANY, '400,000 entries of 200 B, uniform, keys made fresh: more than the caches of the processor hold.'),
      ...trials.map((trial) =>
        trialTable(results, trial, `${labelOf(trial)}: the package \`benchmark\` and a plain loop`, BENCHMARK,
          'get, Zipf, same strings, choosing the key included; first round only.')),
    ]
  },

  charts(results: Results): Chart[] {
    const chart = (name: string, title: string, metric: string, isLogarithmic: boolean, keep: (subject: string) => boolean): Chart => ({
      name, title, axis: `ns per call${isLogarithmic ? ', logarithmic' : ''}; less is better; lines show the range over rounds`,
      isLogarithmic, format: digits, groups: trialsOf(results).map((trial) => groupOf(results, trial, metric, keep)),
    })
    const isLocal = (subject: string): boolean => !/ioredis|lmdb/.test(subject)
    return [
      chart('micro-get', 'get of a key made fresh, Zipf 0.99', 'get Zipf fresh', true, () => true),
      chart('micro-get-in-process', 'get of a key made fresh, Zipf 0.99: in-process caches and ours', 'get Zipf fresh', false, isLocal),
      chart('micro-set', 'set of a present key', 'set', true, () => true),
    ]
  },
}

function groupOf(results: Results, trial: DatasetName, metric: string, keep: (subject: string) => boolean): Group {
  const bars = results.rows.filter((row) => row.trial === trial && keep(row.subject)).flatMap(({ subject }) => {
    const spread = spreadAt(results, [trial, subject, metric])
    if (spread === undefined) return []
    return [{ label: subject, value: spread.median, range: [spread.min, spread.max] as const, isOurs: OURS.test(subject) }]
  })
  return { label: labelOf(trial), bars: bars.sort((a, b) => a.value - b.value) }
}
