/** Threads that read a few keys as fast as they can. */
import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { CacheOptions } from '../../../src'

export interface StormOrder {
  options: CacheOptions
  keys: readonly string[]
  threads: number
}

export class Storm {
  readonly #workers: Worker[]
  readonly #latest: unknown[]
  readonly #ready: Promise<unknown>

  constructor({ options, keys, threads }: StormOrder) {
    this.#latest = new Array(threads).fill(undefined)
    this.#workers = Array.from({ length: threads }, (_, index) => {
      const worker = new Worker(join(__dirname, 'host-storm-thread.js'), { workerData: { options, keys } })
      worker.on('message', (value: unknown) => (this.#latest[index] = value))
      return worker
    })
    this.#ready = Promise.all(this.#workers.map((worker) => once(worker, 'message')))
  }

  /** Resolves when every thread has read all keys. */
  async ready(): Promise<void> {
    await this.#ready
  }

  /** Of each thread: the values it has read last, as one text. */
  values(): unknown[] {
    return this.#latest
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map(async (worker) => {
      const exited = once(worker, 'exit')
      worker.postMessage('end')
      await exited
    }))
  }
}
