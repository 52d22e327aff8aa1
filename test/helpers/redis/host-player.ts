/** Reads and changes random keys and writes down what it did and saw. */
import type { Cache, Namespace } from '../../../src'
import type { WriteMode } from '../../../src/options/schema'
import { nowNs, type Operation } from './history'

export interface Play {
  process: string
  host: string
  seed: number
  ms: number
  keys: readonly string[]
  /** Each write is made in one of them. */
  modes: readonly WriteMode[]
  /** How many of a thousand operations. The rest are reads. */
  writes: number
  deletes: number
  clears: number
  /** Without one, the root. */
  namespace?: string
  /** Operations under way at the same time. */
  lanes: number
}

/** Written down as the deletes they are. */
export class Player {
  readonly #space: Namespace
  readonly #play: Play
  readonly #history: Operation[] = []
  #state: number
  #written = 0

  constructor(cache: Cache, play: Play) {
    this.#space = play.namespace === undefined ? cache : cache.namespace(play.namespace)
    this.#play = play
    this.#state = (play.seed % 0xffffffff) + 1
  }

  async run(): Promise<Operation[]> {
    const endMs = performance.now() + this.#play.ms
    const lane = async (): Promise<void> => {
      while (performance.now() < endMs) {
        await this.#step()
        // Hits resolve in this turn of the loop: others would never have theirs.
        await new Promise((resolve) => (this.#random() < 0.2 ? setTimeout(resolve, 1) : setImmediate(resolve)))
      }
    }
    await Promise.all(Array.from({ length: this.#play.lanes }, lane))
    return this.#history
  }

  async #step(): Promise<void> {
    const { keys, modes, writes, deletes, clears } = this.#play
    const key = keys[Math.floor(this.#random() * keys.length)]!
    const dice = this.#random() * 1_000
    if (dice < clears) return this.#change(keys, 'delete', () => this.#space.clear())
    if (dice < clears + deletes) return this.#change([key], 'delete', () => this.#space.delete(key))
    if (dice < clears + deletes + writes) {
      const writeMode = modes[Math.floor(this.#random() * modes.length)]!
      const value = `#${this.#play.process}.${++this.#written}#`
      return this.#change([key], 'write', () => this.#space.set(key, value, { writeMode }), value)
    }
    const startNs = nowNs()
    try {
      const value = await this.#space.get<string>(key)
      this.#note({ key, op: 'read', startNs, result: 'done', ...(value === undefined ? {} : { value }) })
    } catch {
      this.#note({ key, op: 'read', startNs, result: 'failed' })
    }
  }

  async #change(keys: readonly string[], op: 'write' | 'delete', change: () => Promise<unknown>, value?: string): Promise<void> {
    const startNs = nowNs()
    let result: Operation['result'] = 'done'
    try {
      await change()
    } catch (error) {
      result = (error as { code?: string }).code === 'ERR_CACHE_JOURNAL_FULL' ? 'failed' : 'unknown'
    }
    for (const key of keys) this.#note({ key, op, startNs, result, ...(value === undefined ? {} : { value }) })
  }

  #note(operation: Omit<Operation, 'process' | 'host' | 'version' | 'endNs'>): void {
    const { process, host } = this.#play
    this.#history.push({ ...operation, process, host, version: 0, endNs: nowNs() })
  }

  /** xorshift32. */
  #random(): number {
    let x = this.#state | 0
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x >>> 0
    return this.#state / 2 ** 32
  }
}
