/** What a process can hold for itself: a Map and lru-cache. They hand out references. */
import { LRUCache } from 'lru-cache'
import type { OpenSubject, Subject } from './subject'

export const openMap: OpenSubject<Subject> = () => {
  const map = new Map<string, unknown>()
  return { get: (key) => map.get(key), set: (key, value) => map.set(key, value), close: () => map.clear() }
}

export const openLruCache: OpenSubject<Subject> = (data, _conditions, { factor }) => {
  const cache = new LRUCache<string, NonNullable<unknown>>({ max: Math.round(data.count * factor) })
  return {
    get: (key) => cache.get(key),
    set: (key, value) => cache.set(key, value as NonNullable<unknown>),
    close: () => cache.clear(),
  }
}
