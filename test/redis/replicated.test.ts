// durability 'replicated': a write resolves when a replica has it, and not before.
import * as assert from 'node:assert/strict'
import { Names, partitionOf } from '../../src/l2/names'
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
    await until('the replica is in step', async () => /master_link_status:up/.test(await replica.admin.info('replication')))
  })
  test.after(async () => {
    await replica.stop()
    await primary.stop()
  })

  const onReplica = (key: string): Promise<number> => replica.admin.exists(names.data(partitionOf('', key), `|${key}`))

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
