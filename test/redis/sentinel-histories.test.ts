// What three hosts behind sentinels do to the same keys while the primary changes, judged by what they saw.
import type { WriteMode } from '../../src/options/schema'
import { judge } from '../helpers/redis/fleet-judge'
import { withHosts } from '../helpers/redis/hosts'
import { agreed, played } from '../helpers/redis/played'
import { SentinelSet } from '../helpers/redis/sentinel'
import { inFiles } from '../helpers/redis/write-recorder'
import { times } from '../helpers/scale'
import { suite } from '../helpers/suite'

const MODES: readonly WriteMode[] = ['behind', 'through', 'around']

suite('histories of hosts behind sentinels', (test) => {
  let set: SentinelSet
  test.before(async () => {
    set = await SentinelSet.start({ durable: true })
  })
  test.after(() => set.remove())

  // What a failover loses, which is replicated asynchronously, nobody can keep: here the replicas have caught up before.
  test('primaries that change in order', async () => {
    const plan = { processes: 2, options: { redis: { sentinels: set.addresses, name: set.name } } }
    await withHosts([plan, plan, plan, { ...plan, processes: 0 }], async (hosts) => {
      let isOver = false
      let changes = 0
      const changing = (async () => {
        for (; !isOver; changes++) await set.failoverWithoutLoss()
      })()
      // A failure is reported where it is awaited.
      changing.catch(() => {})
      const history = await played(hosts, { ms: times(12_000), modes: MODES, writes: 200, deletes: 30, clears: 0 })
      isOver = true
      await changing
      history.push(await agreed(hosts))
      console.log(`${judge(history, inFiles(set.servers))}, ${changes} changes`)
    })
  })
})
