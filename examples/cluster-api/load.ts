// npm start -- --load: the same requests, in the same order, against the same servers, three times:
// with no cache, with one lru-cache per process, with stratacache. Each run starts cold.
import autocannon from 'autocannon'
import { createHash } from 'node:crypto'
import { startServer } from './load-server'
import { table } from './load-table'
import type { Result } from './load-table'
import { packageNames } from './packages'
import { commonWords } from './search'
import { settings } from './settings'
import { seededRandom, shuffle, zipf } from './zipf'

const SECONDS = Math.min(60, Number(process.env.LOAD_SECONDS ?? 10))
const CONNECTIONS = 16
const SEED = 20_240
const SKEW = 1
const SEARCHES = 300
const PER_CONNECTION = 4_000

const RUNS: [kind: string, name: string][] = [['off', 'no cache'], ['process', 'lru-cache'], ['shared', 'stratacache']]

async function main(): Promise<void> {
  const paths = await allPaths()
  console.log(`${settings.processes} server processes, ${CONNECTIONS} connections, ${SECONDS} s a run, ` +
    `${paths.length} addresses asked for by Zipf(${SKEW}), seed ${SEED}.\n`)
  const results: Result[] = []
  const contents = new Set<string>()
  for (const [kind, name] of RUNS) {
    const { result, content } = await run(kind, name, paths)
    results.push(result)
    contents.add(content)
  }
  console.log(`\n${table(results)}\n`)
  if (contents.size > 1) throw new Error('the three servers gave different answers to the same requests')
  console.log('All three gave the same answers. The load runs on the same machine and takes its share of the processor.')
}

/** Every address that exists, the most wanted first. */
async function allPaths(): Promise<string[]> {
  const names = packageNames()
  return shuffle([
    ...names.flatMap((name) => [`/readme/${name}`, `/graph/${name}`, `/api/packages/${name}`]),
    ...(await commonWords(SEARCHES)).map((word) => `/api/search?q=${word}`),
  ], seededRandom(SEED))
}

async function run(kind: string, name: string, paths: string[]): Promise<{ result: Result; content: string }> {
  const server = await startServer(kind)
  try {
    const { times, elapsedS } = await drive(server.url, name, paths)
    const { total, processes, cache } = await server.figures()
    const content = await sample(server.url, paths)
    times.sort()
    const quantile = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0
    const result = {
      name, requests: total.requests, requestsPerSecond: times.length / elapsedS,
      p50: quantile(0.5), p99: quantile(0.99), loads: total.byTier.load, ...processes,
    }
    if (kind === 'shared' && cache.kind !== 'shared memory') console.log(`Note: stratacache ran as ${cache.kind}, nothing was shared.`)
    return { result, content }
  } finally {
    await server.stop()
  }
}

/** Replays the load; resolves with the time of each response. */
async function drive(url: string, name: string, paths: string[]): Promise<{ times: Float64Array; elapsedS: number }> {
  const times: number[] = []
  let failures = 0
  let connection = 0
  const started = performance.now()
  const progress = setInterval(() => report(`${name}: ${times.length.toLocaleString('en')} responses`), 1_000)
  await new Promise<void>((resolve, reject) => {
    const instance = autocannon({
      url, connections: CONNECTIONS, duration: SECONDS, timeout: 30,
      setupClient(client) {
        const pick = zipf(paths.length, SKEW, seededRandom(SEED + ++connection))
        client.setRequests(Array.from({ length: PER_CONNECTION }, () => ({ method: 'GET', path: paths[pick()]! })))
      },
    }, (error) => (error ? reject(error) : resolve()))
    instance.on('response', (_client, status, _bytes, ms) => {
      times.push(ms)
      if (status !== 200) failures += 1
    })
  })
  clearInterval(progress)
  const elapsedS = (performance.now() - started) / 1000
  if (failures) throw new Error(`${failures} responses were not 200`)
  report(`${name}: ${times.length.toLocaleString('en')} responses in ${elapsedS.toFixed(1)} s\n`)
  return { times: Float64Array.from(times), elapsedS }
}

/** A digest of some answers: a cache that answers fast and wrong must not win. */
async function sample(url: string, paths: string[]): Promise<string> {
  const hash = createHash('sha256')
  for (let index = 0; index < paths.length; index += Math.ceil(paths.length / 60)) {
    hash.update(await (await fetch(url + paths[index])).text())
  }
  return hash.digest('hex')
}

function report(text: string): void {
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${text}`)
  else if (text.endsWith('\n')) process.stdout.write(text)
}

void main().catch((error: Error) => {
  console.error(error.message)
  process.exitCode = 1
})
