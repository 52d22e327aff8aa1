// What `consistency: 'local'` could save: reads through shared memory against reads of a map in the heap, which know of no
// other process. `node dist/bench/local-reads.js`
import { mkdtempSync, rmSync } from 'node:fs'
import { LRUCache } from 'lru-cache'
import { Cache, createCache } from '../src'

const KEYS = 10_000
/** Short, so that some rounds run undisturbed. */
const READS = 2_048
const ROUNDS = 2_000

interface Local { value: unknown; endMs: number; wasRead: boolean }

async function main(): Promise<void> {
  const dir = mkdtempSync('/dev/shm/stratacache-bench-')
  const cache = createCache({ name: 'local', dir, memory: '64mb', ttl: '1h' })
  const { root } = Cache.tableOf(cache)
  const map = new Map<string, Local>()
  const lru = new LRUCache<string, object>({ max: 2 * KEYS, ttl: 3_600_000 })
  for (let i = 0; i < KEYS; i++) {
    const value = { id: i, name: `user ${i}` }
    await cache.set(`user:${i}`, value)
    root.get(`user:${i}`)
    map.set(`user:${i}`, { value, endMs: performance.now() + 3_600_000, wasRead: false })
    lru.set(`user:${i}`, value)
  }
  const local = (key: string): unknown => {
    const entry = map.get(key)
    if (entry === undefined || entry.endMs < performance.now()) return undefined
    entry.wasRead = true
    return entry.value
  }
  const numbers = Array.from({ length: READS }, () => Math.floor(KEYS * Math.random() ** 4))
  const keys = Array.from({ length: KEYS }, (_, i) => `user:${i}`)
  const kept = numbers.map((i) => keys[i]!)
  for (const [kind, keyOf] of [['keys made per call', (i: number) => `user:${numbers[i]}`], ['the same key strings', (i: number) => kept[i]!]] as const) {
    report(`${kind}, shared memory`, await best(keyOf, (key) => root.get(key)))
    report(`${kind}, a map with a ttl`, await best(keyOf, local))
    report(`${kind}, lru-cache with a ttl`, await best(keyOf, (key) => lru.get(key)))
    report(`${kind}, shared memory, awaited`, await best(keyOf, (key) => cache.get(key), true))
    report(`${kind}, a map with a ttl, awaited`, await best(keyOf, (key) => Promise.resolve(local(key)), true))
  }
  await cache.close({ unlink: true })
  rmSync(dir, { recursive: true, force: true })
}

/** Nanoseconds per read in the best of the rounds. */
async function best(keyOf: (i: number) => string, read: (key: string) => unknown, isAwaited = false): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint()
    if (isAwaited) for (let i = 0; i < READS; i++) await read(keyOf(i))
    else for (let i = 0; i < READS; i++) read(keyOf(i))
    least = Math.min(least, Number(process.hrtime.bigint() - start) / READS)
  }
  return least
}

const report = (what: string, ns: number): void => console.log(`${what.padEnd(48)} ${ns.toFixed(0).padStart(5)} ns`)

void main()
