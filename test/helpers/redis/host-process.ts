/** One process of a simulated host: it holds the host's cache and does what the test says. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { guardChild } from '../../../bench/process-guard'
import { type Deferred, deferred } from '../deferred'
import type { Orders } from './host-worker'

const SCRIPT = join(__dirname, 'host-worker.js')

export interface Answered { id: number; result?: unknown; refused?: { message: string; code: string | undefined } }

export class HostProcess {
  readonly #child: ChildProcess
  readonly #answerById = new Map<number, Deferred<unknown>>()
  #lastId = 0

  constructor(readonly name: string, readonly host: string) {
    this.#child = fork(SCRIPT, { serialization: 'advanced' })
    guardChild(this.#child)
    this.#child.on('message', (answer: Answered) => this.#hear(answer))
    this.#child.on('exit', () => {
      for (const answer of this.#answerById.values()) answer.reject(new Error(`${name} is gone`))
      this.#answerById.clear()
    })
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** Rejects with what the order threw there, its code included. */
  ask<Name extends keyof Orders>(name: Name, ...args: Parameters<Orders[Name]>): Promise<Awaited<ReturnType<Orders[Name]>>> {
    const id = ++this.#lastId
    const answer = deferred<unknown>()
    this.#answerById.set(id, answer)
    this.#child.send({ id, name, args })
    return answer.promise as Promise<Awaited<ReturnType<Orders[Name]>>>
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exited
  }

  #hear({ id, result, refused }: Answered): void {
    const answer = this.#answerById.get(id)
    this.#answerById.delete(id)
    if (refused === undefined) answer?.resolve(result)
    else answer?.reject(Object.assign(new Error(refused.message), { code: refused.code }))
  }
}
