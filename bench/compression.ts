/** What large compressed values cost the event loop: compressed by the pool, or in place. */
import { type CacheOptions, createCache } from '../src'
import { EncodedValue, encodeToBytes } from '../src/wire/codec'
import { CODEC_OF, pack } from '../src/wire/compressed'
import type { Job, Metrics, Results } from './outcome'
import { quantile } from './statistics'
import type { Conditions, SubBench } from './sub-bench'
import { type Table, trialTable } from './table'

const SUBJECTS = ['not compressed', 'in the pool', 'in place'] as const
const VALUE_BYTES = 1024 * 1024
const SETTINGS = { algorithm: 'brotli', level: 4 } as const

export const compression: SubBench = {
  name: 'compression',
  title: 'Compressed values and the event loop',
  about: 'JSON text of 1 MiB, which costs little to encode, brotli 4, written and read one after the other, L0 off. Blocked: the longest time between two turns of the event loop while one call is under way. Milliseconds.',
  rounds: 3,
  plan: () => SUBJECTS.map((subject) => ({ trial: '1 MiB', subject })),
  measure,
  tables,
  charts: () => [],
  isOnRequest: true,
}

async function measure({ subject }: Job, { isQuick, scratch }: Conditions): Promise<Metrics> {
  const options: CacheOptions = subject === 'not compressed' ? {} : { compression: { above: '64kb', ...SETTINGS } }
  const cache = createCache({ name: 'compression', dir: scratch, memory: '256mb', averageEntryBytes: '64kb', l0: false, ...options })
  const values = Array.from({ length: 8 }, (_, salt) => textOf(VALUE_BYTES, salt))
  const isInPlace = subject === 'in place'
  const set = (i: number): Promise<unknown> => cache.set(`k${i % 8}`, isInPlace ? compressed(values[i % 8]) : values[i % 8])
  const get = async (i: number): Promise<unknown> => (isInPlace ? cache.getSync(`k${i % 8}`) : cache.get(`k${i % 8}`))
  const count = isQuick ? 20 : 200
  for (let i = 0; i < 16; i++) await set(i)
  for (let i = 0; i < 16; i++) if ((await get(i)) === undefined) throw new Error('what was set must be there')
  const sets = await timed(count, set)
  const gets = await timed(count, get)
  const bytes = cache.stats().liveBytes / 8
  await cache.close()
  return {
    'set p50': quantile(sets.blocked, 0.5), 'set p99': quantile(sets.blocked, 0.99), 'set ms': sets.ms,
    'get p50': quantile(gets.blocked, 0.5), 'get p99': quantile(gets.blocked, 0.99), 'get ms': gets.ms, bytes,
  }
}

function compressed(value: unknown): EncodedValue {
  const { codec, bytes } = encodeToBytes(value)
  return new EncodedValue(CODEC_OF.brotli, pack(codec, bytes, SETTINGS)!)
}

/** For each call how long the loop was blocked at most, sorted; and what a call took in the mean. */
async function timed(count: number, call: (i: number) => Promise<unknown>): Promise<{ blocked: Float64Array; ms: number }> {
  const blocked = new Float64Array(count)
  const beginMs = performance.now()
  for (let i = 0; i < count; i++) blocked[i] = await longestTurn(() => call(i))
  return { blocked: blocked.sort(), ms: (performance.now() - beginMs) / count }
}

async function longestTurn(call: () => Promise<unknown>): Promise<number> {
  let longestMs = 0
  let isOver = false
  let lastMs = performance.now()
  const turn = (): void => {
    const nowMs = performance.now()
    longestMs = Math.max(longestMs, nowMs - lastMs)
    lastMs = nowMs
    if (!isOver) setImmediate(turn)
  }
  const done = call()
  turn()
  await done
  isOver = true
  turn()
  return longestMs
}

function textOf(bytes: number, salt: number): string {
  const rows = Array.from({ length: bytes / 64 }, (_, i) => ({ id: i * 7 + salt, name: `name-${(i * 2_654_435_761 + salt) % 10_007}`, note: 'words that come again and again' }))
  return JSON.stringify(rows).slice(0, bytes)
}

function tables(results: Results): Table[] {
  return [trialTable(results, '1 MiB', 'Values of 1 MiB', [
    { metric: 'set p50', label: 'set: blocked, p50' }, { metric: 'set p99', label: 'p99' }, { metric: 'set ms', label: 'set takes' },
    { metric: 'get p50', label: 'get: blocked, p50' }, { metric: 'get p99', label: 'p99' }, { metric: 'get ms', label: 'get takes' },
    { metric: 'bytes', label: 'bytes in the table' },
  ])]
}
