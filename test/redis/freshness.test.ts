// What loads say of their values travels through Redis, and what comes too late does not.
import * as assert from 'node:assert/strict'
import { type Cache, type CacheOptions, createCache } from '../../src'
import { advanceClock, withDirectory } from '../helpers/cache'
import { deferred } from '../helpers/deferred'
import { RedisOnce } from '../helpers/redis-once'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

suite('freshness with Redis', (test) => {
  let server: RedisOnce
  test.before(async () => {
    server = await RedisOnce.start()
  })
  test.before.each(async () => {
    await server.admin.flushall()
  })
  test.after(() => server.stop())

  function withTwoHosts(body: (here: Cache, there: Cache) => Promise<void>, options: CacheOptions = {}): Promise<void> {
    return withDirectory((one) =>
      withDirectory(async (other) => {
        const open = (dir: string): Cache =>
          createCache({ name: 'shop', memory: '16mb', dir, redis: server.url, writeMode: 'through', jitter: 0, errorTtl: 0, l2: { hardTimeout: '20s' }, ...options })
        const caches = [open(one), open(other)]
        try {
          await Promise.all(caches.map((cache) => cache.ready()))
          await body(caches[0]!, caches[1]!)
        } finally {
          await Promise.all(caches.map((cache) => cache.close()))
        }
      }),
    )
  }

  const untilThere = (cache: Cache, key: string, value: unknown): Promise<void> =>
    until(`${key} is ${JSON.stringify(value)}`, async () => JSON.stringify(await cache.get(key)) === JSON.stringify(value))

  test('an etag noted on one host is asked with on another', () =>
    withTwoHosts(async (here, there) => {
      const lastModified = new Date(1_700_000_000_000)
      await here.getOrSet('k', ({ modified }) => modified({ a: 1 }, { etag: '"1"', lastModified }))
      // Not only read: news of the key may come in between, and what was read is not stored then.
      await until('the other host holds it', async () => (await there.get('k')) !== undefined && there.peek('k') !== undefined)
      const asked: unknown[] = []
      const loaded = await there.getOrSet('k', (context) => {
        asked.push(context.etag, context.lastModified, context.stale, context.reason)
        return context.notModified()
      }, { forceFresh: true })
      assert.deepEqual(loaded, { a: 1 })
      assert.deepEqual(asked, ['"1"', lastModified, { a: 1 }, 'forced'])
      assert.deepEqual(await there.get('k'), { a: 1 })
    }))

  test('a value that is stale in Redis covers a failing loader of a host that never had it', () =>
    withTwoHosts(
      async (here, there) => {
        await here.getOrSet('k', ({ setOptions, modified }) => (setOptions({ ttl: 100 }), modified('old', { etag: 'e' })))
        await until('it is in Redis', async () => (await server.admin.keys('*|k')).length > 0)
        await until('it is stale there', async () => (await there.get('k')) === undefined)
        const seen: unknown[] = []
        const served = await there.getOrSet('k', ({ stale, etag, fail }) => {
          seen.push(stale, etag)
          return fail('down')
        })
        assert.equal(served, 'old')
        assert.deepEqual(seen, ['old', 'e'])
        let early = 0
        assert.equal(await there.getOrSet('k', () => ++early), 'old')
        await until('get does not take it for fresh', async () => (await there.get('k')) === undefined)
        assert.equal(await there.getOrSet('k', () => ++early), 'old')
        assert.equal(early, 0)
      },
      { ttl: '1h', grace: '10h', graceBackoff: '1h' },
    ))

  test('a value that is stale in Redis is served at once where the caller does not wait', () =>
    withTwoHosts(
      async (here, there) => {
        await here.getOrSet('k', ({ setOptions }) => (setOptions({ ttl: 100 }), 'old'))
        await until('it is in Redis', async () => (await server.admin.keys('*|k')).length > 0)
        await until('it is stale there', async () => (await there.get('k')) === undefined)
        const loaded = deferred<string>()
        assert.equal(await there.getOrSet('k', () => loaded.promise, { timeout: 0 }), 'old')
        loaded.resolve('new')
        for (const cache of [there, here]) await untilThere(cache, 'k', 'new')
      },
      { ttl: '1h', grace: '10h' },
    ))

  test('reading a key does not end the memory of its failure', () =>
    withTwoHosts(
      async (here) => {
        await assert.rejects(here.getOrSet('k', ({ fail }) => fail('down')), { message: 'down' })
        assert.equal(await here.get('k'), undefined)
        await assert.rejects(here.getOrSet('k', () => assert.fail('too early')), { message: 'down' })
      },
      { errorTtl: '1h' },
    ))

  test('a load that was given up never replaces what another host wrote since', () =>
    withTwoHosts(async (here, there) => {
      const hung = deferred<string>()
      await assert.rejects(here.getOrSet('k', () => hung.promise, { hardTimeout: 50 }), { code: 'ERR_CACHE_LOAD_TIMEOUT' })
      await there.set('k', 'new')
      hung.resolve('late')
      await hung.promise
      await untilThere(here, 'k', 'new')
      assert.equal(await there.get('k'), 'new')
    }))

  test('a refresh reaches the other host', () =>
    withTwoHosts(
      async (here, there) => {
        await here.getOrSet('k', () => 'old')
        await untilThere(there, 'k', 'old')
        advanceClock(here, 3_000_000)
        assert.equal(await here.getOrSet('k', () => 'new'), 'old')
        await untilThere(here, 'k', 'new')
        await untilThere(there, 'k', 'new')
      },
      { ttl: '1h', refreshAhead: 0.5 },
    ))

  test('lives slide on each host by its own clock', () =>
    withTwoHosts(
      async (here, there) => {
        await here.getOrSet('k', () => 'v')
        await untilThere(there, 'k', 'v')
        advanceClock(here, 40 * 60_000)
        assert.equal(await here.get('k'), 'v')
        advanceClock(here, 40 * 60_000)
        assert.equal(await here.get('k'), 'v')
        assert.equal(await there.get('k'), 'v')
      },
      { ttl: '5h', sliding: '1h' },
    ))
})
