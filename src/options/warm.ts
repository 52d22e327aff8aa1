/** The options of stamps and of warming up; part of the table in schema.ts. */
import { type Duration, parseDuration } from '../words/duration'
import { misuse } from '../words/errors'
import { parseSize, type Size } from '../words/size'
import { parseFlag, parseWhole } from './parsers'
import { option, WIDE } from './spec'

/** How far a run has come. */
export interface WarmProgress {
  /** Entries that the run is about, where that is known. */
  total: number | undefined
  /** Entries that are dealt with: the sum of all below. */
  done: number
  /** They are in the table because of this run. */
  stored: number
  /** They were there already, in the table or in Redis. */
  present: number
  /** Nobody has a value for them. */
  missing: number
  /** Their lives were over, they had another stamp, they were damaged, or there was no room. */
  dropped: number
  failed: number
}

const MAX_CONCURRENCY = 4096

export const WARM = {
  /** Names the form of the values. Entries of other stamps are not seen. Default: none. */
  stamp: option({
    type: 'string',
    levels: WIDE,
    default: undefined as string | undefined,
    shownDefault: 'none',
    doc: 'Names the form of the values, as `v3`: entries that were written under another stamp, or none, are not seen, in the table and in Redis alike, and live out their lives beside. For this namespace and all below. 1 to 48 letters, digits or any of `._-`; see warm-up.md.',
    parse: parseStamp,
  }),
  /** Entries under way at once. Default 32. */
  concurrency: option({
    type: 'number',
    levels: ['warm', 'importHot'],
    default: 32,
    shownDefault: '32',
    doc: 'Entries under way at once, so also loads of a factory.',
    parse: (given: number, name) => parseWhole(given, name, 1, MAX_CONCURRENCY),
  }),
  /** Each ttl is shortened by a random part of up to this share. Default 0.5. */
  spreadTtl: option({
    type: 'number from 0 to 1',
    levels: ['warm'],
    default: 0.5,
    shownDefault: '0.5',
    doc: 'Each ttl is shortened by a random part of up to this share, in place of `jitter`, so that what was warmed together does not end together.',
    parse: parseShare,
  }),
  /** Stores over what is there. Default false. */
  replace: option({
    type: 'boolean',
    levels: ['warm'],
    default: false,
    shownDefault: 'false',
    doc: 'Stores over what is there, in the table and in Redis. Otherwise only what neither has a fresh value of is stored.',
    parse: parseFlag,
  }),
  /** How many entries the source has, where it does not say so itself. */
  total: option({
    type: 'number',
    levels: ['warm'],
    default: undefined as number | undefined,
    shownDefault: 'length or size of the source',
    doc: 'How many entries the source has, for `onProgress` and `ready({ warm })`.',
    parse: (given: number, name): number | undefined => parseWhole(given, name, 0, Number.MAX_SAFE_INTEGER),
  }),
  /** Is told how far the run has come. */
  onProgress: option({
    type: 'function (progress) => void',
    levels: ['warm', 'importHot'],
    default: undefined as ((progress: WarmProgress) => void) | undefined,
    shownDefault: 'none',
    doc: 'Is told `{ total, done, stored, present, missing, dropped, failed }`, at most ten times a second, and at the end.',
    parse: (given: (progress: WarmProgress) => void, name): ((progress: WarmProgress) => void) | undefined => {
      if (typeof given === 'function') return given
      throw misuse('ERR_CACHE_OPTION', name, 'a function', given)
    },
  }),
  /** Ends the run. */
  signal: option({
    type: 'AbortSignal',
    levels: ['warm', 'importHot'],
    default: undefined as AbortSignal | undefined,
    shownDefault: 'none',
    doc: 'Ends the run, which then rejects with its reason; what was stored stays.',
    parse: (given: AbortSignal, name): AbortSignal | undefined => {
      if (given instanceof AbortSignal) return given
      throw misuse('ERR_CACHE_OPTION', name, 'an AbortSignal', given)
    },
  }),
  /** How many of the hottest entries. Default 10,000. */
  limit: option({
    type: 'number',
    levels: ['hot'],
    default: 10_000,
    shownDefault: '10000',
    doc: 'How many of the hottest entries at most.',
    parse: (given: number, name) => parseWhole(given, name, 1, 2 ** 26),
  }),
  /** How many bytes of keys and values. Default: no bound. */
  bytes: option({
    type: 'size',
    levels: ['hot'],
    default: Number.POSITIVE_INFINITY,
    shownDefault: 'no bound',
    doc: 'How many bytes of keys and values at most; whatever is hotter comes first.',
    parse: (given: Size, name) => parseSize(given, name),
  }),
  /** Whether values are written, too. Default: where there is no Redis. */
  values: option({
    type: 'boolean',
    levels: ['hot'],
    default: undefined as boolean | undefined,
    shownDefault: 'true without `redis`',
    doc: 'Whether `exportHot` writes values, not only keys. With `redis` an import does not use them.',
    parse: (given: boolean, name): boolean | undefined => parseFlag(given, name),
  }),
  /** Waits until that share of what is known to be hot is there. */
  warm: option({
    type: 'number from 0 to 1',
    levels: ['ready'],
    default: undefined as number | undefined,
    shownDefault: 'not waited for',
    doc: 'Waits until that share of what `warm` and `importHot` of this cache are about is in the table; see warm-up.md.',
    parse: (given: number, name): number | undefined => parseShare(given, name),
  }),
  /** How long `warm` is waited for. Default 60 s. */
  deadline: option({
    type: 'duration',
    levels: ['ready'],
    default: 60_000,
    shownDefault: "'60s'",
    doc: 'How long `warm` is waited for; then ERR_CACHE_NOT_WARM.',
    parse: (given: Duration, name) => parseWhole(Math.ceil(parseDuration(given, name)), name, 0, 86_400_000),
  }),
}

function parseStamp(given: string, name: string): string {
  if (typeof given === 'string' && /^[A-Za-z0-9._-]{1,48}$/.test(given)) return given
  throw misuse('ERR_CACHE_OPTION', name, '1 to 48 letters, digits or any of "._-"', given)
}

function parseShare(given: number, name: string): number {
  if (typeof given === 'number' && given >= 0 && given <= 1) return given
  throw misuse('ERR_CACHE_OPTION', name, 'a number from 0 to 1', given)
}
