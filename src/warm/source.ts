/** What may be given to `warm`, as one stream of entries. */
import type { GetOrSetOptions } from '../face/load-calls'
import { CacheError, describe, misuse } from '../words/errors'
import type { Source } from './run'

/** An entry with options of its own. */
export interface WarmEntry extends GetOrSetOptions {
  key: string
  value: unknown
}

/** A key alone is loaded by the factory. */
export type WarmItem = string | readonly [key: string, value: unknown] | WarmEntry

/** A file that exports the source; see `WarmModule`. */
export interface WarmModuleRef {
  /** An absolute path or a `file:` URL. */
  module: string | URL
  /** Given to the module's functions; must be cloneable. */
  data?: unknown
}

export type WarmSource = Source<WarmItem> | (() => Source<WarmItem> | Promise<Source<WarmItem>>) | URL | WarmModuleRef

/** What a module exports that is run in a thread: by these names, or as fields of its default export. */
export interface WarmModule {
  /** The entries, or a function that gives them. */
  source: Source<WarmItem> | ((data: unknown) => Source<WarmItem> | Promise<Source<WarmItem>>)
  /** Loads the keys that stand alone. */
  factory?: (key: string, data: unknown) => unknown
}

export interface ParsedItem {
  key: string
  /** Absent: it has to be loaded. */
  given?: { value: unknown }
  options: GetOrSetOptions
}

/** Throws ERR_CACHE_ARGUMENT. */
export function parseItem(item: unknown): ParsedItem {
  if (typeof item === 'string') return { key: item, options: {} }
  if (Array.isArray(item) && item.length === 2 && typeof item[0] === 'string') return { key: item[0], given: { value: item[1] }, options: {} }
  if (typeof item !== 'object' || item === null || !('key' in item) || !('value' in item) || typeof item.key !== 'string') {
    throw misuse('ERR_CACHE_ARGUMENT', 'entry', 'a key, [key, value] or { key, value }', item)
  }
  const { key, value, ...options } = item as WarmEntry
  return { key, given: { value }, options }
}

export function keyIn(item: unknown): string {
  if (typeof item === 'string') return item
  const key = (item as { key?: unknown } | null)?.key ?? (Array.isArray(item) ? item[0] : undefined)
  return typeof key === 'string' ? key : ''
}

/** How many there are, where the source knows. */
export function totalOf(source: unknown): number | undefined {
  if (Array.isArray(source)) return source.length
  return source instanceof Map || source instanceof Set ? source.size : undefined
}

export function isModule(source: unknown): source is URL | WarmModuleRef {
  return source instanceof URL || (typeof source === 'object' && source !== null && 'module' in source)
}

/** Throws ERR_CACHE_ARGUMENT. */
export function checkSource(given: unknown): Source<unknown> {
  const isSource = typeof given === 'object' && given !== null && (Symbol.asyncIterator in given || Symbol.iterator in given)
  if (isSource) return given as Source<unknown>
  throw new CacheError('ERR_CACHE_ARGUMENT', `source must be iterable, a function that gives what is, or { module }, got ${describe(given)}`)
}
