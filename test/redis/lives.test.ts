// Lives that end or begin anew on one host while another writes: no value goes back to an older one.
import * as assert from 'node:assert/strict'
import type { Cache } from '../../src'
import { RedisHost, untilRead } from '../helpers/redis-host'
import { RedisOnce } from '../helpers/redis-once'
import { withProxy } from '../helpers/redis/proxy'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const LIFE = { ttl: '1h', grace: '2h' } as const

suite('lives with Redis', (test) => {
  let server: RedisOnce
  test.before(async () => {
    server = await RedisOnce.start()
  })
  test.before.each(async () => {
    await server.admin.flushall()
  })
  test.after(() => server.stop())

  /** Two hosts, of which the first does not hear the other while `dropMessages` is on. */
  const withDeaf = (body: (deaf: Cache, other: Cache, dropMessages: (on: boolean) => void, third: Cache) => Promise<void>, writeMode: 'behind' | 'through' = 'behind'): Promise<void> =>
    withProxy({ host: '127.0.0.1', port: Number(new URL(server.url).port) }, async (proxy) => {
      const hosts = [new RedisHost(`redis://127.0.0.1:${proxy.port}`, { ...LIFE, writeMode }), new RedisHost(server.url, LIFE), new RedisHost(server.url, LIFE)]
      try {
        const caches = hosts.map((host) => host.open())
        await Promise.all(caches.map((cache) => cache.ready()))
        await body(caches[0]!, caches[1]!, (on) => proxy.dropMessages(on ? () => true : 0), caches[2]!)
      } finally {
        for (const host of hosts) await host.end()
      }
    })
  const staleOf = async (cache: Cache): Promise<unknown> => {
    const entry = await cache.getEntry('k')
    return entry.hit ? [entry.value, entry.stale] : 'none'
  }

  for (const writeMode of ['behind', 'through'] as const) {
    test(`expire, ${writeMode}: ends the life of what another host has written meanwhile, and brings nothing older back`, () =>
      withDeaf(async (deaf, other, dropMessages, third) => {
        await deaf.set('k', 'old', { writeMode: 'through' })
        await untilRead(other, 'k', 'old')
        dropMessages(true)
        await other.set('k', 'new', { writeMode: 'through' })
        assert.equal(await deaf.get('k'), 'old')
        assert.equal(await deaf.expire('k'), true)
        await until('Redis has heard of it', async () => JSON.stringify(await staleOf(third)) === '["new",true]')
        dropMessages(false)
        await until('the deaf host has lost what was older', async () => JSON.stringify(await staleOf(deaf)) === '["new",true]')
        await until('and the other has heard of it', async () => JSON.stringify(await staleOf(other)) === '["new",true]')
      }, writeMode))
  }

  test('expire of a write that is still on its way keeps it, stale, on this host and in Redis', () =>
    withDeaf(async (cache, other) => {
      for (let i = 0; i < 50; i++) {
        const key = `k${i}`
        const written = cache.set(key, i)
        assert.equal(await cache.expire(key), true)
        await written
      }
      for (let i = 0; i < 50; i++) {
        const key = `k${i}`
        await until(`${key} is in Redis`, async () => {
          const entry = await other.getEntry(key)
          return entry.hit && entry.value === i && entry.stale
        })
        const own = await cache.getEntry(key)
        assert.ok(own.hit && own.value === i && own.stale && own.tier !== 'l2', JSON.stringify(own))
      }
    }))

  test('touch of a write that is still on its way gives it its new life, and is not made over what another host writes', () =>
    withDeaf(async (deaf, other, dropMessages, third) => {
      const written = deaf.set('k', 'own', { ttl: '10s' })
      assert.equal(await deaf.touch('k', '5h'), true)
      await written
      await until('Redis has its life', async () => {
        const entry = await third.getEntry('k')
        return entry.hit && entry.value === 'own' && entry.ttlLeft > 3_600_000
      })
      await untilRead(other, 'k', 'own')
      dropMessages(true)
      await other.set('k', 'new', { writeMode: 'through' })
      assert.equal(await deaf.touch('k', '9h'), true)
      dropMessages(false)
      await untilRead(deaf, 'k', 'new')
      assert.equal(await third.get('k'), 'new')
    }))

  test('touch long after a write, whose answer is forgotten by then, still gives its life to it', () =>
    withDeaf(async (cache, _other, _drop, third) => {
      await cache.set('k', 'v', { ttl: '10s' })
      // More than a lane of the journal keeps.
      for (let i = 0; i < 40; i++) await Promise.all(Array.from({ length: 50 }, (_, n) => cache.set(`filler ${i} ${n}`, 'x'.repeat(1_000))))
      await until('nothing is on its way', () => cache.stats().detail['journal.pending_bytes'] === 0)
      assert.equal(await cache.touch('k', '5h'), true)
      await until('Redis has its life', async () => {
        const entry = await third.getEntry('k')
        return entry.hit && entry.value === 'v' && entry.ttlLeft > 3_600_000
      })
    }))
})
