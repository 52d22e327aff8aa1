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

  test('a life that slides on another host ends at its cap there, too', () =>
    withTwoHosts(
      async (here, there) => {
        await here.getOrSet('k', () => 'v')
        await until('it is in Redis', async () => (await server.admin.keys('*|k')).length > 0)
        await until('the other host holds it', async () => (await there.get('k')) === 'v' && there.peek('k') === 'v')
        const alive = (): unknown => there.getSync('k')
        for (let hours = 0.5; hours < 4.9; hours += 0.5) {
          advanceClock(there, 30 * 60_000)
          assert.equal(alive(), 'v', `after ${hours} h`)
        }
        advanceClock(there, 36 * 60_000)
        assert.equal(alive(), undefined)
      },
      { ttl: '5h', sliding: '1h' },
    ))

  test('what another host stored for longer is fresh no longer than this one allows', () =>
    withTwoHosts(async (here, there) => {
      const [long, brief] = [here.namespace('n'), there.namespace('n', { maxTtl: '1h', grace: '10h' })]
      for (const [key, ttl] of [['endless', Number.POSITIVE_INFINITY], ['day', '1d']] as const) {
        await long.set(key, key, { ttl })
        await until(`${key} is read`, async () => (await brief.get(key)) === key && brief.peek(key) === key)
        const entry = await brief.getEntry(key)
        assert.ok(entry.hit && entry.ttlLeft > 0 && entry.ttlLeft <= 3_600_000, `${key}: ${entry.hit && entry.ttlLeft} ms`)
        advanceClock(there, 2 * 3_600_000)
        assert.equal(brief.peek(key), undefined)
        assert.equal(await brief.get(key), key, 'Redis has it from a moment ago')
      }
    }))

  test('in the table an entry has the ttl of that tier, written, loaded and read back, and Redis is asked again after it', () =>
    withTwoHosts(
      async (here, there) => {
        const leftMs = async (cache: Cache, key: string): Promise<number> => {
          const entry = await cache.getEntry(key)
          assert.ok(entry.hit && !entry.stale, key)
          return entry.ttlLeft
        }
        await here.set('set', 1)
        await here.getOrSet('loaded', () => 1)
        await here.set('touched', 1)
        await here.touch('touched', '2h')
        await here.set('brief', 1, { ttl: '10s' })
        for (const key of ['set', 'loaded', 'touched', 'brief']) {
          await until(`${key} is read`, async () => (await there.get(key)) === 1 && there.peek(key) === 1)
          for (const cache of [here, there]) {
            const left = await leftMs(cache, key)
            assert.ok(left > 0 && left <= (key === 'brief' ? 10_000 : 60_000), `${key}: ${left} ms`)
          }
        }
        advanceClock(there, 120_000)
        for (const key of ['set', 'loaded', 'touched']) {
          assert.equal(there.peek(key), undefined)
          assert.equal(await there.getOrSet(key, () => assert.fail('Redis has it')), 1)
          assert.ok((await leftMs(there, key)) <= 60_000)
        }
      },
      { ttl: '1h', l1Ttl: '1m' },
    ))

  test('a result is kept out of Redis by its own skip', () =>
    withTwoHosts(async (here, there) => {
      await here.getOrSet('k', ({ setOptions }) => (setOptions({ skip: ['l2'] }), 'of this host'))
      await here.set('after', 1)
      assert.equal(await there.get('k'), undefined)
      assert.equal(await here.get('k'), 'of this host')
    }))

  test('in Redis an entry has the ttl of that tier, and what is read back has what is left of it', () =>
    withTwoHosts(
      async (here, there) => {
        await here.set('k', 'v')
        await until('it is read', async () => (await there.get('k')) === 'v' && there.peek('k') === 'v')
        const left = async (cache: Cache): Promise<number> => {
          const entry = await cache.getEntry('k')
          assert.ok(entry.hit)
          return entry.ttlLeft
        }
        assert.ok((await left(here)) > 3_000_000)
        const back = await left(there)
        assert.ok(back > 0 && back <= 600_000, `${back} ms`)
      },
      { ttl: '1h', l2: { hardTimeout: '20s', ttl: '10m' } },
    ))

  test('what is loaded is in Redis when a load in mode through resolves, and not awaited behind', () =>
    withTwoHosts(async (here, there) => {
      for (let i = 0; i < 20; i++) {
        await here.getOrSet(`k${i}`, () => i)
        assert.equal(await there.get(`k${i}`), i)
      }
      await here.getOrSetMany({ keys: ['a', 'b'], factory: (keys) => keys })
      assert.deepEqual(await there.getMany(['a', 'b']), ['a', 'b'])
      await here.namespace('n', { writeMode: 'behind' }).getOrSet('k', ({ setOptions }) => (setOptions({ durability: 'l2' }), 'v'))
      assert.equal(await there.namespace('n').get('k'), 'v')
    }))

  test('a load in mode through ends in time while Redis does not confirm', () =>
    withTwoHosts(async (here) => {
      const loading = deferred<void>()
      const begun = deferred<void>()
      const value = here.getOrSet('k', async () => (begun.resolve(), await loading.promise, 'v'), { hardTimeout: '1s' })
      await begun.promise
      await server.admin.call('CLIENT', 'PAUSE', '4000', 'WRITE')
      loading.resolve()
      assert.equal(await value, 'v')
      await server.admin.call('CLIENT', 'UNPAUSE')
    }))

  test('getEntry tells the tier that a value was found in', () =>
    withTwoHosts(async (here, there) => {
      await here.set('k', { v: 1 })
      const tiers = async (key: string): Promise<unknown[]> => {
        const found: unknown[] = []
        for (let i = 0; i < 3; i++) {
          const entry = await there.getEntry(key)
          found.push(entry.hit && entry.tier)
        }
        return found
      }
      await until('news of the key do not come in between', async () => {
        await there.delete('k')
        await here.set('k', { v: 1 })
        await until('it is written', async () => (await here.get('k')) !== undefined)
        const found = await tiers('k')
        return found[0] === 'l2' && found[2] === 'l0'
      })
      assert.deepEqual(await here.getEntry('none'), { hit: false })
    }))
})
