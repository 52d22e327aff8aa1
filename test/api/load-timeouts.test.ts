import * as assert from 'node:assert/strict'
import type { Cache } from '../../src'
import { advanceClock, withCache } from '../helpers/cache'
import { deferred } from '../helpers/deferred'
import { standStill } from '../helpers/stand-still'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const HOUR = 3_600_000
const EXACT = { jitter: 0, errorTtl: 0 }
const GRACE = { ...EXACT, ttl: '1h', grace: '10h' }

async function stale(cache: Cache, key = 'k'): Promise<void> {
  await cache.set(key, 'stale')
  advanceClock(cache, 2 * HOUR)
}

suite('load timeouts', (test) => {
  test('timeout 0 serves the stale value at once, and the load is stored', () =>
    withCache(
      async (cache) => {
        await stale(cache)
        const loaded = deferred<string>()
        assert.equal(await cache.getOrSet('k', () => loaded.promise, { timeout: 0 }), 'stale')
        assert.equal(await cache.getOrSet('k', () => assert.fail('one load runs'), { timeout: 0 }), 'stale')
        loaded.resolve('fresh')
        await until('the load is stored', async () => (await cache.get('k')) === 'fresh')
        assert.equal(cache.stats().loads, 1)
      },
      GRACE,
    ))

  test('after timeout the stale value is served and the load goes on', () =>
    withCache(
      async (cache) => {
        await stale(cache)
        const loaded = deferred<string>()
        assert.equal(await cache.getOrSet('k', () => loaded.promise, { timeout: 10 }), 'stale')
        loaded.resolve('fresh')
        await until('the load is stored', async () => (await cache.get('k')) === 'fresh')
      },
      GRACE,
    ))

  test('without a stale value timeout does not matter', () =>
    withCache(async (cache) => {
      const loaded = deferred<string>()
      const caller = cache.getOrSet('k', () => loaded.promise, { timeout: 0 })
      const joined = cache.getOrSet('k', () => assert.fail('one load runs'), { timeout: 1 })
      await new Promise((resolve) => setImmediate(resolve))
      loaded.resolve('v')
      assert.deepEqual(await Promise.all([caller, joined]), ['v', 'v'])
    }, GRACE))

  test('a failure in the background is no unhandled rejection, and the host backs off', () =>
    withCache(
      async (cache) => {
        await stale(cache)
        const loaded = deferred<string>()
        assert.equal(await cache.getOrSet('k', () => loaded.promise, { timeout: 0 }), 'stale')
        loaded.reject(new Error('down'))
        await until('the load has failed', async () => {
          let ran = false
          await cache.getOrSet('other', () => (ran = true), { forceFresh: true })
          return ran
        })
        assert.equal(await cache.getOrSet('k', () => assert.fail('too early'), { timeout: 0 }), 'stale')
      },
      GRACE,
    ))

  test('after hardTimeout the call rejects, the signal is aborted, and the next caller loads', () =>
    withCache(async (cache) => {
      const hung = deferred<string>()
      let signal: AbortSignal | undefined
      const owner = cache.getOrSet('k', (context) => ((signal = context.signal), hung.promise), { hardTimeout: 10 })
      const joined = cache.getOrSet('k', () => assert.fail('one load runs'))
      for (const caller of [owner, joined]) await assert.rejects(caller, { code: 'ERR_CACHE_LOAD_TIMEOUT' })
      assert.equal(signal!.aborted, true)
      assert.equal(await cache.getOrSet('k', () => 'second'), 'second')
      hung.resolve('late')
      await hung.promise
      assert.equal(await cache.get('k'), 'second')
    }, EXACT))

  test('a caller in a hurry leaves, the load of another goes on', () =>
    withCache(async (cache) => {
      const loaded = deferred<string>()
      const owner = cache.getOrSet('k', () => loaded.promise)
      await assert.rejects(cache.getOrSet('k', () => assert.fail('one load runs'), { hardTimeout: 10 }), { code: 'ERR_CACHE_LOAD_TIMEOUT' })
      await assert.rejects(cache.getOrSet('k', () => 'forced', { hardTimeout: 10, forceFresh: true }), { code: 'ERR_CACHE_LOAD_TIMEOUT' })
      loaded.resolve('v')
      assert.equal(await owner, 'v')
      assert.equal(await cache.get('k'), 'v')
    }, EXACT))

  test('who has been told that its time is over does not load after all', () =>
    withCache(async (cache) => {
      let begun = 0
      for (let round = 0; round < 100; round++) {
        const loaded = deferred<string>()
        const owner = cache.getOrSet(`k${round}`, () => loaded.promise)
        await assert.rejects(cache.getOrSet(`k${round}`, () => ++begun, { hardTimeout: 1 + Math.random(), forceFresh: true }), { code: 'ERR_CACHE_LOAD_TIMEOUT' })
        loaded.resolve('v')
        assert.equal(await owner, 'v')
        assert.equal(await cache.get(`k${round}`), 'v')
      }
      assert.equal(begun, 0)
    }, EXACT))

  test('a load that was wanted within hardTimeout does not begin after it', () =>
    withCache(async (cache) => {
      const loaded = deferred<string>()
      const owner = cache.getOrSet('k', () => loaded.promise)
      const late = cache.getOrSet('k', () => assert.fail('its time is over'), { hardTimeout: 10, forceFresh: true })
      loaded.resolve('v')
      standStill(50)
      await assert.rejects(late, { code: 'ERR_CACHE_LOAD_TIMEOUT' })
      assert.equal(await owner, 'v')
      assert.equal(await cache.get('k'), 'v')
    }, EXACT))

  test('after hardTimeout the stale value is served where there is one', () =>
    withCache(
      async (cache) => {
        await stale(cache)
        const hung = deferred<string>()
        assert.equal(await cache.getOrSet('k', () => hung.promise, { hardTimeout: 10 }), 'stale')
        assert.equal(await cache.getOrSet('k', () => assert.fail('the host backs off')), 'stale')
        advanceClock(cache, 2_000)
        assert.equal(await cache.getOrSet('k', () => 'fresh'), 'fresh')
        hung.resolve('late')
        await hung.promise
        assert.equal(await cache.get('k'), 'fresh')
      },
      GRACE,
    ))

  test('a load in the background is given up after backgroundTimeout', () =>
    withCache(
      async (cache) => {
        await stale(cache)
        const hung = deferred<string>()
        let signal: AbortSignal | undefined
        const call = cache.getOrSet('k', (context) => ((signal = context.signal), hung.promise), { timeout: 0, backgroundTimeout: 10 })
        assert.equal(await call, 'stale')
        await until('the signal is aborted', () => signal!.aborted)
        advanceClock(cache, 2_000)
        assert.equal(await cache.getOrSet('k', () => 'fresh'), 'fresh')
      },
      GRACE,
    ))

  for (const [name, change, left] of [
    ['set', (cache) => cache.set('k', 'set'), 'set'],
    ['delete', (cache) => cache.delete('k'), undefined],
    ['clear', (cache) => cache.clear(), undefined],
  ] as [string, (cache: Cache) => Promise<unknown>, unknown][]) {
    test(`a background load that ends after ${name} is not stored`, () =>
      withCache(
        async (cache) => {
          await stale(cache)
          const loaded = deferred<string>()
          assert.equal(await cache.getOrSet('k', () => loaded.promise, { timeout: 0 }), 'stale')
          await change(cache)
          loaded.resolve('outdated')
          await loaded.promise
          await new Promise((resolve) => setImmediate(resolve))
          assert.equal(await cache.get('k'), left)
        },
        GRACE,
      ))
  }
})
