/** What a read costs that misses shared memory and finds its value in Redis, beside a plain GET. */
import Redis from 'ioredis'
import type { Job, Metrics, Results } from '../outcome'
import { quantile, spreadAt } from '../statistics'
import type { Conditions, SubBench } from '../sub-bench'
import { digits, trialTable } from '../table'
import { drained, openHost } from './hosts'
import { type OwnRedis, withRedis } from './own-redis'

const TRIALS: Record<string, { bytes: number; atOnce: number; label: string }> = {
  one100: { bytes: 100, atOnce: 1, label: '100 B, one after the other' },
  one1k: { bytes: 1024, atOnce: 1, label: '1 KiB, one after the other' },
  many100: { bytes: 100, atOnce: 100, label: '100 B, 100 at once' },
}
const GET = 'ioredis GET'
const OURS = ['get', 'getOrSet']

export const miss: SubBench = {
  name: 'redis-miss',
  title: 'A miss that Redis answers',
  about: 'Every key is read once: it is not in shared memory, is read from Redis under the key\'s lease, stored in shared memory and handed out. Beside it, GET of the same values by ioredis, which does none of that.',
  rounds: 5,
  plan: () => Object.keys(TRIALS).flatMap((trial) => [...OURS, GET].map((subject) => ({ trial, subject }))),
  measure: (job, conditions) => withRedis((redis) => measure(job, conditions, redis)),
  tables: (results) => Object.entries(TRIALS).map(([trial, { label }]) => trialTable(results, trial, label, [
    { metric: 'us', label: 'µs per read', against: GET },
    { metric: 'p50, us', label: 'p50, µs' },
    { metric: 'p99, us', label: 'p99, µs' },
  ])),
  charts: (results: Results) => [{
    name: 'redis-miss', title: 'A miss that Redis answers', axis: 'microseconds per read; less is better', format: digits,
    groups: Object.entries(TRIALS).map(([trial, { label }]) => ({
      label,
      bars: [...OURS, GET].flatMap((subject) => {
        const spread = spreadAt(results, [trial, subject, 'us'])
        return spread === undefined ? [] : [{ label: subject, value: spread.median, range: [spread.min, spread.max] as const, isOurs: subject !== GET }]
      }),
    })),
  }],
}

const keyOf = (n: number): string => `user:${n}:profile`

async function measure({ trial, subject }: Job, conditions: Conditions, redis: OwnRedis): Promise<Metrics> {
  const { bytes, atOnce } = TRIALS[trial]!
  const count = conditions.isQuick ? 2_000 : 30_000
  const warm = count / 4
  const value = 'v'.repeat(bytes)
  const { read, close } = await (subject === GET ? raw(redis, count + warm, value) : ours(subject, conditions, redis, count + warm, value))
  const spans = new Float64Array(count / atOnce)
  const round = async (first: number): Promise<void> => {
    if (atOnce === 1) {
      if ((await read(keyOf(first))) !== value) throw new Error(`${keyOf(first)} came back changed`)
      return
    }
    const reads: Promise<unknown>[] = []
    for (let i = 0; i < atOnce; i++) reads.push(read(keyOf(first + i)))
    for (const got of await Promise.all(reads)) if (got !== value) throw new Error('a value came back changed')
  }
  try {
    for (let n = 0; n < warm; n += atOnce) await round(count + n)
    const startMs = performance.now()
    let beforeMs = startMs
    for (let n = 0; n < count; n += atOnce) {
      await round(n)
      const nowMs = performance.now()
      spans[n / atOnce] = nowMs - beforeMs
      beforeMs = nowMs
    }
    const us = ((beforeMs - startMs) / count) * 1000
    spans.sort()
    return { us, ...(atOnce === 1 ? { 'p50, us': quantile(spans, 0.5) * 1000, 'p99, us': quantile(spans, 0.99) * 1000 } : {}) }
  } finally {
    await close()
  }
}

interface Source {
  read(key: string): Promise<unknown>
  close(): Promise<void>
}

async function ours(subject: string, { scratch }: Conditions, { url }: OwnRedis, count: number, value: string): Promise<Source> {
  const writer = await openHost({ scratch, host: 'a', url })
  for (let n = 0; n < count; n += 500) await writer.setMany(Array.from({ length: Math.min(500, count - n) }, (_, i) => ({ key: keyOf(n + i), value })))
  await drained(writer)
  await writer.close()
  const reader = await openHost({ scratch, host: 'b', url })
  const absent = (): never => {
    throw new Error('what is in Redis is not to be loaded')
  }
  return { read: subject === 'get' ? (key) => reader.get(key) : (key) => reader.getOrSet(key, absent), close: () => reader.close() }
}

async function raw({ port }: OwnRedis, count: number, value: string): Promise<Source> {
  const redis = new Redis(port)
  for (let n = 0; n < count; n += 500) {
    const pipeline = redis.pipeline()
    for (let i = n; i < Math.min(n + 500, count); i++) pipeline.set(keyOf(i), value, 'PX', 600_000)
    await pipeline.exec()
  }
  return { read: (key) => redis.get(key), close: async () => redis.disconnect() }
}
