/** Pools of threads. The only importer of piscina, which is loaded with the first pool. */
import { join } from 'node:path'
import type { Piscina } from 'piscina'

const IDLE_MS = 10_000

/** Threads that run a file of workers/. Idle ones end, and keep no process alive. */
export function startThreads(worker: string, maxThreads: number): Piscina {
  const { Piscina } = require('piscina') as typeof import('piscina')
  const piscina = new Piscina({
    filename: join(__dirname, '..', '..', 'workers', `${worker}.js`),
    minThreads: 0,
    maxThreads,
    idleTimeout: IDLE_MS,
    execArgv: [],
  })
  // A thread that dies with nothing to do, or answers what was given up: nobody waits for that.
  piscina.on('error', () => {})
  return piscina
}
