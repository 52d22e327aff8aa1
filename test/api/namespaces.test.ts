import * as assert from 'node:assert/strict'
import { advanceClock, uniqueName, withCache } from '../helpers/cache'
import { suite } from '../helpers/suite'

const HOUR = 3_600_000

suite('namespaces', (test) => {
  test('the same key is another entry in every namespace', () =>
    withCache(async (cache) => {
      const a = cache.namespace('a')
      const deep = a.namespace('b')
      await cache.set('k', 'root')
      await a.set('k', 'a')
      await deep.set('k', 'deep')
      assert.deepEqual([await cache.get('k'), await a.get('k'), await deep.get('k')], ['root', 'a', 'deep'])
      assert.deepEqual([cache.path, a.path, deep.path], ['', 'a', 'a/b'])
      assert.equal(await cache.namespace('a').namespace('b').get('k'), 'deep')
    }))

  test('clear reaches the namespaces below and no other', () =>
    withCache(async (cache) => {
      const a = cache.namespace('a')
      const deep = a.namespace('b')
      const sibling = cache.namespace('c')
      for (const space of [cache, a, deep, sibling]) await space.set('k', 1)
      await a.clear()
      const left = await Promise.all([cache, a, deep, sibling].map((space) => space.get('k')))
      assert.deepEqual(left, [1, undefined, undefined, 1])
      await cache.clear()
      assert.deepEqual([await cache.get('k'), await sibling.get('k')], [undefined, undefined])
    }))

  test('options are inherited, and the nearest level wins', () =>
    withCache(
      async (cache) => {
        const a = cache.namespace('a', { ttl: '4h' })
        const b = a.namespace('b')
        await cache.set('k', 1)
        await a.set('k', 1)
        await b.set('k', 1)
        await b.set('own', 1, { ttl: '10h' })
        advanceClock(cache, 3 * HOUR)
        assert.deepEqual([await cache.get('k'), await a.get('k'), await b.get('k')], [undefined, 1, 1])
        advanceClock(cache, 3 * HOUR)
        assert.deepEqual([await a.get('k'), await b.get('k'), await b.get('own')], [undefined, undefined, 1])
      },
      { ttl: '2h' },
    ))

  test('a cache may live in a namespace from the start', () =>
    withCache(
      async (cache) => {
        await cache.set('k', 1)
        assert.equal(cache.path, 'tenant')
        assert.equal(cache.namespace('x').path, 'tenant/x')
      },
      { namespace: 'tenant', name: uniqueName() },
    ))

  test('all callers of a namespace share one load, through whichever object', () =>
    withCache(async (cache) => {
      let runs = 0
      const callers = [1, 2, 3].map(() => cache.namespace('a').getOrSet('k', async () => ++runs))
      assert.deepEqual(await Promise.all(callers), [1, 1, 1])
    }))

  test('refuses bad names and options', () =>
    withCache((cache) => {
      for (const name of ['', 'a/b', 'a b', 'x'.repeat(65), 5, undefined]) {
        assert.throws(() => cache.namespace(name as string), { code: 'ERR_CACHE_ARGUMENT' })
      }
      assert.throws(() => cache.namespace('a', { tll: 5 } as object), { message: /Did you mean ttl\?/ })
    }))
})
