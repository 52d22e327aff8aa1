/** Tables and charts of hit ratios. */
import type { Bar, Chart } from './chart'
import { median, spreadAt } from './statistics'
import type { Results } from './outcome'
import type { Table } from './table'

const TABLE = 'SharedTable'
const isOverwriting = (trial: string): boolean => trial.startsWith('overwrites')

export const trialsIn = (results: Results): string[] => [...new Set(results.rows.map(({ trial }) => trial))]
const subjectsIn = (results: Results): string[] => [...new Set(results.rows.map(({ subject }) => subject))]

export function at(results: Results, trial: string, subject: string, metric = 'hit ratio'): number {
  return spreadAt(results, [trial, subject, metric])?.median ?? Number.NaN
}

/** Over all sizes and traces, each counting once. */
export function meanOf(results: Results, subject: string): number {
  const trials = trialsIn(results).filter((trial) => !isOverwriting(trial))
  return trials.reduce((sum, trial) => sum + at(results, trial, subject), 0) / trials.length
}

/** Points by which the table lies above the subject in a trial. */
export const lead = (results: Results, trial: string, subject: string): number =>
  (at(results, trial, TABLE) - at(results, trial, subject)) * 100

export const hitTrials = (results: Results): string[] => trialsIn(results).filter((trial) => !isOverwriting(trial))
export const overwriteTrials = (results: Results): string[] => trialsIn(results).filter(isOverwriting)

const points = (value: number): string => `${value >= 0 ? '+' : '−'}${Math.abs(value).toFixed(2)}`
const ratio = (value: number): string => `${(value * 100).toFixed(2)}`

export const hitRatios = {
  tables(results: Results): Table[] {
    const subjects = subjectsIn(results)
    const others = subjects.filter((subject) => subject !== TABLE)
    const trials = hitTrials(results)
    const means = ['**mean**', ratio(meanOf(results, TABLE)), '', ...others.map((subject) =>
      `${ratio(meanOf(results, subject))} (${points((meanOf(results, TABLE) - meanOf(results, subject)) * 100)})`)]
    return [
      {
        title: 'Hits in 100 reads',
        note: 'In brackets: by how many points the table is above (+) or below (−) the policy. "Resident" is the mean number of entries in the table during the second half, of those the simulated caches hold.',
        head: ['', TABLE, 'resident', ...others],
        rows: [...trials.map((trial) => [
          trial, ratio(at(results, trial, TABLE)), `${ratio(at(results, trial, TABLE, 'of capacity'))} %`,
          ...others.map((subject) => `${ratio(at(results, trial, subject))} (${points(lead(results, trial, subject))})`),
        ]), means],
      },
      {
        title: 'Misses where many requests overwrite, Zipf 1.0',
        note: 'In brackets: the table\'s misses as a multiple of the policy\'s.',
        head: ['', TABLE, ...others],
        rows: overwriteTrials(results).map((trial) => [
          trial, at(results, trial, TABLE, 'misses').toLocaleString('en-US'),
          ...others.map((subject) => {
            const misses = at(results, trial, subject, 'misses')
            return `${misses.toLocaleString('en-US')} (${(at(results, trial, TABLE, 'misses') / misses).toFixed(3)}x)`
          }),
        ]),
      },
    ]
  },

  charts(results: Results): Chart[] {
    const others = subjectsIn(results).filter((subject) => subject !== TABLE)
    const groups = hitTrials(results).map((trial) => ({
      label: trial,
      bars: others.map((subject): Bar => ({ label: subject, value: lead(results, trial, subject), isOurs: lead(results, trial, subject) >= 0 })),
    }))
    const middle = { label: 'median of all', bars: others.map((subject): Bar => {
      const value = median(hitTrials(results).map((trial) => lead(results, trial, subject)))
      return { label: subject, value, isOurs: value >= 0 }
    }) }
    return [{
      name: 'hit-ratio', title: 'Hit ratio of the shared table less that of simulated policies',
      axis: 'percentage points; right of zero (blue) the table hits more often', format: points, groups: [...groups, middle],
    }]
  },
}
