/** The options of freshness and of loads; part of the table in schema.ts. */
import type { RefreshAhead, SingleFlight } from '../sync/load-terms'
import { type Duration, parseDuration } from '../words/duration'
import { describe, misuse } from '../words/errors'
import { parseOneOf, parseWhole } from './parsers'
import { EVERY_LOAD, EVERY_WRITE, option, WIDE } from './spec'

/** A share of the ttl below 1, a duration, or `{ beta }`. */
export type RefreshAheadOption = number | string | { beta: number } | false

/** How long a value lives after its last reading, at most until `max` (by default its ttl) after it was stored. */
export type SlidingOption = Duration | { idle: Duration; max?: Duration | undefined } | false

export interface AdaptiveTtlOption {
  min?: Duration | undefined
  max?: Duration | undefined
}

export const FRESHNESS = {
  /** Bounds of `ttl: 'adaptive'`. */
  adaptiveTtl: option({
    type: '{ min, max }',
    levels: EVERY_LOAD,
    default: { minMs: 1_000, maxMs: 3_600_000 },
    shownDefault: "{ min: '1s', max: '1h' }",
    doc: "Bounds of `ttl: 'adaptive'`: the ttl begins at `min`, doubles with each load that brings the same value, and halves with each that brings another.",
    parse: (given: AdaptiveTtlOption, name) => {
      checkFields(given, name, ['min', 'max'])
      const minMs = parsePositive(given.min ?? 1_000, `${name}.min`)
      return { minMs, maxMs: parseAtLeast(given.max ?? 3_600_000, `${name}.max`, minMs) }
    },
  }),
  /** No entry is fresh for longer. Default: no cap. */
  maxTtl: option({
    type: 'duration or Infinity',
    levels: ['cache', 'namespace'],
    default: Number.POSITIVE_INFINITY,
    shownDefault: 'Infinity',
    doc: 'No entry is fresh for longer, whatever its own ttl; an entry without ttl, too.',
    parse: parseBound,
  }),
  /** How long an entry is used before Redis is asked for it again. Default: as long as it is fresh. */
  l1Ttl: option({
    type: 'duration or Infinity',
    levels: WIDE,
    default: Number.POSITIVE_INFINITY,
    shownDefault: 'Infinity',
    doc: 'The ttl of entries in the table of a host, where their own is longer: after it Redis is asked again, which has them for `ttl` (`l2.ttl` at most). Lives that slide are left alone. Needs `redis`.',
    parse: parseBound,
  }),
  /** A ttl is shortened by a random part of up to this share. Default 0.1. */
  jitter: option({
    type: 'number from 0 to 1',
    levels: EVERY_WRITE,
    default: 0.1,
    shownDefault: '0.1',
    doc: 'Each ttl is shortened by a random part of up to this share, so that what was stored together does not end together. A ttl is never exceeded. 0: exact.',
    parse: (given: number, name) => {
      if (typeof given === 'number' && given >= 0 && given <= 1) return given
      throw misuse('ERR_CACHE_OPTION', name, 'a number from 0 to 1', given)
    },
  }),
  /** Reads lengthen the life of an entry. Default false. */
  sliding: option({
    type: 'duration, { idle, max } or false',
    levels: EVERY_WRITE,
    default: false as ParsedSliding | false,
    shownDefault: 'false',
    doc: 'An entry ends when it was not read by `get`, `getMany` or `getOrSet` for this long, and at the latest `max` (default: its ttl) after it was stored. Lives in Redis do not slide.',
    parse: (given: SlidingOption, name): ParsedSliding | false => {
      if (given === false) return false
      if (typeof given !== 'object' || given === null) return { idleMs: parsePositive(given, name), maxMs: undefined }
      checkFields(given, name, ['idle', 'max'])
      const idleMs = parsePositive(given.idle, `${name}.idle`)
      return { idleMs, maxMs: given.max === undefined ? undefined : parseAtLeast(given.max, `${name}.max`, idleMs) }
    },
  }),
  /** ttl of a loaded null. Default: as any value. */
  negativeTtl: option({
    type: 'duration',
    levels: EVERY_LOAD,
    default: undefined as number | undefined,
    shownDefault: 'the ttl',
    doc: 'ttl of a loaded `null` (`notFound()` of the loader context), in place of `ttl`.',
    parse: (given: Duration, name): number | undefined => parsePositive(given, name),
  }),
  /** How long the error of a load is told to all who ask. Default 250 ms. */
  errorTtl: option({
    type: 'duration',
    levels: EVERY_LOAD,
    default: 250,
    shownDefault: "'250ms'",
    doc: 'How long the error of a load is told to everybody on the host who asks for the key, before the next one loads. 0: only to those who were waiting. A `set` or `delete` of the key, and `forceFresh`, end it.',
    parse: (given: Duration, name) => parseDuration(given, name),
  }),
  /** How long a stale value is served after a failure before the source is asked again. Default 1 s. */
  graceBackoff: option({
    type: 'duration',
    levels: EVERY_LOAD,
    default: 1_000,
    shownDefault: "'1s'",
    doc: 'After a load failed and the stale value was served, the host leaves the source alone for this long; doubles with each failure in a row, up to a minute. If it is longer than that, it stays as it is.',
    parse: (given: Duration, name) => parsePositive(given, name),
  }),
  /** How long a caller waits where a stale value can be served. Default Infinity. */
  timeout: option({
    type: 'duration or Infinity',
    levels: EVERY_LOAD,
    default: Number.POSITIVE_INFINITY,
    shownDefault: 'Infinity',
    doc: 'How long `getOrSet` waits for its loader where `grace` has something stale to serve; the load goes on in the background. 0: stale while revalidate.',
    parse: parseBoundOrNone,
  }),
  /** How long a caller waits. Default Infinity. */
  hardTimeout: option({
    type: 'duration or Infinity',
    levels: EVERY_LOAD,
    default: Number.POSITIVE_INFINITY,
    shownDefault: 'Infinity',
    doc: 'How long `getOrSet` waits at all. Then the signal of its load is aborted, another caller may load, and it resolves to the stale value or rejects with ERR_CACHE_LOAD_TIMEOUT.',
    parse: parseBound,
  }),
  /** How long a load may run that nobody waits for. Default 30 s. */
  backgroundTimeout: option({
    type: 'duration or Infinity',
    levels: EVERY_LOAD,
    default: 30_000,
    shownDefault: "'30s'",
    doc: 'How long a load may run in the background: after `timeout` has passed, or as a refresh. No longer than `leaseTimeout`.',
    parse: parseBound,
  }),
  /** Loads a value anew before it is stale. Default false. */
  refreshAhead: option({
    type: 'share below 1, duration, { beta } or false',
    levels: EVERY_LOAD,
    default: false as RefreshAhead | false,
    shownDefault: 'false',
    doc: 'A `getOrSet` that finds a fresh value starts a load in the background: after this share of the ttl, or with this much time left (`\'30s\'`), or `{ beta: 1 }` by chance, which grows towards the end and with what a load costs (XFetch). One load per host.',
    parse: parseRefreshAhead,
  }),
  /** How many loads of the namespace run at once on the host. Default Infinity. */
  maxConcurrentLoads: option({
    type: 'number or Infinity',
    levels: ['cache', 'namespace'],
    default: 0,
    shownDefault: 'Infinity',
    doc: 'How many loads of this namespace run at once on the whole host, 1 to 1024. Others wait their turn, a refresh is left for later. A namespace below has its own count.',
    parse: (given: number, name) => (given === Number.POSITIVE_INFINITY ? 0 : parseWhole(given, name, 1, 1024)),
  }),
  /** Who shares one load. Default 'host'. */
  singleFlight: option({
    type: "'process', 'host' or 'fleet'",
    levels: EVERY_LOAD,
    default: 'host' as SingleFlight,
    shownDefault: "'host'",
    doc: '`host`: one load per key on the host. `fleet`: one on all hosts of one Redis, by a claim in Redis that expires with `leaseTimeout`; without Redis as `host`. `process`: callers do not wait for a load of another process, but run their own, whose result is not stored.',
    parse: (given: SingleFlight, name) => parseOneOf(given, name, ['process', 'host', 'fleet']),
  }),
}

