// forceFresh asks the loader at once, and what it brings never replaces something newer.
import * as assert from 'node:assert/strict'
import { deferred } from '../helpers/deferred'
import { FaultProxy } from '../helpers/redis/proxy'
import { untilRead, withHosts } from '../helpers/redis-host'
import { RedisOnce } from '../helpers/redis-once'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

suite('forced loads with Redis', (test) => {
  let server: RedisOnce
  test.before(async () => {
    server = await RedisOnce.start()
  })
  test.before.each(async () => {
    await server.admin.flushall()
  })
  test.after(() => server.stop())

  test('begin while Redis does not answer', () =>
    withHosts(server.url, 1, async ([here]) => {
      const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: server.port })
      try {
        const cache = here!.open({ redis: `redis://127.0.0.1:${proxy.port}`, l2: { hardTimeout: '30s' } })
        await cache.ready()
        proxy.stall()
        const began = deferred<void>()
        const loading = cache.getOrSet('k', () => {
          began.resolve()
          return 'fresh'
        }, { forceFresh: true })
        await began.promise
        proxy.resume()
        assert.equal(await loading, 'fresh')
        assert.equal(await cache.get('k'), 'fresh')
      } finally {
        await here!.end()
        await proxy.close()
      }
    }))

  test('reach Redis and other hosts, whatever the table knew of the key', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const [cache, other] = [here!.open(), there!.open({ writeMode: 'through' })]
      await cache.ready()
      await cache.getOrSet('absent', () => 'loaded', { forceFresh: true })
      await untilRead(other, 'absent', 'loaded')
      await other.set('known', 'old')
      assert.equal(await cache.get('known'), 'old')
      await cache.getOrSet('known', () => 'loaded', { forceFresh: true })
      await untilRead(other, 'known', 'loaded')
      await other.set('unknown', 'old')
      // As soon as this host has heard of the old value.
      await until('it is loaded everywhere', async () => {
        await cache.getOrSet('unknown', () => 'loaded', { forceFresh: true })
        return (await other.get('unknown')) === 'loaded'
      })
    }))

  test('replace what their caller was given before, also what came from Redis just now', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const [cache, other] = [here!.open(), there!.open({ writeMode: 'through' })]
      await cache.ready()
      for (let i = 0; i < 200; i++) {
        await other.set(`k${i}`, 'old')
        assert.equal(await cache.get(`k${i}`), 'old')
        await cache.getOrSet(`k${i}`, () => 'loaded', { forceFresh: true })
        // What this host writes after it comes after it.
        await cache.set('after', i, { writeMode: 'through' })
        assert.equal(await cache.get(`k${i}`), 'loaded', `key ${i}`)
        await untilRead(other, `k${i}`, 'loaded')
      }
    }))

  test('that end after a newer write of another host are dropped everywhere', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const [cache, other] = [here!.open(), there!.open({ writeMode: 'through' })]
      await cache.ready()
      for (const key of ['absent', 'known', 'unknown', 'deleted']) {
        if (key !== 'absent') await other.set(key, 'old')
        if (key === 'known') assert.equal(await cache.get(key), 'old')
        const [began, source] = [deferred<void>(), deferred<string>()]
        const loading = cache.getOrSet(key, () => {
          began.resolve()
          return source.promise
        }, { forceFresh: true })
        await began.promise
        if (key === 'deleted') await other.delete(key)
        else await other.set(key, 'newer')
        source.resolve('late')
        assert.equal(await loading, 'late')
        // What this host writes after it comes after it.
        await cache.set(`${key} after`, 1, { writeMode: 'through' })
        const expected = key === 'deleted' ? undefined : 'newer'
        await untilRead(cache, key, expected)
        assert.equal(await other.get(key), expected)
      }
    }))

  test('that end after a write of their own host are dropped', () =>
    withHosts(server.url, 1, async ([here]) => {
      const cache = here!.open()
      await cache.set('k', 'old')
      const source = deferred<string>()
      const loading = cache.getOrSet('k', () => source.promise, { forceFresh: true })
      await cache.set('k', 'newer')
      source.resolve('late')
      assert.equal(await loading, 'late')
      assert.equal(await cache.get('k'), 'newer')
      await cache.set('after', 1, { writeMode: 'through' })
      assert.equal(await cache.get('k'), 'newer')
    }))
})
