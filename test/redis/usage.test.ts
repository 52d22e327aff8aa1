// Schemas, consistency, tiers passed over and events where Redis is behind the table.
import * as assert from 'node:assert/strict'
import type { Cache, CacheOptions, StandardSchema } from '../../src'
import { FIRST_PENDING_VERSION } from '../../src/sync/versions'
import { untilRead, withHosts } from '../helpers/redis-host'
import { withProxy } from '../helpers/redis/proxy'
import { withRedis } from '../helpers/redis/server'
import { RedisOnce } from '../helpers/redis-once'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

/** A schema of texts. */
const text = (isAsync: boolean): StandardSchema<string> => {
  const judge = (value: unknown) => (typeof value === 'string' ? { value } : { issues: [{ message: 'no text' }] })
  return { '~standard': { version: 1, vendor: 'test', validate: isAsync ? async (value) => judge(value) : judge } }
}

const readsOf = (cache: Cache, what: string): number => cache.stats().detail[`reader.${what}`] ?? 0

suite('usage with Redis', (test) => {
  let server: RedisOnce
  test.before(async () => {
    server = await RedisOnce.start()
  })
  test.before.each(async () => {
    await server.admin.flushall()
  })
  test.after(() => server.stop())

  /** A host, and one that hears nothing of what the other changes. */
  const withDeaf = (body: (cache: Cache, deaf: Cache) => Promise<void>, options: CacheOptions = {}): Promise<void> =>
    withHosts(server.url, 2, async ([here, there]) => {
      const [cache, leading] = [here!.open({ writeMode: 'through' }), there!.open()]
      await Promise.all([cache.ready(), leading.ready()])
      // Without a leader it hears nothing, and within so long a heartbeat it does not notice either.
      const deaf = there!.open({ coordinator: 'off', l2: { heartbeat: '60s' } })
      await leading.close()
      await body(cache, deaf)
    }, options)

  test('fresh serves what Redis has, also where the host has heard of nothing', () =>
    withDeaf(async (cache, deaf) => {
      await cache.set('k', { n: 1 })
      assert.deepEqual(await deaf.get('k'), { n: 1 })
      await cache.set('k', { n: 2 })
      assert.deepEqual([await deaf.get('k'), await deaf.get('k', { consistency: 'local' })], [{ n: 1 }, { n: 1 }])
      assert.deepEqual(await deaf.get('k', { consistency: 'fresh' }), { n: 2 })
      assert.deepEqual(await deaf.get('k'), { n: 2 }, 'what was older is gone for all')
      await cache.set('k', { n: 3 })
      assert.deepEqual(await deaf.getMany(['k'], { consistency: 'fresh' }), [{ n: 3 }])
      await cache.set('k', { n: 4 })
      const entry = await deaf.getEntry('k', { consistency: 'fresh' })
      assert.ok(entry.hit)
      assert.deepEqual(entry.value, { n: 4 })
      await cache.set('k', { n: 5 })
      assert.deepEqual(await deaf.getOrSet('k', () => assert.fail('Redis has it'), { consistency: 'fresh' }), { n: 5 })
      await cache.delete('k')
      assert.deepEqual([await deaf.get('k'), await deaf.get('k', { consistency: 'fresh' })], [{ n: 5 }, undefined])
      assert.equal(await deaf.getOrSet('k', () => 6, { consistency: 'fresh' }), 6)
      assert.throws(() => deaf.getSync('k', { consistency: 'fresh' }), { code: 'ERR_CACHE_OPTION' })
    }))

  test('touch does not bring back what another host has replaced meanwhile', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const [cache, leading] = [here!.open({ writeMode: 'through' }), there!.open()]
      await Promise.all([cache.ready(), leading.ready()])
      const deaf = there!.open({ coordinator: 'off', l2: { heartbeat: '60s' } })
      await leading.close()
      for (const key of ['a', 'b']) {
        await cache.set(key, 'old', { ttl: '1h' })
        assert.equal(await deaf.get(key), 'old')
      }
      await cache.set('a', 'new', { ttl: '1h' })
      for (const key of ['a', 'b']) assert.equal(await deaf.touch(key, '2h'), true)
      assert.equal(await deaf.get('a'), 'old', 'it has heard of nothing')
      await there!.open().ready()
      await until('what it wrote is in Redis', async () => {
        const entry = await cache.getEntry('b')
        return entry.hit && entry.ttlLeft > 3_700_000
      })
      assert.equal(await cache.get('a', { consistency: 'fresh' }), 'new')
      await until('it has heard', async () => (await deaf.get('a')) === 'new')
    }, { jitter: 0 }))

  test('fresh asks only for the version of what the host has', () =>
    withDeaf(async (cache, deaf) => {
      await cache.set('k', 'x'.repeat(100_000))
      await deaf.get('k')
      const [same, hits] = [readsOf(deaf, 'same'), readsOf(deaf, 'hits')]
      for (let i = 0; i < 5; i++) await deaf.namespace('n').get('other')
      for (let i = 0; i < 5; i++) assert.equal((await deaf.get<string>('k', { consistency: 'fresh' }))!.length, 100_000)
      assert.deepEqual([readsOf(deaf, 'same') - same, readsOf(deaf, 'hits') - hits], [5, 0])
    }))

  test('fresh trusts what this host has written and Redis has not answered yet', () =>
    withHosts(server.url, 1, async ([here]) => {
      const cache = here!.open()
      await cache.ready()
      for (let i = 0; i < 20; i++) {
        await cache.set('k', i)
        assert.equal(await cache.get('k', { consistency: 'fresh' }), i)
      }
    }))

  test('fresh is a miss where Redis cannot be asked: the loader decides', async () => {
    const own = await RedisOnce.start()
    try {
      await withHosts(own.url, 1, async ([here]) => {
        const cache = here!.open({ l2: { hardTimeout: '2s' } })
        await cache.ready()
        await cache.set('k', 1)
        await until('Redis has answered', async () => {
          const entry = await cache.getEntry('k')
          return entry.hit && entry.version > 0 && entry.version < FIRST_PENDING_VERSION
        })
        await own.kill()
        assert.equal(await cache.get('k', { consistency: 'fresh' }), undefined)
        assert.deepEqual(await cache.getEntry('k', { consistency: 'fresh' }), { hit: false })
        assert.equal(await cache.get('k'), 1)
        assert.equal(await cache.getOrSet('k', () => 2, { consistency: 'fresh' }), 2)
      })
    } finally {
      await own.stop()
    }
  })

  test('fresh does not wait for Redis once for itself and once more for others', () => withRedis({}, (own) => withProxy(own, (proxy) =>
    withHosts(`redis://127.0.0.1:${proxy.port}`, 1, async ([here]) => {
      const cache = here!.open({ jitter: 0, l2: { softTimeout: '1s', hardTimeout: '1s' } })
      await cache.ready()
      await cache.set('k', 1, { writeMode: 'through', ttl: 400 })
      proxy.stall('down')
      const order: string[] = []
      const fresh = cache.getOrSet('k', () => 'source', { consistency: 'fresh' }).then((value) => void order.push(`fresh ${value}`))
      await until('the value has ended', async () => cache.peek('k') === undefined)
      const later = cache.getOrSet('k', () => 'source').then(() => void order.push('later'))
      await Promise.all([fresh, later])
      assert.deepEqual(order, ['fresh source', 'later'])
    }))))

  test('without l2 Redis is neither asked nor filled', () =>
    withDeaf(async (cache, deaf) => {
      await cache.set('k', 1)
      assert.deepEqual([await deaf.get('k', { skip: ['l2'] }), await deaf.getEntry('k', { skip: ['l2'] })], [undefined, { hit: false }])
      assert.equal(await deaf.getOrSet('k', () => 2, { skip: ['l2'] }), 2)
      assert.equal(await deaf.get('k'), 2)
      assert.ok((await deaf.set('own', 5, { skip: ['l2'] })) > 0)
      assert.deepEqual([await deaf.get('own'), await cache.get('own'), await cache.get('k')], [5, undefined, 1])
      assert.equal(readsOf(deaf, 'hits') + readsOf(deaf, 'misses'), 0)
    }))

  test('without l1 a call goes to Redis and leaves the table as it is', () =>
    withDeaf(async (cache, deaf) => {
      await cache.set('k', 1)
      assert.equal(await deaf.get('k', { skip: ['l1'] }), 1)
      assert.equal(deaf.getSync('k'), undefined)
      assert.equal(await deaf.getOrSet('k', () => assert.fail('Redis has it'), { skip: ['l1'] }), 1)
      assert.equal(await deaf.getOrSet('none', () => 2, { skip: ['l1'] }), 2)
      assert.equal(await cache.get('none'), undefined)
      assert.ok((await cache.set('k', 3, { skip: ['l1'] })) > 0)
      assert.equal(cache.getSync('k'), undefined)
      assert.equal(await cache.get('k'), 3)
    }))

  test('with l2 switched off reads and loads leave Redis out, writes do not', () =>
    withDeaf(async (cache, deaf) => {
      await deaf.set('k', 1, { skip: ['l2'] })
      await cache.set('k', 2)
      cache.features.set('l2', false)
      assert.equal(await cache.get('far'), undefined)
      assert.equal(await cache.getOrSet('loaded', () => 1), 1)
      await cache.set('written', 3)
      assert.deepEqual([await deaf.get('loaded'), await deaf.get('written')], [undefined, 3])
      cache.features.set('l2', true)
      await deaf.delete('k')
      assert.equal(await cache.get('written'), 3)
    }))

  for (const isAsync of [false, true]) {
    test(`a value in Redis that does not fit the schema (${isAsync ? 'asynchronous' : 'synchronous'}) is loaded anew and replaced`, () =>
      withDeaf(async (cache, deaf) => {
        const texts = deaf.namespace('n', { schema: text(isAsync), writeMode: 'through' })
        const any = cache.namespace('n')
        await any.set('k', 5)
        assert.deepEqual([await texts.get('k'), await texts.has('k'), await texts.getEntry('k')], [undefined, false, { hit: false }])
        assert.equal(await texts.get('k', { skip: ['l1'] }), undefined)
        assert.equal(await texts.getOrSet('k', () => 'five'), 'five')
        assert.equal(await texts.get('k'), 'five')
      }))

    test(`what fits comes from Redis, ${isAsync ? 'asynchronously' : 'at once'}, and a loaded value gets there`, () =>
      withHosts(server.url, 2, async ([here, there]) => {
        const [cache, other] = [here!.open(), there!.open()]
        await Promise.all([cache.ready(), other.ready()])
        const [here1, there1] = [cache.namespace('n', { schema: text(isAsync) }), other.namespace('n', { schema: text(isAsync) })]
        assert.equal(await here1.getOrSet('k', () => 'text'), 'text')
        await untilRead(other.namespace('n'), 'k', 'text')
        assert.deepEqual([await there1.get('k'), await there1.getOrSet('k', () => 'other')], ['text', 'text'])
        await cache.namespace('n').set('k', 5)
        await untilRead(other.namespace('n'), 'k', 5)
        assert.equal(await there1.getOrSet('k', () => 'again'), 'again')
        await untilRead(cache.namespace('n'), 'k', 'again')
      }))
  }

  test('losing Redis and finding it again is told', async () => {
    const own = await RedisOnce.start()
    try {
      await withHosts(own.url, 1, async ([here]) => {
        const cache = here!.open()
        const told: string[] = []
        await cache.ready()
        cache.on('degraded', () => told.push('degraded')).on('recovered', ({ link, breaker }) => told.push(`recovered ${link} ${breaker}`))
        await own.kill()
        await until('it is told', () => told.length === 1)
        await own.restart()
        await until('it is told', () => told.length === 2)
        assert.deepEqual(told, ['degraded', 'recovered connected closed'])
      })
    } finally {
      await own.stop()
    }
  })
})
