// The process that leads the host is stopped, or cut off, but not dead: it keeps the lead and hears nothing.
import * as assert from 'node:assert/strict'
import type { CacheOptions } from '../../src'
import { uniqueName, withDirectory } from '../helpers/cache'
import { type Caller, withCallers, withLed } from '../helpers/redis/callers'
import { eventually } from '../helpers/redis/eventually'
import { FaultProxy } from '../helpers/redis/proxy'
import { RedisServer } from '../helpers/redis/server'
import { suite } from '../helpers/suite'

const ROUNDS = 5

suite('a stopped leader', (test) => {
  let server: RedisServer

  test.before(async () => {
    server = await RedisServer.start()
  })
  test.after(() => server.remove())

  test('the other processes of its host check entries with Redis before they use them, again and again, until it goes on', async () => {
    const options: CacheOptions = { redis: `redis://127.0.0.1:${server.port}`, name: uniqueName() }
    await withLed(['process', 'process'], options, ([leader, other]) => withCallers(['process'], options, async ([elsewhere]) => {
      for (const caller of [leader!, other!, elsewhere!]) await caller.ask('call', 'ready')
      await elsewhere!.ask('call', 'set', 'changing', 0, { writeMode: 'through' })
      await elsewhere!.ask('call', 'set', 'steady', 'as ever', { writeMode: 'through' })
      await sees(other!, 'changing', 0)
      await sees(other!, 'steady', 'as ever')
      leader!.signal('SIGSTOP')
      try {
        for (let round = 1; round <= ROUNDS; round++) {
          const before = await checks(other!)
          await elsewhere!.ask('call', 'set', 'changing', round, { writeMode: 'through' })
          const startMs = performance.now()
          await sees(other!, 'changing', round)
          process.stdout.write(`round ${round}: the change was seen after ${Math.round(performance.now() - startMs)} ms\n`)
          await eventually('what has not changed is checked, and stays', async () => {
            assert.equal(await other!.ask('call', 'get', 'steady'), 'as ever')
            return (await checks(other!)) > before
          })
        }
        const { l2 } = await other!.ask('info')
        assert.equal(l2!.degraded, true)
        // Its own writes are safe in the journal, and say so.
        await other!.ask('call', 'set', 'mine', 'kept')
        assert.equal(await other!.ask('call', 'get', 'mine'), 'kept')
        await assert.rejects(other!.ask('call', 'set', 'mine through', 1, { writeMode: 'through' }), { code: 'ERR_CACHE_L2_TIMEOUT' })
      } finally {
        leader!.signal('SIGCONT')
      }
      await sees(elsewhere!, 'mine', 'kept')
      await eventually('the host has heard from Redis again', async () => !(await other!.ask('info')).l2!.degraded)
      await elsewhere!.ask('call', 'set', 'changing', 'after', { writeMode: 'through' })
      await sees(other!, 'changing', 'after')
      await sees(leader!, 'changing', 'after')
    }))
  })

  test('where nothing is to be checked after a loss, nothing is checked meanwhile', async () => {
    const options: CacheOptions = { redis: `redis://127.0.0.1:${server.port}`, name: uniqueName() }
    await withLed(['process', 'process'], { ...options, onReconnect: 'keep' }, ([leader, other]) => withLed(['process', 'process'], options, async ([checkingLeader, checking]) => {
      for (const caller of [leader!, other!, checkingLeader!, checking!]) await caller.ask('call', 'ready')
      await checking!.ask('call', 'set', 'k', 'as ever', { writeMode: 'through' })
      for (const caller of [other!, checking!]) await sees(caller, 'k', 'as ever')
      for (const caller of [leader!, checkingLeader!]) caller.signal('SIGSTOP')
      try {
        for (let round = 0; round < 3; round++) {
          const before = await checks(checking!)
          await eventually('the host that checks has checked', async () => {
            assert.equal(await checking!.ask('call', 'get', 'k'), 'as ever')
            assert.equal(await other!.ask('call', 'get', 'k'), 'as ever')
            return (await checks(checking!)) > before
          })
        }
        assert.equal(await checks(other!), 0)
      } finally {
        for (const caller of [leader!, checkingLeader!]) caller.signal('SIGCONT')
      }
    }))
  })

  test('a host whose leader alone is cut off learns of changes, also where its processes ask Redis for nothing', () => withDirectory(async (dir) => {
    const elsewhereOptions: CacheOptions = { redis: `redis://127.0.0.1:${server.port}`, name: uniqueName() }
    const direct = { ...elsewhereOptions, dir }
    const proxy = await FaultProxy.listen(server)
    try {
      await withCallers(['process'], { ...direct, redis: `redis://127.0.0.1:${proxy.port}` }, async ([leader]) => {
        await leader!.ask('call', 'ready')
        await withCallers(['process'], direct, ([other]) => withCallers(['process'], elsewhereOptions, async ([elsewhere]) => {
          await elsewhere!.ask('call', 'set', 'k', 0, { writeMode: 'through' })
          await sees(other!, 'k', 0)
          await proxy.refuse()
          proxy.reset()
          await eventually('the link is lost', async () => (await other!.ask('info')).l2!.link !== 'connected')
          for (let round = 1; round <= ROUNDS; round++) {
            await elsewhere!.ask('call', 'set', 'k', round, { writeMode: 'through' })
            const startMs = performance.now()
            await sees(other!, 'k', round)
            process.stdout.write(`round ${round}: the change was seen after ${Math.round(performance.now() - startMs)} ms\n`)
          }
          await proxy.accept()
          await eventually('the host hears again', async () => !(await other!.ask('info')).l2!.degraded)
        }))
      })
    } finally {
      await proxy.close()
    }
  }))
})

async function sees(caller: Caller, key: string, value: unknown): Promise<void> {
  await eventually(`${key} is ${String(value)}`, async () => (await caller.ask('call', 'get', key)) === value)
}

/** Entries that Redis was asked about by version and that were still right. */
async function checks(caller: Caller): Promise<number> {
  return (await caller.ask('detail'))['reader.same']!
}
