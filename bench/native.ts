/** The C++ core alone: what a call costs before JavaScript adds its share, and how it scales. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Chart } from './chart'
import { root } from './peers'
import { spreadAt } from './statistics'
import type { Job, Metrics, Results } from './outcome'
import { type Conditions, type SubBench, Unavailable } from './sub-bench'
import { digits, percent, type Table, trialTable } from './table'

const PROGRAM = join(root, 'build', 'native-bench', 'build', 'Release', 'native_bench')

/** Titles and arguments; every trial is run by one and more workers. */
const TRIALS: Record<string, string[]> = {
  'get of 64 B': ['call=get', 'value=64'],
  'get of 1 KiB': ['call=get', 'value=1024'],
  'set of 64 B': ['call=set', 'value=64'],
  'set of 1 KiB': ['call=set', 'value=1024'],
  '90/10 of 64 B': ['call=mixed', 'value=64'],
  '90/10 of 64 B, room for half': ['call=mixed', 'value=64', 'pressure=1'],
  'set of 1 KiB, room for half': ['call=set', 'value=1024', 'pressure=1'],
}

export const native: SubBench = {
  name: 'native',
  title: 'The core without Node',
  about: '100,000 entries, Zipf 0.99, keys as in the other benchmarks, values copied out and in. Where there is room for half of the keys only, a get that misses sets, and reclaiming goes on all the time.',
  rounds: 3,
  isOnRequest: true,
  plan: () => Object.keys(TRIALS).flatMap((trial) => subjects().map((subject) => ({ trial, subject }))),
  measure,
  tables,
  charts,
}

/** One worker, then powers of two up to all cores and twice that. */
function subjects(): string[] {
  const counts = [1]
  while (counts[counts.length - 1]! < availableParallelism() * 2) counts.push(counts[counts.length - 1]! * 2)
  return counts.flatMap((count) => (count === 1 ? ['1 thread'] : [`${count} threads`, `${count} processes`]))
}

async function measure({ trial, subject }: Job, { isQuick, scratch }: Conditions): Promise<Metrics> {
  if (!existsSync(PROGRAM)) throw new Unavailable('native_bench is not built: npm run bench:native builds it')
  const [count, kind] = subject.split(' ') as [string, string]
  const { stdout } = await promisify(execFile)(PROGRAM, [
    `dir=${scratch}`, ...TRIALS[trial]!, `workers=${count}`, `kind=${kind.startsWith('thread') ? 'thread' : 'process'}`,
    `ms=${isQuick ? 30 : 250}`, `entries=${isQuick ? 10_000 : 100_000}`,
  ])
  return JSON.parse(stdout) as Metrics
}

function tables(results: Results): Table[] {
  return Object.keys(TRIALS).map((trial) => trialTable(results, trial, trial, [
    { metric: 'ns', label: 'ns per call and worker' }, { metric: 'kop/s', label: 'kop/s, all together', against: '1 thread' },
    { metric: 'misses', label: 'misses', format: percent }, { metric: 'torn', label: 'torn values' }, { metric: 'refused', label: 'sets refused' },
  ]))
}

function charts(results: Results): Chart[] {
  const groups = Object.keys(TRIALS).map((label) => ({
    label,
    bars: results.rows.filter((row) => row.trial === label).flatMap(({ subject }) => {
      const spread = spreadAt(results, [label, subject, 'kop/s'])
      return spread === undefined ? [] : [{ label: subject, value: spread.median, range: [spread.min, spread.max] as const, isOurs: true }]
    }),
  }))
  return [{ name: 'native', title: 'The core without Node', axis: 'thousand calls per second, all workers together; more is better', format: digits, groups }]
}
