/**
 * Every option, once: its name, where it may stand, its type, default and meaning. The types of
 * the option objects, their validation (`settings.ts`) and docs/options.md all come from this
 * table.
 */
import { type Duration, parseDuration } from './words/duration'
import { describe, misuse } from './words/errors'
import { checkNamespaceName } from './words/keys'
import { parseSize, type Size } from './words/size'

/** Where an option may stand: in `createCache`, in `namespace`, or in the call of that name. */
export type OptionLevel = 'cache' | 'namespace' | 'getOrSet' | 'set' | 'touch'

export interface OptionSpec<Given, Parsed, Levels extends readonly OptionLevel[]> {
  /** The type as the documentation shows it. */
  type: string
  levels: Levels
  default: Parsed
  /** The default as the documentation shows it. */
  shownDefault: string
  doc: string
  parse: (given: Given, name: string) => Parsed
}

/** The sizes of the table of decoded objects in front of the shared one. */
export interface L0Options {
  /** How many objects. Default 131,072. */
  maxItems?: number | undefined
  /** How many bytes their encoded forms may have together. Default a quarter of `memory`, from 4 to 64 MiB. */
  maxBytes?: Size | undefined
}

/** `maxBytes` undefined: chosen by the memory. */
type ParsedL0 = false | { maxItems: number; maxBytes: number | undefined }

/** What a logger must have: pino's order of arguments. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

const EVERY_LIFE = ['cache', 'namespace', 'getOrSet', 'set', 'touch'] as const
const EVERY_LOAD = ['cache', 'namespace', 'getOrSet'] as const

export const OPTIONS = {
  /** Which cache of this host: every process that gives the same name (and `dir`) shares one. */
  name: option({
    type: 'string',
    levels: ['cache'],
    default: 'default',
    shownDefault: "'default'",
    doc: 'Which cache of this host. Every process that gives the same name and `dir` shares one. 1 to 64 letters, digits or any of `._-`.',
    parse: parseName,
  }),
  /** Size of the shared region, fixed by the process that creates it. A number is bytes. */
  memory: option({
    type: 'size',
    levels: ['cache'],
    default: 64 * 1024 * 1024,
    shownDefault: "'64mb'",
    doc: 'Size of the shared region, fixed by the process that creates it. At least 1 MiB.',
    parse: parseMemory,
  }),
  /** Directory of the region. Default: a private directory in shared memory. */
  dir: option({
    type: 'string',
    levels: ['cache'],
    default: undefined as string | undefined,
    shownDefault: 'a private directory in /dev/shm',
    doc: 'Directory of the region. On a disk, the cache survives a reboot.',
    parse: (given: string, name) => parseText(given, name),
  }),
  /** Expected size of an entry, key and value together, in bytes. It sizes the index. */
  averageEntryBytes: option({
    type: 'size',
    levels: ['cache'],
    default: 512,
    shownDefault: '512',
    doc: 'Expected size of an entry, key and value together. It sizes the index, so guess low rather than high.',
    parse: (given: Size, name) => parseWhole(parseSize(given, name), name, 16, 16 * 1024 * 1024),
  }),
  /** Names the namespace all keys of this cache live in. Default: the root. */
  namespace: option({
    type: 'string',
    levels: ['cache'],
    default: undefined as string | undefined,
    shownDefault: 'the root',
    doc: 'The namespace all keys of this cache live in. 1 to 64 letters, digits or any of `._:@-`.',
    parse: (given: string) => {
      checkNamespaceName(given)
      return given
    },
  }),
  /** How long an entry is fresh. Default: for ever. A number is milliseconds. */
  ttl: option({
    type: 'duration or Infinity',
    levels: EVERY_LIFE,
    default: 0,
    shownDefault: 'for ever',
    doc: 'How long an entry is fresh. A number is milliseconds. `Infinity` is for ever.',
    parse: parseTtl,
  }),
  /** How long after `ttl` an entry may still be served while or because a load does not succeed. */
  grace: option({
    type: 'duration',
    levels: EVERY_LIFE,
    default: 0,
    shownDefault: '0',
    doc: 'How long after `ttl` an entry is kept as stale: `getOrSet` serves it while somebody else loads and when its loader fails; after a failure the host leaves the source alone for a second.',
    parse: (given: Duration, name) => parseDuration(given, name),
  }),
  /** Loads even when a fresh value is there. Default false. */
  forceFresh: option({
    type: 'boolean',
    levels: EVERY_LOAD,
    default: false,
    shownDefault: 'false',
    doc: 'Loads even when a fresh value is there. The value returned was loaded after the call began.',
    parse: parseFlag,
  }),
  /** How long one load may keep others waiting. Then the next caller loads. Default 30 s. */
  leaseTimeout: option({
    type: 'duration',
    levels: EVERY_LOAD,
    default: 30_000,
    shownDefault: "'30s'",
    doc: 'How long one load may keep others waiting. Then another caller loads, and the late result is not stored.',
    parse: (given: Duration, name) => parseWhole(parseDuration(given, name), name, 1, 86_400_000),
  }),
  /** Stores only if the key has no entry. Default false. */
  ifAbsent: option({
    type: 'boolean',
    levels: ['set'],
    default: false,
    shownDefault: 'false',
    doc: 'Stores only if the key has no entry.',
    parse: parseFlag,
  }),
  /** Stores only over the entry of this version, as `getEntry` gave it. */
  ifVersion: option({
    type: 'number',
    levels: ['set'],
    default: undefined as number | undefined,
    shownDefault: 'any',
    doc: 'Stores only over the entry of this version, as `getEntry` gave it.',
    parse: (given: number, name) => parseWhole(given, name, 1, Number.MAX_SAFE_INTEGER),
  }),
  /** Sizes of the table of decoded objects in each isolate; false for none. */
  l0: option({
    type: '{ maxItems, maxBytes } or false',
    levels: ['cache'],
    default: { maxItems: 131_072, maxBytes: undefined } as ParsedL0,
    shownDefault: '{ maxItems: 131072, maxBytes: memory / 4, 4mb to 64mb }',
    doc: 'Sizes of the table of decoded objects in each isolate. `false` decodes on every read.',
    parse: parseL0,
  }),
  /** What to do where no native binary loads: an in-process table, or throw. Default 'process'. */
  fallback: option({
    type: "'process' or 'error'",
    levels: ['cache'],
    default: 'process' as 'process' | 'error',
    shownDefault: "'process'",
    doc: 'Where no native binary loads: use a table within the process (and warn once), or throw ERR_CACHE_NATIVE_MISSING.',
    parse: parseFallback,
  }),
  /** Receives what is worth knowing; pino's shape. Default: silence. */
  logger: option({
    type: 'object with debug, info, warn, error',
    levels: ['cache'],
    default: undefined as Logger | undefined,
    shownDefault: 'silent',
    doc: 'Receives what is worth knowing, as `(fields, message)`; a pino logger fits.',
    parse: parseLogger,
  }),
}

