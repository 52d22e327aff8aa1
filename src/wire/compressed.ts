/**
 * Compressed payloads. The codec number tells the algorithm, so whoever has the algorithm can read them, whatever its own
 * settings are. Little-endian.
 *
 *   codec 8 zstd, 9 brotli, 10 gzip
 *
 *   0  u8 codec of what is inside (0 to 5, 7)   1  3 bytes 0   4  u32 its bytes   8  compressed bytes
 *
 * Notes stay outside, so that they are read without decompressing. Nothing is inflated beyond the size it declares, nor
 * beyond MAX_RAW_BYTES.
 */
import * as zlib from 'node:zlib'
import { CacheError } from '../words/errors'

export type Algorithm = 'zstd' | 'brotli' | 'gzip'

/** How values above a size are compressed. */
export interface Compression {
  aboveBytes: number
  level: number
  algorithm: Algorithm
}

export const CODEC_OF: Readonly<Record<Algorithm, number>> = { zstd: 8, brotli: 9, gzip: 10 }

/** Lowest, highest and usual level. */
export const LEVELS: Readonly<Record<Algorithm, readonly [low: number, high: number, usual: number]>> = {
  zstd: [1, 22, 3], brotli: [0, 11, 4], gzip: [1, 9, 6],
}

export const MAX_RAW_BYTES = 64 * 1024 * 1024

const HEAD_BYTES = 8
const NOTED = 6
const NAMED = 7
const MIN_GAIN = 0.05
/** Room is made as output comes, so that a small payload cannot ask for much. */
const MAX_CHUNK_BYTES = 1024 * 1024

type Convert = (bytes: Uint8Array, options: zlib.ZlibOptions & zlib.BrotliOptions) => Buffer

/** Absent in this Node: zstd before 22.15. */
const zstd = zlib as unknown as { zstdCompressSync?: Convert; zstdDecompressSync?: Convert }
const ZSTD_LEVEL = (zlib.constants as unknown as Record<string, number>)['ZSTD_c_compressionLevel'] ?? 100

export function hasAlgorithm(algorithm: Algorithm): boolean {
  return algorithm !== 'zstd' || zstd.zstdCompressSync !== undefined
}

export function usualAlgorithm(): Algorithm {
  return hasAlgorithm('zstd') ? 'zstd' : 'brotli'
}

export function isCompressed(codec: number): boolean {
  return codec >= CODEC_OF.zstd && codec <= CODEC_OF.gzip
}

/** The payload for codec `CODEC_OF[algorithm]`; undefined where that saves less than a twentieth. */
export function pack(codec: number, raw: Uint8Array, { algorithm, level }: Omit<Compression, 'aboveBytes'>): Uint8Array | undefined {
  const compressed = compress(raw, algorithm, level)
  if (HEAD_BYTES + compressed.length > raw.length * (1 - MIN_GAIN)) return undefined
  // A buffer of its own: it may be moved to another thread.
  const payload = Buffer.from(new ArrayBuffer(HEAD_BYTES + compressed.length))
  payload[0] = codec
  payload.writeUInt32LE(raw.length, 4)
  payload.set(compressed, HEAD_BYTES)
  return payload
}

function compress(raw: Uint8Array, algorithm: Algorithm, level: number): Buffer {
  if (algorithm === 'gzip') return zlib.gzipSync(raw, { level })
  if (algorithm === 'zstd') return zstd.zstdCompressSync!(raw, { params: { [ZSTD_LEVEL]: level } })
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = zlib.constants
  return zlib.brotliCompressSync(raw, { params: { [BROTLI_PARAM_QUALITY]: level, [BROTLI_PARAM_SIZE_HINT]: raw.length } })
}

/** A compressed value that its reader wants to have decompressed elsewhere. */
export class Packed {
  constructor(readonly codec: number, readonly bytes: Uint8Array) {}
}

let defersAbove = Number.POSITIVE_INFINITY
let ready: { bytes: Uint8Array; raw: Uint8Array } | undefined

/** Runs the step; what is larger than `aboveBytes` and would be decompressed in it comes out as `Packed`. */
export function deferring<T>(aboveBytes: number, step: () => T): T {
  const before = defersAbove
  defersAbove = aboveBytes
  try {
    return step()
  } finally {
    defersAbove = before
  }
}

/** Runs the step, in which these bytes are not decompressed again. */
export function withReady<T>({ bytes }: Packed, raw: Uint8Array | undefined, step: () => T): T {
  ready = raw === undefined ? undefined : { bytes, raw }
  try {
    return step()
  } finally {
    ready = undefined
  }
}

/** How large the value is that lies in these bytes, as they say. */
export function rawBytesOf(payload: Uint8Array): number {
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).readUInt32LE(4)
}

/** What is inside. Throws ERR_CACHE_PAYLOAD for what `pack` did not make, or this Node cannot read. */
export function unpack(codec: number, payload: Buffer): { codec: number; payload: Uint8Array } | Packed {
  const inner = payload[0] ?? 255
  if (payload.length <= HEAD_BYTES || inner > NAMED || inner === NOTED) throw damaged()
  const rawBytes = rawBytesOf(payload)
  if (rawBytes > defersAbove) return new Packed(codec, Uint8Array.prototype.slice.call(payload))
  const isReady = ready !== undefined && payload.equals(ready.bytes)
  return { codec: inner, payload: isReady ? ready!.raw : decompress(codec, payload) }
}

/** The bytes inside, alone. Throws as `unpack`. */
export function decompress(codec: number, payload: Uint8Array): Uint8Array {
  const rawBytes = rawBytesOf(payload)
  if (rawBytes === 0 || rawBytes > MAX_RAW_BYTES) throw damaged()
  const convert = codec === CODEC_OF.gzip ? zlib.gunzipSync : codec === CODEC_OF.brotli ? zlib.brotliDecompressSync : zstd.zstdDecompressSync
  if (convert === undefined) throw new CacheError('ERR_CACHE_PAYLOAD', 'zstd must be in this Node (22.15 or later) to read a value compressed with it, it is not')
  let raw: Uint8Array
  try {
    const chunkSize = Math.max(64, Math.min(rawBytes, MAX_CHUNK_BYTES))
    raw = (convert as Convert)(payload.subarray(HEAD_BYTES), { maxOutputLength: rawBytes, chunkSize })
  } catch (cause) {
    throw damaged(cause)
  }
  if (raw.length !== rawBytes) throw damaged()
  return raw
}

/** For code of users that runs in a step: their own reads are not deferred. */
export function undeferred<T>(step: () => T): T {
  return defersAbove === Number.POSITIVE_INFINITY ? step() : deferring(Number.POSITIVE_INFINITY, step)
}

function damaged(cause?: unknown): CacheError {
  return new CacheError('ERR_CACHE_PAYLOAD', 'a compressed value must be whole and of the size it declares, got damaged bytes', cause === undefined ? undefined : { cause })
}
