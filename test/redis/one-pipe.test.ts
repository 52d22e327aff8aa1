// What a host asks of Redis, counted at Redis, whatever the number of its processes and threads.
import * as assert from 'node:assert/strict'
import { type Host, withHosts } from '../helpers/redis/hosts'
import { type RedisServer, withRedis } from '../helpers/redis/server'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const calls = async (server: RedisServer, command: string): Promise<number> =>
  Number(/^calls=(\d+)/.exec(await server.info(`cmdstat_${command}`) ?? '')?.[1] ?? 0)

suite('one pipe per host', (test) => {
  test('a hot key that another host changes is read once per host, whoever reads it', () => withRedis({}, async (server) => {
    const PROCESSES = 4
    const THREADS = 2
    const ROUNDS = 20
    // Nobody on a busy machine loses patience with the one that reads, and asks for itself.
    const options = { redis: `redis://127.0.0.1:${server.port}`, l2: { softTimeout: '20s', hardTimeout: '20s' } }
    await withHosts([{ processes: 1, options }, { processes: PROCESSES, options }], async ([writing, reading], cache) => {
      const writer = writing!.processes[0]!
      await writer.ask('call', 'set', ['hot', 0, { writeMode: 'through' }])
      const home = (await reading!.processes[0]!.ask('info')).path!.replace(/\/[^/]*$/, '')
      const stormed = { name: cache, dir: home, memory: '16mb', fallback: 'error' as const, ...options }
      await Promise.all(reading!.processes.map((process) => process.ask('storm', { options: stormed, keys: ['hot'], threads: THREADS })))
      let reads = 0
      for (let round = 1; round <= ROUNDS; round++) {
        const before = await calls(server, 'mget')
        await writer.ask('call', 'set', ['hot', round, { writeMode: 'through' }])
        await until(`all ${PROCESSES * THREADS} threads have read ${round}`, async () =>
          (await Promise.all(reading!.processes.map((process) => process.ask('stormValues')))).flat().every((value) => value === String(round)))
        reads += await calls(server, 'mget') - before
      }
      await Promise.all(reading!.processes.map((process) => process.ask('endStorm')))
      console.log(`${ROUNDS} changes of a key that ${PROCESSES * THREADS} threads read: ${reads} reads at Redis`)
      assert.equal(reads, ROUNDS)
    })
  }))

  test('reads of one tick are one round trip', () => withRedis({}, async (server) => {
    const options = { redis: `redis://127.0.0.1:${server.port}` }
    await withHosts([{ processes: 1, options }, { processes: 1, options }], async ([writing, reading]) => {
      const writer = writing!.processes[0]!
      const reader = reading!.processes[0]!
      const keys = Array.from({ length: 200 }, (_, index) => `key${index}`)
      await writer.ask('through', keys.map((key, value) => ({ key, value })))
      await reader.ask('call', 'get', ['warm'])
      const count = async (): Promise<number> => await calls(server, 'mget')
      let before = await count()
      const { values, runs } = await reader.ask('load', keys.slice(0, 100), 'loaded')
      assert.deepEqual(values, keys.slice(0, 100).map((_, value) => value))
      assert.equal(runs, 0)
      assert.equal(await count() - before, 1)
      before = await count()
      assert.deepEqual(await reader.ask('call', 'getMany', [keys]), keys.map((_, value) => value))
      assert.equal(await count() - before, 1)
      assert.deepEqual(await reader.ask('call', 'getMany', [keys]), keys.map((_, value) => value))
      assert.equal(await count() - before, 1)
    })
  }))

  test('a host has one connection for writes and one that listens; a process has one for reads, once it has missed', () => withRedis({}, async (server) => {
    const options = { redis: `redis://127.0.0.1:${server.port}` }
    const connections = async (): Promise<{ all: number; listening: number }> => {
      const lines = String(await server.ask('CLIENT', 'LIST')).split('\n').filter((line) => line.includes(' addr=127.0.0.1:'))
      return { all: lines.length, listening: lines.filter((line) => !line.includes(' sub=0 ')).length }
    }
    await withHosts([{ processes: 1, options }], async ([host]) => {
      await write(host!)
      assert.deepEqual(await connections(), { all: 3, listening: 1 })
      for (let processes = 2; processes <= 4; processes++) {
        await host!.addProcess()
        await write(host!)
        assert.deepEqual(await connections(), { all: 2 + processes, listening: 1 })
      }
    })
  }))
})

async function write(host: Host): Promise<void> {
  await Promise.all(host.processes.map(async (process) => {
    await process.ask('call', 'set', [process.name, 'value', { writeMode: 'through' }])
    await process.ask('call', 'get', [`no ${process.name}`])
  }))
}

