import * as assert from 'node:assert/strict'
import { ForeignWriters } from '../../src/l2/foreign'
import { Names } from '../../src/l2/names'
import { partitionOf } from '../../src/words/partition'
import { configFor } from '../helpers/l2'
import { withRedis } from '../helpers/redis-once'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

suite('l2 foreign writers', (test) => {
  test('SET, DEL and FLUSHALL of strangers are seen, other keys are not', () => withRedis(async (server) => {
    const touched: string[] = []
    let doubts = 0
    const foreign = new ForeignWriters(configFor(server.url), {
      onTouched: (partition, namespace, key) => touched.push(`${partition} ${namespace} ${key}`),
      onDoubt: () => void doubts++,
    })
    foreign.start()
    try {
      await until('it is active', () => foreign.isActive)
      assert.equal(doubts, 1)
      const partition = partitionOf('n', 'k|x')
      const name = new Names('shop').data(partition, 'n|k|x')
      await server.admin.set('other', 1)
      await server.admin.set('sc1:{shop2.1}:d|n|k', 1)
      await server.admin.set(name, 1)
      await server.admin.del(name)
      await until('both are seen', () => touched.length === 2)
      assert.deepEqual(touched, [`${partition} n k|x`, `${partition} n k|x`])
      await server.admin.flushall()
      await until('the flush is doubt', () => doubts === 2)
      await server.admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
      await until('a cut is doubt, and it is active again', () => doubts >= 4 && foreign.isActive)
      await server.admin.set(name, 2)
      await until('changes are seen again', () => touched.length === 3)
    } finally {
      await foreign.stop()
    }
  }))
})
