import * as assert from 'node:assert/strict'
import { DEFAULT_L2 } from '../../src/options/l2'
import { OPTIONS, type OptionLevel, type OptionName } from '../../src/options/schema'
import { cacheOptions, callTerms, DEFAULT_TERMS, overTerms, readOptions, setTerms } from '../../src/options/settings'
import { suite } from '../helpers/suite'

const byTenant = (key: string): string => key.slice(0, 2)
const textCodec = { name: 'text@1', encode: (value: unknown) => Buffer.from(String(value)), decode: (bytes: Uint8Array) => String(bytes) }
const instance = { options: { host: '127.0.0.1', port: 6379 } }
const schema = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } }
const isString = (value: unknown): boolean => typeof value === 'string'
const signal = new AbortController().signal
const none = { l0: false, l1: false, disk: false, l2: false }
const logger = { debug() {}, info() {}, warn() {}, error() {} }

/** For every option: values it takes, with what they become, and values it refuses. */
const CASES: Record<OptionName, { good: [given: unknown, parsed: unknown][]; bad: unknown[] }> = {
  name: { good: [['shop.v2_a-b', 'shop.v2_a-b']], bad: ['', 'a/b', '..', '.', 'a b', 'n'.repeat(65), 7, null] },
  preset: { good: [['edge', 'edge'], ['test', 'test']], bad: ['prod', true, null] },
  memory: { good: [['256mb', 2 ** 28], [2 ** 20, 2 ** 20]], bad: ['1kb', -1, 'lots', null] },
  dir: { good: [['/var/cache', '/var/cache']], bad: ['', 'a\0b', 7, null] },
  averageEntryBytes: { good: [[200, 200], ['1kb', 1024]], bad: [0, 1, '1gb', null] },
  namespace: { good: [['users', 'users']], bad: ['', 'a/b', 7, null] },
  quota: { good: [['1mb', 2 ** 20], [1024, 1024], [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]], bad: [0, 1023, -1, 'much', null, true] },
  negativeQuota: { good: [['1mb', 2 ** 20], [0, 0], [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]], bad: [-1, 'much', null, true] },
  ttl: { good: [[250, 250], ['5m', 300_000], [Number.POSITIVE_INFINITY, 0], ['adaptive', 'adaptive']], bad: [0, -1, Number.NaN, 'soon', null, true] },
  grace: { good: [[0, 0], ['6h', 21_600_000]], bad: [-1, Number.POSITIVE_INFINITY, 'soon', null] },
  tags: { good: [[[], []], [['a', 'b', 'a'], ['a', 'b']], [['x'.repeat(256)], ['x'.repeat(256)]]], bad: ['a', null, [''], [1], ['\ud800'], ['x'.repeat(257)], Array.from({ length: 129 }, (_, i) => `${i}`)] },
  forceFresh: { good: [[true, true], [false, false]], bad: [1, 'yes', null] },
  leaseTimeout: { good: [['30s', 30_000], [1, 1]], bad: [0, '2d', null] },
  adaptiveTtl: {
    good: [[{}, { minMs: 1_000, maxMs: 3_600_000 }], [{ min: 5, max: '1s' }, { minMs: 5, maxMs: 1_000 }]],
    bad: [null, '1m', { min: 0 }, { min: '2h' }, { floor: 1 }],
  },
  maxTtl: { good: [['1h', 3_600_000], [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]], bad: [0, -1, 'long', null] },
  l1Ttl: { good: [['1m', 60_000], [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]], bad: [0, -1, 'long', null] },
  jitter: { good: [[0, 0], [0.5, 0.5], [1, 1]], bad: [-0.1, 1.1, '10%', Number.NaN, null] },
  sliding: {
    good: [[false, false], ['5m', { idleMs: 300_000, maxMs: undefined }], [{ idle: 10, max: '1s' }, { idleMs: 10, maxMs: 1_000 }]],
    bad: [true, 0, null, {}, { idle: 0 }, { idle: '2s', max: '1s' }, { max: 5 }, { idle: 5, min: 1 }],
  },
  codec: {
    good: [[false, false], [textCodec, textCodec]],
    bad: [true, null, 'json', {}, { ...textCodec, name: 'text' }, { ...textCodec, name: 7 }, { name: 'text@1', encode() {} }],
  },
  compression: {
    good: [
      [false, false],
      [{ above: '1kb', algorithm: 'brotli' }, { aboveBytes: 1024, level: 4, algorithm: 'brotli' }],
      [{ level: 9, algorithm: 'gzip' }, { aboveBytes: 16_384, level: 9, algorithm: 'gzip' }],
    ],
    bad: [true, null, '1kb', { above: 1 }, { above: '1gb' }, { algorithm: 'lz4' }, { algorithm: 'brotli', level: 12 }, { size: 5 }],
  },
  negativeTtl: { good: [['5s', 5_000]], bad: [0, Number.POSITIVE_INFINITY, null] },
  errorTtl: { good: [[0, 0], ['1s', 1_000]], bad: [-1, null, false] },
  graceBackoff: { good: [['2s', 2_000]], bad: [0, null] },
  timeout: { good: [[0, 0], ['100ms', 100], [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]], bad: [-1, null] },
  hardTimeout: { good: [['2s', 2_000], [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]], bad: [0, null] },
  backgroundTimeout: { good: [['2s', 2_000], [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]], bad: [0, null] },
  refreshAhead: {
    good: [[false, false], [0.8, { fraction: 0.8 }], ['30s', { beforeMs: 30_000 }], [500, { beforeMs: 500 }], [{ beta: 1 }, { beta: 1 }]],
    bad: [true, 0, -1, null, {}, { beta: 0 }, { beta: 1, delta: 2 }, 'soon'],
  },
  maxConcurrentLoads: { good: [[1, 1], [1024, 1024], [Number.POSITIVE_INFINITY, 0]], bad: [0, 1.5, 1025, '8', null] },
  singleFlight: { good: [['process', 'process'], ['host', 'host'], ['fleet', 'fleet']], bad: ['thread', null] },
  schema: { good: [[false, false], [schema, schema]], bad: [true, null, {}, { '~standard': {} }, isString] },
  validate: { good: [[false, false], [isString, isString]], bad: [true, null, {}] },
  freeze: { good: [[true, true], [false, false], ['development', true]], bad: ['production', 1, null] },
  clone: { good: [[true, true], [false, false]], bad: ['deep', null] },
  consistency: { good: [['local', 'local'], ['host', 'host'], ['fresh', 'fresh']], bad: ['strong', null] },
  skip: { good: [[[], none], [['l0', 'l2'], { ...none, l0: true, l2: true }]], bad: ['l2', ['bus'], ['l3'], null, {}] },
  stamp: { good: [['v3', 'v3'], ['2026-11.a_b', '2026-11.a_b']], bad: ['', '~v3', 'a/b', 'a:b', 'n'.repeat(49), 3, null] },
  concurrency: { good: [[1, 1], [4096, 4096]], bad: [0, 1.5, 4097, '8', null] },
  spreadTtl: { good: [[0, 0], [0.5, 0.5], [1, 1]], bad: [-0.1, 1.1, '10%', true, null] },
  replace: { good: [[true, true], [false, false]], bad: [1, 'yes', null] },
  total: { good: [[0, 0], [1e6, 1e6]], bad: [-1, 1.5, '8', null] },
  onProgress: { good: [[isString, isString]], bad: [1, {}, null] },
  signal: { good: [[signal, signal]], bad: [{ aborted: false }, 1, null] },
  limit: { good: [[1, 1], [10, 10]], bad: [0, 1.5, '8', null] },
  bytes: { good: [['1mb', 2 ** 20], [100, 100]], bad: [-1, 'lots', null] },
  values: { good: [[true, true], [false, false]], bad: [1, 'yes', null] },
  warm: { good: [[0, 0], [0.8, 0.8], [1, 1]], bad: [-0.1, 80, '80%', true, null] },
  deadline: { good: [[0, 0], ['30s', 30_000], [0.5, 1]], bad: [-1, 'soon', null] },
  maxSize: { good: [[1, 1], [100, 100]], bad: [0, 1.5, '8', Number.POSITIVE_INFINITY, null] },
  maxDelay: { good: [[0, 0], ['5ms', 5], [0.5, 1]], bad: [-1, '2d', null] },
  ifAbsent: { good: [[true, true]], bad: [1, null] },
  ifVersion: { good: [[7, 7]], bad: [0, 1.5, '7', null] },
  l0: {
    good: [
      [false, false],
      [{}, { maxItems: 262_144, maxBytes: undefined }],
      [{ maxItems: 10, maxBytes: '1mb' }, { maxItems: 10, maxBytes: 1_048_576 }],
    ],
    bad: [true, null, 5, { maxItems: 0 }, { maxBytes: -1 }, { maxEntries: 5 }],
  },
  version: { good: [[7, 7]], bad: [0, -1, 1.5, '7', null] },
  disk: {
    good: [
      ['/var/cache/app', { path: '/var/cache/app', maxBytes: 2 ** 30, minHits: 1 }],
      [{ path: 'copies', maxBytes: '64mb', minHits: 0 }, { path: 'copies', maxBytes: 64 * 2 ** 20, minHits: 0 }],
    ],
    bad: ['', 7, null, ['/tmp'], {}, { path: '' }, { path: '/tmp', maxBytes: '1kb' }, { path: '/tmp', minHits: 4 }, { path: '/tmp', maxByte: '1gb' }],
  },
  redis: {
    good: [['redis://127.0.0.1:6379', 'redis://127.0.0.1:6379'], ['/run/redis.sock', '/run/redis.sock'], [instance, instance]],
    bad: ['http://127.0.0.1', '', 6379, null, ['redis://127.0.0.1']],
  },
  writeMode: { good: [['through', 'through'], ['around', 'around']], bad: ['back', true, null] },
  durability: { good: [['disk', 'disk'], ['l2', 'l2'], ['replicated', 'replicated']], bad: ['none', 1, null] },
  coordinator: { good: [['daemon', 'daemon'], ['off', 'off']], bad: ['none', false, null] },
  onReconnect: { good: [['flush', 'flush'], ['keep', 'keep']], bad: ['hope', null] },
  partitionBy: { good: [[byTenant, byTenant]], bad: ['tenant', null] },
  l2: {
    good: [
      [{}, DEFAULT_L2],
      [{ hardTimeout: '2s', batchBytes: '1mb' }, { ...DEFAULT_L2, hardTimeoutMs: 2_000, batchBytes: 1_048_576 }],
      [{ hardTimeout: 50 }, { ...DEFAULT_L2, hardTimeoutMs: 50, softTimeoutMs: 50 }],
    ],
    bad: [null, true, { hardTimeout: 0 }, { heartbeat: 1 }, { retries: 5 }, { foreignWriters: 1 }, { batchRecords: 0.5 }],
  },
  fallback: { good: [['error', 'error'], ['process', 'process']], bad: ['none', true, null] },
  logger: { good: [[logger, logger]], bad: [console.log, {}, { ...logger, warn: 1 }, null] },
}

