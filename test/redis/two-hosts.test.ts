// What processes of two and three hosts do to the same keys at the same time, judged by what they saw.
import type { WriteMode } from '../../src/options/schema'
import { randomOf } from '../helpers/random'
import { agreed, played } from '../helpers/redis/played'
import { trouble } from '../helpers/redis/faults'
import { judge } from '../helpers/redis/fleet-judge'
import { withHosts } from '../helpers/redis/hosts'
import { FaultProxy } from '../helpers/redis/proxy'
import { withRedis } from '../helpers/redis/server'
import { WriteRecorder } from '../helpers/redis/write-recorder'
import { times } from '../helpers/scale'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'

interface Scene {
  hosts: number
  modes: readonly WriteMode[]
  writes?: number
  deletes?: number
  clears?: number
  hasFaults?: boolean
  stalenessMs?: number
}

suite('histories of several hosts', (test) => {
  const play = ({ hosts: count, modes, writes = 200, deletes = 0, clears = 0, hasFaults = false, stalenessMs }: Scene): Promise<void> =>
    withRedis({}, async (server) => {
      const proxies: FaultProxy[] = []
      for (let i = 0; i < count; i++) proxies.push(await FaultProxy.listen(server))
      const recorder = await WriteRecorder.start(server)
      try {
        const plans = proxies.map(({ port }) => ({ processes: 2, options: { redis: `redis://127.0.0.1:${port}` } }))
        const newcomer = { processes: 0, options: { redis: `redis://127.0.0.1:${server.port}` } }
        await withHosts([...plans, newcomer], async (hosts) => {
          const ms = times(10_000)
          let isOver = false
          const troubles = hasFaults ? trouble(server, proxies, randomOf(seed), () => isOver) : undefined
          const history = await played(hosts, { ms, modes, writes, deletes, clears })
          isOver = true
          const faults = await troubles
          history.push(await agreed(hosts, clears > 0))
          await recorder.settled(server)
          console.log(judge(history, recorder.writes, stalenessMs))
          if (faults !== undefined) console.log(`faults: ${Object.entries(faults).map(([kind, times]) => `${times} ${kind}`).join(', ')}`)
        })
      } finally {
        recorder.stop()
        for (const proxy of proxies) await proxy.close()
      }
    })

  test('two hosts, writes that Redis acknowledges: at most 2 s behind', () => play({ hosts: 2, modes: ['through', 'around'], stalenessMs: 2_000 }))
  test('two hosts, all write modes and deletes', () => play({ hosts: 2, modes: ['behind', 'through', 'around'], deletes: 50 }))
  test('two hosts, write-behind, with faults', () => play({ hosts: 2, modes: ['behind'], deletes: 20, hasFaults: true }))
  test('three hosts, all write modes, with faults', () => play({ hosts: 3, modes: ['behind', 'through', 'around'], deletes: 30, hasFaults: true }))
  test('three hosts that clear, with faults', () => play({ hosts: 3, modes: ['behind', 'through', 'around'], deletes: 20, clears: 3, hasFaults: true }))
})
