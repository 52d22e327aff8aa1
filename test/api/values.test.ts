import * as assert from 'node:assert/strict'
import { advanceClock, withCache } from '../helpers/cache'
import { suite } from '../helpers/suite'
import { ROUND_TRIPS } from '../helpers/values'

const HOUR = 3_600_000

suite('values', (test) => {
  test('what is set is read, in every way of reading', () =>
    withCache(async (cache) => {
      for (const [kind, value] of ROUND_TRIPS) {
        assert.ok((await cache.set(kind, value)) > 0, kind)
        assert.deepEqual(await cache.get(kind), value)
        assert.deepEqual(cache.getSync(kind), value)
        assert.deepEqual(cache.peek(kind), value)
        assert.equal(await cache.has(kind), true)
      }
      const kinds = ROUND_TRIPS.map(([kind]) => kind)
      assert.deepEqual(await cache.getMany(kinds), ROUND_TRIPS.map(([, value]) => value))
    }))

  test('a missing key is undefined, and getEntry says so', () =>
    withCache(async (cache) => {
      assert.equal(await cache.get('k'), undefined)
      assert.equal(cache.getSync('k'), undefined)
      assert.equal(cache.peek('k'), undefined)
      assert.deepEqual(await cache.getEntry('k'), { hit: false })
      assert.equal(await cache.has('k'), false)
      assert.equal(await cache.delete('k'), false)
      assert.equal(await cache.touch('k'), false)
      assert.equal(await cache.expire('k'), false)
    }))

  test('null is a value', () =>
    withCache(async (cache) => {
      await cache.set('k', null)
      assert.equal(await cache.get('k'), null)
      assert.equal(await cache.has('k'), true)
      assert.equal((await cache.getEntry('k')).hit, true)
      assert.equal(await cache.getOrSet('k', () => assert.fail('it is there')), null)
    }))

  test('undefined cannot be set', () =>
    withCache(async (cache) => {
      await cache.set('k', 'old')
      await assert.rejects(cache.set('k', undefined), { code: 'ERR_CACHE_VALUE' })
      assert.equal(await cache.get('k'), 'old')
    }))

  test('getEntry tells version, life and tier', () =>
    withCache(async (cache) => {
      const version = await cache.set('k', { a: 1 }, { ttl: '2h', grace: '4h' })
      const fresh = await cache.getEntry<{ a: number }>('k')
      assert.ok(fresh.hit)
      assert.deepEqual([fresh.value, fresh.version, fresh.stale], [{ a: 1 }, version, false])
      assert.ok(fresh.ttlLeft > HOUR && fresh.ttlLeft <= 2 * HOUR)
      assert.ok(fresh.age >= 0 && fresh.age < 60_000, String(fresh.age))
      assert.ok(fresh.tier === 'l0' || fresh.tier === 'l1')
      advanceClock(cache, 3 * HOUR)
      const stale = await cache.getEntry('k')
      assert.ok(stale.hit)
      assert.deepEqual([stale.value, stale.version, stale.stale, stale.ttlLeft], [{ a: 1 }, version, true, 0])
      assert.equal(await cache.get('k'), undefined, 'only getEntry shows stale values')
      advanceClock(cache, 4 * HOUR)
      assert.deepEqual(await cache.getEntry('k'), { hit: false })
    }))

  test('a bare duration is the ttl of a set', () =>
    withCache(async (cache) => {
      await cache.set('number', 1, 2 * HOUR)
      await cache.set('text', 1, '2h')
      advanceClock(cache, HOUR)
      assert.deepEqual(await cache.getMany(['number', 'text']), [1, 1])
      advanceClock(cache, 2 * HOUR)
      assert.deepEqual(await cache.getMany(['number', 'text']), [undefined, undefined])
    }))

  test('touch gives a new life, by default that of the cache', () =>
    withCache(
      async (cache) => {
        await cache.set('k', 1)
        advanceClock(cache, HOUR)
        assert.equal(await cache.touch('k'), true)
        advanceClock(cache, 1.5 * HOUR)
        assert.equal(await cache.get('k'), 1)
        assert.equal(await cache.touch('k', { ttl: '10h' }), true)
        advanceClock(cache, 5 * HOUR)
        assert.equal(await cache.get('k'), 1)
      },
      { ttl: '2h' },
    ))

  test('expire keeps the grace', () =>
    withCache(async (cache) => {
      await cache.set('k', 1, { ttl: '1h', grace: '1h' })
      assert.equal(await cache.expire('k'), true)
      assert.equal(await cache.get('k'), undefined)
      const entry = await cache.getEntry('k')
      assert.ok(entry.hit && entry.stale)
    }))

  test('delete and deleteMany say what was there', () =>
    withCache(async (cache) => {
      await cache.setMany([
        { key: 'a', value: 1 },
        { key: 'b', value: 2 },
        { key: 'c', value: 3 },
      ])
      assert.equal(await cache.delete('a'), true)
      assert.equal(await cache.delete('a'), false)
      assert.equal(await cache.deleteMany(['a', 'b', 'c', 'd']), 2)
      assert.deepEqual(await cache.getMany(['a', 'b', 'c']), [undefined, undefined, undefined])
    }))

  test('of many, each stands for itself: what is refused leaves the others done', () =>
    withCache(async (cache) => {
      const items = [{ key: 'a', value: 1 }, { key: '', value: 2 }, { key: 'c', value: () => 3 }, { key: 'd', value: 4 }, { key: 'e', value: 5, ttl: -1 }]
      await assert.rejects(cache.setMany(items), { code: 'ERR_CACHE_KEY' })
      assert.deepEqual(await cache.getMany(['a', 'c', 'd', 'e']), [1, undefined, 4, undefined])
      const settled = await cache.setMany([...items, undefined as never], { settled: true })
      const codes = settled.map((each) => (each.status === 'fulfilled' ? each.value > 0 : each.reason.code))
      assert.deepEqual(codes, [true, 'ERR_CACHE_KEY', 'ERR_CACHE_VALUE', true, 'ERR_CACHE_OPTION', 'ERR_CACHE_ARGUMENT'])
      await assert.rejects(cache.deleteMany(['', 'a']), { code: 'ERR_CACHE_KEY' })
      const deleted = await cache.deleteMany(['a', '', 'd'], { settled: true })
      assert.deepEqual(deleted.map((each) => (each.status === 'fulfilled' ? each.value : each.reason.code)), [false, 'ERR_CACHE_KEY', true])
      await assert.rejects(cache.setMany(items, { settled: 1 } as never), { code: 'ERR_CACHE_ARGUMENT' })
    }))

  test('setMany stores each item with its own options', () =>
    withCache(async (cache) => {
      const versions = await cache.setMany([
        { key: 'short', value: 1, ttl: '1h' },
        { key: 'long', value: 2 },
        { key: 'long', value: 3, ifAbsent: true },
      ])
      assert.ok(versions[0]! > 0 && versions[1]! > 0)
      assert.equal(versions[2], 0)
      advanceClock(cache, 2 * HOUR)
      assert.deepEqual(await cache.getMany(['short', 'long']), [undefined, 2])
    }))

  test('ifVersion makes a set a compare-and-set', () =>
    withCache(async (cache) => {
      await cache.set('counter', 1)
      const entry = await cache.getEntry<number>('counter')
      assert.ok(entry.hit)
      assert.ok((await cache.set('counter', entry.value + 1, { ifVersion: entry.version })) > entry.version)
      assert.equal(await cache.set('counter', entry.value + 1, { ifVersion: entry.version }), 0)
      assert.equal(await cache.get('counter'), 2)
    }))

  test('a value that finds no room is not stored, and that is no error', () =>
    withCache(async (cache) => {
      assert.equal(await cache.set('k', Buffer.alloc(20 * 1024 * 1024)), 0)
      assert.equal(await cache.get('k'), undefined)
    }))

  test('stats count, and info tells what the cache is', () =>
    withCache(
      async (cache) => {
        assert.equal(cache.stats().hitRatio, 0)
        await cache.set('k', 1)
        await cache.get('k')
        await cache.get('k')
        await cache.get('none')
        const stats = cache.stats()
        assert.deepEqual([stats.sets, stats.hits, stats.misses], [1, 2, 1])
        assert.ok(Math.abs(stats.hitRatio - 2 / 3) < 1e-9)
        const info = cache.info()
        const isShared = process.env['STRATACACHE_L1'] !== 'process'
        assert.equal(info.l1, isShared ? 'shared' : 'process')
        assert.ok(info.memoryBytes > 0)
        assert.equal(info.path !== undefined, isShared)
        assert.equal(info.fallbackReason !== undefined, !isShared)
        await cache.ready()
      },
      { name: 'told' },
    ))
})