function levelOf(name: OptionName): OptionLevel {
  return OPTIONS[name].levels[0]
}

suite('options', (test) => {
  for (const name of Object.keys(OPTIONS) as OptionName[]) {
    test(`${name} takes what it says and refuses the rest`, () => {
      for (const [given, parsed] of CASES[name].good) {
        assert.deepEqual(readOptions(levelOf(name), { [name]: given }), { [name]: parsed })
      }
      for (const given of CASES[name].bad) {
        assert.throws(
          () => readOptions(levelOf(name), { [name]: given }),
          (error: Error & { code?: string }) => {
            const isNamespace = name === 'namespace' && error.code === 'ERR_CACHE_ARGUMENT'
            return (error.code === 'ERR_CACHE_OPTION' || isNamespace) && error.message.startsWith(name)
          },
          `${name}: ${String(given)}`,
        )
      }
    })
  }

  test('an option of another level is refused', () => {
    assert.throws(() => readOptions('touch', { memory: '1gb' }), { code: 'ERR_CACHE_OPTION' })
    assert.throws(() => readOptions('cache', { ifAbsent: true }), { code: 'ERR_CACHE_OPTION' })
    assert.throws(() => readOptions('getOrSet', { ifVersion: 1 }), { code: 'ERR_CACHE_OPTION' })
  })

  test('a misspelt option is refused with the name that was meant', () => {
    assert.throws(() => readOptions('cache', { memmory: '1gb' }), {
      code: 'ERR_CACHE_OPTION',
      message: 'createCache has no option "memmory". Did you mean memory?',
    })
    assert.throws(() => readOptions('getOrSet', { forcefresh: true }), { message: /Did you mean forceFresh\?/ })
    assert.throws(() => readOptions('touch', { colour: 1 }), { message: /It takes ttl, grace\./ })
    assert.throws(() => readOptions('set', JSON.parse('{"__proto__":1}')), { code: 'ERR_CACHE_OPTION' })
    assert.throws(() => readOptions('set', { constructor: 1 }), { code: 'ERR_CACHE_OPTION' })
  })

  test('options that are no object are refused', () => {
    for (const given of [null, [], 'x', 5]) {
      assert.throws(() => readOptions('namespace', given), { code: 'ERR_CACHE_OPTION' })
    }
  })

  test('an undefined option is one that was not given', () => {
    assert.deepEqual(readOptions('cache', { ttl: undefined, name: 'a' }), { name: 'a' })
    assert.equal(cacheOptions({ memory: undefined }).memory, OPTIONS.memory.default)
  })

  test('what is given at a call stands over the namespace, and that over the cache', () => {
    const cache = overTerms(DEFAULT_TERMS, readOptions('cache', { ttl: '1h', grace: '2h', leaseTimeout: '5s' }))
    const namespace = overTerms(cache, readOptions('namespace', { ttl: '1m', forceFresh: true, writeMode: 'through' }))
    assert.deepEqual(namespace, {
      ...DEFAULT_TERMS, life: { ttlMs: 60_000, graceMs: 7_200_000 }, leaseMs: 5_000, forceFresh: true, writeMode: 'through',
    })
    assert.deepEqual(callTerms(namespace, 'getOrSet', { ttl: Number.POSITIVE_INFINITY, forceFresh: false, writeMode: 'behind' }), {
      ...DEFAULT_TERMS, life: { ttlMs: 0, graceMs: 7_200_000 }, leaseMs: 5_000,
    })
    assert.equal(callTerms(namespace, 'getOrSet', undefined), namespace)
  })

  test('a bare duration is a ttl', () => {
    assert.equal(callTerms(DEFAULT_TERMS, 'touch', '5m').life.ttlMs, 300_000)
    assert.equal(setTerms(DEFAULT_TERMS, 1_000).life.ttlMs, 1_000)
    assert.throws(() => setTerms(DEFAULT_TERMS, 0), { code: 'ERR_CACHE_OPTION' })
  })

  test('a set has at most one condition', () => {
    assert.deepEqual(setTerms(DEFAULT_TERMS, { ifAbsent: true }).condition, { if: 'absent' })
    assert.deepEqual(setTerms(DEFAULT_TERMS, { ifVersion: 3 }).condition, { if: 'version', version: 3 })
    assert.equal(setTerms(DEFAULT_TERMS, { ifAbsent: false }).condition, undefined)
    assert.throws(() => setTerms(DEFAULT_TERMS, { ifAbsent: true, ifVersion: 3 }), { code: 'ERR_CACHE_OPTION' })
  })
})
