/**
 * How often a cache of given size hits: the real table against policies simulated exactly.
 *
 * Sizes are numbers of entries. The table has bytes, so its `memory` is searched until a fill with
 * distinct keys leaves as many entries as the simulated cache holds; and where a replay then holds
 * more or fewer than that in its second half, it is repeated with memory corrected. Overwriting
 * replays are not: what dead records cost is their question.
 */
import { basename } from 'node:path'
import { SharedTable } from '../src/table'
import { hitRatios } from './hit-ratio-report'
import { Lru } from './hit-ratio/policies/lru'
import type { Policy } from './hit-ratio/policies/policy'
import { S3Fifo } from './hit-ratio/policies/s3-fifo'
import { Sieve } from './hit-ratio/policies/sieve'
import { WTinyLfu } from './hit-ratio/policies/w-tinylfu'
import { cacheSizes } from './hit-ratio/replay'
import { loadTrace, loop, shiftingPopularity, type Trace, zipf, zipfWithScan } from './hit-ratio/traces'
import { Random } from './random'
import type { Job, Metrics } from './outcome'
import type { Conditions, SubBench } from './sub-bench'
import { filesAt } from './trace-files'

export const TABLE = 'SharedTable'
const VALUE = Buffer.alloc(4096, 'v')
const PER_ENTRY = VALUE.length + 64

export const POLICIES: Record<string, (capacity: number, keys: number) => Policy> = {
  LRU: (capacity, keys) => new Lru(capacity, keys),
  SIEVE: (capacity, keys) => new Sieve(capacity, keys),
  'S3-FIFO': (capacity, keys) => new S3Fifo(capacity, keys),
  'S3-FIFO, promotes at 1': (capacity, keys) => new S3Fifo(capacity, keys, { promoteAt: 1 }),
  'W-TinyLFU': (capacity, keys) => new WTinyLfu(capacity, keys),
}

/** A trace, and which share of its requests overwrites instead of reading. */
interface Source {
  name: string
  make(): Trace
  overwrites: number
}

export const hitRatio: SubBench = {
  name: 'hit-ratio',
  title: 'Hit ratio',
  about: 'Requests read, and set what they miss; values of 4 KiB. Sizes are 5, 10 and 20 % of the distinct keys, at least 500 entries. The policies are exact simulations with room for that many entries; the table is the real one, its memory chosen so that it holds that many.',
  rounds: 1,
  plan: ({ paths, isQuick }) => sourcesOf(paths, isQuick).flatMap((source) => jobsOf(source, isQuick)),
  measure,
  ...hitRatios,
}

function jobsOf(source: Source, isQuick: boolean): Job[] {
  const sizes = cacheSizes(source.make())
  const used = isQuick ? sizes.slice(0, 1) : source.overwrites > 0 ? sizes.slice(1, 2) : sizes
  return used.flatMap((size) => [TABLE, ...Object.keys(POLICIES)].map((subject) => ({ trial: `${source.name}, ${size} entries`, subject })))
}

function sourcesOf(paths: readonly string[], isQuick: boolean): Source[] {
  const requests = isQuick ? 30_000 : 400_000
  const population = isQuick ? 12_000 : 60_000
  const made = (name: string, make: () => Trace, overwrites = 0): Source => ({ name, make, overwrites })
  const files = paths.flatMap(filesAt)
  const read = files.length > 0 ? files.map((path) => made(basename(path).replace(/(\.u32)?\.gz$/, ''), () => loadTrace(path))) : [
    made('Zipf 0.8', () => zipf({ population, requests, skew: 0.8 })),
    made('Zipf 1.0', () => zipf({ population, requests, skew: 1 })),
    made('Zipf 1.0 and 20 % scan', () => zipfWithScan({ population, requests, skew: 1, scan: 0.2 })),
    made('loop', () => loop({ length: isQuick ? 6000 : 12_000, requests })),
    made('shifting', () => shiftingPopularity({ population, requests, skew: 1, shifts: 6, step: population / 20 })),
  ]
  const overwritten = [0.1, 0.3].map((share) =>
    made(`overwrites ${share * 100} %`, () => zipf({ population, requests, skew: 1 }), share))
  return [...read, ...overwritten]
}

