/** The options of the Redis side that are objects: `redis` and `l2`, each field with its default and meaning. */
import { type Duration, parseDuration } from '../words/duration'
import { CacheError, describe, misuse } from '../words/errors'
import { parseSize, type Size } from '../words/size'
import { nearest } from '../words/suggest'
import { parseText } from './parsers'

/** Where Redis is: a URL, ioredis options (`sentinels` among them), a Cluster's nodes, or an ioredis instance, whose options are taken. */
export type RedisOption = string | { cluster: { nodes: readonly unknown[]; options?: object } } | object

export interface L2Options {
  /** How long a read waits for Redis when a stale value could be served. Default 100 ms. */
  softTimeout?: Duration | undefined
  /** How long a call waits for Redis at most. Default 1 s. */
  hardTimeout?: Duration | undefined
  /** The longest life an entry has in Redis. Default: its own. */
  ttl?: Duration | undefined
  /** Between two heartbeats; lost invalidations are noticed within three. Default 500 ms. */
  heartbeat?: Duration | undefined
  /** Bytes of the journal of pending writes, fixed by the process that creates it. Default a quarter of `memory`, from 16 to 128 MiB. */
  journal?: Size | undefined
  /** Directory of the append-only files of `durability: 'disk'`. Default: `dir` where that is on a disk, else /var/tmp/stratacache-<uid>. */
  disk?: string | undefined
  /** The largest value, in bytes as stored. Default 64 MiB. Above, `set` is refused with ERR_CACHE_VALUE. */
  maxValue?: Size | undefined
  /** A batch of the write pipe has at most so many records, and never more than 4,096. Default 8,192. */
  batchRecords?: number | undefined
  /** A batch of the write pipe has at most so many bytes, and never more than 3 MiB or a 64th of the journal, half of what one writer has of it. Default 4 MiB. */
  batchBytes?: Size | undefined
  /** How long a write may wait for others to share its batch. Default 0: only while a batch is under way. */
  batchDelay?: Duration | undefined
  /** How long `close` waits for this process's writes to reach Redis. Default 2 s. */
  closeTimeout?: Duration | undefined
  /** Also see what other programs write to our keys, through CLIENT TRACKING. Default false. */
  foreignWriters?: boolean | undefined
}

export interface L2Settings {
  softTimeoutMs: number
  hardTimeoutMs: number
  /** 0 = the entry's own. */
  ttlMs: number
  heartbeatMs: number
  /** Undefined: chosen by the memory. */
  journalBytes: number | undefined
  disk: string | undefined
  maxValueBytes: number
  batchRecords: number
  batchBytes: number
  batchDelayMs: number
  closeTimeoutMs: number
  foreignWriters: boolean
}

export const DEFAULT_L2: L2Settings = {
  softTimeoutMs: 100,
  hardTimeoutMs: 1_000,
  ttlMs: 0,
  heartbeatMs: 500,
  journalBytes: undefined,
  disk: undefined,
  maxValueBytes: 64 * 1024 * 1024,
  batchRecords: 8_192,
  batchBytes: 4 * 1024 * 1024,
  batchDelayMs: 0,
  closeTimeoutMs: 2_000,
  foreignWriters: false,
}

type Parser = (given: never, name: string) => Partial<L2Settings>

const FIELDS: Record<keyof L2Options, Parser> = {
  softTimeout: (given: Duration, name) => ({ softTimeoutMs: positive(given, name) }),
  hardTimeout: (given: Duration, name) => ({ hardTimeoutMs: positive(given, name) }),
  ttl: (given: Duration, name) => ({ ttlMs: positive(given, name) }),
  heartbeat: (given: Duration, name) => ({ heartbeatMs: within(positive(given, name), name, 50, 60_000) }),
  journal: (given: Size, name) => ({ journalBytes: within(parseSize(given, name), name, 1024 * 1024, 2 ** 34) }),
  disk: (given: string, name) => ({ disk: parseText(given, name) }),
  maxValue: (given: Size, name) => ({ maxValueBytes: within(parseSize(given, name), name, 65_536, 500 * 1024 * 1024) }),
  batchRecords: (given: number, name) => ({ batchRecords: within(given, name, 1, 65_536) }),
  batchBytes: (given: Size, name) => ({ batchBytes: within(parseSize(given, name), name, 1024, 256 * 1024 * 1024) }),
  batchDelay: (given: Duration, name) => ({ batchDelayMs: within(parseDuration(given, name), name, 0, 60_000) }),
  closeTimeout: (given: Duration, name) => ({ closeTimeoutMs: parseDuration(given, name) }),
  foreignWriters: (given: boolean, name) => {
    if (typeof given !== 'boolean') throw misuse('ERR_CACHE_OPTION', name, 'true or false', given)
    return { foreignWriters: given }
  },
}

/** Throws ERR_CACHE_OPTION for a field that is unknown or has a bad value. */
export function parseL2(given: L2Options, name: string): L2Settings {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw misuse('ERR_CACHE_OPTION', name, 'an object', given)
  const settings = { ...DEFAULT_L2 }
  for (const [field, value] of Object.entries(given)) {
    const parse = Object.hasOwn(FIELDS, field) ? (FIELDS[field as keyof L2Options] as (given: unknown, name: string) => Partial<L2Settings>) : undefined
    if (parse === undefined) throw unknownField(name, field)
    if (value !== undefined) Object.assign(settings, parse(value, `${name}.${field}`))
  }
  if (settings.softTimeoutMs > settings.hardTimeoutMs) settings.softTimeoutMs = settings.hardTimeoutMs
  return settings
}

/** A first look; what the connection needs is checked where it is made. The value is never shown: it may hold a password. */
export function parseRedis(given: RedisOption, name: string): RedisOption {
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given
  if (typeof given === 'string' && /^(rediss?|unix):\/\/|^\//.test(given)) return given
  const shown = typeof given === 'string' ? 'another text' : describe(given)
  throw new CacheError('ERR_CACHE_OPTION', `${name} must be a redis://, rediss:// or unix:// URL, the path of a socket, ioredis options or an ioredis instance, got ${shown}`)
}

function positive(given: Duration, name: string): number {
  const ms = parseDuration(given, name)
  if (ms > 0) return ms
  throw misuse('ERR_CACHE_OPTION', name, 'more than 0', given)
}

function within(given: number, name: string, min: number, max: number): number {
  if (Number.isSafeInteger(given) && given >= min && given <= max) return given
  throw misuse('ERR_CACHE_OPTION', name, `a whole number from ${min} to ${max}`, given)
}

function unknownField(name: string, field: string): CacheError {
  const near = nearest(field, Object.keys(FIELDS))
  const hint = near === undefined ? `It takes ${Object.keys(FIELDS).join(', ')}.` : `Did you mean ${near}?`
  return new CacheError('ERR_CACHE_OPTION', `${name} has no field ${describe(field)}. ${hint}`)
}
