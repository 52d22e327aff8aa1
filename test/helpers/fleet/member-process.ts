/** A process of the fleet, seen by the test. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { guardChild } from '../../../bench/process-guard'
import type { MemberData, Report } from './member'

const SCRIPT = join(__dirname, 'member.js')

export interface Member {
  readonly pid: number
  readonly isReady: boolean
  /** It has written what it may. */
  readonly isIdle: boolean
  /** Why it ended, unless the test killed it. */
  readonly failure: string | undefined
  /** How much it has told so far. */
  readonly logBytes: number
  /** Lets it begin so many writes more. */
  allow(writes: number): void
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
}

export class MemberProcess implements Member {
  isReady = false
  isIdle = true
  failure: string | undefined
  readonly #child: ChildProcess
  #isWanted = true

  constructor(readonly data: MemberData) {
    this.#child = fork(SCRIPT, [JSON.stringify(data)])
    guardChild(this.#child)
    this.#child.on('message', (report: Report) => {
      if (report === 'ready') this.isReady = true
      else this.isIdle = true
    })
    this.#child.on('exit', (code, signal) => {
      if (this.#isWanted) this.failure = `process ${this.pid} ended with ${signal ?? code}`
    })
  }

  get pid(): number {
    return this.#child.pid!
  }

  allow(writes: number): void {
    if (this.data.writer === undefined || writes === 0) return
    this.isIdle = false
    this.#child.send({ may: writes }, () => {})
  }

  get logBytes(): number {
    const log = this.data.writer?.log
    return log !== undefined && existsSync(log) ? statSync(log).size : 0
  }

  async kill(): Promise<void> {
    this.#isWanted = false
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }
}
