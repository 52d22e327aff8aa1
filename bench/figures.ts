/** The figures this project set out to reach, and where in the results each is found. */
import { hitTrials, lead, meanOf, overwriteTrials, at } from './hit-ratio-report'
import { type Place, ratioOf, type Spread, spreadAt } from './statistics'
import type { Results } from './outcome'
import { digits, times } from './table'

export interface Figure {
  /** The heading it stands under. */
  group: string
  /** What is to be reached, in words. */
  goal: string
  bench: string
  /** Undefined where the run did not measure it. */
  read(results: Results): Reading | undefined
}

export interface Reading {
  measured: string
  ratio: string
  isReached: boolean | 'no limit set'
}

const FRESH = 'get Zipf fresh'
const EVEN = 'get uniform fresh'
const SAME = 'get Zipf same'

const shown = ({ median, min, max }: Spread, unit: string): string =>
  min === max ? `${digits(median)}${unit}` : `${digits(median)}${unit} (${digits(min)}–${digits(max)})`

/** Ours against theirs, times: at most `limit` of theirs. */
function atMost(group: string, what: string, bench: string, ours: Place, theirs: Place, limit: number, unit = 'ns'): Figure {
  return {
    group, goal: `${what}: at most ${limit} x ${theirs[1]}`, bench,
    read: (results) => {
      const [own, other, ratio] = [spreadAt(results, ours), spreadAt(results, theirs), ratioOf(results, ours, theirs)]
      if (!own || !other || !ratio) return undefined
      return { measured: `${digits(own.median)} ${unit} against ${digits(other.median)} ${unit}`, ratio: shown(ratio, 'x'), isReached: ratio.median <= limit }
    },
  }
}

/** Theirs against ours: at least `limit` times. For times per call theirs is on top, for rates ours. */
function atLeast(group: string, what: string, bench: string, above: Place, below: Place, limit: number, unit: string): Figure {
  return {
    group, goal: what, bench,
    read: (results) => {
      const [one, two, ratio] = [spreadAt(results, above), spreadAt(results, below), ratioOf(results, above, below)]
      if (!one || !two || !ratio) return undefined
      return { measured: `${digits(one.median)} against ${digits(two.median)} ${unit}`, ratio: shown(ratio, 'x'), isReached: ratio.median >= limit }
    },
  }
}

const get = (what: string, trial: string, subject: string, metric: string, peer: string, limit: number): Figure =>
  atMost('get', what, 'micro', [trial, subject, metric], [trial, peer, metric], limit)

const faster = (group: string, what: string, bench: string, trial: string, subject: string, metric: string, peer: string, limit: number): Figure =>
  atLeast(group, `${what}: at least ${limit} x faster than ${peer}`, bench, [trial, peer, metric], [trial, subject, metric], limit, 'ns')

/** A metric that is judged by itself. */
function plain(group: string, goal: string, bench: string, place: Place, unit: string, judge: (value: number) => Reading['isReached']): Figure {
  return {
    group, goal, bench,
    read: (results) => {
      const spread = spreadAt(results, place)
      if (!spread) return undefined
      return { measured: shown(spread, unit), ratio: unit === 'x' ? times(spread.median) : '', isReached: judge(spread.median) }
    },
  }
}

const BEHIND = 'write behind'
const PIPELINE = 'ioredis pipeline'
const AWAITED = 'ioredis, awaited SET'
const PLAIN_GET = 'ioredis GET'
const WRITES = { b8192: '100 B, batches of 8,192', b1000: '100 B, batches of 1,000', k8192: '1 KiB, batches of 8,192' }
const MISSES = { one100: '100 B, one after the other', one1k: '1 KiB, one after the other', many100: '100 B, 100 at once' }
const CROSSING = ['lmdb', 'ioredis, unix socket', 'ioredis, loopback']
const ALL_ON = 'stratacache, every semantic on'
const EVERY_POLICY = ['LRU', 'SIEVE', 'S3-FIFO', 'S3-FIFO, promotes at 1', 'W-TinyLFU']

