/**
 * Two hosts of one process that write and read all the time. Each key is written by one host, with rising numbers, so that
 * what a host reads of another's key must never fall, and what was acknowledged can be looked for afterwards.
 */
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises'
import type { Cache } from '../../../src'

const KEYS_PER_HOST = 60
const READS_PER_WRITE = 2
const PAUSE_MS = 2

export interface Acknowledged {
  value: number
  /** Of performance.now(), when it was acknowledged. */
  atMs: number
}

export class FleetLoad {
  /** By key. */
  readonly acknowledged = new Map<string, Acknowledged>()
  /** Reads that went back to an older value. */
  readonly fallen: string[] = []
  readonly errors = new Map<string, number>()
  writes = 0
  #isOn = true
  readonly #hosts: readonly Cache[]
  readonly #loops: Promise<void>[]

  constructor(hosts: readonly Cache[]) {
    this.#hosts = hosts
    this.#loops = hosts.map((cache, host) => this.#run(cache, host))
  }

  static keysOf(host: number): string[] {
    return Array.from({ length: KEYS_PER_HOST }, (_, index) => `host${host}:${index}`)
  }

  /** Ends when no call is under way. */
  async stop(): Promise<void> {
    this.#isOn = false
    await Promise.all(this.#loops)
  }

  async #run(cache: Cache, host: number): Promise<void> {
    const keys = FleetLoad.keysOf(host)
    const others = this.#hosts.flatMap((_, other) => (other === host ? [] : FleetLoad.keysOf(other)))
    const lastSeen = new Map<string, number>()
    for (let count = 1; this.#isOn; count++) {
      const key = keys[count % keys.length]!
      await this.#write(cache, key, count)
      for (let read = 0; read < READS_PER_WRITE; read++) {
        const other = others[(count * READS_PER_WRITE + read) % others.length]!
        const value = await cache.get<number>(other)
        if (value === undefined) continue
        if (value < (lastSeen.get(other) ?? 0)) this.fallen.push(`${other}: ${value} after ${lastSeen.get(other)}`)
        lastSeen.set(other, value)
      }
      if (count % 10 === 0) await pause(PAUSE_MS)
      else await turn()
    }
  }

  async #write(cache: Cache, key: string, value: number): Promise<void> {
    try {
      await cache.set(key, value)
      this.writes++
      this.acknowledged.set(key, { value, atMs: performance.now() })
    } catch (error) {
      const code = String((error as { code?: string }).code)
      this.errors.set(code, (this.errors.get(code) ?? 0) + 1)
    }
  }
}
