/** The caches of the contrast, each used as its own documentation says, with its defaults. */
import { createCache } from '../../src'
import { peer } from '../peers'
import type { Contender, Life, Opening } from './contender'

export const CONTENDERS: Readonly<Record<string, Opening>> = { stratacache, bentocache, cacheable, 'cache-manager': cacheManager, 'layered-loader': layeredLoader, 'async-cache-dedupe': asyncCacheDedupe }

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
    set(key: string, value: unknown): Promise<unknown>
    delete(key: string): Promise<unknown>
    clear(): Promise<unknown>
    disconnect(): Promise<unknown>
  }
  const { Cacheable } = peer<{ Cacheable: new () => Store }>('cacheable')
  const cache = new Cacheable()
  return {
    knows: new Set(),
    getOrSet: (key, load, { ttlMs } = {}) => cache.getOrSet(key, load, defined({ ttl: ttlMs })),
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
  interface Loader { get(key: string): Promise<unknown>; invalidateCacheFor(key: string): Promise<unknown>; invalidateCache(): Promise<unknown> }
  const { Loader: Made } = peer<{ Loader: new (options: object) => Loader }>('layered-loader')
  // Its source and its life belong to the cache, not to the call.
  const loads = new Map<string, () => Promise<unknown>>()
  const byTtl = new Map<number, Loader>()
  const loaderOf = (ttlMs: number): Loader => {
    let loader = byTtl.get(ttlMs)
    if (loader === undefined) {
      loader = new Made({ inMemoryCache: { cacheType: 'lru-map', maxItems: 10_000, ttlInMsecs: ttlMs }, dataSources: [{ name: 'source', get: (key: string) => loads.get(key)!() }] })
      byTtl.set(ttlMs, loader)
    }
    return loader
  }
  const all = (act: (loader: Loader) => Promise<unknown>): Promise<unknown> => Promise.all([...byTtl.values()].map(act))
  return {
    knows: new Set(),
    getOrSet: (key, load, { ttlMs = 3_600_000 } = {}) => {
      loads.set(key, load)
      return loaderOf(ttlMs).get(key)
    },
    delete: (key) => all((loader) => loader.invalidateCacheFor(key)),
    clear: () => all((loader) => loader.invalidateCache()),
    close: () => {},
  }
}

function asyncCacheDedupe(): Contender {
  interface Dedupe {
    define(name: string, options: object, load: (key: string) => Promise<unknown>): Dedupe
    clear(name?: string, key?: string): Promise<unknown>
    load(key: string): Promise<unknown>
  }
  const { createCache: open } = peer<{ createCache(options: object): Dedupe }>('async-cache-dedupe')
  const loads = new Map<string, () => Promise<unknown>>()
  // Its life is whole seconds and belongs to the function.
  const cache = open({ ttl: 3_600, storage: { type: 'memory' } }).define('load', {}, (key) => loads.get(key)!())
  return {
    knows: new Set(),
    getOrSet: (key, load) => {
      loads.set(key, load)
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
