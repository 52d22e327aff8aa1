/**
 * Values on their way into the cache: encoded by the codec of their namespace and, above a size, compressed by the pool.
 *
 * What is compressed is so everywhere: in the table, where more fits, in the journal, in Redis and on the disk. So the
 * bytes are made once, and no tier has to know.
 */
import { CodecPool } from '../wire/codec-pool'
import { inside } from '../wire/about'
import { bytesOf, Codec, EncodedValue } from '../wire/codec'
import { CODEC_OF, type Compression, isCompressed, MAX_RAW_BYTES, Packed, rawBytesOf } from '../wire/compressed'
import type { ValueCodec } from '../wire/value-codec'

export interface PackTerms {
  /** Absent: the built-in one. */
  codec?: ValueCodec | undefined
  /** Absent: nothing is compressed. */
  compression?: Compression | undefined
}

/** Who has waited so long for the pool stores plain. */
const PATIENCE_MS = 2_000

/**
 * A compressed value that is larger than that unpacked is unpacked by the pool, where its reader can wait. A MiB takes two
 * milliseconds: handing over less costs the loop as much.
 */
export const UNPACK_IN_POOL_ABOVE = 2 * 1024 * 1024

/** A value to be stored. `plain` can be stored at once; `packed`, which never rejects, is to be stored instead. */
export class Packing {
  constructor(readonly plain: EncodedValue, readonly packed: Promise<EncodedValue>) {}
}

/** What is to be stored for the value: itself, its bytes (use them at once), or what is compressed. Throws ERR_CACHE_VALUE. */
export function packing(terms: PackTerms, value: unknown): unknown | Packing {
  const { codec, compression } = terms
  if ((codec === undefined && compression === undefined) || value instanceof EncodedValue) return value
  const encoded = EncodedValue.by(codec, value)
  const pool = CodecPool.current
  if (compression === undefined || pool === undefined || isCompressed(encoded.codec) || !isAbove(encoded, compression.aboveBytes)) return encoded
  const bytes = shared(bytesOf(encoded.codec, encoded.payload))
  const plain = new EncodedValue(encoded.codec, bytes)
  return isAbove(plain, compression.aboveBytes) ? new Packing(plain, packed(pool, plain, bytes, compression)) : plain
}

/** The value as it is to be stored, when the pool is done with it. */
export function packedValue(terms: PackTerms, value: unknown): unknown | Promise<EncodedValue> {
  const stored = packing(terms, value)
  return stored instanceof Packing ? stored.packed : stored
}

/** The bytes in it, from the pool; undefined where that fails and the reader unpacks in place. */
export function unpackElsewhere({ codec, bytes }: Packed): Promise<Uint8Array | undefined> {
  return CodecPool.current?.unpack({ codec, payload: bytes }).catch(() => undefined) ?? Promise.resolve(undefined)
}

/** Of a stored value that is large and compressed; undefined for all that is decoded at once. */
export function packedOf({ codec, payload }: { codec: number; payload: string | Uint8Array }): Packed | undefined {
  if (CodecPool.current === undefined || codec < Codec.noted || typeof payload === 'string') return undefined
  let value: { codec: number; payload: Uint8Array }
  try {
    value = inside(codec, payload)
  } catch {
    return undefined
  }
  if (!isCompressed(value.codec) || value.payload.length < 8) return undefined
  return rawBytesOf(value.payload) > UNPACK_IN_POOL_ABOVE ? new Packed(value.codec, value.payload) : undefined
}

async function packed(pool: CodecPool, plain: EncodedValue, raw: Uint8Array, compression: Compression): Promise<EncodedValue> {
  const { algorithm, level } = compression
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => void (timer = setTimeout(() => resolve(undefined), PATIENCE_MS)))
  const payload = await Promise.race([pool.pack({ codec: plain.codec, raw, algorithm, level }).catch(() => undefined), late])
  clearTimeout(timer)
  return payload === undefined ? plain : new EncodedValue(CODEC_OF[algorithm], payload)
}

function isAbove({ payload }: EncodedValue, bytes: number): boolean {
  // A character takes three bytes at most; those that are in doubt are counted as bytes later.
  if (typeof payload === 'string') return payload.length * 3 > bytes && payload.length <= MAX_RAW_BYTES
  return payload.length > bytes && payload.length <= MAX_RAW_BYTES
}

/** A copy that nobody changes and the pool's threads read where it lies. */
function shared(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.from(new SharedArrayBuffer(bytes.length))
  copy.set(bytes)
  return copy
}
