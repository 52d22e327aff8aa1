/**
 * A loader's error as bytes, for those who wait for it in other processes.
 *
 * Carries name, message, code and stack, cut to size, and nothing else: errors of drivers hold
 * commands and credentials in their other fields.
 */
import { CacheError, type CacheErrorCode, ERROR_CODES } from '../words/errors'
import { Codec, decode, encode } from './codec'

const MAX_NAME_CHARS = 128
const MAX_MESSAGE_CHARS = 4096
const MAX_STACK_CHARS = 4096

interface Carried {
  name: string
  message: string
  code?: string | number
  stack?: string
}

/** Never throws, whatever was thrown. A primitive travels as itself, any other object as an Error. */
export function encodeError(error: unknown): Uint8Array {
  const packed = encode([isPrimitive(error) ? { primitive: cut(error, MAX_MESSAGE_CHARS) } : carried(error)])
  return packed.payload as Uint8Array
}

/** What `encodeError` was given: an Error with the same name, message and code, or the primitive. */
export function decodeError(bytes: Uint8Array): unknown {
  const [content] = decode(Codec.msgpack, bytes) as [Carried | { primitive: unknown }]
  if ('primitive' in content) return content.primitive
  const { name, message, code, stack } = content
  const error =
    name === 'CacheError' && typeof code === 'string' && code in ERROR_CODES
      ? new CacheError(code as CacheErrorCode, message)
      : new Error(message)
  if (error.name !== name) hide(error, 'name', name)
  if (code !== undefined && !(error instanceof CacheError)) Object.assign(error, { code })
  if (stack !== undefined) hide(error, 'stack', stack)
  return error
}

function isPrimitive(value: unknown): boolean {
  return (typeof value !== 'object' || value === null) && typeof value !== 'function' && typeof value !== 'symbol'
}

function carried(error: unknown): Carried {
  const source = error as Partial<Record<keyof Carried, unknown>>
  const result: Carried = {
    name: cut(read(source, 'name', 'Error'), MAX_NAME_CHARS),
    message: cut(read(source, 'message', 'a loader threw what is not an Error'), MAX_MESSAGE_CHARS),
  }
  const code = read<unknown>(source, 'code', undefined)
  if (typeof code === 'string') result.code = cut(code, MAX_NAME_CHARS)
  else if (typeof code === 'number') result.code = code
  const stack = read<unknown>(source, 'stack', undefined)
  if (typeof stack === 'string') result.stack = cut(stack, MAX_STACK_CHARS)
  return result
}

/** A field of a foreign object, whose getters may throw. */
function read<T>(source: Partial<Record<keyof Carried, unknown>>, field: keyof Carried, missing: T): T {
  try {
    const value = source[field]
    return typeof value === 'string' || typeof value === 'number' ? (value as T) : missing
  } catch {
    return missing
  }
}

function cut<T>(value: T, maxChars: number): T {
  return typeof value === 'string' && value.length > maxChars ? (value.slice(0, maxChars) as T) : value
}

function hide(error: Error, field: string, value: string): void {
  Object.defineProperty(error, field, { value, configurable: true, writable: true, enumerable: false })
}
