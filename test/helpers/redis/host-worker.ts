// A process of a simulated host. Every order is answered under its id.
import { Redis } from 'ioredis'
import { type CacheInfo, type CacheOptions, createCache, type Namespace } from '../../../src'
import { Cache } from '../../../src/cache'
import { count, type CountOrder, type Counted } from './host-counter'
import { Player, type Play } from './host-player'
import { Storm, type StormOrder } from './host-storm'
import { type Seen, Watcher } from './host-watcher'
import { nowNs, type Operation } from './history'

let cache: Cache | undefined
let watcher: Watcher | undefined
let storm: Storm | undefined

type Method = 'get' | 'getMany' | 'set' | 'setMany' | 'delete' | 'has' | 'touch' | 'expire' | 'clear' | 'getEntry' | 'getSync'

export interface Write { key: string; value: number }

const orders = {
  /** `isInstance`: hands the cache an ioredis instance made of the options `redis`. */
  async open(options: CacheOptions, isInstance = false): Promise<CacheInfo> {
    cache = createCache(isInstance ? { ...options, redis: new (Redis as new (options: object) => Redis)(options.redis as object) } : options)
    await cache.ready()
    return cache.info()
  },
  async close(): Promise<void> {
    await cache!.close()
  },
  info: (): CacheInfo => cache!.info(),
  /** Counters by name. */
  detail: (): Record<string, number> => cache!.stats().detail,
  /** Rises whenever everything that was filled before has to be checked by version. */
  doubt: (): number => Cache.tableOf(cache!).doubt(),
  async call(method: Method, args: unknown[], namespace?: string): Promise<unknown> {
    const space: Namespace = namespace === undefined ? cache! : cache!.namespace(namespace)
    return (space[method] as (...args: unknown[]) => unknown)(...args)
  },
  /** Calls of getOrSet in one tick; resolves to their values and how many loaders ran. */
  async load(keys: readonly string[], value: unknown): Promise<{ values: unknown[]; runs: number }> {
    let runs = 0
    const values = await Promise.all(keys.map((key) => cache!.getOrSet(key, () => {
      runs++
      return value
    })))
    return { values, runs }
  },
  /** Writes in one tick; resolves to the times of their acknowledgements by Redis, in order. */
  async through(writes: readonly Write[]): Promise<number[]> {
    return Promise.all(writes.map(async ({ key, value }) => {
      await cache!.set(key, value, { writeMode: 'through' })
      return nowNs()
    }))
  },

  // ---- continuous reading
  watch(keys: readonly string[], everyMs: number): void {
    watcher = new Watcher(cache!, keys, everyMs)
  },
  /** Resolves when each of these keys has been read with at least this value. */
  watched: (wanted: readonly Write[], deadlineMs: number): Promise<void> => watcher!.until(wanted, deadlineMs),
  /** What has been read since the last call. */
  seen: (): Seen => watcher!.take(),
  unwatch: (): Promise<void> => watcher!.stop(),

  // ---- random histories
  play: (play: Play): Promise<Operation[]> => new Player(cache!, play).run(),

  count: (order: CountOrder): Promise<Counted> => count(cache!, order),

  // ---- many readers of few keys
  storm(order: StormOrder): Promise<void> {
    storm = new Storm(order)
    return storm.ready()
  },
  /** What every reader of the storm reads now; one value means that all agree. */
  stormValues: (): unknown[] => storm!.values(),
  endStorm: (): Promise<void> => storm!.end(),
}

export type Orders = typeof orders

process.on('message', async ({ id, name, args }: { id: number; name: keyof Orders; args: unknown[] }) => {
  try {
    const result = await (orders[name] as (...args: unknown[]) => unknown)(...args)
    process.send?.({ id, result })
  } catch (error) {
    const { message, code } = error as Error & { code?: string }
    process.send?.({ id, refused: { message, code } })
  }
})
process.on('disconnect', () => process.exit())
