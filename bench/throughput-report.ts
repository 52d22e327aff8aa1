/** Tables and charts of throughput. */
import type { Bar, Chart } from './chart'
import { spreadAt } from './statistics'
import type { Results } from './outcome'
import { digits, percent, type Table, times, trialTable } from './table'
import { type DatasetName, labelOf } from './workload'

const trialsOf = (results: Results): DatasetName[] => [...new Set(results.rows.map(({ trial }) => trial as DatasetName))]

export const throughputs = {
  tables: (results: Results): Table[] => trialsOf(results).map((trial) => trialTable(results, trial, labelOf(trial), [
    { metric: 'one, kop/s', label: 'one, kop/s' },
    { metric: 'two, kop/s', label: 'two together, kop/s', against: 'lmdb' },
    { metric: 'gain', label: 'gain of a second', format: times },
    { metric: 'ceiling', label: "the machine's gain", format: times },
    { metric: 'gain of ceiling', label: 'gain ÷ the machine\'s' },
    { metric: 'miss share', label: 'misses', format: percent },
    { metric: 'torn', label: 'torn values' },
  ])),

  charts(results: Results): Chart[] {
    const bars = (trial: DatasetName): Bar[] => results.rows.filter((row) => row.trial === trial).flatMap(({ subject }) =>
      ['one, kop/s', 'two, kop/s'].flatMap((metric, i) => {
        const spread = spreadAt(results, [trial, subject, metric])
        if (spread === undefined) return []
        return [{
          label: `${subject}, ${i + 1}`, value: spread.median, range: [spread.min, spread.max] as const,
          isOurs: /^(SharedTable|cache)/.test(subject),
        }]
      }))
    return [{
      name: 'throughput', title: '90 % get, 10 % set by one and by two', axis: 'thousand calls per second, all together; more is better',
      format: digits, groups: trialsOf(results).map((trial) => ({ label: labelOf(trial), bars: bars(trial) })),
    }]
  },
}
