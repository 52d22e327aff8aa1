// Loads of single keys that run together.
import * as assert from 'node:assert/strict'
import type { ManyFactory } from '../../src'
import { advanceClock, withCache } from '../helpers/cache'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const HOUR = 3_600_000

function echo() {
  const asked: string[][] = []
  const factory: ManyFactory<string> = (keys) => (asked.push(keys), keys.map((key) => `${key}!`))
  return { asked, factory }
}

suite('batcher', (test) => {
  test('calls of one turn of the loop are one run', () =>
    withCache(async (cache) => {
      const { asked, factory } = echo()
      const { get } = cache.batcher(factory)
      const later = Promise.resolve().then(() => get('c'))
      assert.deepEqual(await Promise.all([get('a'), get('b'), get('a'), later]), ['a!', 'b!', 'a!', 'c!'])
      assert.deepEqual(asked, [['a', 'b', 'c']])
      assert.equal(await get('a'), 'a!')
      assert.deepEqual(await Promise.all([get('a'), get('d')]), ['a!', 'd!'])
      assert.deepEqual(asked, [['a', 'b', 'c'], ['d']])
    }))

  test('getOrSet with batch joins calls with the same factory and namespace', () =>
    withCache(async (cache) => {
      const one = echo()
      const other = echo()
      const call = (key: string, factory = one.factory, space: import('../../src').Namespace = cache) => space.getOrSet({ key, factory, batch: true })
      const calls = [call('a'), call('b', other.factory), call('c'), call('d', one.factory, cache.namespace('n')), call('e', one.factory, cache.namespace('n'))]
      assert.deepEqual(await Promise.all(calls), ['a!', 'b!', 'c!', 'd!', 'e!'])
      assert.deepEqual(one.asked, [['a', 'c'], ['d', 'e']])
      assert.deepEqual(other.asked, [['b']])
      assert.equal(await cache.namespace('n').get('d'), 'd!')
    }))

  test('maxSize splits what is too much, and ends the wait for more', () =>
    withCache(async (cache) => {
      const { asked, factory } = echo()
      const { getMany } = cache.batcher(factory, { maxSize: 2, maxDelay: '1h' })
      assert.deepEqual(await getMany(['a', 'b', 'c', 'd']), ['a!', 'b!', 'c!', 'd!'])
      assert.deepEqual(asked, [['a', 'b'], ['c', 'd']])
    }))

  test('maxDelay lets calls of later turns join', () =>
    withCache(async (cache) => {
      const { asked, factory } = echo()
      const { get } = cache.batcher(factory, { maxSize: 3, maxDelay: '1h' })
      const first = get('a')
      await new Promise(setImmediate)
      const second = get('b')
      await new Promise(setImmediate)
      assert.deepEqual(asked, [])
      assert.deepEqual(await Promise.all([first, second, get('c')]), ['a!', 'b!', 'c!'])
      assert.deepEqual(asked, [['a', 'b', 'c']])
      const { get: soon } = cache.namespace('n').batcher(factory, { maxDelay: 5 })
      assert.equal(await soon('x'), 'x!')
    }))

  test('each call has its own options and its own outcome', () =>
    withCache(async (cache) => {
      const factory: ManyFactory<string> = (keys) => new Map(keys.map((key) => [key, key === 'bad' ? new Error('down') : key]))
      const call = (key: string, ttl: number) => cache.getOrSet({ key, factory, batch: {}, ttl })
      const [a, bad, b] = await Promise.allSettled([call('a', HOUR), call('bad', HOUR), call('b', 3 * HOUR)])
      assert.deepEqual([a!.status, bad!.status, b!.status], ['fulfilled', 'rejected', 'fulfilled'])
      advanceClock(cache, 2 * HOUR)
      assert.deepEqual(await cache.getMany(['a', 'b']), [undefined, 'b'])
    }, { jitter: 0 }))

  test('a refresh ahead of time is one run as well, apart from the loads', () =>
    withCache(async (cache) => {
      const { asked, factory } = echo()
      const batcher = cache.batcher(factory)
      await cache.setMany([{ key: 'a', value: 'old' }, { key: 'b', value: 'old' }])
      advanceClock(cache, 0.9 * HOUR)
      assert.deepEqual(await batcher.getMany(['a', 'c', 'b']), ['old', 'c!', 'old'])
      await until('they are refreshed', () => cache.peek('a') === 'a!' && cache.peek('b') === 'b!')
      assert.deepEqual(asked.map((keys) => keys.join('')).sort(), ['ab', 'c'])
      advanceClock(cache, 0.9 * HOUR)
      assert.equal(await cache.getOrSet({ key: 'a', factory, batch: true }), 'a!')
      await until('it is refreshed', async () => asked.length === 3)
    }, { ttl: HOUR, refreshAhead: 0.8, jitter: 0 }))

  test('forceFresh loads what is there', () =>
    withCache(async (cache) => {
      const { asked, factory } = echo()
      await cache.set('a', 'old')
      assert.equal(await cache.batcher(factory, { forceFresh: true }).get('a'), 'a!')
      assert.equal(await cache.getOrSet({ key: 'a', factory, batch: true, forceFresh: true }), 'a!')
      assert.equal(asked.length, 2)
    }))

  test('misuse is refused', () =>
    withCache(async (cache) => {
      const { factory } = echo()
      assert.throws(() => cache.batcher(1 as never), { code: 'ERR_CACHE_ARGUMENT' })
      assert.throws(() => cache.batcher(factory, { maxSize: 0 }), { code: 'ERR_CACHE_OPTION' })
      assert.throws(() => cache.batcher(factory, { maxsize: 1 } as never), { code: 'ERR_CACHE_OPTION' })
      assert.throws(() => cache.batcher(factory, 5 as never), { code: 'ERR_CACHE_OPTION' })
      await assert.rejects(cache.getOrSet({ key: 'k', factory, batch: { maxDelay: -1 } }), { code: 'ERR_CACHE_OPTION' })
      await assert.rejects(cache.getOrSet({ key: 'k', factory, batch: 3 as never }), { code: 'ERR_CACHE_OPTION' })
      await assert.rejects(cache.batcher(factory).get(''), { code: 'ERR_CACHE_KEY' })
      await assert.rejects(cache.batcher(factory).getMany('a' as never), { code: 'ERR_CACHE_ARGUMENT' })
      assert.equal(await cache.getOrSet({ key: 'k', factory: () => 'one', batch: false }), 'one')
    }))
})
