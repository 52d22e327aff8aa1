/** Arguments of a call as the text of a key: the same for the same arguments, and for no others. */
import { createHash } from 'node:crypto'
import { CacheError, describe } from '../words/errors'
import { MAX_KEY_BYTES } from '../words/keys'

const MAX_DEPTH = 32

/**
 * Of texts, numbers, bigints, booleans, null, undefined, dates, and arrays and plain objects of them, in whatever order their
 * fields stand. Undefined at the end counts as not given. Long ones are hashed. Throws ERR_CACHE_ARGUMENT for anything else.
 */
export function keyOfArguments(given: readonly unknown[]): string {
  const last = given.findLastIndex((argument) => argument !== undefined)
  const key = `(${given.slice(0, last + 1).map((argument) => shown(argument, 0)).join(',')})`
  if (key.length * 3 <= MAX_KEY_BYTES || Buffer.byteLength(key) <= MAX_KEY_BYTES) return key
  return `#${createHash('sha256').update(key).digest('base64url')}`
}

function shown(value: unknown, depth: number): string {
  if (depth > MAX_DEPTH) throw refusal('something nested too deeply or a cycle')
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value)
    case 'bigint':
      return `${value}n`
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value)
    case 'object':
      return value === null ? 'null' : shownObject(value, depth)
    default:
      throw refusal(describe(value))
  }
}

function shownObject(value: object, depth: number): string {
  if (value instanceof Date) return `Date(${value.getTime()})`
  if (Array.isArray(value)) return `[${Array.from(value, (each) => shown(each, depth + 1)).join(',')}]`
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) throw refusal(`an object of class ${(value.constructor as Function | undefined)?.name ?? '?'}`)
  const fields = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${shown(field, depth + 1)}`).join(',')}}`
}

function refusal(given: string): CacheError {
  return new CacheError('ERR_CACHE_ARGUMENT', `an argument must be data that can stand in a key, got ${given}: give memoize a key function`)
}
