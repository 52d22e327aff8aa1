// The thread that leads a host: it may end on its own, and it leads whatever the application's thread does.
import * as assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { type Cache, type CacheOptions, createCache } from '../../src'
import { uniqueName, withDirectory } from '../helpers/cache'
import { candidatesWaiting } from '../helpers/fleet/candidates'
import { type Caller, leads, withCallers, withLed } from '../helpers/redis/callers'
import { eventually } from '../helpers/redis/eventually'
import { linked, withFleet } from '../helpers/redis/fleet'
import { RedisServer } from '../helpers/redis/server'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const DYING = join(__dirname, '..', 'helpers', 'redis', 'dying-thread.js')
/** As long as an application may compute at a stretch. */
const BUSY_MS = 2_000

suite('the coordinator thread', (test) => {
  let server: RedisServer
  const started: Worker[] = []
  const onWorker = (worker: Worker): void => void started.push(worker)

  test.before(async () => {
    server = await RedisServer.start()
    process.on('worker', onWorker)
  })
  test.before.each(() => {
    started.length = 0
  })
  test.after(async () => {
    process.off('worker', onWorker)
    await server.remove()
  })

  const options = (more: CacheOptions = {}): CacheOptions => ({ redis: `redis://127.0.0.1:${server.port}`, name: uniqueName(), ...more })
  const endOf = async (count: number): Promise<void> => {
    await until(`thread ${count} is started`, () => started.length >= count)
    await started[count - 1]!.terminate()
  }

  test('that ends on its own is started anew, again and again, and what was written meanwhile is brought to Redis', () =>
    withFleet(1, options(), async (hosts, name) => {
      const [{ cache, log }] = hosts as [typeof hosts[number]]
      for (let round = 1; round <= 3; round++) {
        await linked(hosts)
        const { term } = cache.info().l2!
        await endOf(round)
        await cache.set(`k${round}`, round)
        await until('a new thread leads', () => cache.info().l2!.term > term)
        await linked(hosts)
        assert.ok(await cache.set('through', round, { writeMode: 'through' }) > 0)
      }
      assert.ok(log.some(({ text, fields }) => text.startsWith('the coordinator ended') && fields['message'] === 'its thread exited with 1'))
      await withFleet(1, options({ name }), async ([fresh]) => {
        await linked([fresh!])
        assert.deepEqual(await fresh!.cache.getMany(['k1', 'k2', 'k3', 'through']), [1, 2, 3, 3])
      })
    }))

  test('that ends on its own leaves the lead to another process of the host, and has it again when that one ends', () => withDirectory((dir) => {
    const shared = options({ dir })
    return withLeader(shared, async (cache) => {
      await withCallers(['process'], shared, async ([other]) => {
        await cache.set('k', 1, { writeMode: 'through' })
        const journal = readdirSync(dir).find((file) => file.includes('.journal.'))!
        await until('the other process waits for the lead', () => candidatesWaiting(join(dir, journal)) > 0)
        const { term } = cache.info().l2!
        await endOf(1)
        await until('the other process leads', () => cache.info().l2!.term > term)
        await eventually('it says so', () => leads(other!))
        await cache.set('k', 2, { writeMode: 'through' })
        await until('the thread is there again', () => started.length === 2)
      })
      await eventually('this process leads', async () => (await cache.set('k', 3, { writeMode: 'through' })) > 0)
    })
  }))

  test('that has ended does not keep its process from closing', () => withDirectory((dir) => withLeader(options({ dir }), async (cache) => {
    await cache.set('k', 1, { writeMode: 'through' })
    await endOf(1)
    await cache.close()
    assert.equal(started.length, 1)
  })))

  test('that ends as soon as it is started is told of, keeps nobody from closing, and another process leads', () => withDirectory(async (dir) => {
    const shared = options({ dir })
    process.env['NODE_OPTIONS'] = `--require ${DYING}`
    const dying = withCallers(['process'], shared, async ([caller]) => {
      delete process.env['NODE_OPTIONS']
      await eventually('the log tells', async () => (await caller!.ask('log')).some((line) => line.includes('its thread exited with 7')))
      await withCallers(['process'], shared, async ([other]) => {
        await caller!.ask('call', 'set', 'k', 'v', { writeMode: 'through' })
        await eventually('the other one says so', () => leads(other!))
      })
      await caller!.ask('close')
    })
    await dying.finally(() => delete process.env['NODE_OPTIONS'])
  }))

  test('leads while the loop of its process is busy: others of the host write to Redis and hear of changes', () => withDirectory(async (dir) => {
    const go = join(dir, 'go')
    const there = options()
    await withLed(['process', 'process'], there, ([leader, other]) => withCallers(['process'], there, async ([elsewhere]) => {
      for (const caller of [leader!, other!, elsewhere!]) await caller.ask('call', 'ready')
      const { term } = (await other!.ask('info')).l2!
      let isBusy = true
      const busy = leader!.ask('block', go).then(() => (isBusy = false))
      try {
        const startMs = performance.now()
        for (let round = 1; round === 1 || performance.now() - startMs < BUSY_MS; round++) {
          await other!.ask('call', 'set', 'mine', round, { writeMode: 'through' })
          await sees(elsewhere!, 'mine', round)
          await elsewhere!.ask('call', 'set', 'theirs', round, { writeMode: 'through' })
          await sees(other!, 'theirs', round)
        }
        const { l2 } = await other!.ask('info')
        assert.deepEqual([l2!.link, l2!.degraded, l2!.term], ['connected', false, term])
        assert.ok(isBusy)
      } finally {
        writeFileSync(go, '')
      }
      await busy
      assert.equal(await leader!.ask('call', 'get', 'mine'), await other!.ask('call', 'get', 'mine'))
    }))
  }))
})

/** A cache of this process, in touch with Redis before `body`. */
async function withLeader(options: CacheOptions, body: (cache: Cache) => Promise<void>): Promise<void> {
  const cache = createCache({ memory: '32mb', fallback: 'error', ...options })
  try {
    await cache.ready()
    await body(cache)
  } finally {
    await cache.close()
  }
}

async function sees(caller: Caller, key: string, value: unknown): Promise<void> {
  await eventually(`${key} is ${String(value)}`, async () => (await caller.ask('call', 'get', key)) === value)
}
