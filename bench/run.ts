/**
 * npm run bench: runs the benchmarks that are named, or all, and writes bench/results.
 *
 *   npm run bench -- micro latency       only these
 *   npm run bench -- --quick             a smoke of two minutes; its figures mean nothing
 *   npm run bench:redis                  those of Redis as the second tier
 *   npm run bench -- --rounds 5          more rounds than the benchmark would do
 *   npm run bench -- hit-ratio <path>    other traces: a file or a folder of them
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { describeMachine, load } from './machine'
import { root } from './peers'
import { Progress } from './progress'
import { type RedisServer, startRedis } from './redis-server'
import { writeReport } from './report'
import { runRounds } from './rounds'
import type { Results } from './outcome'
import type { SubBench } from './sub-bench'
import { REDIS_BENCHES, SUB_BENCHES } from './sub-benches'
import { writeSummary } from './summary'
import { fromCaller } from './trace-files'

interface Options {
  benches: SubBench[]
  paths: string[]
  isQuick: boolean
  rounds: number | undefined
  folder: string
}

function options(): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { quick: { type: 'boolean' }, redis: { type: 'boolean' }, rounds: { type: 'string' }, out: { type: 'string' } },
  })
  const isName = (text: string): boolean => SUB_BENCHES.some(({ name }) => name === text)
  const named = positionals.filter(isName)
  const paths = positionals.filter((text) => !isName(text))
  const wrong = paths.find((path) => !existsSync(fromCaller(path)))
  if (wrong !== undefined) throw new Error(`${wrong} is neither a benchmark (${SUB_BENCHES.map(({ name }) => name).join(', ')}) nor a path to traces`)
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds)
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) throw new Error('--rounds takes a whole number above 0')
  const all = values.redis === true ? REDIS_BENCHES : SUB_BENCHES.filter(({ isOnRequest }) => isOnRequest !== true)
  return {
    benches: named.length === 0 ? [...all] : SUB_BENCHES.filter(({ name }) => named.includes(name)),
    paths,
    isQuick: values.quick === true,
    rounds,
    // What a smoke measures must not lie among results.
    folder: values.out ?? join(root, values.quick ? 'build/bench-quick' : 'bench/results'),
  }
}

async function main(): Promise<void> {
  const { benches, paths, isQuick, rounds, folder } = options()
  const progress = new Progress()
  const redis = benches.some(({ needsRedis }) => needsRedis) ? await startRedis() : undefined
  try {
    for (const bench of benches) await runOne(bench, { paths, isQuick, rounds, folder, redis, progress })
  } finally {
    await redis?.stop()
  }
  progress.say(`wrote ${writeSummary(folder)}`)
}

interface Surroundings extends Omit<Options, 'benches'> {
  redis: RedisServer | undefined
  progress: Progress
}

async function runOne(bench: SubBench, { paths, isQuick, rounds: wanted, folder, redis, progress }: Surroundings): Promise<void> {
  const rounds = isQuick ? 1 : bench.rounds === 1 ? 1 : (wanted ?? bench.rounds)
  const before = load()
  const started = Date.now()
  const conditions = { isQuick, paths, ...(redis === undefined ? {} : { redis: { port: redis.port, socket: redis.socket } }) }
  const measured = await runRounds(bench, rounds, conditions, progress)
  const results: Results = {
    bench: bench.name, title: bench.title,
    command: [REDIS_BENCHES.includes(bench) ? 'npm run bench:redis --' : 'npm run bench --', bench.name, ...paths, ...(isQuick ? ['--quick'] : []), ...(wanted === undefined ? [] : ['--rounds', wanted])].join(' '),
    date: new Date().toISOString(), machine: { ...describeMachine(), 'redis-server': redis?.version ?? 'not used' },
    rounds, isQuick, ...measured, loadAverage: [before, load()], seconds: Math.round((Date.now() - started) / 1000),
  }
  for (const path of writeReport(bench, results, folder)) progress.say(`  ${path}`)
}

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
})
