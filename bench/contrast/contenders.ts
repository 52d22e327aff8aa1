/** The caches of the contrast, each used as its own documentation says, with its defaults. */
import { createCache } from '../../src'
import { peer } from '../peers'
import type { Contender, Life, Opening } from './contender'

export const CONTENDERS: Readonly<Record<string, Opening>> = { stratacache, bentocache, cacheable, 'cache-manager': cacheManager, 'layered-loader': layeredLoader, 'async-cache-dedupe': asyncCacheDedupe }

const LONG_MS = 3_600_000

function stratacache(name: string): Contender {
  const cache = createCache({ name, memory: '8mb' })
  return {
    knows: new Set<keyof Life>(['graceMs', 'backoffMs', 'hardTimeoutMs', 'tags']),
    getOrSet: (key, load, life = {}) => cache.getOrSet(key, load, {
      ttl: life.ttlMs, grace: life.graceMs, graceBackoff: life.backoffMs, hardTimeout: life.hardTimeoutMs, ...(life.tags === undefined ? {} : { tags: life.tags }),
    }),
    get: (key) => cache.get(key),
    set: (key, value) => cache.set(key, value),
    delete: (key) => cache.delete(key),
    clear: () => cache.clear(),
    deleteByTag: (tag) => cache.deleteByTag(tag),
    close: () => cache.close({ unlink: true }),
  }
}

function bentocache(): Contender {
  interface Bento {
    getOrSet(call: object): Promise<unknown>
    get(call: { key: string }): Promise<unknown>
    set(call: { key: string; value: unknown }): Promise<unknown>
    delete(call: { key: string }): Promise<unknown>
    deleteByTag(call: { tags: string[] }): Promise<unknown>
    clear(): Promise<unknown>
    disconnect(): Promise<unknown>
  }
  const { BentoCache, bentostore } = peer<{ BentoCache: new (options: object) => Bento; bentostore(): { useL1Layer(driver: unknown): unknown } }>('bentocache')
  const { memoryDriver } = peer<{ memoryDriver(options: object): unknown }>('bentocache/drivers/memory')
  const cache = new BentoCache({ default: 'memory', stores: { memory: bentostore().useL1Layer(memoryDriver({ maxItems: 10_000 })) } })
  return {
    knows: new Set<keyof Life>(['graceMs', 'backoffMs', 'hardTimeoutMs', 'tags']),
    getOrSet: (key, factory, { ttlMs, graceMs, backoffMs, hardTimeoutMs, tags } = {}) => cache.getOrSet(defined({
      key, factory, ttl: ttlMs, grace: graceMs, graceBackoff: backoffMs, hardTimeout: hardTimeoutMs, tags,
    })),
    get: (key) => cache.get({ key }),
    set: (key, value) => cache.set({ key, value }),
    delete: (key) => cache.delete({ key }),
    clear: () => cache.clear(),
    deleteByTag: (tag) => cache.deleteByTag({ tags: [tag] }),
    close: () => cache.disconnect(),
  }
}

function cacheable(): Contender {
  interface Store {
    getOrSet(key: string, load: () => Promise<unknown>, options?: object): Promise<unknown>
    get(key: string): Promise<unknown>
    set(key: string, value: unknown, options?: object): Promise<unknown>
    delete(key: string): Promise<unknown>
    clear(): Promise<unknown>
    disconnect(): Promise<unknown>
    tags: { invalidateTag(tag: string): Promise<unknown> }
  }
  const { Cacheable } = peer<{ Cacheable: new (options: object) => Store }>('cacheable')
  const cache = new Cacheable({ tags: true })
  return {
    knows: new Set<keyof Life>(['tags']),
    getOrSet: async (key, load, { ttlMs, tags } = {}) => {
      let isLoaded = false
      const value = await cache.getOrSet(key, () => ((isLoaded = true), load()), defined({ ttl: ttlMs }))
      // Only its set takes tags.
      if (tags !== undefined && isLoaded) await cache.set(key, value, defined({ ttl: ttlMs, tags }))
      return value
    },
    deleteByTag: (tag) => cache.tags.invalidateTag(tag),
    get: (key) => cache.get(key),
    set: (key, value) => cache.set(key, value),
    delete: (key) => cache.delete(key),
    clear: () => cache.clear(),
    close: () => cache.disconnect(),
  }
}

