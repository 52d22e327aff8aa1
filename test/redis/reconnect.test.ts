// What a host does about the changes it may have missed while Redis was away, by `onReconnect`.
import * as assert from 'node:assert/strict'
import type { ReconnectPolicy } from '../../src/options/schema'
import { partitionOf } from '../../src/words/partition'
import { flood } from '../helpers/redis/flood'
import type { HostProcess } from '../helpers/redis/host-process'
import { withHosts } from '../helpers/redis/hosts'
import { withProxy } from '../helpers/redis/proxy'
import { withRedis } from '../helpers/redis/server'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

/** A slow machine is no reason for a miss, nor for a check because nobody has heard for long. */
const l2 = { softTimeout: '20s', hardTimeout: '20s', heartbeat: '5s' }
const OWN = ['own1', 'own2', 'own3']

const linkIs = (process: HostProcess, link: string): Promise<void> =>
  until(`the link is ${link}`, async () => (await process.ask('info')).l2!.link === link)

interface Outcome {
  /** What the host reads of a key that was changed while it was away. */
  changed: unknown
  /** How it came to the value of one that was not: from the table, from Redis by version, or whole. */
  same: 'table' | 'checked' | 'read'
}

/** `isDeep`: more was missed than the log keeps. */
function away(onReconnect: ReconnectPolicy, isDeep: boolean): Promise<Outcome> {
  return withRedis({}, (server) => withProxy(server, async (proxy) => {
    const plans = [
      { processes: 1, options: { redis: `redis://127.0.0.1:${server.port}`, l2 } },
      { processes: 1, options: { redis: `redis://127.0.0.1:${proxy.port}`, l2, onReconnect } },
    ]
    return withHosts(plans, async ([there, here], cache) => {
      const writer = there!.processes[0]!
      const reader = here!.processes[0]!
      const set = (key: string, value: string): Promise<unknown> => writer.ask('call', 'set', [key, value, { writeMode: 'through' }])
      const get = (key: string): Promise<unknown> => reader.ask('call', 'get', [key])
      await set('same', 'same')
      await set('changed', 'before')
      await until('both are in the table', async () => {
        await Promise.all([get('same'), get('changed')])
        return await reader.ask('call', 'getSync', ['same']) === 'same' && await reader.ask('call', 'getSync', ['changed']) === 'before'
      })

      await proxy.refuse()
      proxy.reset()
      await linkIs(reader, 'lost')
      await set('changed', 'after')
      if (isDeep) await flood(server, cache, partitionOf('', 'changed'), 1_800)
      // The leader has the first in hand when the others come.
      for (const key of OWN) await reader.ask('call', 'set', [key, 'written while away'])
      assert.equal(await get('changed'), 'before')
      await proxy.accept()
      await linkIs(reader, 'connected')

      const written = OWN.map(() => 'written while away')
      await until('what was written here while away is in Redis', async () =>
        (await writer.ask('call', 'getMany', [OWN]) as unknown[]).every((value) => value === 'written while away'))
      assert.deepEqual(await reader.ask('call', 'getMany', [OWN]), written)
      const changed = await get('changed')
      const before = await reader.ask('detail')
      assert.equal(await get('same'), 'same')
      const after = await reader.ask('detail')
      const rose = (name: string): boolean => after[name]! > before[name]!
      return { changed, same: rose('reader.same') ? 'checked' : rose('reader.reads') ? 'read' : 'table' }
    })
  }))
}

suite('after a reconnect', (test) => {
  test('replay reads what was missed from the log', async () => {
    assert.deepEqual(await away('replay', false), { changed: 'after', same: 'table' })
  })
  test('replay checks all by version where the log is too short', async () => {
    assert.deepEqual(await away('replay', true), { changed: 'after', same: 'checked' })
  })
  test('revalidate checks all by version in any case', async () => {
    assert.deepEqual(await away('revalidate', false), { changed: 'after', same: 'checked' })
  })
  test('flush begins anew, and loses no write that was acknowledged meanwhile', async () => {
    assert.deepEqual(await away('flush', false), { changed: 'after', same: 'read' })
  })
  test('keep trusts what it has, even where the log is too short', async () => {
    assert.deepEqual(await away('keep', false), { changed: 'after', same: 'table' })
    assert.deepEqual(await away('keep', true), { changed: 'before', same: 'table' })
  })

  test('what is in doubt is served while Redis is away again, and checked when it is back', () => withRedis({ durable: true }, (server) =>
    withHosts([{ processes: 1, options: { redis: `redis://127.0.0.1:${server.port}`, grace: '1h' } }], async ([host]) => {
      const process = host!.processes[0]!
      const keys = ['a', 'b', 'c', 'd', 'e']
      for (const key of keys) await process.ask('call', 'set', [key, 'mine', { ttl: '1h', writeMode: 'through' }])
      await server.kill()
      await linkIs(process, 'lost')
      await server.restart()
      await linkIs(process, 'connected')
      await until('what is in the table is in doubt', async () => (await process.ask('call', 'getSync', ['a'])) === undefined)
      await server.kill()
      await linkIs(process, 'lost')
      assert.equal(await process.ask('call', 'get', ['a']), 'mine')
      assert.equal(await process.ask('call', 'get', ['a', { consistency: 'fresh' }]), undefined)
      assert.deepEqual(await process.ask('call', 'getMany', [['a', 'b']]), ['mine', 'mine'])
      assert.equal(await process.ask('call', 'has', ['c']), true)
      assert.equal(((await process.ask('call', 'getEntry', ['d'])) as { value: unknown }).value, 'mine')
      await server.restart()
      const asked = async (): Promise<number> => {
        const { 'reader.same': same, 'reader.hits': hits } = await process.ask('detail')
        return same! + hits!
      }
      const before = await asked()
      // Until the connection is there, a read may give up after its soft timeout.
      await until('it is checked', async () => (await process.ask('call', 'get', ['e'])) === 'mine' && (await asked()) > before)
    })))
})
