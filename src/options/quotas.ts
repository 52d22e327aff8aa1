/** The options of who may take how much room; part of the table in schema.ts. */
import { misuse } from '../words/errors'
import { parseSize, type Size } from '../words/size'
import { option } from './spec'

const MIN_QUOTA_BYTES = 1024

export const QUOTAS = {
  /** How many bytes the entries of a namespace and of those below it may have. Default: no bound. */
  quota: option({
    type: 'size or Infinity',
    levels: ['cache', 'namespace'],
    default: undefined as number | undefined,
    shownDefault: 'that of the host, at first none',
    doc: 'How many bytes the entries of the namespace and of those below it may have together on the host, keys and headers included. When it is full, its own entries give way. Of the whole host: the last value given stands, also for processes that give none. `Infinity`: no bound. Not handed down; at most 255 namespaces have one. See freshness.md.',
    parse: (given: Size, name): number | undefined => {
      const bytes = sizeOrNone(given, name)
      if (bytes >= MIN_QUOTA_BYTES) return bytes
      throw misuse('ERR_CACHE_OPTION', name, `at least ${MIN_QUOTA_BYTES} bytes`, given)
    },
  }),
  /** How many bytes `null` entries may have. Default: a twentieth of the memory. */
  negativeQuota: option({
    type: 'size or Infinity',
    levels: ['cache'],
    default: undefined as number | undefined,
    shownDefault: 'a twentieth of `memory`',
    doc: 'How many bytes all entries with `null` (`notFound()` of the loader context) and the remembered errors of loads may have on the host, so that a flood of unknown keys evicts no values. They give way to each other. 0: none is kept. Of the whole host, as `quota`. `Infinity`: no bound.',
    parse: (given: Size, name): number | undefined => sizeOrNone(given, name),
  }),
}

function sizeOrNone(given: Size, name: string): number {
  return given === Number.POSITIVE_INFINITY ? given : parseSize(given, name)
}
