// One load for all hosts: who loads, who waits, and what ends the waiting.
import * as assert from 'node:assert/strict'
import { type Cache, type CacheOptions, createCache } from '../../src'
import { advanceClock, withDirectory } from '../helpers/cache'
import { deferred } from '../helpers/deferred'
import { withProxy } from '../helpers/redis/proxy'
import { RedisOnce } from '../helpers/redis-once'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'
import { CacheWorker } from '../helpers/workers'

suite('fleet flight', (test) => {
  let server: RedisOnce
  test.before(async () => {
    server = await RedisOnce.start()
  })
  test.before.each(async () => {
    await server.admin.flushall()
  })
  test.after(() => server.stop())

  const settings = (dir: string): CacheOptions => ({
    name: 'shop', memory: '16mb', dir, redis: server.url, singleFlight: 'fleet', jitter: 0, errorTtl: 0, l2: { hardTimeout: '20s' },
  })

  function withTwoHosts(body: (here: Cache, there: Cache, dirs: string[]) => Promise<void>, options: CacheOptions = {}, ofHere: CacheOptions = {}): Promise<void> {
    return withDirectory((one) =>
      withDirectory(async (other) => {
        const caches = [one, other].map((dir, host) => createCache({ ...settings(dir), ...options, ...(host === 0 ? ofHere : {}) }))
        try {
          await Promise.all(caches.map((cache) => cache.ready()))
          await body(caches[0]!, caches[1]!, [one, other])
        } finally {
          await Promise.all(caches.map((cache) => cache.close()))
        }
      }),
    )
  }

  const claimed = (): Promise<void> => until('the claim is in Redis', async () => (await server.admin.keys('*:f*|k')).length === 1)

  test('callers of all hosts share one run, and nothing is left of the claim', () =>
    withTwoHosts(async (here, there) => {
      const loaded = deferred<{ n: number }>()
      let runs = 0
      const loader = () => (runs++, loaded.promise)
      const first = here.getOrSet('k', loader)
      await claimed()
      const others = [here, there, there, here].map((cache) => cache.getOrSet('k', loader))
      loaded.resolve({ n: 1 })
      assert.deepEqual(await Promise.all([first, ...others]), Array(5).fill({ n: 1 }))
      assert.equal(runs, 1)
      await until('the claim is given back', async () => (await server.admin.keys('*:f*|k')).length === 0)
    }))

  test('hosts that ask at the same moment run one loader, key after key', () =>
    withTwoHosts(async (here, there) => {
      const runs = new Map<string, number>()
      const loader = async ({ key }: { key: string }) => {
        runs.set(key, (runs.get(key) ?? 0) + 1)
        await new Promise((resolve) => setTimeout(resolve, 5))
        return key
      }
      for (let i = 0; i < 30; i++) {
        const callers = [here, there, here, there].map((cache) => cache.getOrSet(`k${i}`, loader))
        assert.deepEqual(await Promise.all(callers), Array(4).fill(`k${i}`))
      }
      assert.deepEqual([...new Set(runs.values())], [1])
    }))

  test('when the load fails, a host that waits is told and loads', () =>
    withTwoHosts(
      async (here, there) => {
        const failing = deferred<string>()
        const first = here.getOrSet('k', () => failing.promise)
        await claimed()
        let ran = false
        const second = there.getOrSet('k', () => ((ran = true), 'second'))
        // The second host has asked and was told to wait.
        await until('it waits', () => there.stats().loads > 0)
        failing.reject(new Error('down'))
        await assert.rejects(first, { message: 'down' })
        assert.equal(await second, 'second')
        assert.equal(ran, true)
      },
      { leaseTimeout: '10m' },
    ))

  test('a stale value is served while another host loads', () =>
    withTwoHosts(
      async (here, there) => {
        await here.set('k', 'old')
        await until('both have it', async () => (await there.get('k')) === 'old')
        for (const cache of [here, there]) advanceClock(cache, 2 * 3_600_000)
        const loaded = deferred<string>()
        const first = here.getOrSet('k', () => loaded.promise, { forceFresh: true })
        await claimed()
        for (let call = 0; call < 3; call++) assert.equal(await there.getOrSet('k', () => assert.fail('another host loads')), 'old')
        loaded.resolve('new')
        assert.equal(await first, 'new')
        await until('the other host has it', async () => (await there.get('k')) === 'new')
      },
      { ttl: '1h', grace: '10h', writeMode: 'through' },
    ))

  test('when the host that loads dies, its claim expires', () =>
    withTwoHosts(async (_here, there, [dir]) => {
      const victim = new CacheWorker('process')
      try {
        await victim.ask({ do: 'open', options: { ...settings(dir!), leaseTimeout: 2_000 } })
        await victim.load('k')
        await until('it loads', () => victim.isLoading)
        await victim.kill()
        assert.equal(await there.getOrSet('k', () => 'second'), 'second')
      } finally {
        await victim.kill()
      }
    }))

  test('a claim whose release was lost is given back when Redis answers again', () =>
    withProxy({ host: '127.0.0.1', port: server.port }, (proxy) =>
      withTwoHosts(
        async (here, there) => {
          const loaded = deferred<string>()
          const first = here.getOrSet('k', () => loaded.promise)
          await claimed()
          proxy.blackHole()
          loaded.resolve('first')
          assert.equal(await first, 'first')
          await until('it is known that nothing arrives', () => here.info().l2!.degraded)
          await claimed()
          await proxy.heal()
          await until('the claim is given back', async () => (await server.admin.keys('*:f*|k')).length === 0)
          assert.equal(await there.getOrSet('k', () => assert.fail('it is loaded')), 'first')
        },
        { leaseTimeout: '10m', l2: { hardTimeout: 300 } },
        { redis: `redis://127.0.0.1:${proxy.port}` },
      ),
    ))

  test('a host does not wait for its own load that a delete has ended', () =>
    withTwoHosts(
      async (here) => {
        const outdated = deferred<string>()
        const first = here.getOrSet('k', () => outdated.promise)
        await claimed()
        await here.delete('k')
        assert.equal(await here.getOrSet('k', () => 'new'), 'new')
        outdated.resolve('outdated')
        assert.equal(await first, 'outdated')
        assert.equal(await here.get('k'), 'new')
      },
      { leaseTimeout: '10m', timeout: '10m' },
    ))

  test('a load that began before a delete of another host is stored nowhere', () =>
    withTwoHosts(async (here, there) => {
      const loaded = deferred<string>()
      const first = here.getOrSet('k', () => loaded.promise)
      await claimed()
      await there.delete('k')
      await until('the first host has heard of it', async () => {
        const [state] = await server.admin.keys('*|k').then((keys) => keys.filter((key) => key.includes(':d|')))
        return state !== undefined
      })
      loaded.resolve('outdated')
      assert.equal(await first, 'outdated')
      assert.equal(await there.getOrSet('k', () => 'new'), 'new')
      await until('the first host has it', async () => (await here.get('k')) === 'new')
    }))

  test('without Redis the host loads by itself', () =>
    withDirectory(async (dir) => {
      const cache = createCache({ ...settings(dir), redis: 'redis://127.0.0.1:1', l2: { hardTimeout: 100 } })
      try {
        assert.equal(await cache.getOrSet('k', () => 'v'), 'v')
      } finally {
        await cache.close()
      }
    }))
})
