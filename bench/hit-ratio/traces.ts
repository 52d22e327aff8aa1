import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { Random, zipf as drawZipf } from '../random'

/** A sequence of requests. Keys are dense ids: every id below `distinct` occurs at least once. */
export interface Trace {
  readonly name: string
  readonly keys: Uint32Array
  readonly distinct: number
}

/** Reads a gzip file of little-endian 32-bit key ids. */
export function loadTrace(path: string): Trace {
  const bytes = gunzipSync(readFileSync(path))
  if (bytes.length % 4 !== 0) throw new Error(`${path}: ${bytes.length} bytes are no whole number of 32-bit ids`)
  const raw = new Uint32Array(bytes.length / 4)
  for (let i = 0; i < raw.length; i++) raw[i] = bytes.readUInt32LE(i * 4)
  return denseTrace(basename(path).replace(/(\.u32)?\.gz$/, ''), raw)
}

/** Renumbers the keys by first occurrence. */
export function denseTrace(name: string, raw: ArrayLike<number>): Trace {
  const ids = new Map<number, number>()
  const keys = new Uint32Array(raw.length)
  for (let i = 0; i < raw.length; i++) {
    const key = raw[i]!
    let id = ids.get(key)
    if (id === undefined) {
      id = ids.size
      ids.set(key, id)
    }
    keys[i] = id
  }
  return { name, keys, distinct: ids.size }
}

export interface ZipfOptions {
  /** Number of keys to draw from. */
  population: number
  requests: number
  skew: number
  seed?: number
}

const DEFAULT_SEED = 42

/** Independent requests, the probability of rank r proportional to 1 / r^skew. */
export function zipf(options: ZipfOptions): Trace {
  return denseTrace(`zipf ${options.skew}`, zipfIds(options))
}

/** Zipf requests of which the share `scan` goes to keys never seen before and never seen again. */
export function zipfWithScan(options: ZipfOptions & { scan: number }): Trace {
  const random = new Random((options.seed ?? DEFAULT_SEED) + 1)
  let fresh = options.population
  const raw = zipfIds(options).map((id) => (random.next() < options.scan ? fresh++ : id))
  return denseTrace(`zipf ${options.skew} + ${Math.round(options.scan * 100)} % scan`, raw)
}

/** The same keys in the same order, over and over. */
export function loop(options: { length: number; requests: number }): Trace {
  const raw = Uint32Array.from({ length: options.requests }, (_, i) => i % options.length)
  return denseTrace(`loop of ${options.length}`, raw)
}

/** Zipf requests whose popularity jumps `shifts` times: every time all ranks move on by `step` keys, round the population. */
export function shiftingPopularity(options: ZipfOptions & { shifts: number; step: number }): Trace {
  const phaseLength = Math.ceil(options.requests / (options.shifts + 1))
  const raw = zipfIds(options).map((id, i) => (id + Math.floor(i / phaseLength) * options.step) % options.population)
  return denseTrace(`zipf ${options.skew} shifting`, raw)
}

function zipfIds(options: ZipfOptions): Uint32Array {
  return drawZipf(options.population, options.skew, options.requests, options.seed ?? DEFAULT_SEED)
}
