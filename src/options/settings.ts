/** Option objects to settings: unknown names refused, values parsed, levels laid over each other. */
import type { Condition } from '../l1/table'
import type { Validate, ValueAdmission } from '../sync/admission'
import type { LoadTerms } from '../sync/load-terms'
import type { Duration } from '../words/duration'
import { CacheError, describe, misuse } from '../words/errors'
import type { StandardSchema } from '../words/standard-schema'
import { nearest } from '../words/suggest'
import { joinTags } from '../wire/tags'
import { type FromEnvironment, optionsIn } from './environment'
import { PRESETS } from './presets'
import { type Durability, OPTIONS, type OptionLevel, type OptionName, type OptionsAt, type ParsedOptions, type Preset, type WriteMode } from './schema'
import { type Consistency, NO_SKIPS, type Skips } from './values'

/** What a load or a write is done under, after all levels. */
export interface Terms extends LoadTerms {
  adaptiveBounds: { minMs: number; maxMs: number }
  writeMode: WriteMode
  durability: Durability | undefined
  partitionBy: ((key: string) => string) | undefined
  schema: StandardSchema | undefined
  validate: Validate | undefined
  freeze: boolean
  clone: boolean
  consistency: Consistency
  skips: Skips
  /** By schema, validate and freeze; made by the namespace. */
  admission: ValueAdmission | undefined
  // Of one write. Undefined elsewhere and not absent: the engine gives each copy with a field more a shape of its own.
  condition: Condition | undefined
  sourceVersion: number | undefined
  /** When the call began. */
  startMs: number | undefined
  /** The value goes on with the life of another. */
  goesOn: { capAtMs: number | undefined; ageMs: number } | undefined
}

