/** The caching libraries by their own "give me this, else load it". All keep their entries in the process. */
import { LRUCache } from 'lru-cache'
import { peer } from '../peers'
import type { Conditions } from '../sub-bench'
import type { Dataset } from '../workload'
import { allInL0, openCacheOf } from './stratacache'

export interface Loading {
  load(key: string): Promise<unknown>
  set(key: string, value: unknown): Promise<unknown>
  close(): void | Promise<void>
}

type Open = (data: Dataset, conditions: Conditions, loader: () => Promise<unknown>) => Loading

const LIFE_MS = 3_600_000

export const LOADING: Record<string, Open> = {
  stratacache: (data, conditions, loader) => {
    const cache = openCacheOf(data, conditions, { factor: 2 })
    return { load: (key) => cache.getOrSet(key, loader), set: (key, value) => cache.set(key, value), close: () => cache.close() }
  },
  'stratacache, all in L0': (data, conditions, loader) => {
    const cache = openCacheOf(data, conditions, { factor: 2 }, allInL0(data))
    return { load: (key) => cache.getOrSet(key, loader), set: (key, value) => cache.set(key, value), close: () => cache.close() }
  },
  /** Soft and hard life, jitter, tags, and one load for the host. */
  'stratacache, every semantic on': (data, conditions, loader) => {
    const cache = openCacheOf(data, conditions, { factor: 2 }, undefined, { ttl: LIFE_MS, grace: 6 * LIFE_MS, jitter: 0.1, singleFlight: 'host' })
    const tagsOf = (key: string): string[] => ['users', `group:${key.charCodeAt(key.length - 1)}`]
    return {
      load: (key) => cache.getOrSet(key, loader, { tags: tagsOf(key) }),
      set: (key, value) => cache.set(key, value, { tags: tagsOf(key) }),
      close: () => cache.close(),
    }
  },
  'Map and async function': (_data, _conditions, loader) => {
    const map = new Map<string, unknown>()
    return { load: async (key) => map.get(key) ?? loader(), set: async (key, value) => map.set(key, value), close: () => {} }
  },
  'lru-cache and async function': (data, _conditions, loader) => {
    const lru = new LRUCache<string, NonNullable<unknown>>({ max: data.count })
    return { load: async (key) => lru.get(key) ?? loader(), set: async (key, value) => lru.set(key, value as object), close: () => {} }
  },
  'layered-loader': layeredLoader,
  'cache-manager wrap': cacheManager,
  'bentocache, references': (data, conditions, loader) => bentocache(data, conditions, loader, { serialize: false }),
  bentocache: (data, conditions, loader) => bentocache(data, conditions, loader, {}),
  cacheable,
}

function layeredLoader(data: Dataset, _conditions: Conditions, loader: () => Promise<unknown>): Loading {
  interface Loader { get(key: string): Promise<unknown>; close?(): Promise<void> }
  const { Loader } = peer<{ Loader: new (options: object) => Loader }>('layered-loader')
  // It has no set: what it loads first is what it keeps.
  const given = new Map<string, unknown>()
  const instance = new Loader({
    inMemoryCache: { cacheType: 'lru-map', maxItems: data.count, ttlInMsecs: LIFE_MS },
    dataSources: [{ name: 'given', get: (key: string) => (given.has(key) ? Promise.resolve(given.get(key)) : loader()) }],
  })
  const set = async (key: string, value: unknown): Promise<void> => {
    given.set(key, value)
    await instance.get(key)
    given.delete(key)
  }
  return { load: (key) => instance.get(key), set, close: () => {} }
}

function cacheManager(_data: Dataset, _conditions: Conditions, loader: () => Promise<unknown>): Loading {
  interface Manager { wrap(key: string, load: () => Promise<unknown>, ttl: number): Promise<unknown>; set(key: string, value: unknown, ttl: number): Promise<unknown> }
  const cache = peer<{ createCache(options: object): Manager }>('cache-manager').createCache({})
  return { load: (key) => cache.wrap(key, loader, LIFE_MS), set: (key, value) => cache.set(key, value, LIFE_MS), close: () => {} }
}

interface Bento {
  getOrSet(call: { key: string; factory: () => Promise<unknown>; ttl: number }): Promise<unknown>
  get(call: { key: string }): Promise<unknown>
  set(call: { key: string; value: unknown; ttl: number }): Promise<unknown>
}

export function openBento(data: Dataset, options: object): Bento {
  const { BentoCache, bentostore } = peer<{ BentoCache: new (options: object) => Bento; bentostore(): { useL1Layer(driver: unknown): unknown } }>('bentocache')
  const { memoryDriver } = peer<{ memoryDriver(options: object): unknown }>('bentocache/drivers/memory')
  return new BentoCache({ default: 'memory', stores: { memory: bentostore().useL1Layer(memoryDriver({ maxItems: data.count, ...options })) } })
}

function bentocache(data: Dataset, _conditions: Conditions, loader: () => Promise<unknown>, options: object): Loading {
  const cache = openBento(data, options)
  return {
    load: (key) => cache.getOrSet({ key, factory: loader, ttl: LIFE_MS }),
    set: (key, value) => cache.set({ key, value, ttl: LIFE_MS }),
    close: () => {},
  }
}

function cacheable(_data: Dataset, _conditions: Conditions, loader: () => Promise<unknown>): Loading {
  interface Store { getOrSet(key: string, load: () => Promise<unknown>, options: object): Promise<unknown>; set(key: string, value: unknown): Promise<unknown> }
  const { Cacheable } = peer<{ Cacheable: new () => Store }>('cacheable')
  const cache = new Cacheable()
  const options = { ttl: LIFE_MS }
  return { load: (key) => cache.getOrSet(key, loader, options), set: (key, value) => cache.set(key, value), close: () => {} }
}
