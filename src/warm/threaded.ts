/**
 * A source that a module exports, run in a thread of its own: this isolate only stores.
 *
 * The thread gives a batch of entries when it is asked for the next one, and has one more ready; it loads single keys
 * while this isolate holds their leases.
 */
import { isAbsolute } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { startThreads } from '../wire/thread-pool'
import { misuse } from '../words/errors'
import type { WarmItem, WarmModuleRef } from './source'

/** What the thread is started with. */
export interface WarmTask {
  module: string
  data: unknown
  port: MessagePort
}

export type ToThread = 'next' | { load: number; key: string }

export type FromThread =
  | { items: WarmItem[]; isLast: boolean }
  | { loaded: number; value: unknown }
  | { failed: number; error: unknown }

interface Deferred<T> {
  resolve: (value: T) => void
  reject: (error: unknown) => void
}

export class ThreadedSource implements AsyncIterable<WarmItem> {
  readonly #module: string
  readonly #data: unknown
  readonly #loads = new Map<number, Deferred<unknown>>()
  #threads: ReturnType<typeof startThreads> | undefined
  #port: MessagePort | undefined
  #batch: Deferred<{ items: WarmItem[]; isLast: boolean }> | undefined
  #lost: { error: unknown } | undefined
  #lastLoad = 0

  /** Throws ERR_CACHE_ARGUMENT for what names no file. */
  constructor(given: URL | WarmModuleRef) {
    const { module, data } = given instanceof URL ? { module: given, data: undefined } : given
    this.#module = hrefOf(module)
    this.#data = data
  }

  /** The value that the module's factory makes for the key. */
  load(key: string): Promise<unknown> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost.error)
    const load = ++this.#lastLoad
    return new Promise((resolve, reject) => {
      this.#loads.set(load, { resolve, reject })
      this.#port!.postMessage({ load, key } satisfies ToThread)
    })
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WarmItem> {
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    port1.on('message', (message: FromThread) => this.#hear(message))
    this.#threads = startThreads('warm-source', 1)
    const task: WarmTask = { module: this.#module, data: this.#data, port: port2 }
    this.#threads.run(task, { name: 'warmSource', transferList: [port2] }).catch((error: unknown) => this.#lose(error))
    for (let isLast = false; !isLast; ) {
      const batch = await this.#next()
      yield* batch.items
      isLast = batch.isLast
    }
  }

  /** Ends the thread, when nothing is to be loaded any more. */
  async close(): Promise<void> {
    this.#lose(new Error('the source has ended'))
    this.#port?.close()
    await this.#threads?.destroy()
  }

  #next(): Promise<{ items: WarmItem[]; isLast: boolean }> {
    return new Promise((resolve, reject) => {
      if (this.#lost !== undefined) return reject(this.#lost.error)
      this.#batch = { resolve, reject }
      this.#port!.postMessage('next' satisfies ToThread)
    })
  }

  #hear(message: FromThread): void {
    if ('items' in message) return this.#batch?.resolve(message)
    const id = 'loaded' in message ? message.loaded : message.failed
    const load = this.#loads.get(id)
    this.#loads.delete(id)
    if ('loaded' in message) load?.resolve(message.value)
    else load?.reject(message.error)
  }

  #lose(error: unknown): void {
    this.#lost ??= { error }
    this.#batch?.reject(error)
    for (const load of this.#loads.values()) load.reject(error)
    this.#loads.clear()
  }
}

function hrefOf(module: string | URL): string {
  const isFile = module instanceof URL ? module.protocol === 'file:' : typeof module === 'string' && (isAbsolute(module) || module.startsWith('file:'))
  if (!isFile) throw misuse('ERR_CACHE_ARGUMENT', 'module', 'an absolute path or a file: URL', module instanceof URL ? module.href : module)
  return pathToFileURL(isAbsolute(String(module)) ? String(module) : fileURLToPath(module)).href
}
