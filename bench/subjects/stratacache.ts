/** This package: the table alone, and the cache with and without decoded objects. */
import { type Cache, type CacheOptions, createCache } from '../../src'
import { SharedTable } from '../../src/table'
import type { Conditions } from '../sub-bench'
import type { Dataset } from '../workload'
import { type OpenSubject, type Room, type Subject, regionBytes } from './subject'

export function regionOf(data: Dataset, { scratch }: Conditions, { factor }: Room) {
  return {
    name: 'bench', dir: scratch,
    memory: regionBytes(data, data.count * factor),
    averageEntryBytes: Math.round(data.entryBytes),
  }
}

export const openTable: OpenSubject<Subject> = (data, conditions, room) => {
  const table = new SharedTable(regionOf(data, conditions, room))
  const get = data.kind === 'buffer' ? (key: string) => table.getBytes(key) : (key: string) => table.get(key)
  return { get, set: (key, value) => table.set(key, value as string | Buffer), close: () => table.close() }
}

export function openCacheOf(data: Dataset, conditions: Conditions, room: Room, l0?: CacheOptions['l0'], more: CacheOptions = {}): Cache {
  return createCache({ ...regionOf(data, conditions, room), fallback: 'error', ...(l0 === undefined ? {} : { l0 }), ...more })
}

const overCache = (cache: Cache): Subject => ({
  get: (key) => cache.getSync(key),
  set: (key, value) => cache.set(key, value),
  close: () => cache.close(),
})

/** As users get it, with the L0 that is the default. */
export const openCache: OpenSubject<Subject> = (data, conditions, room) => overCache(openCacheOf(data, conditions, room))

/** Room for every decoded object: what a hit in L0 costs. */
export const openCacheAllInL0: OpenSubject<Subject> = (data, conditions, room) =>
  overCache(openCacheOf(data, conditions, room, allInL0(data)))

export const allInL0 = (data: Dataset) => ({ maxItems: data.count * 4, maxBytes: data.count * (data.valueBytes + 512) * 2 })

/** Every read decodes what lies in the shared table. */
export const openCacheWithoutL0: OpenSubject<Subject> = (data, conditions, room) =>
  overCache(openCacheOf(data, conditions, room, false))