export interface ParsedSliding {
  idleMs: number
  maxMs: number | undefined
}

function parseRefreshAhead(given: RefreshAheadOption, name: string): RefreshAhead | false {
  if (given === false) return false
  if (typeof given === 'object' && given !== null) {
    checkFields(given, name, ['beta'])
    if (typeof given.beta === 'number' && given.beta > 0 && given.beta <= 100) return { beta: given.beta }
    throw misuse('ERR_CACHE_OPTION', `${name}.beta`, 'a number above 0, at most 100', given.beta)
  }
  if (typeof given === 'number' && given > 0 && given < 1) return { fraction: given }
  return { beforeMs: parsePositive(given, name) }
}

function parsePositive(given: Duration, name: string): number {
  const ms = parseDuration(given, name)
  if (ms > 0) return ms
  throw misuse('ERR_CACHE_OPTION', name, 'more than 0', given)
}

function parseAtLeast(given: Duration, name: string, minMs: number): number {
  const ms = parseDuration(given, name)
  if (ms >= minMs) return ms
  throw misuse('ERR_CACHE_OPTION', name, `at least ${minMs} ms`, given)
}

function parseBound(given: Duration, name: string): number {
  return given === Number.POSITIVE_INFINITY ? given : parsePositive(given, name)
}

function parseBoundOrNone(given: Duration, name: string): number {
  return given === Number.POSITIVE_INFINITY ? given : parseDuration(given, name)
}

function checkFields(given: object, name: string, fields: readonly string[]): void {
  const expected = `{ ${fields.join(', ')} }`
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw misuse('ERR_CACHE_OPTION', name, expected, given)
  for (const field of Object.keys(given)) {
    if (!fields.includes(field)) throw misuse('ERR_CACHE_OPTION', name, expected, `field ${describe(field)}`)
  }
}
