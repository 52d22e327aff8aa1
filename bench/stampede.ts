/** How often a loader runs, and how long the last caller waits, when many ask several processes for one cold key. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Job, Metrics, Results } from './outcome'
import { clockMs, type StampedeOrder, type StampedeReport } from './stampede-caller'
import type { Conditions, SubBench } from './sub-bench'
import { type Table, times, trialTable } from './table'

const CALLER = join(__dirname, 'stampede-caller.js')
const LOAD_MS = 500
/** From then on every process has heard when to begin. */
const HEAD_START_MS = 200

const TRIALS: Record<string, { processes: number; callers: number; fails: boolean; title: string }> = {
  'cold key': { processes: 8, callers: 125, fails: false, title: '1,000 callers in 8 processes, a loader of 500 ms' },
  'failing key': { processes: 4, callers: 5, fails: true, title: '20 callers in 4 processes, a loader that fails after 500 ms' },
}

export const stampede: SubBench = {
  name: 'stampede',
  title: 'Stampedes',
  about: 'All callers ask for one cold key at the same moment. "÷ load" is the time from then until the last of them was told, over what the loader takes.',
  rounds: 5,
  plan: () => Object.keys(TRIALS).map((trial) => ({ trial, subject: 'stratacache' })),
  measure,
  tables,
  charts: () => [],
}

async function measure({ trial }: Job, { scratch, round, isQuick }: Conditions): Promise<Metrics> {
  const { processes, callers, fails } = TRIALS[trial]!
  const loadMs = isQuick ? LOAD_MS / 5 : LOAD_MS
  const order: StampedeOrder = { dir: scratch, key: `${trial} ${round}`, callers, loadMs, fails }
  const children = Array.from({ length: processes }, () => fork(CALLER))
  try {
    await Promise.all(children.map((child) => tell(child, order)))
    const beginMs = clockMs() + HEAD_START_MS
    const reports = await Promise.all(children.map((child) => tell(child, beginMs) as Promise<StampedeReport>))
    const sum = (field: 'runs' | 'told'): number => reports.reduce((total, report) => total + report[field], 0)
    return { runs: sum('runs'), untold: processes * callers - sum('told'), 'of load': (Math.max(...reports.map(({ lastMs }) => lastMs)) - beginMs) / loadMs }
  } finally {
    for (const child of children) child.kill('SIGKILL')
  }
}

/** Its answer. */
async function tell(child: ChildProcess, order: StampedeOrder | number): Promise<unknown> {
  child.send(order)
  return (await once(child, 'message'))[0]
}

function tables(results: Results): Table[] {
  return Object.entries(TRIALS).map(([trial, { title }]) => trialTable(results, trial, title, [
    { metric: 'runs', label: 'runs of the loader' }, { metric: 'untold', label: 'callers not told' }, { metric: 'of load', label: '÷ load', format: times },
  ]))
}
