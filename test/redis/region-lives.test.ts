// A cache whose region is gone while others use it, or while writes were on their way: by close({ unlink }), or damaged.
import * as assert from 'node:assert/strict'
import { readdirSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { type CacheOptions, createCache } from '../../src'
import { uniqueName, withDirectory } from '../helpers/cache'
import { type Caller, withCallers } from '../helpers/redis/callers'
import { eventually } from '../helpers/redis/eventually'
import { type FaultProxy, withProxy } from '../helpers/redis/proxy'
import { RedisOnce } from '../helpers/redis-once'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

suite('lives of a region', (test) => {
  let server: RedisOnce
  test.before(async () => {
    server = await RedisOnce.start()
  })
  test.after(() => server.stop())

  const settings = (more: CacheOptions = {}): CacheOptions => ({ name: uniqueName(), memory: '16mb', ttl: '1h', redis: server.url, l2: { hardTimeout: '5s', closeTimeout: 100 }, ...more })

  async function sees(caller: Caller, key: string, value: unknown): Promise<void> {
    await eventually(`${key} is ${String(value)}`, async () => (await caller.ask('call', 'get', key)) === value)
  }

  async function through(caller: Caller, key: string, value: unknown): Promise<void> {
    await caller.ask('call', 'set', key, value, { writeMode: 'through' })
  }

  async function cut(proxy: FaultProxy): Promise<void> {
    await proxy.refuse()
    proxy.reset()
  }

  function journalsIn(dir: string): string[] {
    return readdirSync(dir).filter((file) => file.includes('.journal.'))
  }

  test('whoever is left with a region whose name was removed, and whoever opens the name anew, are two hosts', () =>
    withDirectory(async (dir) => {
      const there = settings()
      const here = { ...there, dir }
      await withCallers(['process'], there, ([elsewhere]) => withCallers(['process'], here, async ([left]) => {
        await through(left!, 'k', 1)
        await sees(elsewhere!, 'k', 1)
        await withCallers(['process'], here, async ([remover]) => {
          await remover!.ask('call', 'ready')
          await remover!.ask('close', { unlink: true })
        })
        await withCallers(['process'], here, async ([fresh]) => {
          await fresh!.ask('call', 'ready')
          for (const [round, writer] of [elsewhere!, left!, fresh!, elsewhere!, left!, fresh!].entries()) {
            await through(writer, 'k', `by ${round}`)
            for (const reader of [left!, fresh!, elsewhere!]) await sees(reader, 'k', `by ${round}`)
          }
        })
      }))
    }))

  test('a coordinator that is started anew leads for its own region, whatever the name leads to by then', () =>
    withDirectory(async (dir) => {
      const there = settings()
      const here = { ...there, dir }
      const started: Worker[] = []
      const onWorker = (worker: Worker): void => void started.push(worker)
      process.on('worker', onWorker)
      const left = createCache(here)
      try {
        await left.set('k', 1, { writeMode: 'through' })
        await withCallers(['process'], here, async ([remover]) => remover!.ask('close', { unlink: true }))
        await withCallers(['process'], here, async ([fresh]) => {
          await fresh!.ask('call', 'ready')
          const { term } = left.info().l2!
          await started[0]!.terminate()
          await until('its process leads again', () => left.info().l2!.term > term && left.info().l2!.link === 'connected')
          await through(fresh!, 'k', 2)
          await eventually('it hears of changes', async () => (await left.get('k')) === 2)
          await left.set('k', 3, { writeMode: 'through' })
          await sees(fresh!, 'k', 3)
        })
      } finally {
        process.off('worker', onWorker)
        await left.close()
      }
    }))

  test('after close({ unlink }) the next life reads what Redis has', () =>
    withDirectory(async (dir) => {
      const here = { ...settings(), dir }
      for (let life = 0; life < 3; life++) {
        const cache = createCache(here)
        await cache.ready()
        if (life > 0) assert.equal(await cache.get('k'), life - 1)
        await cache.set('k', life, { writeMode: 'through' })
        await cache.clear()
        await cache.set('k', life, { writeMode: 'through' })
        await cache.close({ unlink: true })
        // Of each life the next one goes on with the journal.
        assert.equal(journalsIn(dir).length, 1)
      }
    }))

  for (const unlink of [false, true]) {
    test(`a cache that is closed right after its first write${unlink ? ', and removed,' : ''} brings it to Redis first`, () =>
      withDirectory(async (dir) => {
        const there = settings({ l2: { closeTimeout: '20s' } })
        const cache = createCache({ ...there, dir })
        await cache.set('k', 'v')
        await cache.close({ unlink })
        await withCallers(['process'], there, async ([elsewhere]) => {
          await elsewhere!.ask('call', 'ready')
          assert.equal(await elsewhere!.ask('call', 'get', 'k'), 'v')
        })
      }))
  }

  for (const how of ['removed', 'damaged'] as const) {
    test(`what was on its way when the region was ${how} is there in the next life, and reaches Redis; what was cleared does not`, () =>
      withDirectory(async (dir) => withProxy({ host: '127.0.0.1', port: server.port }, async (proxy) => {
        const there = settings()
        const here = { ...there, dir, redis: `redis://127.0.0.1:${proxy.port}` }
        const large = 'v'.repeat(3_000_000)
        await withCallers(['process'], here, async ([caller]) => {
          await caller!.ask('call', 'ready')
          await caller!.ask('call', 'clear')
          await through(caller!, 'kept', 'before')
          await cut(proxy)
          await caller!.ask('call', 'set', 'cleared', 'x')
          await caller!.ask('call', 'clear')
          await caller!.ask('call', 'set', 'kept', 'after')
          await caller!.ask('call', 'set', 'large', large)
          if (how === 'removed') await caller!.ask('close', { unlink: true })
        })
        const region = readdirSync(dir).find((file) => !file.includes('.journal.') && file.endsWith('.0'))
        assert.equal(region !== undefined, how === 'damaged')
        if (how === 'damaged') truncateSync(join(dir, region!), 100)
        await withCallers(['process'], here, async ([caller]) => {
          assert.equal(await caller!.ask('call', 'get', 'kept'), 'after')
          assert.equal(await caller!.ask('call', 'get', 'large'), large)
          await proxy.accept()
          await withCallers(['process'], there, async ([elsewhere]) => {
            await sees(elsewhere!, 'kept', 'after')
            await sees(elsewhere!, 'large', large)
            assert.equal(await elsewhere!.ask('call', 'get', 'cleared'), undefined)
          })
          assert.equal(await caller!.ask('call', 'get', 'cleared'), undefined)
        })
      })))
  }

  test('what is left in the journal of those who had another region is brought to Redis when the last of them is gone', () =>
    withDirectory(async (dir) => withProxy({ host: '127.0.0.1', port: server.port }, async (proxy) => {
      const there = settings()
      const here = { ...there, dir, redis: `redis://127.0.0.1:${proxy.port}` }
      await withCallers(['process'], here, async ([left]) => {
        await through(left!, 'k', 1)
        await withCallers(['process'], here, async ([remover]) => remover!.ask('close', { unlink: true }))
        await withCallers(['process'], here, async ([fresh]) => {
          await through(fresh!, 'other', 1)
          assert.equal(journalsIn(dir).length, 2)
          await cut(proxy)
          await left!.ask('call', 'set', 'k', 'left')
          await left!.ask('call', 'set', 'more', 'left')
          await left!.end()
          await proxy.accept()
          await withCallers(['process'], there, async ([elsewhere]) => {
            await sees(elsewhere!, 'k', 'left')
            await sees(elsewhere!, 'more', 'left')
          })
          await sees(fresh!, 'k', 'left')
          await until('its file is gone', () => journalsIn(dir).length === 1)
          await through(fresh!, 'k', 'fresh')
          await sees(fresh!, 'k', 'fresh')
        })
      })
    })))
})
