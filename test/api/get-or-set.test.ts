import * as assert from 'node:assert/strict'
import { advanceClock, withCache } from '../helpers/cache'
import { deferred } from '../helpers/deferred'
import { standStill } from '../helpers/stand-still'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const HOUR = 3_600_000

suite('getOrSet', (test) => {
  test('loads on a miss, and the next caller reads', () =>
    withCache(async (cache) => {
      assert.deepEqual(await cache.getOrSet('k', ({ key }) => ({ key })), { key: 'k' })
      assert.deepEqual(await cache.getOrSet('k', () => assert.fail('it is there')), { key: 'k' })
    }))

  test('takes one object as well, and wrap is the same', () =>
    withCache(async (cache) => {
      assert.equal(await cache.getOrSet({ key: 'a', factory: () => 1, ttl: '2h' }), 1)
      assert.equal(await cache.wrap('b', async () => 2, '2h'), 2)
      assert.equal(await cache.wrap('c', () => 3, { ttl: 2 * HOUR }), 3)
      advanceClock(cache, HOUR)
      assert.deepEqual(await cache.getMany(['a', 'b', 'c']), [1, 2, 3])
      assert.equal(await cache.getOrSet({ key: 'a', factory: () => 9 }), 1)
      advanceClock(cache, 2 * HOUR)
      assert.deepEqual(await cache.getMany(['a', 'b', 'c']), [undefined, undefined, undefined])
    }))

  test('many callers at once share one run', () =>
    withCache(async (cache) => {
      const loaded = deferred<{ n: number }>()
      let runs = 0
      const factory = () => {
        runs++
        return loaded.promise
      }
      const callers = Array.from({ length: 50 }, () => cache.getOrSet('k', factory))
      loaded.resolve({ n: 1 })
      for (const value of await Promise.all(callers)) assert.deepEqual(value, { n: 1 })
      assert.equal(runs, 1)
      assert.equal(cache.stats().loads, 1)
    }))

  test('the error of a loader rejects all its callers and is not stored', () =>
    withCache(async (cache) => {
      const error = new Error('down')
      const callers = [1, 2, 3].map(() => cache.getOrSet('k', () => Promise.reject(error)))
      for (const caller of callers) await assert.rejects(caller, (thrown) => thrown === error)
      assert.equal(await cache.getOrSet('k', () => 'up'), 'up')
    }, { errorTtl: 0 }))

  test('undefined is returned and not stored, null is stored', () =>
    withCache(async (cache) => {
      assert.equal(await cache.getOrSet('u', () => undefined), undefined)
      assert.equal(await cache.getOrSet<string | undefined>('u', () => 'loaded again'), 'loaded again')
      assert.equal(await cache.getOrSet('n', () => null), null)
      assert.equal(await cache.getOrSet('n', () => assert.fail('it is there')), null)
    }))

  test('a loader’s result that cannot be stored rejects', () =>
    withCache(async (cache) => {
      await assert.rejects(cache.getOrSet('k', () => () => 1), { code: 'ERR_CACHE_VALUE' })
    }))

  for (const [name, change, left] of [
    ['set', (cache) => cache.set('k', 'set'), 'set'],
    ['delete', (cache) => cache.delete('k'), undefined],
    ['expire', (cache) => cache.expire('k'), undefined],
    ['clear', (cache) => cache.clear(), undefined],
  ] as [string, (cache: import('../../src').Cache) => Promise<unknown>, unknown][]) {
    test(`a load that began before ${name} answers its caller and is not stored`, () =>
      withCache(async (cache) => {
        const loaded = deferred<string>()
        const caller = cache.getOrSet('k', () => loaded.promise)
        await change(cache)
        loaded.resolve('outdated')
        assert.equal(await caller, 'outdated')
        assert.equal(await cache.get('k'), left)
      }))
  }

  test('forceFresh loads over what is there, at every level', () =>
    withCache(async (cache) => {
      await cache.set('k', 'old')
      assert.equal(await cache.getOrSet('k', () => 'new', { forceFresh: true }), 'new')
      assert.equal(await cache.getOrSet({ key: 'k', factory: () => 'newer', forceFresh: true }), 'newer')
      assert.equal(await cache.get('k'), 'newer')
      const fresh = cache.namespace('fresh', { forceFresh: true })
      await fresh.set('k', 'old')
      assert.equal(await fresh.getOrSet('k', () => 'new'), 'new')
      assert.equal(await fresh.getOrSet('k', () => 'x', { forceFresh: false }), 'new')
    }))

  test('with grace, a failing loader is covered by the stale value', () =>
    withCache(
      async (cache) => {
        await cache.getOrSet('k', () => 'first')
        advanceClock(cache, 2 * HOUR)
        assert.equal(await cache.getOrSet('k', () => Promise.reject(new Error('down'))), 'first')
        assert.equal(await cache.get('k'), undefined)
        await until('the source is asked again', async () => (await cache.getOrSet('k', () => 'second')) === 'second')
      },
      { ttl: '1h', grace: '10h' },
    ))

  test('with grace, callers are served the stale value while one loads', () =>
    withCache(
      async (cache) => {
        await cache.set('k', 'stale')
        advanceClock(cache, 2 * HOUR)
        const loaded = deferred<string>()
        const owner = cache.getOrSet('k', () => loaded.promise)
        assert.equal(await cache.getOrSet('k', () => assert.fail('somebody loads')), 'stale')
        loaded.resolve('fresh')
        assert.equal(await owner, 'fresh')
        assert.equal(await cache.get('k'), 'fresh')
      },
      { ttl: '1h', grace: '10h' },
    ))

  test('a load that hangs keeps others waiting no longer than leaseTimeout', () =>
    withCache(async (cache) => {
      const hung = deferred<string>()
      void cache.getOrSet('k', () => hung.promise, { leaseTimeout: 50 })
      assert.equal(await cache.getOrSet('k', () => 'second'), 'second')
      hung.resolve('late')
      assert.equal(await cache.get('k'), 'second')
    }))

  test('a caller whose own process stood still takes over from a load that hangs, and its result is stored', () =>
    withCache(async (cache) => {
      const hung = deferred<string>()
      void cache.getOrSet('k', () => hung.promise, { leaseTimeout: 400 })
      const second = cache.getOrSet('k', () => 'second', { leaseTimeout: 400 })
      standStill(1_300)
      assert.equal(await second, 'second')
      assert.equal(await cache.get('k'), 'second')
    }))
})
