import * as assert from 'node:assert/strict'
import { once } from 'node:events'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Cache, CacheEvents } from '../../src'
import { withCache } from '../helpers/cache'
import { deferred } from '../helpers/deferred'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

/** Everything told of the events named, as lines. */
function heard(cache: Cache, ...events: ('hit' | 'miss' | 'stale')[]): unknown[][] {
  const told: unknown[][] = []
  for (const event of events) cache.on(event, ({ namespace, key }) => told.push([event, namespace, key]))
  return told
}

const LASTING = { ttl: '1h', grace: '1h', jitter: 0 }

suite('events', (test) => {
  test('reads tell of hits and misses, in every namespace and whichever way they read', () =>
    withCache(async (cache) => {
      const space = cache.namespace('n')
      const told = heard(cache, 'hit', 'miss')
      await space.set('a', 1)
      await space.get('a')
      await space.get('b')
      space.getSync('a')
      await space.getMany(['a', 'b'])
      await space.getOrSet('a', () => 2)
      await space.getOrSet({ key: 'c', factory: () => 2 })
      await cache.get('a')
      assert.deepEqual(told, [['hit', 'n', 'a'], ['miss', 'n', 'b'], ['hit', 'n', 'a'], ['hit', 'n', 'a'], ['miss', 'n', 'b'], ['hit', 'n', 'a'], ['miss', 'n', 'c'], ['miss', '', 'a']])
    }))

  test('a load is told with its reason and how it ended, a stale value when it is served', () =>
    withCache(async (cache) => {
      const loads: CacheEvents['load'][] = []
      const told = heard(cache, 'stale')
      cache.on('load', (load) => loads.push(load))
      await cache.getOrSet('a', () => 1)
      await cache.expire('a')
      const error = new Error('down')
      assert.equal(await cache.getOrSet('a', () => Promise.reject(error)), 1)
      assert.equal(await cache.getOrSet('a', () => 2), 1, 'the source is left alone')
      assert.deepEqual(told, [['stale', '', 'a'], ['stale', '', 'a']])
      assert.deepEqual(loads.map(({ key, reason, error: thrown }) => [key, reason, thrown]), [['a', 'miss', undefined], ['a', 'stale', error]])
      assert.ok(loads.every(({ ms }) => ms >= 0))
      const slow = deferred<number>()
      assert.equal(await cache.getOrSet('a', () => slow.promise, { forceFresh: false, timeout: 0, graceBackoff: 1 }), 1)
      slow.resolve(3)
    }, LASTING))

  test('delete, expire and clear are told', () =>
    withCache(async (cache) => {
      const told: unknown[] = []
      cache.on('invalidate', ({ namespace, key, by }) => told.push([by, namespace, key]))
      const space = cache.namespace('n')
      await space.delete('a')
      await space.deleteMany(['b', 'c'])
      await space.expire('a')
      await space.clear()
      assert.deepEqual(told, [['delete', 'n', 'a'], ['delete', 'n', 'b'], ['delete', 'n', 'c'], ['expire', 'n', 'a'], ['clear', 'n', undefined]])
    }))

  test('evictions are told by number', () =>
    withCache(async (cache) => {
      let count = 0
      cache.on('evict', (told) => { count += told.count })
      const before = cache.stats().evictions
      for (let i = 0; i < 4_000; i++) await cache.set(`k${i}`, 'x'.repeat(2_000))
      const evicted = cache.stats().evictions - before
      assert.ok(evicted > 0)
      await until('they are told', () => count >= evicted)
    }, { memory: '4mb' }))

  test('once is once, off is off, and nothing is told after close', () =>
    withCache(async (cache) => {
      let count = 0
      const listener = (): void => void count++
      cache.once('miss', listener)
      await cache.get('a')
      await cache.get('a')
      assert.equal(count, 1)
      assert.equal(cache.on('miss', listener), cache)
      await cache.get('a')
      cache.off('miss', listener).off('miss', listener)
      await cache.get('a')
      assert.equal(count, 2)
      cache.once('miss', listener).off('miss', listener)
      await cache.get('a')
      assert.equal(count, 2)
      cache.on('miss', listener)
      await cache.close()
      await assert.rejects(cache.get('a'), { code: 'ERR_CACHE_CLOSED' })
      assert.equal(count, 2)
    }))

  for (const [name, listener] of [['throws', () => assert.fail('mine')], ['rejects', async () => assert.fail('mine')]] as const) {
    test(`a listener that ${name} breaks no call, and the logger is told`, () => {
      const errors: [object, string][] = []
      const logger = { debug() {}, info() {}, warn() {}, error: (fields: object, message: string) => void errors.push([fields, message]) }
      return withCache(async (cache) => {
        const told = heard(cache.on('hit', listener), 'hit')
        await cache.set('a', 1)
        assert.equal(await cache.get('a'), 1)
        assert.equal(cache.getSync('a'), 1)
        await until('it is told', () => errors.length === 2)
        assert.deepEqual([told.length, errors[0]![1]], [2, 'a listener of hit threw'])
        assert.match(JSON.stringify(errors[0]![0]), /mine/)
      }, { logger })
    })
  }

  test('without a logger it is a process warning', () =>
    withCache(async (cache) => {
      const warned = once(process, 'warning')
      cache.on('miss', () => assert.fail('mine'))
      assert.equal(await cache.get('a'), undefined)
      const [warning] = (await warned) as [Error & { code: string }]
      assert.deepEqual([warning.name, warning.code], ['StratacacheWarning', 'STRATACACHE_LISTENER'])
    }))

  test('a listener may use the cache', () =>
    withCache(async (cache) => {
      const seen: unknown[] = []
      cache.on('hit', ({ key }) => { if (key === 'a') seen.push(cache.getSync('b')) })
      await cache.set('a', { a: 1 })
      await cache.set('b', { b: 1 })
      for (let i = 0; i < 3; i++) assert.deepEqual(await cache.get('a'), { a: 1 })
      assert.deepEqual(seen, [{ b: 1 }, { b: 1 }, { b: 1 }])
    }, { ttl: '1h', sliding: '10m' }))

  test('what is no event and no listener is refused', () =>
    withCache((cache) => {
      assert.throws(() => cache.on('hits' as never, () => {}), { code: 'ERR_CACHE_ARGUMENT', message: /Did you mean hit\?/ })
      assert.throws(() => cache.off('closed' as never, () => {}), { code: 'ERR_CACHE_ARGUMENT' })
      assert.throws(() => cache.on('hit', 'x' as never), { code: 'ERR_CACHE_ARGUMENT' })
    }))

  test('load, stale and invalidate are published on diagnostics channels', () =>
    withCache(async (cache) => {
      const told: unknown[] = []
      const subscriber = (about: unknown, name: string | symbol): void => void told.push([name, (about as { cache: string; key: string }).key, (about as { cache: string }).cache])
      const names = ['stratacache:load', 'stratacache:stale', 'stratacache:invalidate']
      for (const name of names) subscribe(name, subscriber)
      try {
        const { name } = cache.info()
        await cache.getOrSet('a', () => 1)
        await cache.expire('a')
        await cache.getOrSet('a', () => Promise.reject(new Error('down')))
        assert.deepEqual(told, [['stratacache:load', 'a', name], ['stratacache:invalidate', 'a', name], ['stratacache:load', 'a', name], ['stratacache:stale', 'a', name]])
      } finally {
        for (const name of names) unsubscribe(name, subscriber)
      }
    }, LASTING))
})
