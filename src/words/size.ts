import { misuse } from './errors'

/** An amount of memory: a number of bytes, or a number with a unit such as `'256mb'` or `'1gib'`. */
export type Size = number | string

const PATTERN = /^\s*(\d+(?:\.\d+)?)\s*(b|[kmgt]i?b)\s*$/i
const EXPONENTS = 'bkmgt'

/** Whole bytes. Units count in powers of 1024, with or without the `i`. `name` is for the message. */
export function parseSize(given: unknown, name: string): number {
  const bytes = typeof given === 'string' ? fromText(given) : given
  if (typeof bytes !== 'number' || !(bytes >= 0 && bytes <= Number.MAX_SAFE_INTEGER)) {
    throw misuse('ERR_CACHE_OPTION', name, "bytes or a size like '64mb', '1gib'", given)
  }
  return Math.floor(bytes)
}

function fromText(text: string): number {
  const match = PATTERN.exec(text)
  if (match === null) return Number.NaN
  const unit = match[2]!.charAt(0).toLowerCase()
  return Number(match[1]) * 1024 ** EXPONENTS.indexOf(unit)
}
