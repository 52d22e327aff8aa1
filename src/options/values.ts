/** The options of values and of where they are looked for; part of the table in schema.ts. */
import type { Validate } from '../sync/admission'
import type { StandardSchema } from '../words/standard-schema'
import { CacheError, describe, misuse } from '../words/errors'
import { parseFlag, parseOneOf } from './parsers'
import { EVERY_READ, EVERY_READ_AND_SET, option, WIDE } from './spec'

/** How far a value that is read is checked: as this isolate, the host, or the fleet has it. */
export type Consistency = 'local' | 'host' | 'fresh'

/** A tier, or the messages between hosts. */
export type SkippedTier = 'l0' | 'l1' | 'disk' | 'l2'

export type Skips = Readonly<Record<SkippedTier, boolean>>

const TIERS = ['l0', 'l1', 'disk', 'l2'] as const

export const NO_SKIPS: Skips = { l0: false, l1: false, disk: false, l2: false }

export const VALUES = {
  /** What values have to fit. Default: nothing. */
  schema: option({
    type: 'Standard Schema or false',
    levels: WIDE,
    default: undefined as StandardSchema | false | undefined,
    shownDefault: 'none',
    doc: 'What values have to fit: a schema of Zod, Valibot, ArkType or any other that implements Standard Schema v1. It sees what is loaded or set (ERR_CACHE_SCHEMA if it does not fit), and what is decoded from a tier (a miss if it does not). What it makes of a value is used in its place, so it must accept its own output. Nothing is checked again in L0.',
    parse: parseSchema,
  }),
  /** As `schema`, a function that says whether a value fits. */
  validate: option({
    type: 'function (value, key) => boolean, or false',
    levels: WIDE,
    default: undefined as Validate | false | undefined,
    shownDefault: 'none',
    doc: 'Says whether a value fits: true, or false, or throws, or a promise. Comes after `schema`, for the same values.',
    parse: (given: Validate | false, name): Validate | false => {
      if (given === false || typeof given === 'function') return given
      throw misuse('ERR_CACHE_OPTION', name, 'a function or false', given)
    },
  }),
  /** Freezes what is read, all the way down. Default false. */
  freeze: option({
    type: "boolean or 'development'",
    levels: WIDE,
    default: false,
    shownDefault: 'false',
    doc: "Freezes objects when they are decoded, all the way down, so that who changes one that others read as well gets a TypeError (in strict mode) where it happens. `'development'`: unless NODE_ENV is `production`. Bytes, and what lies in a Map, Set or Date, cannot be frozen.",
    parse: (given: boolean | 'development', name): boolean => {
      if (given === 'development') return process.env['NODE_ENV'] !== 'production'
      if (typeof given === 'boolean') return given
      throw misuse('ERR_CACHE_OPTION', name, "true, false or 'development'", given)
    },
  }),
  /** Every read gets an object of its own. Default false. */
  clone: option({
    type: 'boolean',
    levels: EVERY_READ,
    default: false,
    shownDefault: 'false',
    doc: 'Every caller gets an object of its own, decoded for it, and may change it. Costs a decoding per read.',
    parse: parseFlag,
  }),
  /** How far a value is checked before it is used. Default 'host'. */
  consistency: option({
    type: "'local', 'host' or 'fresh'",
    levels: EVERY_READ,
    default: 'host' as Consistency,
    shownDefault: "'host'",
    doc: "`host`: the value that the host has now. `fresh`: only if Redis says that it is still the fleet's; where Redis cannot be asked, a miss. `local`: as `host`, which costs no more (see docs/usage.md).",
    parse: (given: Consistency, name) => parseOneOf(given, name, ['local', 'host', 'fresh']),
  }),
  /** Tiers that a call passes over. Default: none. */
  skip: option({
    type: "array of 'l0', 'l1', 'disk', 'l2'",
    levels: EVERY_READ_AND_SET,
    default: NO_SKIPS,
    shownDefault: '[]',
    doc: 'Tiers that a call passes over. `l0`: the value is decoded for this caller. `l1`: the host\'s table is neither read nor filled. `disk`, `l2`: neither read nor filled. A `set` without `l2` stays on this host.',
    parse: parseSkip,
  }),
}

function parseSchema(given: StandardSchema | false, name: string): StandardSchema | false {
  if (given === false) return given
  const standard = (typeof given === 'object' && given !== null) || typeof given === 'function' ? given['~standard'] : undefined
  if (typeof standard === 'object' && standard !== null && typeof standard.validate === 'function') return given
  throw misuse('ERR_CACHE_OPTION', name, 'a schema that implements Standard Schema v1, or false', given)
}

function parseSkip(given: readonly SkippedTier[], name: string): Skips {
  if (!Array.isArray(given)) throw misuse('ERR_CACHE_OPTION', name, 'an array of tiers', given)
  const skips = { ...NO_SKIPS }
  for (const tier of given as readonly string[]) {
    if (tier === 'bus') {
      throw new CacheError('ERR_CACHE_OPTION', `${name} cannot name "bus": a write and its message are one, and hosts that miss the message fetch what it told`)
    }
    if (!(TIERS as readonly string[]).includes(tier)) throw misuse('ERR_CACHE_OPTION', name, "an array of 'l0', 'l1', 'disk', 'l2'", `${describe(tier)} in it`)
    skips[tier as SkippedTier] = true
  }
  return skips
}
