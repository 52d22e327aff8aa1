/** How long one call takes: get, set and miss, on keys made fresh and on the same string objects. */
import Benchmark from 'benchmark'
import { check, fill, fillAwaited, warmUp, warmUpAwaited } from './fill'
import { measureMany } from './many'
import { micros } from './micro-report'
import type { Job, Metrics } from './outcome'
import type { Conditions, SubBench } from './sub-bench'
import { openLruCache, openMap } from './subjects/in-process'
import { openLmdb } from './subjects/lmdb'
import { openRedisTcp, openRedisUnix } from './subjects/redis'
import { openCache, openCacheAllInL0, openTable } from './subjects/stratacache'
import type { AsyncSubject, OpenSubject, Subject } from './subjects/subject'
import { type NextKey, freshKeys, sameKeys, timeAwaited, timeCalls } from './timing'
import { type Dataset, type DatasetName, dataset, uniformIds, zipfIds } from './workload'

export const TABLE = 'SharedTable'
export const CACHE = 'cache'
export const CACHE_ALL = 'cache, all in L0'

const SYNC: Record<string, OpenSubject<Subject>> = {
  [TABLE]: openTable, [CACHE]: openCache, [CACHE_ALL]: openCacheAllInL0,
  Map: openMap, 'lru-cache': openLruCache, lmdb: openLmdb,
}
const ASYNC: Record<string, OpenSubject<AsyncSubject>> = { 'ioredis, unix socket': openRedisUnix, 'ioredis, loopback': openRedisTcp }

const TRIALS: Record<DatasetName | 'many', string[]> = {
  s64: [TABLE, CACHE, 'Map', 'lru-cache', 'lmdb', ...Object.keys(ASYNC)],
  s1k: [TABLE, CACHE, CACHE_ALL, 'Map', 'lru-cache', 'lmdb'],
  s16k: [TABLE, CACHE, CACHE_ALL, 'Map', 'lru-cache', 'lmdb'],
  b64: [TABLE, CACHE, 'lru-cache', 'lmdb'],
  b1k: [TABLE, CACHE, 'lru-cache', 'lmdb'],
  b16k: [TABLE, CACHE, 'lru-cache', 'lmdb'],
  obj: [CACHE, CACHE_ALL, 'Map', 'lru-cache', 'lmdb', ...Object.keys(ASYNC)],
  many: [CACHE],
}

export const micro: SubBench = {
  name: 'micro',
  title: 'One call',
  about: '100,000 entries (10,000 of 16 KiB). "fresh" keys are put together for each call, as a server does it (the time that takes is measured and taken off); "same" keys are the very string objects that were inserted. Nanoseconds per call, less is better.',
  rounds: 3,
  needsRedis: true,
  plan: () => Object.entries(TRIALS).flatMap(([trial, subjects]) => subjects.map((subject) => ({ trial, subject }))),
  measure,
  ...micros,
}

async function measure({ trial, subject }: Job, conditions: Conditions): Promise<Metrics> {
  if (trial === 'many') return measureMany(conditions)
  const data = dataset(trial as DatasetName, conditions.isQuick)
  const open = SYNC[subject]
  if (open === undefined) return measureAwaited(await ASYNC[subject]!(data, conditions, { factor: 2 }), data, conditions)
  const cache = await open(data, conditions, { factor: 2 })
  const known = fill(cache, data)
  await check(cache.get, data)
  const ms = conditions.isQuick ? 10 : 120
  const start = conditions.round * 50_021
  const zipf = zipfIds(data.count)
  const even = uniformIds(data.count)
  warmUp(cache, data, zipf)
  const timed = (call: (key: string) => unknown, next: NextKey) => timeCalls(call, next, ms)

  const first = timed(cache.get, freshKeys(data, zipf, start))
  const others = {
    'get uniform fresh': timed(cache.get, freshKeys(data, even, start)),
    'get Zipf same': timed(cache.get, sameKeys(known, zipf, start)),
    'get uniform same': timed(cache.get, sameKeys(known, even, start)),
  }
  const misses = [first, ...Object.values(others)].reduce((sum, timing) => sum + timing.misses, 0)
  const metrics: Metrics = { 'get Zipf fresh': first.nsPerCall, misses }
  for (const [name, { nsPerCall }] of Object.entries(others)) metrics[name] = nsPerCall
  metrics['miss'] = timed(cache.get, absent(data, even)).nsPerCall
  if (conditions.round === 0) Object.assign(metrics, byBenchmark(cache, known, zipf, conditions.isQuick))
  metrics['set'] = timed(setter(cache, data), freshKeys(data, even, start)).nsPerCall
  await cache.close()
  return metrics
}

async function measureAwaited(cache: AsyncSubject, data: Dataset, { isQuick, round }: Conditions): Promise<Metrics> {
  await fillAwaited(cache, data)
  await check(cache.get, data)
  const ms = isQuick ? 20 : 150
  await warmUpAwaited(cache.get, data, zipfIds(data.count), 500)
  const gets = await timeAwaited(cache.get, freshKeys(data, zipfIds(data.count), round * 50_021), ms)
  const even = await timeAwaited(cache.get, freshKeys(data, uniformIds(data.count), round * 50_021), ms)
  const sets = await timeAwaited(setter(cache, data), freshKeys(data, uniformIds(data.count), round), ms)
  await cache.close()
  return {
    'get Zipf fresh': gets.nsPerCall, 'get uniform fresh': even.nsPerCall, set: sets.nsPerCall, misses: gets.misses + even.misses,
  }
}

const sink: { last: unknown } = { last: undefined }

/** Sets values made beforehand, so that making them is not counted. */
function setter<R>(cache: { set(key: string, value: unknown): R }, data: Dataset): (key: string) => R {
  const values = Array.from({ length: Math.min(256, data.count) }, (_, id) => data.value(id, 1))
  let turn = 0
  return (key) => cache.set(key, values[turn++ & 255])
}

function absent({ keys }: Dataset, ids: Uint32Array): NextKey {
  let at = 0
  return () => `${keys.fresh(ids[at++ % ids.length]!)}?`
}

/**
 * The same question to the package `benchmark`: a get of a known string. Its loop pays for choosing
 * the key too, so it is set beside a plain loop that pays for the same.
 */
function byBenchmark(cache: Subject, known: readonly string[], ids: Uint32Array, isQuick: boolean): Metrics {
  let at = 0
  const mask = ids.length - 1
  // Kept where the compiler must see it: a lookup whose result nobody uses is removed, and then a Map takes 5 ns.
  const once = (): void => {
    sink.last = cache.get(known[ids[at++ & mask]!]!)
  }
  const bench = new Benchmark('get', once, { maxTime: isQuick ? 0.05 : 0.2, minSamples: 3 })
  bench.run()
  const rounds = isQuick ? 20_000 : 400_000
  const begin = process.hrtime.bigint()
  for (let i = 0; i < rounds; i++) once()
  const plain = Number(process.hrtime.bigint() - begin) / rounds
  return { 'benchmark ns': 1e9 / bench.hz!, 'benchmark margin %': bench.stats!.rme, 'plain loop ns': plain }
}
