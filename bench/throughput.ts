/** 90 % get, 10 % set by one and by two at once, beside what the machine gains from a second core. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Piscina } from 'piscina'
import { check, fill } from './fill'
import { median } from './statistics'
import type { Job, Metrics } from './outcome'
import type { Conditions, SubBench } from './sub-bench'
import { throughputs } from './throughput-report'
import { type Count, OPEN, type Setup, type Window } from './throughput-worker'
import { type DatasetName, dataset } from './workload'

const WORKER = join(__dirname, 'throughput-worker.js')
const THREADS = ', threads'

const TRIALS: Partial<Record<DatasetName, string[]>> = {
  s64: ['SharedTable', 'SharedTable, one each', `SharedTable${THREADS}`, 'cache', 'lru-cache', 'lmdb'],
  s1k: ['SharedTable', 'SharedTable, one each', `SharedTable${THREADS}`, 'cache', 'lru-cache', 'lmdb'],
  obj: ['cache', `cache${THREADS}`, 'lru-cache', 'lmdb'],
}

export const throughput: SubBench = {
  name: 'throughput',
  title: 'Two at once',
  about: 'Closed loops of 90 % get and 10 % set on 100,000 entries, Zipf 0.99, keys made fresh within the loop, by one and by two processes (or piscina threads). lru-cache shares nothing: each process has its own. Beside every window a loop that only computes runs in the same processes: the machine\'s own gain.',
  rounds: 3,
  plan: () => Object.entries(TRIALS).flatMap(([trial, subjects]) => subjects.map((subject) => ({ trial, subject }))),
  measure,
  ...throughputs,
}

interface Crew {
  /** Runs a window in the first `size` participants and waits for all of them. */
  run(size: 1 | 2, window: Omit<Window, 'startAt'>): Promise<Count[]>
  dismiss(): Promise<void>
}

async function measure({ trial, subject }: Job, conditions: Conditions): Promise<Metrics> {
  const isThreads = subject.endsWith(THREADS)
  const name = isThreads ? subject.slice(0, -THREADS.length) : subject
  const data = dataset(trial as DatasetName, conditions.isQuick)
  const { open, isShared } = OPEN[name]!
  const cache = isShared ? await open(data, conditions, { factor: 2 }) : undefined
  if (cache !== undefined) {
    fill(cache, data)
    await check(cache.get, data)
  }
  const setups = [0, 1].map((index): Setup => ({ subject: name, trial: trial as DatasetName, conditions, index }))
  const crew = await (isThreads ? threads(setups) : processes(setups))
  try {
    return await windows(crew, conditions.isQuick)
  } finally {
    await crew.dismiss()
    await cache?.close()
  }
}

async function windows(crew: Crew, isQuick: boolean): Promise<Metrics> {
  const ms = isQuick ? 60 : 200
  const sums = { gets: 0, misses: 0, checked: 0, torn: 0 }
  const rate = async (size: 1 | 2, kind: Window['kind']): Promise<number> => {
    const counts = await crew.run(size, { kind, ms })
    for (const count of counts) {
      for (const name of ['gets', 'misses', 'checked', 'torn'] as const) sums[name] += count[name]
    }
    return counts.reduce((sum, { perSecond }) => sum + perSecond, 0)
  }
  await rate(2, 'calls')
  const turns: { one: number; two: number; ceiling: number }[] = []
  for (let turn = 0; turn < (isQuick ? 1 : 2); turn++) {
    const cpuOne = await rate(1, 'cpu')
    const one = await rate(1, 'calls')
    const two = await rate(2, 'calls')
    const cpuTwo = await rate(2, 'cpu')
    turns.push({ one, two, ceiling: cpuTwo / cpuOne })
  }
  const over = (of: (turn: (typeof turns)[number]) => number): number => median(turns.map(of))
  return {
    'one, kop/s': over(({ one }) => one / 1000),
    'two, kop/s': over(({ two }) => two / 1000),
    gain: over(({ one, two }) => two / one),
    ceiling: over(({ ceiling }) => ceiling),
    'gain of ceiling': over(({ one, two, ceiling }) => two / one / ceiling),
    'miss share': sums.misses / sums.gets,
    checked: sums.checked,
    torn: sums.torn,
  }
}

const soon = (window: Omit<Window, 'startAt'>): Window => ({ ...window, startAt: Date.now() + 25 })

async function processes(setups: readonly Setup[]): Promise<Crew> {
  const children = setups.map(() => fork(WORKER, { serialization: 'advanced', execArgv: ['--no-warnings'] }))
  await Promise.all(children.map(async (child, i) => {
    child.send({ setup: setups[i]! })
    await once(child, 'message')
  }))
  return {
    run: (size, window) => {
      const set = soon(window)
      return Promise.all(children.slice(0, size).map(async (child) => {
        const answered = once(child, 'message')
        child.send({ window: set })
        return (await answered)[0] as Count
      }))
    },
    dismiss: async () => {
      await Promise.all(children.map(async (child) => {
        const exited = once(child, 'exit')
        child.disconnect()
        child.kill('SIGTERM')
        await exited
      }))
    },
  }
}

/** Which thread gets which task is the pool's business; each brings the setup, a thread uses its first. */
async function threads(setups: readonly Setup[]): Promise<Crew> {
  const pool = new Piscina({ filename: WORKER, minThreads: setups.length, maxThreads: setups.length, concurrentTasksPerWorker: 1 })
  const run: Crew['run'] = (size, window) => {
    const set = soon(window)
    return Promise.all(setups.slice(0, size).map((setup) => pool.run({ setup, window: set }) as Promise<Count>))
  }
  // Until both threads have set up, which takes longer than a window stays open.
  for (let turn = 0; turn < 3; turn++) await run(2, { kind: 'calls', ms: 20 })
  return { run, dismiss: () => pool.destroy() }
}
