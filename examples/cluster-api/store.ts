// Where answers are kept. The example runs on stratacache; the other two are here so that
// `npm start -- --load` can compare.
import { LRUCache } from 'lru-cache'
import { createCache } from '../../src/index'
import type { Question } from './questions'
import { settings } from './settings'

/** Who answered: this isolate's objects, the host's shared memory, Redis, somebody else's running load, our own load. */
export type Tier = 'l0' | 'l1' | 'l2' | 'wait' | 'load'
export const TIERS: readonly Tier[] = ['l0', 'l1', 'l2', 'wait', 'load']

export interface Answer { value: unknown; tier: Tier; loadMs: number }

export interface Memory { kind: string; capacity: number; used: number; entries: number; evictions: number; redis?: Far }

/** How the host stands with Redis. */
export interface Far { link: string; isDegraded: boolean; term: number; pendingBytes: number; invalidations: number }

export interface Store {
  answer(question: Question): Promise<Answer>
  write(key: string, value: unknown): Promise<void>
  clear(): Promise<void>
  memory(): Memory
  close(options?: { unlink?: boolean }): Promise<void>
}

const MEMORY = 64 * 1024 * 1024
const TTL = '10m'

export function openStore(kind: string, name: string): Store {
  if (kind === 'off') return new NoStore()
  if (kind === 'process') return new ProcessStore()
  return new SharedStore(name)
}

class SharedStore implements Store {
  readonly #cache

  constructor(name: string) {
    this.#cache = createCache({ name, memory: MEMORY, ttl: TTL, dir: settings.cacheDir, redis: settings.redis })
  }

  async answer({ key, load }: Question): Promise<Answer> {
    // What is not in the host's memory now, and is found all the same, came from Redis.
    const isNear = settings.redis === undefined || this.#cache.peek(key) !== undefined
    const entry = await this.#cache.getEntry(key)
    if (entry.hit && !entry.stale) return { value: entry.value, tier: isNear && entry.tier !== 'disk' ? entry.tier : 'l2', loadMs: 0 }
    let loadMs = 0
    let tier: Tier = 'wait'
    const value = await this.#cache.getOrSet(key, async () => {
      tier = 'load'
      const started = performance.now()
      const loaded = await load()
      loadMs = performance.now() - started
      return loaded
    })
    return { value, tier, loadMs }
  }

  async write(key: string, value: unknown): Promise<void> {
    await this.#cache.set(key, value)
  }

  clear(): Promise<void> {
    return this.#cache.clear()
  }

  memory(): Memory {
    const { memoryBytes, liveBytes, entries, evictions, detail } = this.#cache.stats()
    const { l1, l2 } = this.#cache.info()
    const kind = l1 === 'shared' ? 'shared memory' : 'in-process fallback'
    const memory = { kind, capacity: memoryBytes, used: liveBytes, entries, evictions }
    if (l2 === undefined) return memory
    const { link, degraded, term } = l2
    const of = (name: string): number => detail[name] ?? 0
    return { ...memory, redis: { link, isDegraded: degraded, term, pendingBytes: of('journal.pending_bytes'), invalidations: of('invalidations') } }
  }

  async close(options?: { unlink?: boolean }): Promise<void> {
    await this.#cache.close(options)
  }
}

class ProcessStore implements Store {
  #evictions = 0
  readonly #cache = new LRUCache<string, object, Question>({
    maxSize: MEMORY,
    ttl: 600_000,
    sizeCalculation: (box) => JSON.stringify(box).length,
    dispose: (_box, _key, reason) => { if (reason === 'evict') this.#evictions += 1 },
    fetchMethod: async (_key, _stale, { context }) => ({ value: await context.load() }),
  })

  async answer(question: Question): Promise<Answer> {
    const status: LRUCache.Status<string, object, Question> = {}
    const started = performance.now()
    const box = await this.#cache.fetch(question.key, { context: question, status })
    const tier = status.fetch === 'hit' ? 'l0' : status.fetch === 'inflight' ? 'wait' : 'load'
    return { value: (box as { value: unknown }).value, tier, loadMs: tier === 'load' ? performance.now() - started : 0 }
  }

  async write(key: string, value: unknown): Promise<void> {
    this.#cache.set(key, { value })
  }

  async clear(): Promise<void> {
    this.#cache.clear()
  }

  memory(): Memory {
    const { calculatedSize, size } = this.#cache
    return { kind: 'one lru-cache per process', capacity: MEMORY, used: calculatedSize, entries: size, evictions: this.#evictions }
  }

  async close(): Promise<void> {}
}

class NoStore implements Store {
  async answer({ load }: Question): Promise<Answer> {
    const started = performance.now()
    const value = await load()
    return { value, tier: 'load', loadMs: performance.now() - started }
  }

  async write(): Promise<void> {}

  async clear(): Promise<void> {}

  memory(): Memory {
    return { kind: 'no cache', capacity: 0, used: 0, entries: 0, evictions: 0 }
  }

  async close(): Promise<void> {}
}
