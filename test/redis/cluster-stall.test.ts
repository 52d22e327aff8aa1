// A cluster of which one primary stands still: what the others serve does not wait for it.
import * as assert from 'node:assert/strict'
import { createCache } from '../../src'
import { partitionOf } from '../../src/words/partition'
import { partitionSlots } from '../../src/l2/slots'
import { uniqueName, withDirectory } from '../helpers/cache'
import { withCluster } from '../helpers/redis/cluster'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

suite('a stalled primary of a cluster', (test) => {
  // No replica takes over meanwhile.
  test('holds up the acknowledgement of its own writes, and of no others', () => withCluster({ config: { 'cluster-node-timeout': 60_000 } }, (cluster) => withDirectory(async (dir) => {
    const name = uniqueName()
    const cache = createCache({ name, dir, memory: '16mb', redis: { cluster: { nodes: cluster.addresses } }, l2: { hardTimeout: '30s' }, fallback: 'error' })
    try {
      await until('the leader has its link', () => cache.info().l2?.link === 'connected')
      await cache.set('first', 1, { writeMode: 'through' })
      const slots = partitionSlots(name)
      const primaries = await Promise.all([0, 8_000, 16_000].map((slot) => cluster.ownerOf(slot)))
      const isHeard = await Promise.all(primaries.map(async (node) => String(await node.ask('CLIENT', 'LIST', 'TYPE', 'pubsub')).includes('name=')))
      const stalled = primaries.find((_, index) => !isHeard[index])!
      const keys = Array.from({ length: 60 }, (_, i) => `k${i}`)
      const owners = await Promise.all(keys.map((key) => cluster.ownerOf(slots[partitionOf('', key)]!)))
      const [here, elsewhere] = [keys.filter((_, i) => owners[i] === stalled), keys.filter((_, i) => owners[i] !== stalled)]
      assert.ok(here.length > 5 && elsewhere.length > 5)

      stalled.pause()
      let confirmed = 0
      const waiting = here.map((key) => cache.set(key, 'here', { writeMode: 'through' }).then((version) => {
        confirmed++
        return version
      }))
      // In one batch with those that wait, and one by one behind them.
      const beside = elsewhere.map((key) => cache.set(key, 'beside', { writeMode: 'through' }))
      assert.ok((await Promise.all(beside)).every((version) => version > 0))
      for (const key of elsewhere) assert.ok(await cache.set(key, 'behind', { writeMode: 'through' }) > 0)
      assert.equal(confirmed, 0)
      stalled.resume()
      assert.ok((await Promise.all(waiting)).every((version) => version > 0))
    } finally {
      for (const node of cluster.running) node.resume()
      await cache.close()
    }
  })))
})