async function measure({ trial, subject }: Job, conditions: Conditions): Promise<Metrics> {
  const [, name, size] = /^(.*), (\d+) entries$/.exec(trial)!
  const source = sourcesOf(conditions.paths, conditions.isQuick).find((each) => each.name === name)!
  const trace = source.make()
  const overwrites = overwritesOf(source, trace)
  const capacity = Number(size)
  if (subject !== TABLE) return simulated(POLICIES[subject]!(capacity, trace.distinct), trace, overwrites)
  let memory = memoryFor(capacity, conditions)
  for (let turn = 0; ; turn++) {
    const metrics = replayed(trace, overwrites, memory, conditions, `replay-${turn}`)
    const surplus = metrics['resident']! - capacity
    if (source.overwrites > 0 || Math.abs(surplus) < capacity * 0.005 || turn === 2) {
      return { ...metrics, 'of capacity': metrics['resident']! / capacity, 'memory MiB': memory / 1024 ** 2 }
    }
    memory = wholePages(memory - surplus * PER_ENTRY)
  }
}

function overwritesOf({ overwrites }: Source, { keys }: Trace): Uint8Array {
  const random = new Random(9)
  return Uint8Array.from(keys, () => (random.next() < overwrites ? 1 : 0))
}

/** To a policy, an overwrite is a use of the key as a read is. */
function simulated(policy: Policy, { keys }: Trace, overwrites: Uint8Array): Metrics {
  let reads = 0
  let hits = 0
  for (let i = 0; i < keys.length; i++) {
    const isHit = policy.access(keys[i]!)
    if (overwrites[i] === 1) continue
    reads++
    if (isHit) hits++
  }
  return { 'hit ratio': hits / reads, misses: reads - hits }
}

function replayed({ keys }: Trace, overwrites: Uint8Array, memory: number, conditions: Conditions, name: string): Metrics {
  const table = openTable(memory, name, conditions)
  let reads = 0
  let hits = 0
  const resident: number[] = []
  for (let i = 0; i < keys.length; i++) {
    const key = `key:${keys[i]!}`
    if (i % 1000 === 0 && i * 2 > keys.length) resident.push(table.stats().entries)
    if (overwrites[i] === 1) {
      table.set(key, VALUE)
      continue
    }
    reads++
    if (table.getBytes(key) !== undefined) hits++
    else table.set(key, VALUE)
  }
  table.close({ unlink: true })
  return { 'hit ratio': hits / reads, misses: reads - hits, resident: resident.reduce((sum, entries) => sum + entries, 0) / resident.length }
}

/** By regula falsi; a fill leaves a number of entries that is nearly linear in the memory. */
function memoryFor(capacity: number, conditions: Conditions): number {
  let memory = capacity * PER_ENTRY + 1024 * 1024
  let best = { memory, miss: Number.POSITIVE_INFINITY }
  for (let turn = 0; turn < 6 && best.miss > 0.003; turn++) {
    const entries = entriesAfterFill(memory, capacity, `fill-${turn}`, conditions)
    const miss = Math.abs(entries - capacity) / capacity
    if (miss < best.miss) best = { memory, miss }
    memory = wholePages(memory + (capacity - entries) * PER_ENTRY)
  }
  return best.memory
}

const wholePages = (bytes: number): number => Math.max(1024 * 1024, Math.round(bytes / 4096) * 4096)

function entriesAfterFill(memory: number, capacity: number, name: string, conditions: Conditions): number {
  const table = openTable(memory, name, conditions)
  for (let id = 0; id < capacity * 2.5; id++) table.set(`fill:${id}`, VALUE)
  const { entries } = table.stats()
  table.close({ unlink: true })
  return entries
}

function openTable(memory: number, name: string, { scratch }: Conditions): SharedTable {
  return new SharedTable({ name, dir: scratch, memory, averageEntryBytes: VALUE.length + 12 })
}
