// A process of the host that makes the calls the test orders, and reports how its loads ran and what came of them.
import { type Cache, type CacheOptions, createCache } from '../../src'

/** `load`: getOrSet by `callers` at once. `many`: getOrSetMany. Loaders take `ms`. */
export type BatchOrder =
  | { do: 'open'; options: CacheOptions }
  | { do: 'load'; key: string; callers: number; ms: number; fails: boolean }
  | { do: 'many'; keyLists: string[][]; ms: number }
  | { do: 'incr' | 'update'; key: string; times: number; atOnce: number }
  | { do: 'pull'; keys: string[] }
  /** Sets the key to each of the numbers, as of that source version, and reads it after each. */
  | { do: 'newer'; key: string; versions: number[] }
  | { do: 'hold'; key: string }
  | { do: 'get'; key: string }
  | { do: 'close' }

export interface LoadReport {
  runs: number
  outcomes: Record<string, number>
}

let cache: Cache

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function load({ key, callers, ms, fails }: BatchOrder & { do: 'load' }): Promise<LoadReport> {
  let runs = 0
  const factory = async (): Promise<string> => {
    runs++
    await sleep(ms)
    if (fails) throw Object.assign(new Error('down'), { code: 'E_DOWN' })
    return 'value'
  }
  const outcomes: Record<string, number> = {}
  await Promise.all(Array.from({ length: callers }, async () => {
    const outcome = await cache.getOrSet(key, factory).catch((error: Error & { code: string }) => `${error.message} ${error.code}`)
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
  }))
  return { runs, outcomes }
}

/** What was asked of the factory, and what each call gave. */
async function many({ keyLists, ms }: BatchOrder & { do: 'many' }): Promise<{ asked: string[][]; results: unknown[][] }> {
  const asked: string[][] = []
  const results = await Promise.all(keyLists.map((keys) => cache.getOrSetMany<string>({
    keys,
    factory: async (missing) => {
      asked.push(missing)
      await sleep(ms)
      return new Map(missing.map((key) => [key, `value of ${key}`]))
    },
  })))
  return { asked, results }
}

async function add({ do: how, key, times, atOnce }: BatchOrder & { do: 'incr' | 'update' }): Promise<number[]> {
  const sums: number[] = []
  let left = times
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (left-- > 0) sums.push(how === 'incr' ? await cache.incr(key) : (await cache.update<number>(key, async (value = 0) => value + 1))!)
  }))
  return sums
}

/** What was read after each set, and how many were stored. */
async function newer({ key, versions }: BatchOrder & { do: 'newer' }): Promise<{ seen: number[]; stored: number }> {
  const seen: number[] = []
  let stored = 0
  for (const version of versions) {
    if ((await cache.set(key, version, { version })) > 0) stored++
    seen.push((await cache.get<number>(key))!)
  }
  return { seen, stored }
}

async function obey(order: BatchOrder): Promise<unknown> {
  switch (order.do) {
    case 'open':
      cache = createCache(order.options)
      return cache.ready()
    case 'load':
      return load(order)
    case 'many':
      return many(order)
    case 'incr':
    case 'update':
      return add(order)
    case 'pull':
      return Promise.all(order.keys.map((key) => cache.pull(key)))
    case 'newer':
      return newer(order)
    case 'hold':
      return cache.update(order.key, () => (process.send!({ holding: true }), new Promise(() => {})))
    case 'get':
      return cache.get(order.key)
    case 'close':
      return cache.close()
  }
}

process.on('message', ({ id, order }: { id: number; order: BatchOrder }) => {
  obey(order).then(
    (result) => process.send!({ id, result }),
    (error: Error) => process.send!({ id, refused: String(error.stack) }),
  )
})
process.on('disconnect', () => process.exit())
