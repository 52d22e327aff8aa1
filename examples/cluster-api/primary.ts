// The primary: keeps the workers running, adds up their figures, stops them in order.
import cluster from 'node:cluster'
import type { Worker } from 'node:cluster'
import { Board } from './board'
import type { ToPrimary, ToWorker } from './messages'
import { settings } from './settings'

const STOP_MS = 4_000
/** Between a worker's death and its successor. */
const PAUSE_MS = 200

type Ready = Extract<ToPrimary, { type: 'ready' }>

const board = new Board()
let isStopping = false

export function runPrimary(): void {
  // Said once, below, and not by every process and thread.
  cluster.setupPrimary({ execArgv: [...process.execArgv, '--disable-warning=STRATACACHE_NOT_SHARED'] })
  const ready = Array.from({ length: settings.processes }, (_, index) => startWorker(index === 0 ? settings.poolThreads : 0))
  setInterval(() => { if (!isStopping) tell(board.snapshot()) }, 1_000).unref()
  void Promise.all(ready).then(([first]) => announce(first!))
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  // Started by a program that is gone: nobody is left to stop this one.
  process.once('disconnect', stop)
}

/** Starts a worker and, should it die, its successor in the same role. Resolves when it listens. */
function startWorker(threads: number): Promise<Ready> {
  const worker = cluster.fork({ THREADS: threads })
  const pid = worker.process.pid!
  // It may die while something is being sent to it; that it is gone, its exit tells.
  worker.on('error', () => {})
  worker.on('exit', (code, signal) => {
    board.drop(pid)
    if (isStopping) return
    // Ended from outside is what this example is for; giving up by itself is not.
    if (code) return fail(`process ${pid} ended with exit code ${code}`)
    console.log(`process ${pid} ended${signal ? ` by ${signal}` : ''}; starting another`)
    setTimeout(() => { if (!isStopping) void startWorker(threads) }, PAUSE_MS)
  })
  return new Promise((resolve) => {
    worker.on('message', (message: ToPrimary) => {
      if (message.type === 'report') board.take(pid, message)
      else if (message.type === 'ready') resolve(message)
      else fail(message.why)
    })
  })
}

const workers = (): Worker[] => Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined)

function tell(message: ToWorker): void {
  for (const worker of workers()) if (worker.isConnected()) worker.send(message)
}

function announce({ port, cache }: Ready): void {
  const url = `http://${settings.host}:${port}`
  process.send?.({ type: 'ready', url } satisfies { type: 'ready'; url: string })
  console.log(`
  ${url}/                     the live page: requests, hit ratio, memory, as they happen
  ${url}/readme/piscina       a rendered README: ask twice and look at x-cache-tier
  ${url}/graph/autocannon     what a package depends on
  ${url}/api/search?q=worker  full-text search over every installed package

  ${settings.processes} processes and ${settings.poolThreads} threads, cache: ${cache}. Things to try:
    curl -si ${url}/readme/piscina | grep -iE 'x-|server-timing'
    kill -9 ${workers()[0]?.process.pid}        the cache stays warm for the process that follows
    npm start -- --load    compare with no cache and with one cache per process

  Ctrl+C stops it.
`)
}

function fail(why: string): void {
  if (isStopping) return
  console.error(why)
  process.exitCode = 1
  stop()
}

function stop(): void {
  if (isStopping) return
  isStopping = true
  tell({ type: 'stop' })
  const impatience = setTimeout(() => workers().forEach((worker) => worker.process.kill('SIGKILL')), STOP_MS)
  const wait = setInterval(() => {
    if (workers().length > 0) return
    clearInterval(wait)
    clearTimeout(impatience)
    if (process.connected) process.disconnect()
  }, 20)
}

