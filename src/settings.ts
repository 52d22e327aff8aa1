/** Option objects to settings: unknown names refused, values parsed, levels laid over each other. */
import type { Condition, Life } from './l1/table'
import { type Durability, OPTIONS, type OptionLevel, type OptionName, type OptionsAt, type ParsedOptions, type WriteMode } from './options'
import type { Duration } from './words/duration'
import { CacheError, describe, misuse } from './words/errors'
import { nearest } from './words/suggest'

/** What a load or a write is done under, after all levels. */
export interface Terms {
  life: Life
  leaseMs: number
  forceFresh: boolean
  writeMode: WriteMode
  durability: Durability | undefined
  partitionBy: ((key: string) => string) | undefined
}

/** What one `set` is done under. */
export interface SetTerms extends Terms {
  condition?: Condition
  sourceVersion?: number
}

export const DEFAULT_TERMS: Terms = {
  life: { ttlMs: OPTIONS.ttl.default, graceMs: OPTIONS.grace.default },
  leaseMs: OPTIONS.leaseTimeout.default,
  forceFresh: OPTIONS.forceFresh.default,
  writeMode: OPTIONS.writeMode.default,
  durability: OPTIONS.durability.default,
  partitionBy: OPTIONS.partitionBy.default,
}

const SPEC_BY_NAME = new Map(Object.entries(OPTIONS))
const NAMES_BY_LEVEL = new Map<OptionLevel, string[]>()

/** The parsed value of each option that was given. An undefined one counts as not given. */
export function readOptions(level: OptionLevel, given: unknown): Partial<ParsedOptions> {
  if (given === undefined) return {}
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw misuse('ERR_CACHE_OPTION', 'options', 'an object', given)
  }
  const parsed: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(given)) {
    const spec = SPEC_BY_NAME.get(name)
    if (spec === undefined || !(spec.levels as readonly string[]).includes(level)) throw unknownOption(level, name)
    if (value !== undefined) parsed[name] = (spec.parse as (given: unknown, name: string) => unknown)(value, name)
  }
  return parsed
}

/** All options of a cache: what was given over the defaults. */
export function cacheOptions(given?: OptionsAt<'cache'>): ParsedOptions {
  const defaults = Object.fromEntries(Object.entries(OPTIONS).map(([name, spec]) => [name, spec.default]))
  return { ...defaults, ...readOptions('cache', given) } as ParsedOptions
}

/** The terms with what was given laid over them; `base` itself when that is nothing. */
export function overTerms(base: Terms, given: Partial<ParsedOptions>): Terms {
  return {
    life: { ttlMs: given.ttl ?? base.life.ttlMs, graceMs: given.grace ?? base.life.graceMs },
    leaseMs: given.leaseTimeout ?? base.leaseMs,
    forceFresh: given.forceFresh ?? base.forceFresh,
    writeMode: given.writeMode ?? base.writeMode,
    durability: given.durability ?? base.durability,
    partitionBy: given.partitionBy ?? base.partitionBy,
  }
}

/** The terms of one call. A bare duration is its ttl. */
export function callTerms(base: Terms, level: OptionLevel, given: object | Duration | undefined): Terms {
  return given === undefined ? base : overTerms(base, readCall(level, given))
}

/** The terms of one `set`. A bare duration is its ttl. */
export function setTerms(base: Terms, given: object | Duration | undefined): SetTerms {
  if (given === undefined) return base
  const parsed = readCall('set', given)
  const terms: SetTerms = overTerms(base, parsed)
  if (parsed.version !== undefined) terms.sourceVersion = parsed.version
  if (parsed.ifVersion !== undefined) {
    if (parsed.ifAbsent) throw new CacheError('ERR_CACHE_OPTION', 'ifAbsent and ifVersion exclude each other')
    return { ...terms, condition: { if: 'version', version: parsed.ifVersion } }
  }
  return parsed.ifAbsent ? { ...terms, condition: { if: 'absent' } } : terms
}

function readCall(level: OptionLevel, given: object | Duration): Partial<ParsedOptions> {
  if (typeof given === 'object') return readOptions(level, given)
  return { ttl: OPTIONS.ttl.parse(given, 'ttl') }
}

function unknownOption(level: OptionLevel, name: string): CacheError {
  let names = NAMES_BY_LEVEL.get(level)
  if (names === undefined) {
    names = (Object.keys(OPTIONS) as OptionName[]).filter((n) => (OPTIONS[n].levels as readonly string[]).includes(level))
    NAMES_BY_LEVEL.set(level, names)
  }
  const place = level === 'cache' ? 'createCache' : level
  const near = nearest(name, names)
  const hint = near === undefined ? `It takes ${names.join(', ')}.` : `Did you mean ${near}?`
  return new CacheError('ERR_CACHE_OPTION', `${place} has no option ${describe(name)}. ${hint}`)
}
