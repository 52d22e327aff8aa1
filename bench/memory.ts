/** What entries cost beyond their keys and values, and what four processes need for the same entries. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Chart } from './chart'
import { type Held, HOLDERS, type HolderOrder } from './memory-holder'
import { spreadAt } from './statistics'
import type { Job, Metrics, Results } from './outcome'
import type { Conditions, SubBench } from './sub-bench'
import { digits, type Table, times, trialTable } from './table'
import { type DatasetName, dataset, labelOf } from './workload'

const HOLDER = join(__dirname, 'memory-holder.js')
const MIB = 1024 ** 2
const FOUR = 'four s1k'

const TRIALS: Record<string, string[]> = {
  s64: ['SharedTable', 'Map', 'lru-cache', 'bentocache'],
  s1k: ['SharedTable', 'Map', 'lru-cache', 'bentocache'],
  [FOUR]: ['SharedTable', 'cache', 'cache, no L0', 'Map', 'lru-cache', 'bentocache'],
}

export const memory: SubBench = {
  name: 'memory',
  title: 'Memory',
  about: '100,000 entries. PSS growth is what /proc/self/smaps_rollup says after the fill, less what it said before (after garbage collection both times), a page that n processes share counting 1/n in each. "By account" is the region less its free segments: everything it needs to hold the entries, its fixed tables included.',
  rounds: 2,
  plan: () => Object.entries(TRIALS).flatMap(([trial, subjects]) => subjects.map((subject) => ({ trial, subject }))),
  measure: (job, conditions) => (job.trial === FOUR ? four(job, conditions) : one(job, conditions)),
  tables,
  charts,
}

async function one({ trial, subject }: Job, conditions: Conditions): Promise<Metrics> {
  const data = dataset(trial as DatasetName, conditions.isQuick)
  const holder = startHolder()
  try {
    const { growth, regionGrowth, account, missing } = await told(holder, { hold: { subject, trial: trial as DatasetName, conditions, isFiller: true, reads: false } })
    // Per entry that is there: one that was evicted costs nothing.
    const beyond = (bytes: number): number => bytes / (data.count - missing) - data.entryBytes
    return {
      'PSS, B': beyond(growth), missing,
      ...(account === undefined ? {} : { 'account, B': beyond(account), 'region PSS, B': beyond(regionGrowth!) }),
    }
  } finally {
    holder.kill('SIGKILL')
  }
}

/** Four processes that hold and read all entries, measured while all of them do. */
async function four({ subject }: Job, conditions: Conditions): Promise<Metrics> {
  const trial: DatasetName = 's1k'
  const data = dataset(trial, conditions.isQuick)
  const holders = Array.from({ length: 4 }, startHolder)
  try {
    // One after another: where they share, the first fills.
    for (const [i, holder] of holders.entries()) {
      const isFiller = i === 0 || !HOLDERS[subject]!.isShared
      await told(holder, { hold: { subject, trial, conditions, isFiller, reads: true } })
    }
    let total = 0
    let missing = 0
    for (const holder of holders) {
      const held = await told(holder, { report: true })
      total += held.growth
      missing += held.missing
    }
    return { 'total MiB': total / MIB, 'of payload': total / (data.count * data.entryBytes), missing }
  } finally {
    for (const holder of holders) holder.kill('SIGKILL')
  }
}

/** Its young generation has one size from the start: whether V8 grows or shrinks it is not what an entry costs. */
function startHolder(): ChildProcess {
  return fork(HOLDER, { serialization: 'advanced', execArgv: ['--expose-gc', '--no-warnings', '--min-semi-space-size=16', '--max-semi-space-size=16'] })
}

async function told(holder: ChildProcess, order: HolderOrder): Promise<Held> {
  holder.send(order)
  const [held] = (await once(holder, 'message')) as [Held]
  return held
}

function tables(results: Results): Table[] {
  const beyond = (['s64', 's1k'] as const).map((trial) => trialTable(results, trial, `${labelOf(trial)}: bytes per entry beyond key and value`, [
    { metric: 'account, B', label: 'by account' }, { metric: 'region PSS, B', label: 'PSS of the region' },
    { metric: 'PSS, B', label: 'PSS of the process' }, { metric: 'missing', label: 'entries evicted' },
  ]))
  return [...beyond, trialTable(results, FOUR, 'Four processes with the same 1 KiB strings', [
    { metric: 'total MiB', label: 'PSS of all four, MiB' }, { metric: 'of payload', label: '÷ keys and values', format: times },
    { metric: 'missing', label: 'entries missed' },
  ], 'Every process has read every entry. `cache` keeps large strings as JavaScript strings too, as many in each process as its L0 is allowed; `cache, no L0` does not.')]
}

function charts(results: Results): Chart[] {
  const bars = TRIALS[FOUR]!.flatMap((subject) => {
    const spread = spreadAt(results, [FOUR, subject, 'of payload'])
    return spread === undefined ? [] : [{ label: subject, value: spread.median, range: [spread.min, spread.max] as const, isOurs: /^(SharedTable|cache)/.test(subject) }]
  })
  return [{
    name: 'memory', title: 'Four processes with the same 100,000 strings of 1 KiB', axis: 'total memory ÷ keys and values; less is better',
    format: digits, groups: [{ label: '', bars }],
  }]
}
