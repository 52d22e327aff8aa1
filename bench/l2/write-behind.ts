/** How many writes per second reach Redis: write-behind, a pipeline by hand, and one awaited SET after the other. */
import Redis from 'ioredis'
import type { Job, Metrics, Results } from '../outcome'
import { spreadAt } from '../statistics'
import type { Conditions, SubBench } from '../sub-bench'
import { digits, trialTable } from '../table'
import type { Size } from '../../src'
import { drained, openHost } from './hosts'
import { type OwnRedis, withRedis } from './own-redis'

const TRIALS: Record<string, { batch: number; bytes: number; journal?: string; label: string }> = {
  b8192: { batch: 8192, bytes: 100, label: '100 B values, batches of 8,192 (the default)' },
  b1000: { batch: 1000, bytes: 100, label: '100 B values, batches of 1,000' },
  k8192: { batch: 8192, bytes: 1024, journal: '512mb', label: '1 KiB values, batches of 8,192 (a journal of 512 MiB, batches of 16 MiB)' },
}
const OURS = 'write behind'
const PIPELINE = 'ioredis pipeline'
const ONE = 'ioredis, awaited SET'
/** Far more than can be on their way, so that no write takes the place of another. */
const KEYS = 100_000
const IN_ONE_TICK = 256
const LIFE_MS = 600_000

export const writeBehind: SubBench = {
  name: 'redis-write-behind',
  title: 'Writes per second that reach Redis',
  about: 'One process stores strings under 100,000 keys in turn, each with a life of ten minutes, for 2.5 seconds; the clock stops when the last one is in Redis. Beside it the same with a raw ioredis pipeline of `SET key value PX` of the same batch size, each batch sent when the one before it is answered, and with one awaited SET after the other. Redis runs on the same two cores.',
  rounds: 5,
  plan: () => Object.keys(TRIALS).flatMap((trial) => [OURS, PIPELINE, ONE].map((subject) => ({ trial, subject }))),
  measure: (job, conditions) => withRedis((redis) => measure(job, conditions, redis)),
  tables: (results) => Object.entries(TRIALS).map(([trial, { label }]) => trialTable(results, trial, label, [
    { metric: 'writes/s', label: 'writes per second', against: PIPELINE },
    { metric: 'process CPU, us', label: 'CPU of the process, µs per write' },
    { metric: 'redis CPU, us', label: 'CPU of Redis, µs per write' },
    { metric: 'accepted/s', label: 'accepted per second' },
  ])),
  charts: (results: Results) => [{
    name: 'redis-write-behind', title: 'Writes that reach Redis', axis: 'thousand writes per second; more is better', format: digits,
    groups: Object.entries(TRIALS).map(([trial, { label }]) => ({
      label,
      bars: [OURS, PIPELINE, ONE].flatMap((subject) => {
        const spread = spreadAt(results, [trial, subject, 'writes/s'])
        if (spread === undefined) return []
        return [{ label: subject, value: spread.median / 1000, range: [spread.min / 1000, spread.max / 1000] as const, isOurs: subject === OURS }]
      }),
    })),
  }],
}

interface Load {
  /** Writes for so many milliseconds; resolves to how many, when all of them are in Redis. */
  run(ms: number): Promise<{ count: number; acceptedMs: number }>
  read(key: string): Promise<unknown>
  close(): Promise<void>
}

const keyOf = (n: number): string => `user:${n % KEYS}:profile`

async function measure({ trial, subject }: Job, conditions: Conditions, redis: OwnRedis): Promise<Metrics> {
  const { batch, bytes, journal } = TRIALS[trial]!
  const value = 'v'.repeat(bytes)
  const load = await (subject === OURS ? ours({ batch, journal }, value, conditions, redis) : raw(subject === ONE ? 1 : batch, value, redis))
  try {
    await load.run(conditions.isQuick ? 50 : 500)
    const cpuS = await redis.cpuS()
    const own = process.cpuUsage()
    const startMs = performance.now()
    const { count, acceptedMs } = await load.run(conditions.isQuick ? 100 : subject === ONE ? 1000 : 2500)
    const ms = performance.now() - startMs
    const { user, system } = process.cpuUsage(own)
    const serverUs = ((await redis.cpuS()) - cpuS) * 1e6
    for (const n of [0, 7, 63]) {
      const got = await load.read(keyOf(n))
      if (got !== value) throw new Error(`${keyOf(n)} is not in Redis as it was written`)
    }
    return {
      'writes/s': (count / ms) * 1000, 'process CPU, us': (user + system) / count, 'redis CPU, us': serverUs / count,
      ...(subject === OURS ? { 'accepted/s': (count / acceptedMs) * 1000 } : {}),
    }
  } finally {
    await load.close()
  }
}

async function ours({ batch, journal }: { batch: number; journal: string | undefined }, value: string, { scratch }: Conditions, { url }: OwnRedis): Promise<Load> {
  const cache = await openHost({ scratch, host: 'a', url }, {
    memory: '512mb',
    l2: { batchRecords: batch, hardTimeout: '30s', closeTimeout: '30s', ...(journal === undefined ? {} : { journal: journal as Size, batchBytes: '16mb' }) },
  })
  let next = 0
  return {
    async run(ms) {
      const startMs = performance.now()
      const first = next
      while (performance.now() - startMs < ms) {
        const writes: Promise<number>[] = []
        for (let i = 0; i < IN_ONE_TICK; i++) writes.push(cache.set(keyOf(next++), value))
        await Promise.all(writes)
      }
      const acceptedMs = performance.now() - startMs
      await drained(cache)
      return { count: next - first, acceptedMs }
    },
    // Another host has only what is in Redis.
    async read(key) {
      const other = await openHost({ scratch, host: 'b', url }, { memory: '16mb' })
      try {
        return await other.get(key)
      } finally {
        await other.close()
      }
    },
    close: () => cache.close(),
  }
}

async function raw(batch: number, value: string, { port }: OwnRedis): Promise<Load> {
  const redis = new Redis(port)
  await redis.ping()
  let next = 0
  return {
    async run(ms) {
      const startMs = performance.now()
      const first = next
      while (performance.now() - startMs < ms) {
        if (batch === 1) await redis.set(keyOf(next++), value, 'PX', LIFE_MS)
        else {
          const pipeline = redis.pipeline()
          for (let i = 0; i < batch; i++) pipeline.set(keyOf(next++), value, 'PX', LIFE_MS)
          for (const [error] of (await pipeline.exec())!) if (error !== null) throw error
        }
      }
      return { count: next - first, acceptedMs: performance.now() - startMs }
    },
    read: (key) => redis.get(key),
    close: async () => redis.disconnect(),
  }
}
