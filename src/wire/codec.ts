/**
 * Values to bytes and back. The only importer of msgpackr.
 *
 *   codec  payload
 *   0      string, one byte per character (latin1)
 *   1      string, UTF-8
 *   2      string, UTF-16 little-endian: ill-formed strings, and those it makes shorter
 *   3      bytes as they are; a Buffer comes out
 *   4      msgpack
 *   5      msgpack with inline records, used for values that hold a Map: objects are records and
 *          maps are maps, which plain msgpack cannot tell apart
 *   6      notes, then any of the others but 11 (notes.ts)
 *   7      a codec of the user's, by its name (value-codec.ts)
 *   8-10   any of 0 to 5 and 7, compressed (compressed.ts)
 *   11     tags, then any of the others (tags.ts)
 *
 * Codec numbers are read by other processes: never renumber, only add. Every payload stands alone.
 *
 * Round-trips: null, booleans, numbers, bigints, strings, bytes, arrays, plain objects, Date, Map,
 * Set, typed arrays, ArrayBuffer; undefined inside an object or array.
 * Comes back changed: -0 as 0; a hole as undefined; a class instance as a plain object (through
 * `toJSON` if it has one); an own key `__proto__` as `__proto_`; inside objects an ill-formed string
 * with U+FFFD, and a Uint8Array that is no Buffer as itself.
 * Refused with ERR_CACHE_VALUE: undefined as the whole value; functions, symbols, promises, errors,
 * regular expressions, weak collections and cycles anywhere.
 */
import type * as Msgpackr from 'msgpackr'
import { CacheError, describe } from '../words/errors'
import { CODEC_OF, Packed, undeferred, unpack as unpackCompressed } from './compressed'
import { behindNotes, type Notes, writeNotes } from './notes'
import { behindTags, type Tags, writeTags } from './tags'
import { decodeNamed, encodeNamed, type ValueCodec } from './value-codec'

export const Codec = { latin1: 0, utf8: 1, utf16: 2, bytes: 3, msgpack: 4, msgpackRecords: 5, noted: 6, named: 7, ...CODEC_OF, tagged: 11 } as const

export interface Encoded {
  codec: number
  /** The string itself for the string codecs. Bytes may alias the value or a pool: copy them before returning to the caller. */
  payload: string | Uint8Array
}

/** A value that is encoded already: stands for it wherever a value is stored. The payload is not changed afterwards. */
export class EncodedValue implements Encoded {
  readonly codec: number
  payload: string | Uint8Array

  /** Throws ERR_CACHE_VALUE for what cannot be stored. */
  static of(value: unknown): EncodedValue {
    if (value instanceof EncodedValue) return value
    const { codec, payload } = encode(value)
    return new EncodedValue(codec, payload)
  }

  /** The value by a codec of the user's. null and what is encoded already are the built-in codec's. Throws as `of`. */
  static by(codec: ValueCodec | undefined, value: unknown): EncodedValue {
    if (codec === undefined || value === null || value === undefined || value instanceof EncodedValue) return EncodedValue.of(value)
    return new EncodedValue(Codec.named, encodeNamed(codec, value))
  }

  /** The value with notes in front. Throws ERR_CACHE_VALUE for what cannot be stored. */
  static noted(value: unknown, notes: Notes): EncodedValue {
    const { codec, bytes } = encodeToBytes(value)
    return new EncodedValue(Codec.noted, writeNotes(notes, codec, bytes))
  }

  /** The value with tags in front. Throws ERR_CACHE_VALUE for what cannot be stored. */
  static tagged(value: unknown, tags: Tags): EncodedValue {
    const { codec, bytes } = encodeToBytes(value)
    return new EncodedValue(Codec.tagged, writeTags(tags, codec, bytes))
  }

  /** Bytes of any codec, or the string itself for a string codec. */
  constructor(codec: number, payload: string | Uint8Array) {
    this.codec = codec
    this.payload = payload
  }

  /** Makes the payload a copy that nobody else can change. */
  detach(): void {
    if (typeof this.payload !== 'string') this.payload = Uint8Array.prototype.slice.call(this.payload)
  }
}

const MAP_SEEN = new Error('a Map needs inline records')

const msgpackr = loadPrivateCopy()
refuseExtensions()
const SETTINGS = { copyBuffers: true, moreTypes: true, structuredClone: false, writeFunction: refuseFunction }
const plain = new msgpackr.Packr({ ...SETTINGS, useRecords: false, mapsAsObjects: true })
const records = new msgpackr.Packr({ ...SETTINGS, useRecords: true, mapsAsObjects: false })

// msgpackr asks for this setting exactly when it meets a Map. Stopping there finds Maps without a
// second walk over every value. (test/unit/codec.test.ts holds it.)
Object.defineProperty(plain, 'mapAsEmptyObject', {
  get(): boolean {
    throw MAP_SEEN
  },
})

const NOT_LATIN1 = /[^\0-\xff]/

