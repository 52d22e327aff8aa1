// Updates and batches of two hosts on one Redis.
import * as assert from 'node:assert/strict'
import { type Cache, type CacheOptions, createCache } from '../../src'
import { type BatchWorker, withBatchWorkers } from '../helpers/batch-workers'
import { withDirectory } from '../helpers/cache'
import { deferred } from '../helpers/deferred'
import { RedisOnce } from '../helpers/redis-once'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

suite('updates of two hosts', (test) => {
  let server: RedisOnce
  test.before(async () => {
    server = await RedisOnce.start()
  })
  test.before.each(async () => {
    await server.admin.flushall()
  })
  test.after(() => server.stop())

  const settings = (dir: string): CacheOptions => ({ name: 'shop', memory: '16mb', dir, redis: server.url, jitter: 0, l2: { hardTimeout: '20s' } })

  function withTwoHosts(body: (here: Cache, there: Cache) => Promise<void>, options: CacheOptions = {}): Promise<void> {
    return withDirectory((one) =>
      withDirectory(async (other) => {
        const caches = [one, other].map((dir) => createCache({ ...settings(dir), ...options }))
        try {
          await Promise.all(caches.map((cache) => cache.ready()))
          await body(caches[0]!, caches[1]!)
        } finally {
          await Promise.all(caches.map((cache) => cache.close()))
        }
      }),
    )
  }

  /** Two processes on each of two hosts. */
  function withFourProcesses(body: (workers: BatchWorker[]) => Promise<void>): Promise<void> {
    return withDirectory((one) => withDirectory((other) => withBatchWorkers([one, one, other, other].map(settings), body)))
  }

  test('an update is made of what the other host wrote last', () =>
    withTwoHosts(async (here, there) => {
      await here.set('k', ['a'])
      await until('the other host has it', async () => (await there.get('k')) !== undefined)
      assert.deepEqual(await there.update<string[]>('k', (value) => [...value!, 'b']), ['a', 'b'])
      assert.deepEqual(await here.update<string[]>('k', (value) => [...value!, 'c']), ['a', 'b', 'c'])
      await there.set('k', ['d'])
      assert.deepEqual(await there.update<string[]>('k', (value) => [...value!, 'e']), ['d', 'e'])
      await until('the first host has it', async () => JSON.stringify(await here.get('k')) === '["d","e"]')
    }))

  test('an update that another host overtakes runs again', () =>
    withTwoHosts(async (here, there) => {
      await here.set('k', 1, { writeMode: 'through' })
      const seen: unknown[] = []
      const result = await here.update<number>('k', async (value) => {
        seen.push(value)
        if (seen.length === 1) await there.set('k', 10, { writeMode: 'through' })
        return value! + 1
      })
      assert.deepEqual([result, seen], [11, [1, 10]])
      assert.equal(await here.update('none', () => undefined), undefined)
      assert.equal(await here.update('k', () => undefined), 11)
    }))

  test('a value that another host deletes while it is updated does not come back', () =>
    withTwoHosts(async (here, there) => {
      await here.set('k', 1, { writeMode: 'through' })
      const seen: unknown[] = []
      const result = await here.update<number>('k', async (value) => {
        seen.push(value)
        if (seen.length === 1) await there.delete('k').then(() => until('Redis has it', async () => (await there.get('k')) === undefined && (await there.getEntry('k')).hit === false))
        return value === undefined ? undefined : value + 1
      })
      assert.equal(seen[0], 1)
      assert.ok(result === undefined || seen.length === 1, 'either it came before the delete, or it has seen it')
    }))

  for (const how of ['incr', 'update'] as const) {
    test(`${how} by two processes on each of two hosts is exact, and each sum is given once`, () =>
      withFourProcesses(async (workers) => {
        const times = 100
        const sums = await Promise.all(workers.map((worker) => worker.ask<number[]>({ do: how, key: 'n', times, atOnce: 3 })))
        assert.deepEqual(sums.flat().sort((a, b) => a - b), Array.from({ length: 4 * times }, (_, i) => i + 1))
        for (const worker of workers) {
          await until('every host has the sum', async () => (await worker.ask({ do: 'get', key: 'n' })) === 4 * times)
        }
      }))
  }

  test('a counter with a ttl ends, however often it is added to', () =>
    withTwoHosts(async (here) => {
      await here.incr('n', 1, { ttl: 1_500 })
      let last = 0
      await until('it has begun anew', async () => {
        const sum = await here.incr('n', 1, { ttl: 1_500 })
        const isAnew = sum <= last
        last = sum
        return isAnew
      })
    }))

  test('of pulls on two hosts, exactly one gets each value', () =>
    withFourProcesses(async (workers) => {
      const keys = Array.from({ length: 60 }, (_, i) => `k${i}`)
      await workers[0]!.ask({ do: 'many', keyLists: [keys], ms: 1 })
      const pulled = await Promise.all(workers.map((worker) => worker.ask<unknown[]>({ do: 'pull', keys })))
      for (const [i, key] of keys.entries()) {
        assert.deepEqual(pulled.map((values) => values[i]).filter((value) => value !== undefined), [`value of ${key}`])
      }
      for (const worker of workers) {
        await until('nobody has any', async () => (await worker.ask<unknown[]>({ do: 'pull', keys })).every((value) => value === undefined))
      }
    }))

  test('a value still on its way to Redis can be pulled and updated', () =>
    withTwoHosts(async (here) => {
      await here.set('k', 'v')
      assert.equal(await here.pull('k'), 'v')
      assert.equal(await here.pull('k'), undefined)
      await here.set('n', 4)
      assert.equal(await here.incr('n'), 5)
    }))

  test('a value that Redis does not have is the host’s to pull', () =>
    withTwoHosts(async (here) => {
      server.signal('SIGSTOP')
      try {
        assert.equal(await here.getOrSet('k', () => 'local', { hardTimeout: '10s' }), 'local')
      } finally {
        server.signal('SIGCONT')
      }
      assert.equal((await Promise.all([here.pull('k'), here.pull('k')])).filter((value) => value === 'local').length, 1)
      assert.equal(await here.pull('k'), undefined)
    }, { l2: { hardTimeout: '1s' } }))

  test('getOrSetMany asks Redis first, and gives the factory what it does not have', () =>
    withTwoHosts(async (here, there) => {
      await there.setMany([{ key: 'a', value: 1, writeMode: 'through' }, { key: 'c', value: 3, writeMode: 'through' }])
      const asked: string[][] = []
      const factory = (keys: string[]) => (asked.push(keys), new Map(keys.map((key) => [key, 0])))
      assert.deepEqual(await here.getOrSetMany({ keys: ['a', 'b', 'c', 'd'], factory }), [1, 0, 3, 0])
      assert.deepEqual(asked, [['b', 'd']])
      await until('the other host has them', async () => (await there.get('b')) === 0 && (await there.get('d')) === 0)
    }))

  test('with a flight of the fleet, two hosts load each key once, each with as few runs as can be', () =>
    withTwoHosts(async (here, there) => {
      const loaded = deferred<void>()
      const asked: [Cache, string[]][] = []
      const call = (cache: Cache, keys: string[]) => cache.getOrSetMany<string>({
        keys,
        factory: async (missing) => {
          asked.push([cache, missing])
          await loaded.promise
          return missing.map((key) => `${key}!`)
        },
      })
      const first = call(here, ['a', 'b', 'c'])
      await until('the first host loads', () => asked.length === 1)
      const second = call(there, ['b', 'c', 'd', 'e'])
      await until('the other host loads the rest', () => asked.length === 2)
      assert.deepEqual(asked, [[here, ['a', 'b', 'c']], [there, ['d', 'e']]])
      loaded.resolve()
      assert.deepEqual(await Promise.all([first, second]), [['a!', 'b!', 'c!'], ['b!', 'c!', 'd!', 'e!']])
      assert.equal(asked.length, 2)
    }, { singleFlight: 'fleet' }))

  test('calls of a batch whose keys Redis answers are one run for the rest', () =>
    withTwoHosts(async (here, there) => {
      await there.set('a', 'there', { writeMode: 'through' })
      const asked: string[][] = []
      const { get } = here.batcher<string>((keys) => (asked.push(keys), keys.map((key) => `${key}!`)))
      assert.deepEqual(await Promise.all(['a', 'b', 'c', 'd'].map(get)), ['there', 'b!', 'c!', 'd!'])
      assert.deepEqual(asked, [['b', 'c', 'd']])
    }))

  test('while Redis is away an update is refused in time, and nothing hangs', () =>
    withDirectory(async (dir) => {
      const cache = createCache({ ...settings(dir), redis: 'redis://127.0.0.1:1', l2: { hardTimeout: 200 } })
      try {
        await assert.rejects(cache.update('k', () => 1), { code: 'ERR_CACHE_L2_TIMEOUT' })
        await assert.rejects(cache.incr('n'), { code: 'ERR_CACHE_L2_TIMEOUT' })
        assert.equal(await cache.pull('none'), undefined)
      } finally {
        await cache.close()
      }
    }))
})
