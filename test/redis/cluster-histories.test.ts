// What three hosts on a Cluster do to the same keys while slots and primaries change their places, judged by what they saw.
import { partitionOf } from '../../src/words/partition'
import { partitionSlots } from '../../src/l2/slots'
import type { WriteMode } from '../../src/options/schema'
import { RedisCluster } from '../helpers/redis/cluster'
import { judge } from '../helpers/redis/fleet-judge'
import { withHosts } from '../helpers/redis/hosts'
import { agreed, played, playedKeys } from '../helpers/redis/played'
import { inOrder, WriteRecorder } from '../helpers/redis/write-recorder'
import { times } from '../helpers/scale'
import { suite } from '../helpers/suite'

interface Scene {
  modes: readonly WriteMode[]
  /** What happens again and again while all write. */
  change: (slots: readonly number[]) => Promise<unknown>
}

suite('histories of hosts on a Cluster', (test) => {
  let cluster: RedisCluster
  test.before(async () => {
    // On a busy machine a node may seem dead: nobody takes over but as the test says.
    cluster = await RedisCluster.start({ config: { 'cluster-replica-no-failover': 'yes' } })
  })
  test.after(() => cluster.remove())

  // A replica executes no script: each write is told by who was the primary then.
  const play = async ({ modes, change }: Scene): Promise<void> => {
    const recorders = await Promise.all(cluster.running.map(async (node) => ({ node, recorder: await WriteRecorder.start(node) })))
    const plan = { processes: 2, options: { redis: { cluster: { nodes: cluster.addresses } } } }
    try {
      await withHosts([plan, plan, plan, { ...plan, processes: 0 }], async (hosts, cache) => {
        const slots = [...new Set(playedKeys.map((key) => partitionSlots(cache)[partitionOf('', key)]!))]
        let isOver = false
        let changes = 0
        const changing = (async () => {
          for (; !isOver; changes++) await change(slots)
        })()
        // A failure is reported where it is awaited.
        changing.catch(() => {})
        const history = await played(hosts, { ms: times(8_000), modes, writes: 200, deletes: 30, clears: 0 })
        isOver = true
        await changing
        history.push(await agreed(hosts))
        for (const { node, recorder } of recorders) await recorder.settled(node)
        console.log(`${judge(history, inOrder(recorders.map(({ recorder }) => recorder)))}, ${changes} changes`)
      })
    } finally {
      for (const { recorder } of recorders) recorder.stop()
    }
  }

  test('slots that move', () => play({
    modes: ['behind', 'through', 'around'],
    change: async (slots) => {
      for (const slot of slots) {
        const from = await cluster.ownerOf(slot)
        const others = await Promise.all(slots.map((other) => cluster.ownerOf(other)))
        await cluster.reshard([slot], from, others.find((other) => other !== from)!)
      }
    },
  }))

  test('primaries that change in order', () => play({
    modes: ['behind', 'through', 'around'],
    change: async (slots) => {
      const [replica] = await cluster.replicasOf(await cluster.ownerOf(slots[0]!))
      await cluster.failover(replica!)
    },
  }))
})
