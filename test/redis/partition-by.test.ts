// partitionBy: keys of one group share a partition, and so a slot, a script call and a round trip.
import * as assert from 'node:assert/strict'
import { Names } from '../../src/l2/names'
import { partitionOf } from '../../src/words/partition'
import { withCluster } from '../helpers/redis/cluster'
import { untilRead, withHosts } from '../helpers/redis-host'
import { RedisOnce } from '../helpers/redis-once'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const byTenant = (key: string): string => key.slice(0, key.indexOf(':'))
const KEYS = Array.from({ length: 40 }, (_, i) => `tenant${i % 4}:item${i}`)

suite('partitionBy', (test) => {
  let server: RedisOnce
  test.before(async () => {
    server = await RedisOnce.start()
  })
  test.before.each(async () => {
    await server.admin.flushall()
  })
  test.after(() => server.stop())

  test('keys of a group lie in one partition under one hash tag', () =>
    withHosts(server.url, 1, async ([here]) => {
      const cache = here!.open({ partitionBy: byTenant, writeMode: 'through' })
      await cache.setMany(KEYS.map((key) => ({ key, value: key })))
      const names = new Names('shop')
      for (const key of KEYS) assert.equal(await server.admin.exists(names.data(partitionOf('', key, byTenant(key)), `|${key}`)), 1)
      const tags = (await server.admin.keys('sc1:*:d|*')).map((name) => /\{.*\}/.exec(name)![0])
      assert.equal(new Set(tags).size, 4)
    }))

  test('everything works on such keys, across hosts: read, load, delete, clear, conditions', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const [cache, other] = [here!.open(), there!.open()]
      await Promise.all(KEYS.map((key, i) => cache.set(key, i)))
      for (const [i, key] of KEYS.entries()) await untilRead(other, key, i)
      await cache.set(KEYS[0]!, 'changed')
      await untilRead(other, KEYS[0]!, 'changed')
      await other.delete(KEYS[1]!)
      await until('the delete is seen', async () => (await cache.get(KEYS[1]!)) === undefined)
      const entry = await other.getEntry(KEYS[2]!)
      assert.ok(entry.hit && (await cache.set(KEYS[2]!, 'over', { ifVersion: entry.version })) > 0)
      assert.equal(await cache.getOrSet('tenant9:new', () => 'loaded'), 'loaded')
      await untilRead(other, 'tenant9:new', 'loaded')
      await cache.clear()
      await until('the clear is seen', async () => (await other.getMany(KEYS)).every((value) => value === undefined))
    }, { partitionBy: byTenant }))

  test('what waits in the journal comes to the right partition when another process leads', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const writer = here!.open({ partitionBy: byTenant, coordinator: 'off' })
      await writer.set(KEYS[0]!, 1)
      // The leader does not know the function: the record says where it goes.
      here!.open()
      await untilRead(there!.open({ partitionBy: byTenant }), KEYS[0]!, 1)
    }))
})

suite('partitionBy on a cluster', (test) => {
  test('a group lies on one node, in one slot, and groups lie on several', () =>
    withCluster({}, async (cluster) => {
      await withHosts('', 2, async ([here, there]) => {
        const [cache, other] = [here!.open(), there!.open()]
        await Promise.all([cache.ready(), other.ready()])
        await cache.setMany(KEYS.map((key) => ({ key, value: key })))
        assert.deepEqual(await other.getMany(KEYS), KEYS)
        const slots = new Map<string, Set<number>>()
        for (const node of cluster.running) {
          for (const name of await node.ask('KEYS', '*:d|*') as string[]) {
            const group = byTenant(name.slice(name.lastIndexOf('|') + 1))
            slots.set(group, (slots.get(group) ?? new Set()).add(await cluster.slotOf(name)))
          }
        }
        assert.deepEqual([...slots.values()].map(({ size }) => size), [1, 1, 1, 1])
        assert.equal(new Set([...slots.values()].flatMap((set) => [...set])).size, 4)
      }, { partitionBy: byTenant, writeMode: 'through', redis: { cluster: { nodes: cluster.addresses } } })
    }))
})
