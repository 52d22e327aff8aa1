import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { CacheOptions } from '../../src'
import type { Order, Outcome, Report, Settled } from './cache-worker'
import { uniqueName, withDirectory } from './cache'
import { type Deferred, deferred } from './deferred'
import { until } from './until'

const SCRIPT = join(__dirname, 'cache-worker.js')

type Told = Order extends infer O ? (O extends { id: number } ? Omit<O, 'id'> : never) : never

/** A process or thread that holds the test's cache and does what the test says. */
export class CacheWorker {
  /** How many loader runs it has begun. */
  runCount = 0
  readonly #unfinished: number[] = []
  /** How its calls of `load` ended, in order. */
  readonly settled: Settled[] = []
  readonly #answerById = new Map<number, Deferred<unknown>>()
  readonly #host: ChildProcess | Worker
  #lastId = 0

  constructor(kind: 'process' | 'thread') {
    this.#host = kind === 'process' ? fork(SCRIPT, { serialization: 'advanced' }) : new Worker(SCRIPT)
    this.#host.on('message', (message: Report) => this.#hear(message))
    this.#host.on('exit', () => {
      for (const answer of this.#answerById.values()) answer.reject(new Error('the worker is gone'))
    })
  }

  ask(order: Told): Promise<unknown> {
    const id = ++this.#lastId
    const answer = deferred<unknown>()
    this.#answerById.set(id, answer)
    this.#send({ ...order, id } as Order)
    return answer.promise
  }

  /** Starts calls of getOrSet; resolves when they are under way. */
  load(key: string, options: { callers?: number; namespace?: string; leaseTimeout?: number } = {}): Promise<unknown> {
    return this.ask({ do: 'load', key, callers: 1, ...options })
  }

  call(method: 'get' | 'set' | 'delete' | 'expire' | 'clear' | 'deleteByTag' | 'warm' | 'exportHot' | 'importHot', ...args: unknown[]): Promise<unknown> {
    return this.ask({ do: 'call', method, args })
  }

  /** Loader runs that have begun and were not told to end. */
  get unfinishedCount(): number {
    return this.#unfinished.length
  }

  get isLoading(): boolean {
    return this.#unfinished.length > 0
  }

  /** Ends the oldest loader run that has not been ended. */
  finish(outcome: Outcome): void {
    this.#send({ do: 'finish', run: this.#unfinished.shift()!, outcome })
  }

  /** Closes its cache and ends. */
  async leave(): Promise<void> {
    await this.ask({ do: 'close' })
    await this.kill()
  }

  async kill(): Promise<void> {
    if (this.#host instanceof Worker) {
      await this.#host.terminate()
    } else if (this.#host.exitCode === null && this.#host.signalCode === null) {
      const exited = once(this.#host, 'exit')
      this.#host.kill('SIGKILL')
      await exited
    }
  }

  #answer(message: Extract<Report, { id: number }>): void {
    const answer = this.#answerById.get(message.id)
    this.#answerById.delete(message.id)
    if ('refused' in message) answer?.reject(new Error(message.refused))
    else answer?.resolve(message.result)
  }

  #send(order: Order): void {
    if (this.#host instanceof Worker) this.#host.postMessage(order)
    else this.#host.send(order)
  }

  #hear(message: Report): void {
    if ('loading' in message) {
      this.runCount++
      this.#unfinished.push(message.loading)
    } else if ('settled' in message) this.settled.push(message.settled)
    else this.#answer(message)
  }
}

/** Several workers on one cache of their own, ended after `body` whatever state they are in. */
export function withWorkers(
  kinds: readonly ('process' | 'thread')[],
  body: (workers: CacheWorker[]) => Promise<void>,
  options?: CacheOptions,
): Promise<void> {
  return withDirectory(async (dir) => {
    const workers = kinds.map((kind) => new CacheWorker(kind))
    try {
      const shared = { name: uniqueName(), dir, memory: '8mb', fallback: 'error' as const, ...options }
      for (const worker of workers) await worker.ask({ do: 'open', options: shared })
      await body(workers)
    } finally {
      await Promise.all(workers.map((worker) => worker.kill()))
    }
  })
}

export function runsOf(workers: readonly CacheWorker[]): number {
  return workers.reduce((sum, { runCount }) => sum + runCount, 0)
}

/** Waits until one of the workers runs its loader, and says which. */
export async function loading(workers: readonly CacheWorker[]): Promise<CacheWorker> {
  await until('a loader runs', () => workers.some(({ isLoading }) => isLoading))
  return workers.find(({ isLoading }) => isLoading)!
}

/** The outcomes of `count` calls over all workers, when they have all ended. */
export async function outcomes(workers: readonly CacheWorker[], count: number): Promise<Settled[]> {
  const settled = (): Settled[] => workers.flatMap((worker) => worker.settled)
  await until(`${count} callers have their answer`, () => settled().length >= count)
  return settled()
}
