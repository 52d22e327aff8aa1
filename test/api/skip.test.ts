// Tiers that a call passes over, and tiers switched off while a cache runs. What needs Redis is in test/redis/usage.test.ts.
import * as assert from 'node:assert/strict'
import { withCache } from '../helpers/cache'
import { suite } from '../helpers/suite'

suite('skip', (test) => {
  test('without l0 every caller decodes for itself', () =>
    withCache(async (cache) => {
      await cache.set('k', { a: 1 })
      const one = await cache.get('k', { skip: ['l0'] })
      assert.deepEqual(one, { a: 1 })
      assert.notEqual(one, await cache.get('k', { skip: ['l0'] }))
      const entry = await cache.getEntry('k', { skip: ['l0'] })
      assert.ok(entry.hit && entry.value !== one)
    }))

  test('without l1 the table is neither read nor filled', () =>
    withCache(async (cache) => {
      await cache.set('k', 1)
      const skip = ['l1'] as const
      assert.deepEqual([await cache.get('k', { skip: [...skip] }), cache.getSync('k', { skip: [...skip] }), await cache.getMany(['k'], { skip: [...skip] })], [undefined, undefined, [undefined]])
      assert.deepEqual(await cache.getEntry('k', { skip: [...skip] }), { hit: false })
      assert.equal(await cache.getOrSet('k', () => 2, { skip: [...skip] }), 2)
      assert.equal(await cache.get('k'), 1)
      assert.equal(await cache.set('k', 3, { skip: [...skip] }), 0)
      assert.equal(await cache.get('k'), undefined, 'what was there before is gone')
    }))

  test('a load past the table is told and asked as any other', () =>
    withCache(async (cache) => {
      const skip: ['l1'] = ['l1']
      await assert.rejects(cache.getOrSet('k', ({ setOptions }) => (setOptions({ tll: 1 } as never), 1), { skip }), { code: 'ERR_CACHE_OPTION' })
      await assert.rejects(cache.getOrSet('k', ({ notModified }) => notModified(), { skip }), { code: 'ERR_CACHE_ARGUMENT' })
      const seen = await cache.getOrSet('k', ({ key, reason, attempt, stale, signal }) => [key, reason, attempt, stale, signal.aborted], { skip })
      assert.deepEqual(seen, ['k', 'miss', 1, undefined, false])
    }))

  test('a namespace may pass over tiers, and a call of it may not', () =>
    withCache(async (cache) => {
      const space = cache.namespace('n', { skip: ['l1'] })
      await cache.namespace('n').set('k', 1)
      assert.equal(await space.get('k'), undefined)
      assert.equal(await space.get('k', { skip: [] }), 1)
      assert.equal(await space.has('k'), false)
    }))

  test('a tier switched off is passed over by every namespace until it is on again', () =>
    withCache(async (cache) => {
      const space = cache.namespace('n')
      await space.set('k', 1)
      cache.features.set('l1', false)
      assert.deepEqual([cache.features.get('l1'), cache.features.get('l2')], [false, true])
      assert.deepEqual([await space.get('k'), space.getSync('k'), space.peek('k'), await space.getOrSet('k', () => 2)], [undefined, undefined, undefined, 2])
      assert.ok(await space.set('j', 5) > 0, 'writes go everywhere')
      cache.features.set('l1', true)
      assert.deepEqual([await space.get('k'), await space.get('j')], [1, 5])
      for (const tier of ['l0', 'disk', 'l2'] as const) {
        cache.features.set(tier, false)
        assert.equal(await space.get('k'), 1, tier)
        cache.features.set(tier, true)
      }
    }))

  test('what is no tier is refused, the bus with its reason', () =>
    withCache(async (cache) => {
      await assert.rejects(cache.get('k', { skip: ['l9' as 'l1'] }), { code: 'ERR_CACHE_OPTION' })
      await assert.rejects(cache.get('k', { skip: ['bus' as 'l1'] }), { code: 'ERR_CACHE_OPTION', message: /a write and its message are one/ })
      assert.throws(() => cache.features.set('bus' as 'l1', false), { code: 'ERR_CACHE_ARGUMENT' })
      assert.throws(() => cache.features.set('l2', 'off' as never), { code: 'ERR_CACHE_ARGUMENT' })
      await assert.rejects(cache.get('k', { colour: 1 } as never), { code: 'ERR_CACHE_OPTION' })
    }))
})