export const FIGURES: readonly Figure[] = [
  ...['SharedTable', 'cache'].flatMap((subject) => [
    get(`64 B string, ${subject}, Zipf`, 's64', subject, FRESH, 'lru-cache', 0.6),
    get(`64 B string, ${subject}, uniform`, 's64', subject, EVEN, 'lru-cache', 0.6),
    get(`64 B string, ${subject}, Zipf`, 's64', subject, FRESH, 'lmdb', 0.5),
  ]),
  ...['SharedTable', 'cache', 'cache, all in L0'].map((subject) => get(`1 KiB string, ${subject}, Zipf`, 's1k', subject, FRESH, 'lru-cache', 0.95)),
  get('64 B string, SharedTable, the very same key strings', 's64', 'SharedTable', SAME, 'lru-cache', 1.5),
  get('64 B string, cache, the very same key strings', 's64', 'cache', SAME, 'lru-cache', 1.5),
  get('1 KiB string, cache, the very same key strings', 's1k', 'cache', SAME, 'lru-cache', 1.5),
  ...['cache, all in L0', 'cache'].flatMap((subject) => [
    get(`object, ${subject}, Zipf`, 'obj', subject, FRESH, 'lru-cache', 0.6),
    ...CROSSING.map((peer) => faster('get', `object, ${subject}, Zipf`, 'micro', 'obj', subject, FRESH, peer, 3)),
    get(`16 KiB string, ${subject}, Zipf`, 's16k', subject, FRESH, 'lru-cache', 1.5),
  ]),
  ...['s64', 's1k'].flatMap((trial) => ['SharedTable', 'cache'].flatMap((subject) => {
    const what = `set of ${trial === 's64' ? '64 B' : '1 KiB'}, ${subject}`
    return [
      atMost('set', what, 'micro', [trial, subject, 'set'], [trial, 'lru-cache', 'set'], 1.3),
      faster('set', what, 'micro', trial, subject, 'set', 'lmdb', 10),
    ]
  })),
  ...['obj', 's1k'].flatMap((trial) => ['stratacache', 'stratacache, all in L0'].flatMap((subject) => {
    const what = `getOrSet hit, ${trial === 'obj' ? 'object' : '1 KiB string'}, ${subject}`
    return [
      atMost('getOrSet', what, 'get-or-set', [trial, subject, 'hit'], [trial, 'layered-loader', 'hit'], 1),
      ...['bentocache', 'bentocache, references', 'cacheable'].map((peer) => faster('getOrSet', what, 'get-or-set', trial, subject, 'hit', peer, 8)),
    ]
  })),
  atMost('getOrSet', 'getOrSet hit, object, every semantic on', 'get-or-set', ['obj', ALL_ON, 'hit'], ['obj', 'layered-loader', 'hit'], 1.2),
  ...['bentocache', 'bentocache, references', 'cacheable'].map((peer) => faster('getOrSet', 'getOrSet hit, object, every semantic on', 'get-or-set', 'obj', ALL_ON, 'hit', peer, 6)),
  ...(['s64', 's1k'] as const).flatMap((trial) => [
    plain('two at once', `two processes, 90/10, ${trial === 's64' ? '64 B' : '1 KiB'}: at least 0.94 of what a CPU loop gains`, 'throughput', [trial, 'SharedTable', 'gain of ceiling'], 'x', (gain) => gain >= 0.94),
    atLeast('two at once', `two processes, 90/10, ${trial === 's64' ? '64 B' : '1 KiB'}: at least 10 x lmdb's total`, 'throughput', [trial, 'SharedTable', 'two, kop/s'], [trial, 'lmdb', 'two, kop/s'], 10, 'kop/s'),
  ]),
  atMost('slow end', 'p99.9 of a get of 64 B, SharedTable', 'latency', ['get s64', 'SharedTable', 'p99.9'], ['get s64', 'lru-cache', 'p99.9'], 1),
  atMost('slow end', 'p99.9 of a get of 1 KiB, cache', 'latency', ['get s1k', 'cache', 'p99.9'], ['get s1k', 'lru-cache', 'p99.9'], 1),
  atMost('slow end', 'p99.9 of a get of an object, cache', 'latency', ['get obj', 'cache', 'p99.9'], ['get obj', 'lru-cache', 'p99.9'], 1),
  ...['s64', 's1k'].map((trial) => plain('slow end', `p99.9 of a set that has to evict, ${trial === 's64' ? '64 B' : '1 KiB'}: told`, 'latency', [`evicting set ${trial}`, 'SharedTable', 'p99.9'], ' ns', () => 'no limit set')),
  ...(['cold key', 'failing key'] as const).flatMap((trial) => {
    const who = trial === 'cold key' ? '1,000 callers in 8 processes on a cold key' : '20 callers on a failing cold key'
    return [
      plain('stampede', `${who}: one run of the loader`, 'stampede', [trial, 'stratacache', 'runs'], '', (runs) => runs === 1),
      plain('stampede', `${who}: everyone told within 1.2 x the load`, 'stampede', [trial, 'stratacache', 'of load'], 'x', (ratio) => ratio <= 1.2),
    ]
  }),
  plain('getMany', 'getMany of 100 keys: at most 0.6 x 100 single gets', 'micro', ['many', 'cache', 'ratio'], 'x', (ratio) => ratio <= 0.6),
  ...['s64', 's1k'].flatMap((trial) => [['account, B', 'by account'], ['region PSS, B', 'PSS of the region'], ['PSS, B', 'PSS of the process']].map(([metric, how]) =>
    plain('memory', `beyond key and value, ${trial === 's64' ? '64 B' : '1 KiB'}, ${how}: at most 72 B per entry`, 'memory', [trial, 'SharedTable', metric!], ' B', (bytes) => bytes <= 72))),
  ...['SharedTable', 'cache, no L0', 'cache'].map((subject) =>
    plain('memory', `four processes, 1 KiB, ${subject}: at most 1.25 x the payload`, 'memory', ['four s1k', subject, 'of payload'], 'x', (ratio) => ratio <= 1.25)),
  ...['S3-FIFO', 'S3-FIFO, promotes at 1'].map((policy): Figure => ({
    group: 'hit ratio', goal: `never more than 0.5 points under ${policy}`, bench: 'hit-ratio',
    read: (results) => {
      const [worst] = hitTrials(results).map((trial) => ({ trial, points: lead(results, trial, policy) })).sort((a, b) => a.points - b.points)
      return worst && { measured: `worst ${worst.points.toFixed(2)} points (${worst.trial})`, ratio: '', isReached: worst.points >= -0.5 }
    },
  })),
  ...EVERY_POLICY.map((policy): Figure => ({
    group: 'hit ratio', goal: `mean above ${policy}`, bench: 'hit-ratio',
    read: (results) => {
      const [own, other] = [meanOf(results, 'SharedTable') * 100, meanOf(results, policy) * 100]
      return { measured: `${own.toFixed(2)} against ${other.toFixed(2)} %`, ratio: times(own / other), isReached: own > other }
    },
  })),
  {
    group: 'hit ratio', goal: 'overwrites of 10 and 30 %: misses at most 1.06 x S3-FIFO', bench: 'hit-ratio',
    read: (results) => {
      const ratios = overwriteTrials(results).map((trial) => at(results, trial, 'SharedTable', 'misses') / at(results, trial, 'S3-FIFO', 'misses'))
      return { measured: ratios.map((ratio) => `${ratio.toFixed(3)}x`).join(' and '), ratio: times(Math.max(...ratios)), isReached: Math.max(...ratios) <= 1.06 }
    },
  },
  ...Object.entries(WRITES).flatMap(([trial, what]) => ([[PIPELINE, 0.8], [AWAITED, 10]] as const).map(([peer, limit]) =>
    atLeast('Redis', `writes behind that reach Redis, ${what}: at least ${limit} x ${peer}`, 'redis-write-behind', [trial, BEHIND, 'writes/s'], [trial, peer, 'writes/s'], limit, 'writes/s'))),
  ...Object.entries(MISSES).flatMap(([trial, what]) => ['get', 'getOrSet'].map((subject) =>
    atMost('Redis', `a miss that Redis answers, ${what}, ${subject}`, 'redis-miss', [trial, subject, 'us'], [trial, PLAIN_GET, 'us'], 1.25, 'µs'))),
]
