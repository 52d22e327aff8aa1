/** How long an awaited hit of getOrSet takes, against what the libraries call get, wrap or getOrSet. */
import { type Chart } from './chart'
import { check, fillAwaited, warmUpAwaited } from './fill'
import { spreadAt } from './statistics'
import type { Job, Metrics, Results } from './outcome'
import type { Conditions, SubBench } from './sub-bench'
import { type Loading, LOADING } from './subjects/libraries'
import { digits, type Table, trialTable } from './table'
import { freshKeys, timeAwaited } from './timing'
import { type DatasetName, dataset, labelOf, zipfIds } from './workload'

const TRIALS: DatasetName[] = ['obj', 's1k']

export const getOrSet: SubBench = {
  name: 'get-or-set',
  title: 'getOrSet, all hits',
  about: 'One awaited call after another on 100,000 entries, Zipf 0.99, keys made fresh. Nobody ever has to load. Nanoseconds per call, less is better.',
  rounds: 3,
  plan: () => TRIALS.flatMap((trial) => Object.keys(LOADING).map((subject) => ({ trial, subject }))),
  measure,
  tables,
  charts,
}

async function measure({ trial, subject }: Job, conditions: Conditions): Promise<Metrics> {
  const data = dataset(trial as DatasetName, conditions.isQuick)
  let loads = 0
  const cache: Loading = await LOADING[subject]!(data, conditions, () => {
    loads++
    return Promise.resolve(undefined)
  })
  await fillAwaited({ get: cache.load, ...cache }, data)
  await check(async (key) => (key === 'user:nobody' ? undefined : cache.load(key)), data)
  const ids = zipfIds(data.count)
  await warmUpAwaited(cache.load, data, Uint32Array.from({ length: data.count }, (_, id) => id), data.count)
  await warmUpAwaited(cache.load, data, ids, data.count / 2)
  loads = 0
  const { nsPerCall, misses } = await timeAwaited(cache.load, freshKeys(data, ids, conditions.round * 50_021), conditions.isQuick ? 20 : 300)
  await cache.close()
  return { hit: nsPerCall, misses: misses + loads }
}

function tables(results: Results): Table[] {
  return TRIALS.map((trial) => trialTable(results, trial, labelOf(trial), [
    { metric: 'hit', label: 'ns per hit', against: 'layered-loader' }, { metric: 'misses', label: 'loads' },
  ]))
}

function charts(results: Results): Chart[] {
  const groups = TRIALS.map((trial) => ({
    label: labelOf(trial),
    bars: results.rows.filter((row) => row.trial === trial).flatMap(({ subject }) => {
      const spread = spreadAt(results, [trial, subject, 'hit'])
      return spread === undefined ? [] : [{ label: subject, value: spread.median, range: [spread.min, spread.max] as const, isOurs: subject.startsWith('stratacache') }]
    }).sort((a, b) => a.value - b.value),
  }))
  return [{ name: 'get-or-set', title: 'getOrSet, awaited hit', axis: 'ns per call, logarithmic; less is better', isLogarithmic: true, format: digits, groups }]
}
