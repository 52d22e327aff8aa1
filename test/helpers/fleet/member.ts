// A process of the fleet: an application that writes and reads when it is allowed to, or a coordinator that does nothing else.
import { Random } from '../../../bench/random'
import { Cache, type CacheOptions, createCache } from '../../../src'
import type { WriteMode } from '../../../src/options/schema'
import { versionOfMark } from '../../../src/sync/versions'
import { nowNs } from '../redis/history'
import { KEYS, type Origin, originOf, valueOf } from './keys'
import { Log, STRANGE } from './log'

export interface MemberData {
  cache: CacheOptions
  /** Absent: it only coordinates. */
  writer?: { host: number; place: number; firstCounter: number; log: string; seed: number }
}

export type Told = { may: number }
export type Report = 'ready' | { idle: true; begun: number }

const BURST = 40
const MAX_ASIDE = 16

const { cache: options, writer } = JSON.parse(process.argv[2]!) as MemberData
const cache = createCache(options)

class Writer {
  readonly #cache: Cache
  readonly #log: Log
  readonly #place: number
  readonly #writable: number[]
  /** Keys of writes whose answer is not awaited before the next one begins. */
  readonly #aside = new Map<number, Promise<void>>()
  #reads = 0
  #counter: number
  readonly #random: Random
  #may = 0
  #isRunning = false

  constructor(on: Cache, { host, place, firstCounter, log, seed }: NonNullable<MemberData['writer']>) {
    this.#cache = on
    this.#log = new Log(log)
    this.#place = place
    this.#counter = firstCounter
    this.#random = new Random(seed)
    this.#writable = KEYS.flatMap(({ owner }, key) => {
      const isMine = owner.by === 'own' ? owner.place === place : owner.by === 'fleet' || owner.host === host
      return isMine ? [key] : []
    })
  }

  allow(more: number): void {
    this.#may += more
    if (!this.#isRunning) void this.#run()
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    const before = this.#counter
    while (this.#may > 0) {
      for (let i = 0; i < BURST && this.#may > 0; i++) await this.#step()
      await new Promise(setImmediate)
      if (this.#may === 0) await Promise.all(this.#aside.values())
    }
    this.#isRunning = false
    report({ idle: true, begun: this.#counter - before })
  }

  async #step(): Promise<void> {
    if (this.#random.below(3) === 0) return this.#read(this.#random.below(KEYS.length))
    const key = this.#writable[this.#random.below(this.#writable.length)]!
    const { mode } = KEYS[key]!
    if (this.#aside.has(key) || (mode === 'through' && this.#aside.size >= MAX_ASIDE)) return new Promise(setImmediate)
    this.#may--
    const done = this.#write(key)
    if (mode === 'behind') return done
    this.#aside.set(key, done.finally(() => this.#aside.delete(key)))
  }

  async #write(key: number): Promise<void> {
    const { name, owner, mode } = KEYS[key]!
    const origin: Origin = { place: this.#place, counter: this.#counter++ }
    // A miss does not say after which delete it comes, so only keys with one writer are deleted.
    const isDelete = owner.by === 'own' && this.#random.below(16) === 0
    const startNs = nowNs()
    this.#log.intend(isDelete ? 'delete' : 'set', key, origin, startNs)
    try {
      // Deletes take the mode of the cache.
      if (isDelete) await this.#cache.delete(name)
      const place = isDelete ? 0 : await this.#set(name, origin, mode)
      this.#log.end('acknowledged', key, origin, startNs, place)
    } catch (error) {
      const { code } = error as { code?: string }
      if (code === 'ERR_CACHE_JOURNAL_FULL') this.#log.end('refused', key, origin, startNs, 0)
      else if (code !== 'ERR_CACHE_L2_TIMEOUT') throw error
    }
  }

  /** The version that the table gave the write; 0 where it cannot be told, because another one was there at once. */
  async #set(name: string, origin: Origin, writeMode: WriteMode): Promise<number> {
    const done = this.#cache.set(name, valueOf(origin), { writeMode })
    const shown = Cache.tableOf(this.#cache).root.entry(name, { quiet: true, doubtful: true })
    const given = await done
    const mark = shown?.fleet?.mark ?? 0
    return mark > 0 && versionOfMark(mark) === given ? shown!.version : 0
  }

  #read(key: number): void {
    if (this.#reads >= MAX_ASIDE) return
    this.#reads++
    const startNs = nowNs()
    void this.#cache.get(KEYS[key]!.name).then((value) => {
      this.#log.read(key, value === undefined ? { place: 0, counter: 0 } : originOf(value) ?? STRANGE, startNs)
      this.#reads--
    })
  }
}

function report(what: Report): void {
  process.send!(what)
}

const active = writer === undefined ? undefined : new Writer(cache, writer)
process.on('message', ({ may }: Told) => active?.allow(may))
process.on('disconnect', () => process.exit())
process.on('unhandledRejection', (error) => {
  process.stderr.write(`${String(error instanceof Error ? error.stack : error)}\n`)
  process.exit(1)
})
report('ready')