export type OptionName = keyof typeof OPTIONS

type Schema = typeof OPTIONS
type Given<Spec> = Spec extends OptionSpec<infer G, infer _P, infer _L> ? G : never
type IsAt<Spec, Level> = Spec extends OptionSpec<infer _G, infer _P, infer L> ? (Level extends L[number] ? true : false) : false

/** The option object accepted at a level. */
export type OptionsAt<Level extends OptionLevel> = {
  [Name in keyof Schema as IsAt<Schema[Name], Level> extends true ? Name : never]?: Given<Schema[Name]> | undefined
}

/** Every option with its parsed value. */
export type ParsedOptions = {
  [Name in keyof Schema]: Schema[Name] extends OptionSpec<infer _G, infer P, infer _L> ? P : never
}

function option<G, P, const L extends readonly OptionLevel[]>(spec: OptionSpec<G, P, L>): OptionSpec<G, P, L> {
  return spec
}

function parseName(given: string, name: string): string {
  // A name of dots alone would be a directory.
  if (typeof given === 'string' && /^(?!\.+$)[A-Za-z0-9._-]{1,64}$/.test(given)) return given
  throw misuse('ERR_CACHE_OPTION', name, '1 to 64 letters, digits or any of "._-"', given)
}

function parseText(given: string, name: string): string {
  if (typeof given === 'string' && given !== '' && !given.includes('\0')) return given
  throw misuse('ERR_CACHE_OPTION', name, 'a path', given)
}

function parseMemory(given: Size, name: string): number {
  const bytes = parseSize(given, name)
  if (bytes >= 1024 * 1024) return bytes
  throw misuse('ERR_CACHE_OPTION', name, 'at least 1 MiB', given)
}

function parseTtl(given: Duration, name: string): number {
  if (given === Number.POSITIVE_INFINITY) return 0
  const ms = parseDuration(given, name)
  if (ms > 0) return ms
  throw misuse('ERR_CACHE_OPTION', name, 'more than 0 (Infinity is for ever)', given)
}

function parseFlag(given: boolean, name: string): boolean {
  if (typeof given === 'boolean') return given
  throw misuse('ERR_CACHE_OPTION', name, 'true or false', given)
}

function parseWhole(given: number, name: string, min: number, max: number): number {
  if (Number.isSafeInteger(given) && given >= min && given <= max) return given
  throw misuse('ERR_CACHE_OPTION', name, `a whole number from ${min} to ${max}`, given)
}

function parseL0(given: L0Options | false, name: string): ParsedL0 {
  if (given === false) return false
  if (typeof given !== 'object' || given === null) {
    throw misuse('ERR_CACHE_OPTION', name, 'false or { maxItems, maxBytes }', given)
  }
  for (const field of Object.keys(given)) {
    if (field !== 'maxItems' && field !== 'maxBytes') {
      throw misuse('ERR_CACHE_OPTION', name, 'false or { maxItems, maxBytes }', `field ${describe(field)}`)
    }
  }
  return {
    maxItems: parseWhole(given.maxItems ?? 131_072, `${name}.maxItems`, 1, 2 ** 26),
    maxBytes: given.maxBytes === undefined ? undefined : parseSize(given.maxBytes, `${name}.maxBytes`),
  }
}

function parseFallback(given: 'process' | 'error', name: string): 'process' | 'error' {
  if (given === 'process' || given === 'error') return given
  throw misuse('ERR_CACHE_OPTION', name, "'process' or 'error'", given)
}

function parseLogger(given: Logger, name: string): Logger {
  const methods = ['debug', 'info', 'warn', 'error'] as const
  if (typeof given === 'object' && given !== null && methods.every((method) => typeof given[method] === 'function')) {
    return given
  }
  throw misuse('ERR_CACHE_OPTION', name, 'an object with debug, info, warn and error', given)
}
