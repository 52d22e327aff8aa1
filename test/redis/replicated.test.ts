// durability 'replicated': a write resolves when a replica has it, and not before.
import * as assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { Names } from '../../src/l2/names'
import { partitionOf } from '../../src/words/partition'
import { withHosts } from '../helpers/redis-host'
import { RedisOnce } from '../helpers/redis-once'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const names = new Names('shop')

suite('durability replicated', (test) => {
  let primary: RedisOnce
  let replica: RedisOnce
  test.before(async () => {
    primary = await RedisOnce.start('--repl-diskless-sync-delay', '0')
    replica = await RedisOnce.start('--replicaof', '127.0.0.1', String(primary.port))
    await until('the replica confirms a write', async () => {
      await primary.admin.set('hello', 1)
      return (await primary.admin.wait(1, 100)) === 1
    })
  })
  test.after(async () => {
    await replica.stop()
    await primary.stop()
  })

  const onReplica = (key: string, namespace = ''): Promise<number> => replica.admin.exists(names.data(partitionOf(namespace, key), `${namespace}|${key}`))

  test('waits for the replica', () =>
    withHosts(primary.url, 1, async ([here]) => {
      const cache = here!.open({ durability: 'replicated' })
      for (let i = 0; i < 20; i++) {
        await cache.set(`k${i}`, i)
        assert.equal(await onReplica(`k${i}`), 1)
      }
      await cache.delete('k0')
      await cache.clear()
    }))

  test('is for the write, the namespace or the process that asks for it, also where another process leads', () =>
    withHosts(primary.url, 1, async ([here]) => {
      const leading = here!.open()
      await leading.ready()
      const led = await here!.spawn({ durability: 'replicated' })
      const namespace = leading.namespace('n', { durability: 'replicated' })
      for (let i = 0; i < 20; i++) {
        await leading.set(`call${i}`, i, { durability: 'replicated' })
        await namespace.set(`k${i}`, i)
        await led.call('set', `led${i}`, i)
        assert.deepEqual([await onReplica(`call${i}`), await onReplica(`led${i}`), await onReplica(`k${i}`, 'n')], [1, 1, 1])
      }
      assert.equal(await leading.getOrSet('loaded', () => 'value', { durability: 'replicated' }), 'value')
      assert.equal(await onReplica('loaded'), 1)
    }))

  test('of one write does not hold up the others of the host while the replica is stuck', () =>
    withHosts(primary.url, 1, async ([here]) => {
      const cache = here!.open({ l2: { hardTimeout: '5s' } })
      await cache.ready()
      await cache.set('before', 0, { durability: 'replicated' })
      replica.signal('SIGSTOP')
      try {
        let isStuck = true
        const others: Promise<unknown>[] = []
        const wished = [1, 2, 3].map((n) => cache.set('same', n, { durability: 'replicated' }))
        others.push(cache.set('same', 'plain'), cache.set('through', 1, { writeMode: 'through' }))
        const stuck = Promise.allSettled(wished).then((outcomes) => {
          isStuck = false
          return outcomes
        })
        for (let i = 0; isStuck; i++) {
          others.push(cache.set(`other${i}`, i, { writeMode: 'through' }), cache.set(`behind${i % 100}`, i))
          await turn()
        }
        for (const outcome of await stuck) assert.equal(outcome.status === 'rejected' && (outcome.reason as { code: string }).code, 'ERR_CACHE_L2_TIMEOUT')
        await Promise.all(others)
        assert.equal(await primary.admin.exists(names.data(partitionOf('', 'same'), '|same')), 1)
      } finally {
        replica.signal('SIGCONT')
      }
      await until('replicated writes are acknowledged again', () => cache.set('after', 2, { durability: 'replicated' }).then(() => true, () => false))
      assert.equal(await onReplica('same'), 1)
    }))

  test('ends by the deadline while the replica is stuck, and goes on when it is back', () =>
    withHosts(primary.url, 1, async ([here]) => {
      const cache = here!.open({ durability: 'replicated', l2: { hardTimeout: 700 } })
      await cache.ready()
      replica.signal('SIGSTOP')
      try {
        await assert.rejects(cache.set('stuck', 1), { code: 'ERR_CACHE_L2_TIMEOUT' })
        assert.equal(await cache.get('stuck'), 1)
      } finally {
        replica.signal('SIGCONT')
      }
      await until('writes are acknowledged again', () => cache.set('after', 2).then(() => true, () => false))
      assert.deepEqual([await onReplica('stuck'), await onReplica('after')], [1, 1])
    }))
})
