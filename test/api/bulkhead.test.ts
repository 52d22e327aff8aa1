import * as assert from 'node:assert/strict'
import { withCache } from '../helpers/cache'
import { type Deferred, deferred } from '../helpers/deferred'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

suite('bulkhead', (test) => {
  test('no more loads of a namespace run at once than it allows, and all get their turn in order', () =>
    withCache(async (cache) => {
      const space = cache.namespace('limited', { maxConcurrentLoads: 2 })
      const begun: string[] = []
      const running = new Map<string, Deferred<string>>()
      const load = ({ key }: { key: string }) => {
        begun.push(key)
        running.set(key, deferred())
        return running.get(key)!.promise
      }
      const keys = ['a', 'b', 'c', 'd', 'e']
      const callers = keys.map((key) => space.getOrSet(key, load))
      for (const key of keys) {
        await until(`${key} runs`, () => running.has(key))
        assert.ok(running.size <= 2)
        if (running.size < 2) continue
        const [first] = running.keys()
        running.get(first!)!.resolve(first!)
        running.delete(first!)
      }
      for (const [key, run] of running) run.resolve(key)
      assert.deepEqual(await Promise.all(callers), keys)
      assert.deepEqual(begun, keys)
      assert.equal(cache.stats().loads, 5)
    }))

  test('other namespaces do not wait', () =>
    withCache(
      async (cache) => {
        const blocked = deferred<string>()
        const owner = cache.getOrSet('a', () => blocked.promise)
        assert.equal(await cache.namespace('below').getOrSet('a', () => 'other'), 'other')
        blocked.resolve('v')
        assert.equal(await owner, 'v')
      },
      { maxConcurrentLoads: 1 },
    ))

  test('who waits for a turn is bound by its timeout, and its loader never runs', () =>
    withCache(
      async (cache) => {
        const blocked = deferred<string>()
        const owner = cache.getOrSet('a', () => blocked.promise)
        await assert.rejects(cache.getOrSet('b', () => assert.fail('no turn'), { hardTimeout: 20 }), { code: 'ERR_CACHE_LOAD_TIMEOUT' })
        blocked.resolve('v')
        assert.equal(await owner, 'v')
        assert.equal(await cache.getOrSet('b', () => 'now'), 'now')
      },
      { maxConcurrentLoads: 1, errorTtl: 0 },
    ))

  test('a loader that fails or hangs gives its turn back', () =>
    withCache(
      async (cache) => {
        await assert.rejects(cache.getOrSet('a', () => Promise.reject(new Error('down'))), { message: 'down' })
        await assert.rejects(cache.getOrSet('b', () => new Promise(() => {}), { hardTimeout: 20 }), { code: 'ERR_CACHE_LOAD_TIMEOUT' })
        assert.equal(await cache.getOrSet('c', () => 'v'), 'v')
      },
      { maxConcurrentLoads: 1 },
    ))

  test('who waits for a turn when the cache closes is answered all the same', () =>
    withCache(
      async (cache) => {
        const blocked = deferred<string>()
        const callers = [cache.getOrSet('a', () => blocked.promise), cache.getOrSet('b', () => 'b')]
        await cache.close()
        blocked.resolve('a')
        assert.deepEqual(await Promise.all(callers), ['a', 'b'])
      },
      { maxConcurrentLoads: 1 },
    ))
})