/** Throws ERR_CACHE_VALUE for what cannot be stored. An `EncodedValue` is taken as it is. */
export function encode(value: unknown): Encoded {
  if (typeof value === 'string') return { codec: stringCodec(value), payload: value }
  if (value instanceof Uint8Array) return { codec: Codec.bytes, payload: value }
  if (value instanceof EncodedValue) return value
  if (value === undefined) throw new CacheError('ERR_CACHE_VALUE', 'value must be defined, got undefined')
  try {
    return { codec: Codec.msgpack, payload: plain.pack(value) }
  } catch (error) {
    if (error !== MAP_SEEN) throw refusal(value, error)
  }
  try {
    return { codec: Codec.msgpackRecords, payload: records.pack(value) }
  } catch (error) {
    throw refusal(value, error)
  }
}

/** As `encode`, with strings as bytes too. Throws ERR_CACHE_VALUE. The bytes may alias the value or a pool. */
export function encodeToBytes(value: unknown): { codec: number; bytes: Uint8Array } {
  const { codec, payload } = encode(value)
  return { codec, bytes: bytesOf(codec, payload) }
}

/** The bytes of a payload; those of a string by its codec. */
export function bytesOf(codec: number, payload: string | Uint8Array): Uint8Array {
  if (typeof payload !== 'string') return payload
  return Buffer.from(payload, codec === Codec.latin1 ? 'latin1' : codec === Codec.utf8 ? 'utf8' : 'utf16le')
}

/** The value of a payload; `Packed` only within `deferring`. It never aliases `bytes`. Throws ERR_CACHE_PAYLOAD for what no `encode` made. */
export function decode(codec: number, bytes: Uint8Array): unknown {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  switch (codec) {
    case Codec.latin1:
      return buffer.toString('latin1')
    case Codec.utf8:
      return buffer.toString('utf8')
    case Codec.utf16:
      return buffer.toString('utf16le')
    case Codec.bytes:
      return Buffer.from(buffer)
    case Codec.msgpack:
      return unpack(plain, buffer)
    case Codec.msgpackRecords:
      return unpack(records, buffer)
    case Codec.noted: {
      const value = behindNotes(buffer)
      return decode(value.codec, value.payload)
    }
    case Codec.named:
      return undeferred(() => decodeNamed(buffer))
    case Codec.zstd:
    case Codec.brotli:
    case Codec.gzip: {
      const inner = unpackCompressed(codec, buffer)
      return inner instanceof Packed ? inner : decode(inner.codec, inner.payload)
    }
    case Codec.tagged: {
      const value = behindTags(buffer)
      return decode(value.codec, value.payload)
    }
    default:
      throw new CacheError('ERR_CACHE_PAYLOAD', `codec must be 0 to ${Codec.tagged}, got ${codec}`)
  }
}

/** One byte is enough for each character. Of a string that the engine keeps so, known without looking through it. */
export function isLatin1(text: string): boolean {
  return !NOT_LATIN1.test(text)
}

function stringCodec(text: string): number {
  if (isLatin1(text)) return Codec.latin1
  if (!text.isWellFormed()) return Codec.utf16
  return Buffer.byteLength(text) <= text.length * 2 ? Codec.utf8 : Codec.utf16
}

function unpack(packr: Msgpackr.Packr, bytes: Buffer): unknown {
  try {
    return packr.unpack(bytes)
  } catch (cause) {
    throw new CacheError('ERR_CACHE_PAYLOAD', 'payload must be whole msgpack, got damaged bytes', { cause })
  }
}

function refusal(value: unknown, cause: unknown): CacheError {
  const reason = cause instanceof RangeError ? 'cyclic or nested too deeply' : (cause as Error).message
  return new CacheError('ERR_CACHE_VALUE', `value must be storable, got ${describe(value)}: ${reason}`, { cause })
}

function refuseFunction(): never {
  throw new TypeError('functions cannot be stored')
}

/** A copy of msgpackr nobody else holds: its table of extensions belongs to the module, and both
 * our refusals and another package's extensions would otherwise leak through it. */
function loadPrivateCopy(): typeof Msgpackr {
  const id = require.resolve('msgpackr')
  const shared = require.cache[id]
  delete require.cache[id]
  try {
    return require(id) as typeof Msgpackr
  } finally {
    if (shared === undefined) delete require.cache[id]
    else require.cache[id] = shared
  }
}

function refuseExtensions(): void {
  const classes: [name: string, type: number, Class: Function][] = [
    ['errors', 0x65, Error],
    ['regular expressions', 0x78, RegExp],
    ['promises', 0x51, Promise],
    ['weak collections', 0x51, WeakMap],
    ['weak collections', 0x51, WeakSet],
    ['weak collections', 0x51, WeakRef],
  ]
  for (const [name, type, Class] of classes) {
    const refuse = (): never => {
      throw new TypeError(`${name} cannot be stored`)
    }
    msgpackr.addExtension({ Class, type, write: refuse, unpack: refuse })
  }
  // References between parts of a value, and strings bundled apart: we never write them.
  for (const type of [0x62, 0x69, 0x70]) {
    msgpackr.addExtension({
      type,
      unpack: () => {
        throw new TypeError(`extension ${type} is refused`)
      },
    })
  }
}
