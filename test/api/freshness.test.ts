// How long values are fresh, and what is done before and after that.
import * as assert from 'node:assert/strict'
import type { Cache, CacheOptions } from '../../src'
import { advanceClock, withCache } from '../helpers/cache'
import { deferred } from '../helpers/deferred'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const HOUR = 3_600_000
const EXACT: CacheOptions = { jitter: 0, errorTtl: 0 }

async function ttlLeftMs(cache: Cache, key: string): Promise<number> {
  const entry = await cache.getEntry(key)
  assert.ok(entry.hit)
  return entry.ttlLeft
}

function down(): never {
  throw new Error('down')
}

suite('freshness', (test) => {
  test('ttls are spread by default and never exceeded, at every level', () =>
    withCache(
      async (cache) => {
        const keys = Array.from({ length: 60 }, (_, i) => `k${i}`)
        for (const key of keys.slice(0, 20)) await cache.set(key, 'v')
        for (const key of keys.slice(20, 40)) await cache.getOrSet(key, () => 'v')
        for (const key of keys.slice(40)) await cache.set(key, 'v', { ttl: '2h' })
        const lefts = await Promise.all(keys.map((key) => ttlLeftMs(cache, key)))
        assert.ok(lefts.slice(0, 40).every((left) => left <= HOUR && left > 0.89 * HOUR), `${lefts}`)
        assert.ok(lefts.slice(40).every((left) => left <= 2 * HOUR && left > 1.78 * HOUR), `${lefts}`)
        assert.ok(new Set(lefts.slice(0, 20)).size > 10 && new Set(lefts.slice(20, 40)).size > 10)
        const exact = cache.namespace('exact', { jitter: 0 })
        await exact.set('k', 'v')
        advanceClock(cache, HOUR - 60_000)
        assert.equal(await exact.get('k'), 'v')
      },
      { ttl: '1h' },
    ))

  test('maxTtl caps every ttl, that of an endless entry too', () =>
    withCache(
      async (cache) => {
        await cache.set('endless', 1)
        await cache.set('long', 2, '1d')
        await cache.getOrSet('loaded', ({ setOptions }) => (setOptions({ ttl: '1d' }), 3))
        await cache.touch('long', '1d')
        for (const key of ['endless', 'long', 'loaded']) assert.ok((await ttlLeftMs(cache, key)) <= HOUR, key)
        advanceClock(cache, HOUR + 1_000)
        assert.deepEqual(await cache.getMany(['endless', 'long', 'loaded']), [undefined, undefined, undefined])
      },
      { maxTtl: '1h' },
    ))

  test('after failures in a row the source is asked less and less often', () =>
    withCache(
      async (cache) => {
        await cache.getOrSet('k', () => 'v')
        advanceClock(cache, 2 * HOUR)
        let runs = 0
        const failing = () => (runs++, down())
        let served = 'v'
        const runsAfter = async (ms: number) => {
          advanceClock(cache, ms)
          assert.equal(await cache.getOrSet('k', failing), served)
          return runs
        }
        // The tenth of a back-off is left for the time the test itself takes.
        assert.equal(await runsAfter(0), 1)
        assert.deepEqual([await runsAfter(9_000), await runsAfter(1_500)], [1, 2], '10 s')
        assert.deepEqual([await runsAfter(18_000), await runsAfter(3_000)], [2, 3], '20 s')
        assert.deepEqual([await runsAfter(36_000), await runsAfter(6_000)], [3, 4], '40 s')
        assert.deepEqual([await runsAfter(54_000), await runsAfter(9_000)], [4, 5], 'a minute')
        assert.deepEqual([await runsAfter(54_000), await runsAfter(9_000)], [5, 6], 'a minute at most')
        advanceClock(cache, 61_000)
        served = await cache.getOrSet('k', () => 'new')
        advanceClock(cache, 2 * HOUR)
        assert.equal(await cache.getOrSet('k', failing), 'new')
        assert.deepEqual([await runsAfter(9_000), await runsAfter(1_500)], [7, 8], 'success makes it begin anew')
      },
      { ...EXACT, ttl: '1h', grace: '30d', graceBackoff: '10s' },
    ))

  test('the back-off begins at the failure, however long ago the entry became stale', () =>
    withCache(
      async (cache) => {
        await cache.set('k', 'v')
        advanceClock(cache, 100 * HOUR)
        let runs = 0
        for (let call = 0; call < 5; call++) assert.equal(await cache.getOrSet('k', () => (runs++, down())), 'v')
        assert.equal(runs, 1)
      },
      { ...EXACT, ttl: '1h', grace: '30d', graceBackoff: '30s' },
    ))

  test('a back-off of more than a minute is kept to, and does not grow', () =>
    withCache(
      async (cache) => {
        await cache.set('k', 'v')
        advanceClock(cache, 2 * HOUR)
        let runs = 0
        const ask = async (): Promise<number> => (assert.equal(await cache.getOrSet('k', () => (runs++, down())), 'v'), runs)
        const counts: number[] = [await ask()]
        for (const minutes of [9, 2, 9, 2]) {
          advanceClock(cache, minutes * 60_000)
          counts.push(await ask())
        }
        assert.deepEqual(counts, [1, 1, 2, 2, 3])
      },
      { ...EXACT, ttl: '1h', grace: '30d', graceBackoff: '10m' },
    ))

  test('grace counts from the end of the ttl, and then a failure is an error', () =>
    withCache(
      async (cache) => {
        await cache.set('k', 'v')
        advanceClock(cache, 2.5 * HOUR)
        assert.equal(await cache.getOrSet('k', down), 'v')
        advanceClock(cache, HOUR)
        await assert.rejects(cache.getOrSet('k', down), { message: 'down' })
      },
      { ...EXACT, ttl: '1h', grace: '2h' },
    ))

  test('expire keeps the value for the grace, delete does not', () =>
    withCache(
      async (cache) => {
        for (const key of ['expired', 'deleted']) await cache.set(key, 'v')
        await cache.expire('expired')
        await cache.delete('deleted')
        assert.deepEqual(await cache.getMany(['expired', 'deleted']), [undefined, undefined])
        assert.equal(await cache.getOrSet('expired', down), 'v')
        await assert.rejects(cache.getOrSet('deleted', down), { message: 'down' })
      },
      { ...EXACT, ttl: '1h', grace: '1h' },
    ))

  for (const [name, refreshAhead] of [['a share of the ttl', 0.5], ['a time before the end', '30m']] as const) {
    test(`after ${name} one reader refreshes the value and nobody waits`, () =>
      withCache(
        async (cache) => {
          await cache.getOrSet('k', () => ({ n: 1 }))
          advanceClock(cache, 0.4 * HOUR)
          assert.deepEqual(await cache.getOrSet('k', () => assert.fail('too early')), { n: 1 })
          advanceClock(cache, 0.3 * HOUR)
          const loaded = deferred<{ n: number }>()
          const reasons: string[] = []
          const refresh = ({ reason }: { reason: string }) => (reasons.push(reason), loaded.promise)
          for (let call = 0; call < 5; call++) assert.deepEqual(await cache.getOrSet('k', refresh), { n: 1 })
          assert.deepEqual(reasons, ['refresh'])
          loaded.resolve({ n: 2 })
          await until('the refresh is stored', async () => ((await cache.get('k')) as { n: number }).n === 2)
          assert.deepEqual(await cache.getOrSet('k', () => assert.fail('it is new')), { n: 2 })
        },
        { ...EXACT, ttl: '1h', refreshAhead },
      ))
  }

  test('a refresh that fails disturbs nobody, and is not tried again at once', () =>
    withCache(
      async (cache) => {
        await cache.getOrSet('k', () => 1)
        advanceClock(cache, 0.8 * HOUR)
        let runs = 0
        for (let call = 0; call < 5; call++) {
          assert.equal(await cache.getOrSet('k', () => (runs++, down())), 1)
          await new Promise((resolve) => setImmediate(resolve))
        }
        assert.equal(runs, 1)
        advanceClock(cache, 0.3 * HOUR)
        assert.equal(await cache.getOrSet('k', () => 2), 2)
      },
      { ...EXACT, ttl: '1h', refreshAhead: 0.5, graceBackoff: '1m' },
    ))

  test('a refresh that began before a change is not stored', () =>
    withCache(
      async (cache) => {
        for (const [change, left] of [[() => cache.set('k', 'set'), 'set'], [() => cache.delete('k'), undefined]] as const) {
          await cache.getOrSet('k', () => 'old', { forceFresh: true })
          advanceClock(cache, 0.8 * HOUR)
          const loaded = deferred<string>()
          assert.equal(await cache.getOrSet('k', () => loaded.promise), 'old')
          await change()
          loaded.resolve('outdated')
          await loaded.promise
          await new Promise((resolve) => setImmediate(resolve))
          assert.equal(await cache.get('k'), left)
        }
      },
      { ...EXACT, ttl: '1h', refreshAhead: 0.5 },
    ))

  test('a value with a ttl of its own is refreshed by that', () =>
    withCache(
      async (cache) => {
        let runs = 0
        const load = ({ setOptions }: { setOptions: (options: { ttl: string }) => void }) => (setOptions({ ttl: '10m' }), ++runs)
        await cache.getOrSet('k', load)
        advanceClock(cache, 4 * 60_000)
        assert.equal(await cache.getOrSet('k', load), 1)
        assert.equal(runs, 1, 'less than half of its ten minutes have passed')
        advanceClock(cache, 3 * 60_000)
        assert.equal(await cache.getOrSet('k', load), 1)
        assert.equal(runs, 2)
      },
      { ...EXACT, ttl: '1h', refreshAhead: 0.5 },
    ))

  test('a costly load is refreshed by chance as its end comes near', () =>
    withCache(
      async (cache) => {
        await cache.getOrSet('k', () => new Promise((resolve) => setTimeout(() => resolve('v'), 20)))
        let runs = 0
        const refresh = () => (runs++, 'refreshed')
        for (let call = 0; call < 100; call++) assert.equal(await cache.getOrSet('k', refresh), 'v')
        assert.equal(runs, 0, 'an hour is far away for a load of 20 ms')
        advanceClock(cache, HOUR - 1_000)
        await until('a reader refreshes it', async () => (await cache.getOrSet('k', refresh)) === 'refreshed')
        assert.equal(runs, 1)
      },
      { ...EXACT, ttl: '1h', refreshAhead: { beta: 100 } },
    ))

  test('refreshAhead can be asked for or declined by a call', () =>
    withCache(
      async (cache) => {
        await cache.getOrSet('k', () => 1)
        advanceClock(cache, 0.8 * HOUR)
        const [plain, eager] = [cache, cache.namespace('eager', { refreshAhead: 0.5, ttl: '1h' })]
        await eager.getOrSet('k', () => 1)
        advanceClock(cache, 0.1 * HOUR)
        assert.equal(await plain.getOrSet('k', () => 2, { refreshAhead: 0.5 }), 1)
        await until('the refresh is stored', async () => (await plain.get('k')) === 2)
        advanceClock(cache, 0.6 * HOUR)
        assert.equal(await eager.getOrSet({ key: 'k', factory: () => assert.fail('declined'), refreshAhead: false }), 1)
      },
      { ...EXACT, ttl: '1h' },
    ))

  test('a sliding life is lengthened by reads, up to its cap', () =>
    withCache(
      async (cache) => {
        const reads: [string, (key: string) => Promise<unknown>][] = [
          ['get', (key) => cache.get(key)],
          ['getMany', async (key) => (await cache.getMany([key]))[0]],
          ['getOrSet', (key) => cache.getOrSet(key, () => 'loaded again')],
          ['getSync', async (key) => cache.getSync(key)],
        ]
        for (const [key] of reads) await cache.set(key, 'v')
        await cache.getOrSet('loaded', () => 'v')
        reads.push(['loaded', (key) => cache.get(key)])
        for (let step = 0; step < 9; step++) {
          advanceClock(cache, 0.5 * HOUR)
          for (const [key, read] of reads) assert.equal(await read(key), 'v', `${key} after ${(step + 1) / 2} h`)
        }
        advanceClock(cache, 0.6 * HOUR)
        for (const [key, read] of reads) assert.notEqual(await read(key), 'v', `${key} beyond its cap`)
      },
      { ...EXACT, ttl: '5h', sliding: '1h' },
    ))

  test('a sliding entry nobody reads ends, and peeking is not reading', () =>
    withCache(
      async (cache) => {
        await cache.set('k', 'v')
        advanceClock(cache, 0.6 * HOUR)
        assert.equal(cache.peek('k'), 'v')
        advanceClock(cache, 0.6 * HOUR)
        assert.equal(await cache.get('k'), undefined)
        assert.equal((await cache.getEntry('k')).hit, false)
      },
      { ...EXACT, sliding: { idle: '1h', max: '5h' } },
    ))

  test('an adaptive ttl follows how often the value changes', () =>
    withCache(
      async (cache) => {
        const lefts: number[] = []
        const load = async (value: unknown) => {
          await cache.getOrSet('k', () => value, { forceFresh: true })
          lefts.push(Math.round((await ttlLeftMs(cache, 'k')) / 60_000))
        }
        for (const value of [{ a: 1 }, { a: 1 }, { a: 1 }, { a: 1 }, { a: 2 }, { a: 2 }, { a: 3 }, { a: 4 }, { a: 5 }]) await load(value)
        assert.deepEqual(lefts, [60, 120, 240, 300, 150, 300, 150, 75, 60])
        await cache.getOrSet('k', ({ notModified }) => notModified(), { forceFresh: true })
        assert.equal(Math.round((await ttlLeftMs(cache, 'k')) / 60_000), 120)
      },
      { ...EXACT, ttl: 'adaptive', adaptiveTtl: { min: '1h', max: '5h' } },
    ))

  test('a null has a ttl of its own', () =>
    withCache(
      async (cache) => {
        assert.equal(await cache.getOrSet('none', ({ notFound }) => notFound()), null)
        assert.equal(await cache.getOrSet('some', () => 'v'), 'v')
        assert.equal(await cache.getOrSet('none', () => assert.fail('it is known to be missing')), null)
        advanceClock(cache, 60_000)
        assert.equal(await cache.getOrSet<string | null>('none', () => 'there now'), 'there now')
        assert.equal(await cache.get('some'), 'v')
      },
      { ...EXACT, ttl: '1h', negativeTtl: '30s' },
    ))

  test('the error of a load is told to those who come late, for a short while', () =>
    withCache(
      async (cache) => {
        let runs = 0
        const failing = () => (runs++, Promise.reject(Object.assign(new Error('down'), { code: 'E_DOWN' })))
        for (let call = 0; call < 20; call++) await assert.rejects(cache.getOrSet('k', failing), { message: 'down', code: 'E_DOWN' })
        assert.equal(runs, 1)
        assert.equal(await cache.getOrSet('other', () => 'v'), 'v')
        advanceClock(cache, 120_000)
        assert.equal(await cache.getOrSet('k', () => 'up'), 'up')
      },
      { errorTtl: '1m' },
    ))

  test('a change of the key, or a caller who insists, ends the memory of an error', () =>
    withCache(
      async (cache) => {
        const fails = () => assert.rejects(cache.getOrSet('k', down), { message: 'down' })
        for (const change of [() => cache.delete('k'), () => cache.clear()]) {
          await fails()
          await change()
          assert.equal(await cache.getOrSet('k', () => 'up'), 'up')
          await cache.delete('k')
        }
        await fails()
        assert.equal(await cache.getOrSet('k', () => 'up', { forceFresh: true }), 'up')
      },
      { errorTtl: '1m' },
    ))
})
