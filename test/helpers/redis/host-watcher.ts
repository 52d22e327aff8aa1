/** Reads keys over and over, and tells when each value was read last. Values are numbers that rise with each write. */
import type { Cache } from '../../../src/cache'
import { nowNs } from './history'

/** A value of a key, and when the last read that returned it began. */
export interface Sight { key: string; value: number; lastNs: number }

export interface Seen {
  sights: Sight[]
  sweeps: number
  misses: number
  /** A value lower than one that this process had read before. */
  backwards: string[]
}

const MAX_WORDS = 20

export class Watcher {
  readonly #cache: Cache
  readonly #keys: readonly string[]
  readonly #everyMs: number
  /** The value each key has now, and when it was read last. */
  readonly #current = new Map<string, Sight>()
  #seen: Seen = blank()
  #isStopped = false
  readonly #running: Promise<void>

  constructor(cache: Cache, keys: readonly string[], everyMs: number) {
    this.#cache = cache
    this.#keys = keys
    this.#everyMs = everyMs
    this.#running = this.#run()
  }

  async until(wanted: readonly { key: string; value: number }[], deadlineMs: number): Promise<void> {
    const endMs = performance.now() + deadlineMs
    for (;;) {
      const late = wanted.filter(({ key, value }) => (this.#current.get(key)?.value ?? -1) < value)
      if (late.length === 0) return
      if (performance.now() > endMs) {
        const { key, value } = late[0]!
        throw new Error(`${late.length} of ${wanted.length} keys are still old after ${deadlineMs} ms: ${key} is ${this.#current.get(key)?.value}, not ${value}`)
      }
      await this.#pause()
    }
  }

  take(): Seen {
    const seen = this.#seen
    this.#seen = blank()
    // What is current goes on being read: it is told as far as it has come.
    for (const sight of this.#current.values()) seen.sights.push({ ...sight })
    return seen
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      await Promise.all(this.#keys.map((key) => this.#read(key)))
      this.#seen.sweeps++
      await this.#pause()
    }
  }

  async #read(key: string): Promise<void> {
    const startNs = nowNs()
    const value = await this.#cache.get<number>(key)
    if (value === undefined) {
      this.#seen.misses++
      return
    }
    const current = this.#current.get(key)
    if (current?.value === value) {
      current.lastNs = startNs
      return
    }
    if (current !== undefined && value < current.value && this.#seen.backwards.length < MAX_WORDS) {
      this.#seen.backwards.push(`${key}: ${value} after ${current.value}`)
    }
    if (current !== undefined) this.#seen.sights.push(current)
    this.#current.set(key, { key, value, lastNs: startNs })
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, this.#everyMs))
  }
}

const blank = (): Seen => ({ sights: [], sweeps: 0, misses: 0, backwards: [] })
