// Programs that know nothing of the cache change its keys in Redis: the hosts that ask for it see that.
import * as assert from 'node:assert/strict'
import { createCache } from '../../src'
import { Names } from '../../src/l2/names'
import { partitionOf } from '../../src/words/partition'
import { withHosts } from '../helpers/redis/hosts'
import { withProxy } from '../helpers/redis/proxy'
import { type RedisServer, withRedis } from '../helpers/redis/server'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const DEADLINE_MS = 10_000
const l2 = { foreignWriters: true, hardTimeout: '5s' }
const listening = async (server: RedisServer): Promise<number> =>
  [...String(await server.ask('CLIENT', 'LIST')).matchAll(/ flags=t[a-zA-Z]* /g)].length

suite('foreign writers', (test) => {
  test('SET, DEL and a value put back are seen by all processes of all hosts, own writes stay', () => withRedis({}, async (server) => {
    const options = { redis: `redis://127.0.0.1:${server.port}`, l2 }
    await withHosts([{ processes: 2, options }, { processes: 2, options }], async (hosts, cache) => {
      const all = hosts.flatMap(({ processes }) => processes)
      const writer = all[0]!
      const nameOf = (key: string): string => new Names(cache).data(partitionOf('', key), `|${key}`)
      const everywhere = (key: string, value: unknown): Promise<void> => until(`${key} is ${String(value)} everywhere`, async () =>
        (await Promise.all(all.map((process) => process.ask('call', 'get', [key])))).every((got) => got === value), DEADLINE_MS)
      await until('both hosts listen', async () => await listening(server) === 2)
      for (const key of ['set', 'del', 'back', 'own']) await writer.ask('call', 'set', [key, 'first', { writeMode: 'through' }])
      for (const key of ['set', 'del', 'back', 'own']) await everywhere(key, 'first')

      await server.ask('SET', nameOf('set'), 'what redis-cli wrote')
      await everywhere('set', undefined)
      await server.ask('DEL', nameOf('del'))
      await everywhere('del', undefined)
      await server.ask('COPY', nameOf('back'), 'kept')
      await writer.ask('call', 'set', ['back', 'second', { writeMode: 'through' }])
      await everywhere('back', 'second')
      await server.ask('COPY', 'kept', nameOf('back'), 'REPLACE')
      await everywhere('back', 'first')

      // A stranger's change is no more than a miss: the next load fills it.
      const { values } = await writer.ask('load', ['set'], 'loaded')
      assert.deepEqual(values, ['loaded'])
      await everywhere('set', 'loaded')
      await server.ask('DEL', nameOf('set'))
      await everywhere('set', undefined)

      // Our own writes are told as well, and mean nothing: they are served from the table.
      const before = (await writer.ask('detail'))['reader.reads']!
      for (let i = 0; i < 50; i++) await writer.ask('call', 'set', ['own', `own ${i}`, { writeMode: 'through' }])
      await server.ask('DEL', nameOf('del'))
      await server.ask('SET', nameOf('del'), 'x')
      await until('the touches are judged', async () => (await writer.ask('call', 'getSync', ['own'])) === 'own 49')
      assert.equal(await writer.ask('call', 'get', ['own']), 'own 49')
      assert.equal((await writer.ask('detail'))['reader.reads'], before)
    })
  }))

  test('after the connections were cut, also silently, strangers are heard again', () => withRedis({}, (server) => withProxy(server, async (proxy) => {
    const options = { redis: `redis://127.0.0.1:${proxy.port}`, l2 }
    await withHosts([{ processes: 2, options }], async ([host], cache) => {
      const [one, other] = host!.processes
      const name = new Names(cache).data(partitionOf('', 'key'), '|key')
      const isGone = async (): Promise<boolean> =>
        await one!.ask('call', 'get', ['key']) === undefined && await other!.ask('call', 'get', ['key']) === undefined
      const set = (value: string): Promise<unknown> => one!.ask('call', 'set', ['key', value, { writeMode: 'through' }])
      await until('the host listens', async () => await listening(server) === 1)

      await set('before the cut')
      proxy.reset()
      await server.ask('SET', name, 'during the cut')
      await until('what changed meanwhile is seen', isGone, DEADLINE_MS)
      await until('the host listens again', async () => await listening(server) === 1)
      await set('after the cut')
      assert.equal(await other!.ask('call', 'get', ['key']), 'after the cut')
      await server.ask('DEL', name)
      await until('and what changes now', isGone, DEADLINE_MS)

      await set('before the silence')
      const { connections } = proxy.counts
      proxy.stall()
      await server.ask('SET', name, 'during the silence')
      await until('the host gives its silent connections up', () => proxy.counts.connections > connections, DEADLINE_MS)
      proxy.resume()
      await until('what changed in silence is seen', isGone, DEADLINE_MS)
    })
  })))

  test('on a Cluster it is refused', () => {
    assert.throws(() => createCache({ name: 'refused', redis: { cluster: { nodes: ['127.0.0.1:1'] } }, l2: { foreignWriters: true } }),
      { code: 'ERR_CACHE_OPTION', message: /foreignWriters/ })
  })
})
