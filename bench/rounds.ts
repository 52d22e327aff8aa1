/**
 * Runs the jobs of a benchmark, each in a fresh process, in interleaved rounds.
 *
 * Every round does all jobs. The subjects of a trial follow each other directly, in another order
 * each round, so that a slow minute of the machine does not fall on one of them alone.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Answer, Order } from './child'
import type { Progress } from './progress'
import type { Job, NotMeasured, Row } from './outcome'
import type { Conditions, SubBench } from './sub-bench'

const CHILD = join(__dirname, 'child.js')
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

export interface Measured {
  rows: Row[]
  notMeasured: NotMeasured[]
}

export async function runRounds(
  bench: SubBench, rounds: number, conditions: Omit<Conditions, 'round' | 'scratch'>, progress: Progress,
): Promise<Measured> {
  const jobs = bench.plan(conditions)
  const rows = jobs.map((job): Row => ({ ...job, samples: {} }))
  const left = new Map<Job, string>()
  progress.begin(bench.name, jobs.length * rounds)
  for (let round = 0; round < rounds; round++) {
    for (const job of inTurn(jobs, round)) {
      progress.step(`round ${round + 1}/${rounds}  ${job.trial}  ${job.subject}`)
      if (left.has(job)) continue
      const answer = await runFresh({ bench: bench.name, job, conditions: { ...conditions, round, scratch: '' } }, bench.deadlineS ?? 120)
      if ('metrics' in answer) record(rows[jobs.indexOf(job)]!, round, answer.metrics)
      else {
        left.set(job, 'unavailable' in answer ? answer.unavailable : answer.failure)
        progress.say(`  ${job.trial}, ${job.subject}: ${left.get(job)}`)
      }
    }
  }
  progress.end()
  const isMeasured = (row: Row): boolean => Object.keys(row.samples).length > 0
  return {
    rows: rows.filter(isMeasured),
    notMeasured: [...left].map(([job, reason]) => ({ ...job, reason: reason.split('\n')[0]! })),
  }
}

/** The trials in order; within each, the subjects rotated by the number of the round. */
function inTurn(jobs: readonly Job[], round: number): Job[] {
  const trials = new Map<string, Job[]>()
  for (const job of jobs) trials.set(job.trial, [...trials.get(job.trial) ?? [], job])
  return [...trials.values()].flatMap((same) => same.map((_, i) => same[(i + round) % same.length]!))
}

function record({ samples }: Row, round: number, metrics: Record<string, number>): void {
  for (const [name, value] of Object.entries(metrics)) {
    const values = (samples[name] ??= [])
    while (values.length < round) values.push(null)
    values[round] = value
  }
}

async function runFresh(order: Order, deadlineS: number): Promise<Answer> {
  const scratch = mkdtempSync(join(MEMORY, 'stratacache-bench-'))
  const child = fork(CHILD, { execArgv: ['--expose-gc', '--no-warnings'], serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  try {
    return await answerOf(child, { ...order, conditions: { ...order.conditions, scratch } }, deadlineS)
  } finally {
    child.kill('SIGKILL')
    rmSync(scratch, { recursive: true, force: true })
  }
}

function answerOf(child: ChildProcess, order: Order, deadlineS: number): Promise<Answer> {
  return new Promise((resolve) => {
    let said = ''
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (said += text))
    const timer = setTimeout(() => resolve({ failure: `no answer within ${deadlineS} s` }), deadlineS * 1000)
    const settle = (answer: Answer): void => {
      clearTimeout(timer)
      resolve(answer)
    }
    child.once('message', settle)
    child.once('exit', (code, signal) => settle({ failure: `the process ended with ${signal ?? code}\n${said}` }))
    child.send(order)
  })
}
