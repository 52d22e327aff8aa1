// The two hosts, their Redis and the requests to both: what the tour and the page's buttons act on.
import { guardedDirectory } from '../../../bench/process-guard'
import { cross, type Crossing, write, type Written } from './crossing'
import { Host } from './host'
import { Redis } from './redis'
import { Story } from './story'
import { Traffic } from './traffic'

const PROCESSES = 2

export class Stage {
  readonly story = new Story()
  readonly traffic: readonly Traffic[]
  #writes = 0
  #isEnding = false

  private constructor(readonly redis: Redis, readonly hosts: readonly [Host, Host]) {
    this.traffic = hosts.map((host) => new Traffic(host))
    for (const host of hosts) {
      host.child.on('exit', (code) => {
        if (!this.#isEnding) this.story.tell('note', `${host.name} ended with exit code ${code}`)
      })
    }
  }

  static async open(): Promise<Stage> {
    const redis = await Redis.start()
    const surroundings = { redis: redis.url, notesDir: guardedDirectory(), processes: PROCESSES }
    try {
      const hosts = await Promise.all(['host A', 'host B'].map((name) => Host.start(name, surroundings)))
      return new Stage(redis, hosts as [Host, Host])
    } catch (error) {
      await redis.stop()
      throw error
    }
  }

  other(host: Host): Host {
    return this.hosts.find((each) => each !== host)!
  }

  /** A write on `from`, until the other host serves it. */
  async cross(from: Host): Promise<Crossing> {
    const to = this.other(from)
    if (!this.redis.isRunning) {
      const written = await this.writeAlone(from)
      const crossing = await written.servedBy(to)
      this.story.tell('crossing', `${to.name} serves what ${from.name} wrote without Redis, ${shown(crossing.ms)} later`, { ...crossing, wasAway: true })
      return crossing
    }
    const crossing = await cross(from, to, `n${++this.#writes}`)
    this.story.tell('crossing', `${from.name} wrote; ${to.name} serves it ${shown(crossing.ms)} later${crossing.staleAnswers ? `, after ${crossing.staleAnswers} answers with the old value` : ''}`, crossing)
    return crossing
  }

  /** A write while Redis is away: acknowledged, and served by its own host. */
  async writeAlone(from: Host): Promise<Written> {
    const note = `n${++this.#writes}`
    await Promise.all(this.hosts.map((host) => host.read(note)))
    const startMs = performance.now()
    const written = await write(from, note)
    const ms = performance.now() - startMs
    const own = await written.servedBy(from)
    this.story.tell('note', `${from.name} wrote without Redis: acknowledged in ${shown(ms)}, served by ${from.name} itself; ${this.other(from).name} hears of it when Redis is back`, { ms, staleAnswers: own.staleAnswers })
    return written
  }

  async stopRedis(): Promise<void> {
    await this.redis.stop()
    this.story.tell('redis', 'Redis is stopped', { isRunning: false })
  }

  async startRedis(): Promise<void> {
    await this.redis.start()
    this.story.tell('redis', 'Redis is started', { isRunning: true })
  }

  /** In step: both hosts' leaders are in contact and nothing waits to be sent. */
  async isInStep(): Promise<boolean> {
    const states = await Promise.all(this.hosts.map((host) => host.snapshot().catch(() => undefined)))
    return states.every((state) => state?.cache.redis !== undefined && !state.cache.redis.isDegraded && state.cache.redis.pendingBytes === 0)
  }

  async close(): Promise<void> {
    this.#isEnding = true
    for (const traffic of this.traffic) traffic.stop()
    await Promise.all(this.hosts.map((host) => host.stop()))
    await this.redis.stop()
  }
}

export function shown(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(1)} s`
}
