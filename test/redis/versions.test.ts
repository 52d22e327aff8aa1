// One meaning of `version`: what getEntry gives is what ifVersion takes, on one host and across hosts.
import * as assert from 'node:assert/strict'
import type { Cache } from '../../src'
import { FIRST_PENDING_VERSION } from '../../src/sync/versions'
import { untilRead, withHosts } from '../helpers/redis-host'
import { RedisOnce } from '../helpers/redis-once'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

async function versionOf(cache: Cache, key: string): Promise<number> {
  const entry = await cache.getEntry(key)
  assert.ok(entry.hit, `${key} is there`)
  return entry.version
}

async function fleetVersionOf(cache: Cache, key: string): Promise<number> {
  let version = 0
  await until('Redis has answered', async () => isOfFleet(version = await versionOf(cache, key)))
  return version
}

function isOfFleet(version: number): boolean {
  return version > 0 && version < FIRST_PENDING_VERSION
}

suite('versions with Redis', (test) => {
  let server: RedisOnce
  test.before(async () => {
    server = await RedisOnce.start()
  })
  test.before.each(async () => {
    await server.admin.flushall()
  })
  test.after(() => server.stop())

  test('are the same on all hosts, and rise', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const [cache, other] = [here!.open(), there!.open()]
      await Promise.all([cache.ready(), other.ready()])
      await cache.set('k', 1)
      const first = await fleetVersionOf(cache, 'k')
      assert.equal(await versionOf(other, 'k'), first)
      assert.ok((await cache.set('k', 2, { writeMode: 'through' })) > first)
      assert.equal(await fleetVersionOf(cache, 'k'), await fleetVersionOf(cache, 'k'))
    }))

  test('go around: getEntry, then set ifVersion, right after a write that is still on its way', () =>
    withHosts(server.url, 1, async ([here]) => {
      const cache = here!.open()
      await cache.ready()
      for (let i = 0; i < 20; i++) {
        const set = await cache.set('k', i)
        const version = await versionOf(cache, 'k')
        assert.ok((await cache.set('k', `${i} over`, { ifVersion: i % 2 === 0 ? version : set })) > 0)
        assert.equal(await cache.get('k'), `${i} over`)
        assert.equal(await cache.set('k', 'lost', { ifVersion: version }), 0)
        assert.equal(await cache.get('k'), `${i} over`)
      }
    }))

  test('of another host: of those who take the same version one wins', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const [cache, other] = [here!.open(), there!.open()]
      await Promise.all([cache.ready(), other.ready()])
      await cache.set('count', 0, { writeMode: 'through' })
      const add = async (on: Cache): Promise<void> => {
        for (let done = 0; done < 20; ) {
          const entry = await on.getEntry<number>('count')
          if (entry.hit && (await on.set('count', entry.value + 1, { ifVersion: entry.version })) > 0) done++
        }
      }
      await Promise.all([add(cache), add(other)])
      await untilRead(cache, 'count', 40)
      await untilRead(other, 'count', 40)
    }))

  test('of the source: only a higher one is stored, on whatever host, and touch and expire leave it', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const [cache, other] = [here!.open(), there!.open()]
      await Promise.all([cache.ready(), other.ready()])
      for (const change of [async () => {}, () => cache.touch('k', '2h'), () => cache.expire('k'), () => other.touch('k', '3h')]) {
        await cache.delete('k')
        assert.ok((await cache.set('k', 5, { version: 5 })) > 0)
        await untilRead(other, 'k', 5)
        await change()
        assert.equal(await other.set('k', 4, { version: 4 }), 0, String(change))
        assert.equal(await cache.set('k', 4, { version: 5 }), 0, String(change))
        assert.ok((await other.set('k', 6, { version: 6 })) > 0)
        await untilRead(cache, 'k', 6)
      }
    }, { ttl: '1h', grace: '1h' }))

  test('of the source are forgotten with a value that its tag has ended', () =>
    withHosts(server.url, 1, async ([here]) => {
      const cache = here!.open()
      await cache.ready()
      await cache.set('k', 'row', { version: 5, tags: ['t'] })
      await cache.deleteByTag('t')
      assert.ok((await cache.set('k', 'the same row', { version: 5, tags: ['t'] })) > 0)
      await untilRead(cache, 'k', 'the same row')
      assert.equal(await cache.set('k', 'older', { version: 4 }), 0)
    }))

  test('of a write that a later one has replaced do not match', () =>
    withHosts(server.url, 1, async ([here]) => {
      const cache = here!.open()
      await cache.ready()
      const first = await cache.set('k', 'first')
      await cache.set('k', 'second')
      assert.equal(await cache.set('k', 'third', { ifVersion: first }), 0)
      assert.equal(await cache.get('k'), 'second')
    }))

  test('whose answer was forgotten are read from Redis, with their value', () =>
    withHosts(server.url, 1, async ([here]) => {
      const cache = here!.open()
      const worker = await here!.spawn()
      await worker.call('set', 'k', { n: 1 })
      await fleetVersionOf(cache, 'k')
      // Over the record of k in the lane.
      for (let i = 0; i < 40; i++) await worker.call('set', 'other', 'x'.repeat(14_000))
      let entry = await cache.getEntry('k')
      await until('all is settled', async () => (entry = await cache.getEntry('k')).hit && entry.version < FIRST_PENDING_VERSION)
      assert.ok(entry.hit && entry.version > 0)
      assert.deepEqual([entry.tier, entry.value], ['l2', { n: 1 }])
      assert.ok((await cache.set('k', 2, { ifVersion: entry.version })) > 0)
    }, { l2: { journal: '1mb' } }))

  test('while Redis is away name the write on this host, and a conditional write ends by its deadline', () =>
    withHosts(server.url, 1, async ([here]) => {
      const cache = here!.open({ l2: { hardTimeout: 300 } })
      await cache.ready()
      await server.kill()
      await cache.set('k', 1)
      const version = await versionOf(cache, 'k')
      assert.ok(version >= FIRST_PENDING_VERSION)
      await assert.rejects(cache.set('k', 2, { ifVersion: version }), { code: 'ERR_CACHE_L2_TIMEOUT' })
      await server.restart()
      // It has lost its data, so all entries end; the write is found in Redis as soon as this isolate is connected again.
      await until('Redis has the write', async () => {
        const entry = await cache.getEntry('k')
        return entry.hit && entry.value === 1 && isOfFleet(entry.version)
      })
      assert.ok((await cache.set('k', 3, { ifVersion: version })) > 0)
    }))

  test('durability l2 waits for Redis in every mode', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const [cache, other] = [here!.open(), there!.open()]
      await Promise.all([cache.ready(), other.ready()])
      assert.ok((await cache.set('k', 1, { durability: 'l2' })) < FIRST_PENDING_VERSION)
      assert.equal(await other.get('k'), 1)
    }))
})
