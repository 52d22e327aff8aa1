/**
 * Threads that compress and decompress, one pool for all caches of an isolate.
 *
 * Threads start with the first task; idle ones end, and keep no process alive. A task that fails,
 * because its thread died or too much is queued, rejects: whoever asked does without.
 */
import { availableParallelism } from 'node:os'
import type { Piscina } from 'piscina'
import type { Compression } from './compressed'
import { startThreads } from './thread-pool'

/** What the worker is asked for. */
export type PackTask = { codec: number; raw: Uint8Array } & Pick<Compression, 'algorithm' | 'level'>
export interface UnpackTask {
  codec: number
  payload: Uint8Array
}

const MAX_THREADS = 4
/** More than that waits for nobody: it is stored plain, or decompressed in place. */
const MAX_QUEUED_BYTES = 128 * 1024 * 1024

export class CodecPool {
  static #shared: CodecPool | undefined

  /** The pool of the isolate, until `leave` has been called as often. */
  static enter(): CodecPool {
    const pool = (CodecPool.#shared ??= new CodecPool())
    pool.#users++
    return pool
  }

  /** Undefined where no cache of the isolate compresses. */
  static get current(): CodecPool | undefined {
    return CodecPool.#shared
  }

  #users = 0
  #piscina: Piscina | undefined
  #queuedBytes = 0

  private constructor() {}

  /** The compressed payload, undefined where that does not pay. `raw` must not change; in shared memory it is not copied. */
  pack(task: PackTask): Promise<Uint8Array | undefined> {
    return this.#run('packTask', task, task.raw.length) as Promise<Uint8Array | undefined>
  }

  unpack(task: UnpackTask): Promise<Uint8Array> {
    return this.#run('unpackTask', task, task.payload.length) as Promise<Uint8Array>
  }

  /** The threads that run, for tests. */
  get threads(): readonly { terminate(): Promise<number> }[] {
    return this.#piscina?.threads ?? []
  }

  /** Ends the threads when nobody else uses them. What is queued rejects. */
  async leave(): Promise<void> {
    if (--this.#users > 0) return
    CodecPool.#shared = undefined
    await this.#piscina?.destroy()
  }

  async #run(name: string, task: object, bytes: number): Promise<unknown> {
    if (this.#users === 0) throw new Error('the pool is closed')
    if (this.#queuedBytes + bytes > MAX_QUEUED_BYTES) throw new Error('too much is queued')
    this.#queuedBytes += bytes
    try {
      return await (this.#piscina ??= startThreads('codec', threadCount())).run(task, { name })
    } finally {
      this.#queuedBytes -= bytes
    }
  }
}

function threadCount(): number {
  return Math.max(1, Math.min(MAX_THREADS, availableParallelism() - 1))
}
