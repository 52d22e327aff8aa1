/** Several processes and threads of one host that share a cache. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { guardChild } from '../../../bench/process-guard'
import type { CacheOptions } from '../../../src'
import { uniqueName, withDirectory } from '../cache'
import { type Deferred, deferred } from '../deferred'
import type { CallerOrders } from './caller'
import { eventually } from './eventually'

const SCRIPT = join(__dirname, 'caller.js')

interface Answered { id: number; result?: unknown; refused?: { message: string; code: string | undefined } }

export class Caller {
  readonly #host: ChildProcess | Worker
  readonly #answerById = new Map<number, Deferred<unknown>>()
  #lastId = 0

  constructor(kind: 'process' | 'thread') {
    this.#host = kind === 'process' ? fork(SCRIPT, { serialization: 'advanced' }) : new Worker(SCRIPT)
    if (!(this.#host instanceof Worker)) guardChild(this.#host)
    this.#host.on('message', (answer: Answered) => this.#hear(answer))
    this.#host.on('exit', () => {
      for (const answer of this.#answerById.values()) answer.reject(new Error('the caller is gone'))
      this.#answerById.clear()
    })
  }

  /** Rejects with what the order threw there, its code included. */
  ask<Name extends keyof CallerOrders>(name: Name, ...args: Parameters<CallerOrders[Name]>): Promise<Awaited<ReturnType<CallerOrders[Name]>>> {
    const id = ++this.#lastId
    const answer = deferred<unknown>()
    this.#answerById.set(id, answer)
    const order = { id, name, args }
    if (this.#host instanceof Worker) this.#host.postMessage(order)
    else this.#host.send(order)
    return answer.promise as Promise<Awaited<ReturnType<CallerOrders[Name]>>>
  }

  get pid(): number | undefined {
    return this.#host instanceof Worker ? undefined : this.#host.pid
  }

  signal(signal: NodeJS.Signals): void {
    if (!(this.#host instanceof Worker)) this.#host.kill(signal)
  }

  async end(): Promise<void> {
    if (this.#host instanceof Worker) return void (await this.#host.terminate())
    if (this.#host.exitCode !== null || this.#host.signalCode !== null) return
    const exited = once(this.#host, 'exit')
    this.#host.kill('SIGKILL')
    await exited
  }

  #hear({ id, result, refused }: Answered): void {
    const answer = this.#answerById.get(id)
    this.#answerById.delete(id)
    if (refused === undefined) answer?.resolve(result)
    else answer?.reject(Object.assign(new Error(refused.message), { code: refused.code }))
  }
}

export async function leads(caller: Caller): Promise<boolean> {
  return (await caller.ask('log')).some((line) => line.includes('this process leads'))
}

/** Callers on one cache of their own, ended after `body` whatever state they are in. */
export function withCallers<T>(kinds: readonly ('process' | 'thread')[], options: CacheOptions, body: (callers: Caller[]) => Promise<T>): Promise<T> {
  return opened(kinds, options, body, async () => {})
}

/** The same, of which the first one leads the host. */
export function withLed<T>(kinds: readonly ('process' | 'thread')[], options: CacheOptions, body: (callers: Caller[]) => Promise<T>): Promise<T> {
  return opened(kinds, options, body, (first) => eventually('the first one leads', () => leads(first)))
}

function opened<T>(
  kinds: readonly ('process' | 'thread')[], options: CacheOptions, body: (callers: Caller[]) => Promise<T>, onFirst: (caller: Caller) => Promise<void>,
): Promise<T> {
  return withDirectory(async (dir) => {
    const callers = kinds.map((kind) => new Caller(kind))
    try {
      const shared: CacheOptions = { name: uniqueName(), dir, memory: '32mb', fallback: 'error', ...options }
      for (const [index, caller] of callers.entries()) {
        await caller.ask('open', shared)
        if (index === 0) await onFirst(caller)
      }
      return await body(callers)
    } finally {
      await Promise.all(callers.map((caller) => caller.end()))
    }
  })
}
