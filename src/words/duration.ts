import { misuse } from './errors'

/** A span of time: a number of milliseconds, or a number with a unit such as `'250ms'` or `'5m'`. */
export type Duration = number | string

const MS_BY_UNIT = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
  ['w', 604_800_000],
])
const PATTERN = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*$/

/** Longer than any sensible life, and far below the limits of a table's clock. */
export const MAX_DURATION_MS = 100 * 365 * 86_400_000

/** Whole milliseconds, rounded up so that a positive span never becomes none. `name` is for the message. */
export function parseDuration(given: unknown, name: string): number {
  const ms = typeof given === 'string' ? fromText(given) : given
  if (typeof ms !== 'number' || !(ms >= 0 && ms <= MAX_DURATION_MS)) {
    throw misuse('ERR_CACHE_OPTION', name, "milliseconds or a duration like '250ms', '5m', '2d'", given)
  }
  return Math.ceil(ms)
}

function fromText(text: string): number {
  const match = PATTERN.exec(text)
  return match === null ? Number.NaN : Number(match[1]) * MS_BY_UNIT.get(match[2]!)!
}