export const DEFAULT_TERMS: Terms = {
  life: { ttlMs: 0, graceMs: OPTIONS.grace.default },
  adaptive: undefined,
  adaptiveBounds: OPTIONS.adaptiveTtl.default,
  maxTtlMs: OPTIONS.maxTtl.default,
  l1TtlMs: OPTIONS.l1Ttl.default,
  jitter: OPTIONS.jitter.default,
  sliding: undefined,
  negativeTtlMs: OPTIONS.negativeTtl.default,
  errorTtlMs: OPTIONS.errorTtl.default,
  graceBackoffMs: OPTIONS.graceBackoff.default,
  timeoutMs: OPTIONS.timeout.default,
  hardTimeoutMs: OPTIONS.hardTimeout.default,
  backgroundTimeoutMs: OPTIONS.backgroundTimeout.default,
  refreshAhead: undefined,
  maxConcurrentLoads: OPTIONS.maxConcurrentLoads.default,
  singleFlight: OPTIONS.singleFlight.default,
  leaseMs: OPTIONS.leaseTimeout.default,
  forceFresh: OPTIONS.forceFresh.default,
  tags: OPTIONS.tags.default,
  writeMode: OPTIONS.writeMode.default,
  durability: OPTIONS.durability.default,
  partitionBy: OPTIONS.partitionBy.default,
  schema: undefined,
  validate: undefined,
  freeze: OPTIONS.freeze.default,
  clone: OPTIONS.clone.default,
  consistency: OPTIONS.consistency.default,
  skips: NO_SKIPS,
  admission: undefined,
  codec: undefined,
  compression: undefined,
  condition: undefined,
  sourceVersion: undefined,
  startMs: undefined,
  goesOn: undefined,
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

/** All options of a cache: what was given, over the environment, over the preset, over the defaults. */
export function cacheOptions(given: OptionsAt<'cache'> = {}, env: NodeJS.ProcessEnv = {}): ParsedOptions {
  const inEnv = optionsIn(env)
  checkVariables(inEnv)
  const preset = readOptions('cache', given).preset ?? (inEnv.options['preset'] as Preset | undefined)
  const layers: object[] = [preset === undefined ? {} : PRESETS[preset], inEnv.options, given]
  const parsed = { ...DEFAULTS, ...readOptions('cache', layers.reduce(laidOver)) }
  for (const variable of inEnv.unknown) parsed.logger?.warn({ variable }, `${variable} is no option of the cache`)
  return parsed
}

const DEFAULTS = Object.fromEntries(Object.entries(OPTIONS).map(([name, spec]) => [name, spec.default])) as ParsedOptions

/** What consists of fields is laid over field by field. */
function laidOver(base: object, over: object): object {
  const laid: Record<string, unknown> = { ...base }
  for (const [name, value] of Object.entries(over)) {
    const isByField = (name === 'l0' || name === 'l2' || name === 'disk') && typeof laid[name] === 'object' && typeof value === 'object'
    if (value !== undefined) laid[name] = isByField ? { ...(laid[name] as object), ...(value as object) } : value
  }
  return laid
}

/** What is refused is named by its variable. */
function checkVariables({ options, variables }: FromEnvironment): void {
  for (const [name, value] of Object.entries(options)) {
    try {
      readOptions('cache', { [name]: value })
    } catch (error) {
      if (!(error instanceof CacheError)) throw error
      const path = [...variables.keys()].find((key) => key.startsWith(name) && error.message.startsWith(`${key} `))
      if (path !== undefined) throw new CacheError(error.code, variables.get(path)! + error.message.slice(path.length))
      const stem = variables.get(name) ?? [...variables].find(([key]) => key.startsWith(`${name}.`))![1]
      throw new CacheError(error.code, `${stem}: ${error.message}`)
    }
  }
}

/** The terms with what was given laid over them; `base` itself when that is nothing. */
export function overTerms(base: Terms, given: Partial<ParsedOptions>): Terms {
  const adaptiveBounds = given.adaptiveTtl ?? base.adaptiveBounds
  const isAdaptive = given.ttl === undefined ? base.adaptive !== undefined : given.ttl === 'adaptive'
  const ttlMs = isAdaptive ? adaptiveBounds.minMs : (given.ttl as number | undefined) ?? base.life.ttlMs
  return {
    life: { ttlMs, graceMs: given.grace ?? base.life.graceMs },
    adaptive: isAdaptive ? adaptiveBounds : undefined,
    adaptiveBounds,
    maxTtlMs: given.maxTtl ?? base.maxTtlMs,
    l1TtlMs: given.l1Ttl ?? base.l1TtlMs,
    jitter: given.jitter ?? base.jitter,
    sliding: over(given.sliding, base.sliding),
    negativeTtlMs: given.negativeTtl ?? base.negativeTtlMs,
    errorTtlMs: given.errorTtl ?? base.errorTtlMs,
    graceBackoffMs: given.graceBackoff ?? base.graceBackoffMs,
    timeoutMs: given.timeout ?? base.timeoutMs,
    hardTimeoutMs: given.hardTimeout ?? base.hardTimeoutMs,
    backgroundTimeoutMs: given.backgroundTimeout ?? base.backgroundTimeoutMs,
    refreshAhead: over(given.refreshAhead, base.refreshAhead),
    maxConcurrentLoads: given.maxConcurrentLoads ?? base.maxConcurrentLoads,
    singleFlight: given.singleFlight ?? base.singleFlight,
    leaseMs: given.leaseTimeout ?? base.leaseMs,
    forceFresh: given.forceFresh ?? base.forceFresh,
    tags: given.tags === undefined ? base.tags : joinTags(base.tags, given.tags),
    writeMode: given.writeMode ?? base.writeMode,
    durability: given.durability ?? base.durability,
    partitionBy: given.partitionBy ?? base.partitionBy,
    schema: over(given.schema, base.schema),
    validate: over(given.validate, base.validate),
    freeze: given.freeze ?? base.freeze,
    clone: given.clone ?? base.clone,
    consistency: given.consistency ?? base.consistency,
    skips: given.skip ?? base.skips,
    admission: base.admission,
    codec: over(given.codec, base.codec),
    compression: over(given.compression, base.compression),
    condition: undefined,
    sourceVersion: undefined,
    startMs: undefined,
    goesOn: undefined,
  }
}

/** What an option that `false` turns off comes to. */
function over<T>(given: T | false | undefined, base: T | undefined): T | undefined {
  return given === undefined ? base : given === false ? undefined : given
}

/** The terms with what a loader says of its result laid over them. */
export function loadedTerms(base: LoadTerms, given: object): LoadTerms {
  return overTerms(base as Terms, readOptions('getOrSet', given))
}

/** The terms of one call. A bare duration is its ttl. */
export function callTerms(base: Terms, level: OptionLevel, given: object | Duration | undefined): Terms {
  return given === undefined ? base : overTerms(base, readCall(level, given))
}

/** The terms of one `set`. A bare duration is its ttl. */
export function setTerms(base: Terms, given: object | Duration | undefined): Terms {
  if (given === undefined) return base
  const parsed = readCall('set', given)
  const terms: Terms = overTerms(base, parsed)
  if (parsed.version !== undefined) terms.sourceVersion = parsed.version
  if (parsed.ifVersion !== undefined) {
    if (parsed.ifAbsent) throw new CacheError('ERR_CACHE_OPTION', 'ifAbsent and ifVersion exclude each other')
    return { ...terms, condition: { if: 'version', version: parsed.ifVersion } }
  }
  return parsed.ifAbsent ? { ...terms, condition: { if: 'absent' } } : terms
}

/** The terms of a batch. */
export function batchTerms(given: OptionsAt<'batch'>): { maxSize: number; maxDelayMs: number } {
  const { maxSize = OPTIONS.maxSize.default, maxDelay = OPTIONS.maxDelay.default } = readOptions('batch', given)
  return { maxSize, maxDelayMs: maxDelay }
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
