// Changes that depend on what is there, in one process.
import * as assert from 'node:assert/strict'
import { advanceClock, withCache } from '../helpers/cache'
import { deferred } from '../helpers/deferred'
import { suite } from '../helpers/suite'

const HOUR = 3_600_000

suite('updates', (test) => {
  test('update gives its function the value and the entry, and stores what it makes', () =>
    withCache(async (cache) => {
      const first = await cache.update<string[]>('k', (value, entry) => {
        assert.deepEqual([value, entry], [undefined, { hit: false }])
        return ['a']
      })
      assert.deepEqual(first, ['a'])
      const second = await cache.update<string[]>('k', async (value, entry) => {
        assert.ok(entry.hit && entry.version > 0 && !entry.stale)
        return [...value!, 'b']
      }, { ttl: HOUR })
      assert.deepEqual(second, ['a', 'b'])
      assert.deepEqual(await cache.get('k'), ['a', 'b'])
      advanceClock(cache, 2 * HOUR)
      assert.equal(await cache.get('k'), undefined)
    }))

  test('undefined leaves the value, its version and its life', () =>
    withCache(async (cache) => {
      await cache.set('k', 1)
      const seen = async (): Promise<object> => ({ ...await cache.getEntry('k'), tier: 'any', age: 'any' })
      const before = await seen()
      assert.equal(await cache.update('k', () => undefined), 1)
      assert.deepEqual(await seen(), before)
      assert.equal(await cache.update('none', () => undefined), undefined)
      assert.equal(await cache.has('none'), false)
    }))

  test('a stale value is not there, and is replaced', () =>
    withCache(async (cache) => {
      await cache.set('k', 1)
      advanceClock(cache, 2 * HOUR)
      assert.equal(await cache.update<number>('k', (value, entry) => (assert.ok(entry.hit && entry.stale), (value ?? 10) + 1)), 11)
      advanceClock(cache, 2 * HOUR)
      assert.equal(await cache.incr('k'), 1)
      advanceClock(cache, 2 * HOUR)
      assert.equal(await cache.pull('k'), undefined)
      assert.deepEqual(await cache.getEntry('k'), { hit: false })
    }, { ttl: HOUR, grace: 10 * HOUR, jitter: 0 }))

  test('a set that comes between makes the function run again', () =>
    withCache(async (cache) => {
      await cache.set('k', 1)
      const seen: unknown[] = []
      const result = await cache.update<number>('k', async (value) => {
        seen.push(value)
        if (seen.length < 3) await cache.set('k', seen.length * 10)
        return value! + 1
      })
      assert.deepEqual([result, seen], [21, [1, 10, 20]])
    }))

  test('a delete that comes between makes the function run again', () =>
    withCache(async (cache) => {
      await cache.set('k', 1)
      const seen: unknown[] = []
      await cache.update<number>('k', async (value) => (seen.push(value), await cache.delete('k'), (value ?? 0) + 1))
      assert.deepEqual(seen, [1, undefined])
    }))

  test('what changes each time is given up with ERR_CACHE_CONFLICT', () =>
    withCache(async (cache) => {
      let runs = 0
      await assert.rejects(cache.update('k', async () => (await cache.set('k', ++runs), 'mine')), { code: 'ERR_CACHE_CONFLICT' })
      assert.equal(runs, 64)
      assert.equal(await cache.get('k'), 64)
      assert.equal(await cache.update('k', () => 'after'), 'after')
    }))

  test('updates of a key run one after the other, those of another key do not wait', () =>
    withCache(async (cache) => {
      const first = deferred<string>()
      const order: string[] = []
      const calls = [
        cache.update('k', () => (order.push('first'), first.promise)),
        cache.update('k', (value) => (order.push(`after ${value}`), 'second')),
      ]
      assert.equal(await cache.update('other', () => 'free'), 'free')
      assert.deepEqual(order, ['first'])
      first.resolve('one')
      assert.deepEqual(await Promise.all(calls), ['one', 'second'])
      assert.deepEqual(order, ['first', 'after one'])
    }))

  test('a function that hangs keeps others waiting no longer than leaseTimeout, and its result comes too late', () =>
    withCache(async (cache) => {
      const hung = deferred<string>()
      let runs = 0
      const first = cache.update<string>('k', (value) => (++runs === 1 ? hung.promise : `${value} again`))
      assert.equal(await cache.update('k', () => 'second'), 'second')
      hung.resolve('late')
      assert.equal(await first, 'second again')
    }, { leaseTimeout: 50 }))

  test('the error of the function rejects, and the next one is not kept waiting', () =>
    withCache(async (cache) => {
      const error = new Error('no')
      await assert.rejects(cache.update('k', () => Promise.reject(error)), (thrown) => thrown === error)
      await assert.rejects(cache.update('k', () => { throw error }), (thrown) => thrown === error)
      assert.equal(await cache.update('k', () => 1), 1)
    }))

  test('an update ends a load that began before', () =>
    withCache(async (cache) => {
      const loaded = deferred<string>()
      const load = cache.getOrSet('k', () => loaded.promise)
      await cache.update('k', () => 'updated')
      loaded.resolve('outdated')
      assert.equal(await load, 'outdated')
      assert.equal(await cache.get('k'), 'updated')
    }))

  test('incr begins at 0 and keeps the life of the number', () =>
    withCache(async (cache) => {
      assert.deepEqual([await cache.incr('n'), await cache.incr('n', 5), await cache.incr('n', -2.5)], [1, 6, 3.5])
      advanceClock(cache, 0.75 * HOUR)
      assert.equal(await cache.incr('n', 1, { ttl: 9 * HOUR }), 4.5)
      advanceClock(cache, 0.5 * HOUR)
      assert.equal(await cache.incr('n', 1, { ttl: 9 * HOUR }), 1)
      advanceClock(cache, 2 * HOUR)
      assert.equal(await cache.incr('n'), 2)
      await cache.set('ever', 1, Number.POSITIVE_INFINITY)
      await cache.incr('ever')
      advanceClock(cache, 99 * HOUR)
      assert.equal(await cache.incr('ever'), 3)
    }, { ttl: HOUR, jitter: 0 }))

  test('a counter ends when it would have, however often it was added to', () =>
    withCache(async (cache) => {
      await cache.incr('n')
      for (let i = 0; i < 20_000; i++) await cache.incr('n')
      const entry = await cache.getEntry('n')
      assert.ok(entry.hit)
      assert.ok(entry.ttlLeft <= HOUR + 250 && entry.ttlLeft >= HOUR - 60_000, String(entry.ttlLeft))
    }, { ttl: HOUR, jitter: 0 }))

  test('incr refuses what is no number', () =>
    withCache(async (cache) => {
      await cache.setMany([{ key: 's', value: '1' }, { key: 'o', value: {} }, { key: 'max', value: Number.MAX_VALUE }, { key: 'null', value: null }])
      for (const key of ['s', 'o', 'null']) await assert.rejects(cache.incr(key), { code: 'ERR_CACHE_VALUE' })
      await assert.rejects(cache.incr('max', Number.MAX_VALUE), { code: 'ERR_CACHE_VALUE' })
      for (const by of ['1', Number.NaN, Number.POSITIVE_INFINITY, null]) await assert.rejects(cache.incr('n', by as number), { code: 'ERR_CACHE_ARGUMENT' })
      assert.equal(await cache.get('s'), '1')
      assert.equal(await cache.has('n'), false)
    }))

  test('pull gives the value to one of all who ask', () =>
    withCache(async (cache) => {
      await cache.set('k', { a: 1 })
      const got = await Promise.all([1, 2, 3].map(() => cache.pull('k')))
      assert.deepEqual(got, [{ a: 1 }, undefined, undefined])
      assert.equal(await cache.has('k'), false)
      await cache.set('null', null)
      assert.equal(await cache.pull('null'), null)
    }))

  test('pull ends a load that would replace what it took', () =>
    withCache(async (cache) => {
      await cache.set('k', 'old')
      const loaded = deferred<string>()
      const load = cache.getOrSet('k', () => loaded.promise, { forceFresh: true })
      assert.equal(await cache.pull('k'), 'old')
      loaded.resolve('outdated')
      assert.equal(await load, 'outdated')
      assert.equal(await cache.get('k'), undefined)
    }))

  test('misuse is refused', () =>
    withCache(async (cache) => {
      await assert.rejects(cache.update('k', 1 as never), { code: 'ERR_CACHE_ARGUMENT' })
      await assert.rejects(cache.update('k', () => () => 1), { code: 'ERR_CACHE_VALUE' })
      for (const options of [{ ifAbsent: true }, { ifVersion: 1 }, { version: 1 }, { tll: 1 }] as object[]) {
        await assert.rejects(cache.update('k', () => 1, options), { code: 'ERR_CACHE_OPTION' })
        await assert.rejects(cache.incr('k', 1, options), { code: 'ERR_CACHE_OPTION' })
      }
      assert.equal(await cache.has('k'), false)
      assert.equal(await cache.update('k'.repeat(1024), () => 1), 1)
    }))
})
