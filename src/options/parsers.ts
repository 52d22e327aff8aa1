/** Checks of single options: each returns the parsed value or throws ERR_CACHE_OPTION with what was given and what was expected. */
import { type Duration, parseDuration } from '../words/duration'
import { describe, misuse } from '../words/errors'
import { parseSize, type Size } from '../words/size'

/** The sizes of the table of decoded objects in front of the shared one. */
export interface L0Options {
  /** How many objects. Default 262,144. */
  maxItems?: number | undefined
  /** How many bytes their encoded forms may have together. Default half of `memory`, from 4 to 256 MiB. */
  maxBytes?: Size | undefined
}

/** `maxBytes` undefined: chosen by the memory. */
export type ParsedL0 = false | { maxItems: number; maxBytes: number | undefined }

/** What a logger must have: pino's order of arguments. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export function parseName(given: string, name: string): string {
  // A name of dots alone would be a directory.
  if (typeof given === 'string' && /^(?!\.+$)[A-Za-z0-9._-]{1,64}$/.test(given)) return given
  throw misuse('ERR_CACHE_OPTION', name, '1 to 64 letters, digits or any of "._-"', given)
}

export function parseText(given: string, name: string): string {
  if (typeof given === 'string' && given !== '' && !given.includes('\0')) return given
  throw misuse('ERR_CACHE_OPTION', name, 'a path', given)
}

export function parseMemory(given: Size, name: string): number {
  const bytes = parseSize(given, name)
  if (bytes >= 1024 * 1024) return bytes
  throw misuse('ERR_CACHE_OPTION', name, 'at least 1 MiB', given)
}

export function parseTtl(given: Duration | 'adaptive', name: string): number | 'adaptive' {
  if (given === 'adaptive') return given
  if (given === Number.POSITIVE_INFINITY) return 0
  const ms = parseDuration(given, name)
  if (ms > 0) return ms
  throw misuse('ERR_CACHE_OPTION', name, 'more than 0 (Infinity is for ever)', given)
}

export function parseFlag(given: boolean, name: string): boolean {
  if (typeof given === 'boolean') return given
  throw misuse('ERR_CACHE_OPTION', name, 'true or false', given)
}

export function parseWhole(given: number, name: string, min: number, max: number): number {
  if (Number.isSafeInteger(given) && given >= min && given <= max) return given
  throw misuse('ERR_CACHE_OPTION', name, `a whole number from ${min} to ${max}`, given)
}

export function parseL0(given: L0Options | false, name: string): ParsedL0 {
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
    maxItems: parseWhole(given.maxItems ?? 262_144, `${name}.maxItems`, 1, 2 ** 26),
    maxBytes: given.maxBytes === undefined ? undefined : parseSize(given.maxBytes, `${name}.maxBytes`),
  }
}

export function parseOneOf<T extends string>(given: T, name: string, words: readonly T[]): T {
  if (words.includes(given)) return given
  const last = `'${words.at(-1)}'`
  throw misuse('ERR_CACHE_OPTION', name, `${words.slice(0, -1).map((word) => `'${word}'`).join(', ')} or ${last}`, given)
}

export function parsePartitionBy(given: (key: string) => string, name: string): (key: string) => string {
  if (typeof given === 'function') return given
  throw misuse('ERR_CACHE_OPTION', name, 'a function', given)
}

export function parseLogger(given: Logger, name: string): Logger {
  const methods = ['debug', 'info', 'warn', 'error'] as const
  if (typeof given === 'object' && given !== null && methods.every((method) => typeof given[method] === 'function')) {
    return given
  }
  throw misuse('ERR_CACHE_OPTION', name, 'an object with debug, info, warn and error', given)
}
