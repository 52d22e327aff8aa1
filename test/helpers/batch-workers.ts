/** Processes on one cache of their own, or on one per host, for tests of batches and updates. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { CacheOptions } from '../../src'
import type { BatchOrder } from './batch-worker'
import { type Deferred, deferred } from './deferred'

type Message = { id: number; result: unknown } | { id: number; refused: string } | { holding: true }

export class BatchWorker {
  /** It is within an update that does not end. */
  isHolding = false
  readonly #process: ChildProcess = fork(join(__dirname, 'batch-worker.js'), { serialization: 'advanced' })
  readonly #answerById = new Map<number, Deferred<unknown>>()
  #lastId = 0

  constructor() {
    this.#process.on('message', (message: Message) => this.#hear(message))
    this.#process.on('exit', () => {
      for (const answer of this.#answerById.values()) answer.reject(new Error('the worker is gone'))
    })
  }

  ask<T>(order: BatchOrder): Promise<T> {
    const id = ++this.#lastId
    const answer = deferred<unknown>()
    this.#answerById.set(id, answer)
    this.#process.send({ id, order })
    return answer.promise as Promise<T>
  }

  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const exited = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await exited
  }

  #hear(message: Message): void {
    if ('holding' in message) {
      this.isHolding = true
      return
    }
    const answer = this.#answerById.get(message.id)
    this.#answerById.delete(message.id)
    if ('refused' in message) answer?.reject(new Error(message.refused))
    else answer?.resolve(message.result)
  }
}

/** One worker per options given, ended after `body`. */
export async function withBatchWorkers(settings: readonly CacheOptions[], body: (workers: BatchWorker[]) => Promise<void>): Promise<void> {
  const workers = settings.map(() => new BatchWorker())
  try {
    await Promise.all(workers.map((worker, i) => worker.ask({ do: 'open', options: settings[i]! })))
    await body(workers)
  } finally {
    await Promise.all(workers.map((worker) => worker.kill()))
  }
}
