/** The option `disk`. */
import { CacheError, describe, misuse } from '../words/errors'
import { parseSize, type Size } from '../words/size'
import { nearest } from '../words/suggest'
import { parseText, parseWhole } from './parsers'

export interface DiskOptions {
  /** Where the files lie, in a directory of the cache's own. */
  path: string
  /** What the copies may take of the disk. Default 1 GiB. */
  maxBytes?: Size | undefined
  /** How often an entry must have been used to be worth a copy, 0 to 3. Default 1. */
  minHits?: number | undefined
}

export interface DiskSettings {
  path: string
  maxBytes: number
  minHits: number
}

const MIN_BYTES = 1024 * 1024
const FIELDS = ['path', 'maxBytes', 'minHits']

/** Throws ERR_CACHE_OPTION. */
export function parseDisk(given: string | DiskOptions, name: string): DiskSettings {
  if (typeof given === 'string') return { ...DEFAULTS, path: parseText(given, name) }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw misuse('ERR_CACHE_OPTION', name, 'a path or an object', given)
  for (const field of Object.keys(given)) if (!FIELDS.includes(field)) throw unknownField(name, field)
  const { path, maxBytes, minHits } = given
  return {
    path: parseText(path, `${name}.path`),
    maxBytes: maxBytes === undefined ? DEFAULTS.maxBytes : bytesOf(maxBytes, `${name}.maxBytes`),
    minHits: minHits === undefined ? DEFAULTS.minHits : parseWhole(minHits, `${name}.minHits`, 0, 3),
  }
}

const DEFAULTS = { maxBytes: 1024 * MIN_BYTES, minHits: 1 }

function bytesOf(given: Size, name: string): number {
  const bytes = parseSize(given, name)
  if (bytes >= MIN_BYTES) return bytes
  throw misuse('ERR_CACHE_OPTION', name, 'at least 1 MiB', given)
}

function unknownField(name: string, field: string): CacheError {
  const near = nearest(field, FIELDS)
  const hint = near === undefined ? `It takes ${FIELDS.join(', ')}.` : `Did you mean ${near}?`
  return new CacheError('ERR_CACHE_OPTION', `${name} has no field ${describe(field)}. ${hint}`)
}
