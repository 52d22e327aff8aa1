// The Redis between the hosts: ours, with its data on disk, to be stopped and started.
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { freePort } from '../../../bench/free-port'
import { guardedDirectory } from '../../../bench/process-guard'
import { endRedis, hasEnded, launchRedis } from '../../../bench/redis-process'
import { answersPing } from '../../../bench/redis-server'

export class Redis {
  #child: ChildProcess | undefined
  /** Stops and starts one after the other, whoever asks. */
  #last: Promise<void> = Promise.resolve()

  private constructor(readonly port: number, readonly dir: string) {}

  static async start(): Promise<Redis> {
    const redis = new Redis(await freePort(), guardedDirectory())
    await redis.start()
    return redis
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  get isRunning(): boolean {
    return this.#child !== undefined && !hasEnded(this.#child)
  }

  start(): Promise<void> {
    return this.#next(async () => {
      if (this.isRunning) return
      const socket = join(this.dir, 'redis.sock')
      const config = [`port ${this.port}`, 'bind 127.0.0.1', `unixsocket ${socket}`, `dir ${this.dir}`, 'save ""', 'appendonly yes']
      this.#child = await launchRedis({ dir: this.dir, config, isReady: () => answersPing(socket) })
    })
  }

  stop(): Promise<void> {
    return this.#next(async () => {
      if (this.#child !== undefined) await endRedis(this.#child, 'SIGTERM')
    })
  }

  #next(step: () => Promise<void>): Promise<void> {
    const done = this.#last.then(step)
    this.#last = done.catch(() => {})
    return done
  }
}