function cacheManager(): Contender {
  interface Manager {
    wrap(key: string, load: () => Promise<unknown>, ttl?: number): Promise<unknown>
    get(key: string): Promise<unknown>
    set(key: string, value: unknown): Promise<unknown>
    del(key: string): Promise<unknown>
    clear(): Promise<unknown>
    disconnect(): Promise<unknown>
  }
  const cache = peer<{ createCache(options: object): Manager }>('cache-manager').createCache({})
  return {
    knows: new Set(),
    getOrSet: (key, load, { ttlMs } = {}) => cache.wrap(key, load, ttlMs),
    get: (key) => cache.get(key),
    set: (key, value) => cache.set(key, value),
    delete: (key) => cache.del(key),
    clear: () => cache.clear(),
    close: () => cache.disconnect(),
  }
}

function layeredLoader(): Contender {
  interface Loader {
    get(key: string): Promise<unknown>
    forceSetValue(key: string, value: unknown): Promise<unknown>
    invalidateCacheFor(key: string): Promise<unknown>
    invalidateCache(): Promise<unknown>
  }
  interface Groups { get(key: string, group: string): Promise<unknown>; invalidateCacheForGroup(group: string): Promise<unknown> }
  const { Loader: Made, GroupLoader } = peer<{ Loader: new (options: object) => Loader; GroupLoader: new (options: object) => Groups }>('layered-loader')
  const inMemoryCache = { cacheType: 'lru-map', maxItems: 10_000 }
  // Its source and its life belong to the cache, not to the call.
  const loads = new Map<string, () => Promise<unknown>>()
  const byTtl = new Map<number, Loader>()
  const loaderOf = (ttlMs: number): Loader => {
    let loader = byTtl.get(ttlMs)
    if (loader === undefined) {
      loader = new Made({ inMemoryCache: { ...inMemoryCache, ttlInMsecs: ttlMs }, dataSources: [{ name: 'source', get: (key: string) => loads.get(key)!() }] })
      byTtl.set(ttlMs, loader)
    }
    return loader
  }
  const all = (act: (loader: Loader) => Promise<unknown>): Promise<unknown> => Promise.all([...byTtl.values()].map(act))
  // An entry is in one group, by which it is also read.
  const groups = new GroupLoader({
    inMemoryCache: { ...inMemoryCache, ttlInMsecs: LONG_MS, maxGroups: 1_000, maxItemsPerGroup: 10_000 },
    dataSources: [{ name: 'source', getFromGroup: (key: string) => loads.get(key)!() }],
  })
  return {
    knows: new Set<keyof Life>(['tags']),
    getOrSet: (key, load, { ttlMs = LONG_MS, tags } = {}) => {
      loads.set(key, load)
      return tags === undefined ? loaderOf(ttlMs).get(key) : groups.get(key, tags[0]!)
    },
    set: (key, value) => all((loader) => loader.forceSetValue(key, value)),
    deleteByTag: (tag) => groups.invalidateCacheForGroup(tag),
    delete: (key) => all((loader) => loader.invalidateCacheFor(key)),
    clear: () => all((loader) => loader.invalidateCache()),
    close: () => {},
  }
}

function asyncCacheDedupe(): Contender {
  interface Dedupe {
    define(name: string, options: object, load: (key: string) => Promise<unknown>): Dedupe
    invalidateAll(references: string): Promise<unknown>
    clear(name?: string, key?: string): Promise<unknown>
    load(key: string): Promise<unknown>
  }
  const { createCache: open } = peer<{ createCache(options: object): Dedupe }>('async-cache-dedupe')
  const loads = new Map<string, () => Promise<unknown>>()
  const tagsByKey = new Map<string, string[] | undefined>()
  // Its life is whole seconds and belongs to the function.
  const cache = open({ ttl: LONG_MS / 1_000, storage: { type: 'memory', options: { invalidation: true } } })
    .define('load', { references: (key: string) => tagsByKey.get(key) }, (key) => loads.get(key)!())
  return {
    knows: new Set<keyof Life>(['tags']),
    deleteByTag: (tag) => cache.invalidateAll(tag),
    getOrSet: (key, load, { tags } = {}) => {
      loads.set(key, load)
      tagsByKey.set(key, tags)
      return cache.load(key)
    },
    delete: (key) => cache.clear('load', key),
    clear: () => cache.clear(),
    close: () => {},
  }
}

/** These libraries take an undefined option for a value. */
function defined(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}
