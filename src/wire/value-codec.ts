/**
 * Codecs that users bring, beside the built-in one. Their values have codec number 7, whatever the codec, and say by name
 * what made them: nobody has to hand out numbers, and who does not know the name knows that it cannot read the bytes.
 *
 *   0  u8 bytes of the name   1  name (ASCII)   then the codec's own bytes
 *
 * A name stands for a format, hence the version in it. It is known to the whole isolate as soon as one of its caches was
 * given the codec; of two codecs of one name the later is used.
 */
import { CacheError, describe } from '../words/errors'

export interface ValueCodec {
  /** Names the format, with a version: 'superjson@2'. Another format needs another name. */
  readonly name: string
  /** The value as bytes. What it throws rejects the write with ERR_CACHE_VALUE. */
  encode(value: unknown): Uint8Array
  /** The value of bytes that `encode` made, here or in another process. What it throws is a miss. The bytes may be kept. */
  decode(bytes: Uint8Array): unknown
}

const NAME = /^[A-Za-z0-9._/-]{1,48}@[A-Za-z0-9._-]{1,15}$/

const codecByName = new Map<string, ValueCodec>()

export function isCodecName(name: unknown): name is string {
  return typeof name === 'string' && NAME.test(name)
}

/** From now on this isolate reads what the codec has written. */
export function registerCodec(codec: ValueCodec): void {
  codecByName.set(codec.name, codec)
}

/** Throws ERR_CACHE_VALUE for what the codec refuses. The bytes are a copy. */
export function encodeNamed(codec: ValueCodec, value: unknown): Uint8Array {
  let bytes: unknown
  try {
    bytes = codec.encode(value)
  } catch (cause) {
    throw new CacheError('ERR_CACHE_VALUE', `value must be storable by codec ${codec.name}, got ${describe(value)}`, { cause })
  }
  if (!(bytes instanceof Uint8Array)) {
    throw new CacheError('ERR_CACHE_VALUE', `codec ${codec.name} must encode to a Uint8Array, got ${describe(bytes)}`)
  }
  return Buffer.concat([Buffer.from([codec.name.length]), Buffer.from(codec.name, 'latin1'), bytes])
}

/** Throws ERR_CACHE_PAYLOAD for a codec that is not known here, and for what the codec cannot read. */
export function decodeNamed(bytes: Buffer): unknown {
  const end = 1 + (bytes[0] ?? 0)
  const name = bytes.toString('latin1', 1, end)
  if (end > bytes.length || !isCodecName(name)) throw new CacheError('ERR_CACHE_PAYLOAD', 'the name of the codec must be whole, got damaged bytes')
  const codec = codecByName.get(name)
  if (codec === undefined) throw new CacheError('ERR_CACHE_PAYLOAD', `codec ${name} must be known to this process to read its values, it was given to none of its caches`)
  let value: unknown
  try {
    value = codec.decode(Uint8Array.prototype.slice.call(bytes, end))
  } catch (cause) {
    throw new CacheError('ERR_CACHE_PAYLOAD', `codec ${name} must read its own bytes, it threw`, { cause })
  }
  if (value === undefined) throw new CacheError('ERR_CACHE_PAYLOAD', `codec ${name} must decode to a value, got undefined`)
  return value
}
