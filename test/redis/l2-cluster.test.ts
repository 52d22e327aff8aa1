// A cluster of three primaries, and Sentinel with one replica.
import * as assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import Redis from 'ioredis'
import type { Change, PartitionOutcome, WriteRecord } from '../../src/l2/contract'
import { RedisFeed } from '../../src/l2/feed'
import { partitionOf } from '../../src/words/partition'
import { Reader } from '../../src/l2/reader'
import { partitionSlots } from '../../src/l2/slots'
import { Writer } from '../../src/l2/writer'
import { configFor, farKey, ORIGIN, Records, within } from '../helpers/l2'
import { freePort, RedisOnce } from '../helpers/redis-once'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const DEADLINE_MS = 10_000
const statesOf = (outcomes: readonly PartitionOutcome[]): string[] => outcomes.flatMap(({ results }) => results.map(({ state }) => state))
const listener = (changes: Change[], doubts: unknown[]) => ({
  onChange: (change: Change) => void changes.push(change),
  onClear: () => undefined,
  onDoubt: (...doubt: unknown[]) => void doubts.push(doubt),
  onHeard: () => undefined,
  onLink: () => undefined,
  onClock: () => undefined,
})

suite('l2 on a cluster', (test) => {
  const nodes: RedisOnce[] = []
  const given = () => ({ cluster: { nodes: nodes.map(({ port }) => ({ host: '127.0.0.1', port })) } })

  test.before(async () => {
    for (let index = 0; index < 3; index++) nodes.push(await RedisOnce.start('--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'))
    for (const [index, node] of nodes.entries()) {
      await node.admin.call('CLUSTER', 'ADDSLOTSRANGE', index * 5461, index === 2 ? 16_383 : index * 5461 + 5460)
      await node.admin.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)
    }
    for (const node of nodes.slice(1)) await node.admin.call('CLUSTER', 'MEET', '127.0.0.1', nodes[0]!.port)
    for (const node of nodes) {
      await until('the cluster is whole', async () => /cluster_state:ok[^]*cluster_known_nodes:3/.test(String(await node.admin.call('CLUSTER', 'INFO'))))
    }
  })
  test.after(async () => {
    for (const node of nodes) await node.stop()
  })

  test('writes, reads and the feed reach all nodes', async () => {
    const writer = new Writer(configFor(given()), { origin: ORIGIN })
    const reader = new Reader(configFor(given()))
    const changes: Change[] = []
    const doubts: unknown[] = []
    const feed = new RedisFeed(configFor(given()), listener(changes, doubts), { origin: ORIGIN })
    feed.start()
    await until('the feed is connected', () => feed.link === 'connected')
    const records = new Records()
    const batch = Array.from({ length: 500 }, (_, index) => records.make(`k${index}`))
    assert.deepEqual(new Set(statesOf(await writer.write(batch, within(DEADLINE_MS)))), new Set(['applied']))
    const hits = await reader.readMany(batch.map(({ key }) => farKey(key)), within(DEADLINE_MS))
    hits.forEach((hit, index) => assert.equal(hit.state === 'hit' && Buffer.from(hit.payload).toString(), `value of k${index}`))
    await until('all changes are heard', () => changes.length === 500)
    assert.deepEqual(doubts, [])
    await feed.stop()
    await writer.close()
    await reader.close()
  })

  test('a slot that moves away under load loses nothing', async () => {
    const writer = new Writer(configFor(given()), { origin: ORIGIN.replace('a', 'b') })
    const reader = new Reader(configFor(given()))
    const records = new Records()
    const key = 'moving'
    const partition = partitionOf('n', key)
    const slot = partitionSlots('shop')[partition]!
    const from = nodes.find((_, index) => slot >= index * 5461 && (index === 2 || slot <= index * 5461 + 5460))!
    const to = nodes.find((node) => node !== from)!
    const [fromId, toId] = await Promise.all([from, to].map(async (node) => String(await node.admin.call('CLUSTER', 'MYID'))))
    let isMoved = false
    let written = 0
    const move = async (): Promise<void> => {
      await to.admin.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId!)
      await from.admin.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId!)
      for (;;) {
        const keys = (await from.admin.call('CLUSTER', 'GETKEYSINSLOT', slot, 10)) as string[]
        if (keys.length === 0) break
        await from.admin.call('MIGRATE', '127.0.0.1', to.port, '', 0, 5000, 'KEYS', ...keys)
      }
      for (const node of [to, from]) await node.admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', toId!)
    }
    const one = (): WriteRecord => records.make(key, { payload: String(++written) })
    const stranger = new Writer(configFor(given()), { origin: 'stranger' })
    const strangers = new Records()
    const theirs = (): WriteRecord => strangers.make(key, { payload: String(++written) })
    assert.deepEqual(statesOf(await writer.write([one()], within(DEADLINE_MS))), ['applied'])
    const moving = move().then(() => { isMoved = true })
    let after = 0
    while (after < 20) {
      if (isMoved) after++
      // Every other time the version that the sender foresees is not the one it gets.
      const { write, record } = written % 4 < 2 ? { write: writer.write.bind(writer), record: one() } : { write: stranger.write.bind(stranger), record: theirs() }
      let version = 0
      await until('it is written', async () => {
        const [result] = (await write([record], within(2000)))[0]!.results
        version = result!.state === 'applied' ? result!.version : 0
        return version > 0
      })
      const hit = await reader.read(farKey(key), within(DEADLINE_MS))
      assert.deepEqual(hit.state === 'hit' && [Buffer.from(hit.payload).toString(), hit.version], [String(written), version])
    }
    await moving
    await stranger.close()
    assert.equal(await to.admin.hget(`sc1:{shop.${partition}}:s`, 'n').then(Number) >= written, true)
    await writer.close()
    await reader.close()
  })

  test('a killed node leaves the others working; reads of its slots end by their deadline', async () => {
    const writer = new Writer(configFor(given()), { origin: ORIGIN.replace('a', 'c') })
    const reader = new Reader(configFor(given()))
    const records = new Records()
    const batch = Array.from({ length: 50 }, (_, index) => records.make(`x${index}`))
    assert.deepEqual(new Set(statesOf(await writer.write(batch, within(DEADLINE_MS)))), new Set(['applied']))
    for (const node of nodes) await node.admin.call('CONFIG', 'SET', 'cluster-require-full-coverage', 'no')
    await nodes[2]!.kill()
    const startMs = performance.now()
    const states = (await reader.readMany(batch.map(({ key }) => farKey(key)), within(300))).map(({ state }) => state)
    assert.ok(performance.now() - startMs < 1500)
    assert.ok(states.includes('hit') && states.includes('failed'), states.join())
    await writer.close()
    await reader.close()
  })
})

suite('l2 behind Sentinel', (test) => {
  test('after a failover writes go to the new primary, and the feed doubts', async () => {
    const primary = await RedisOnce.start()
    const replica = await RedisOnce.start('--replicaof', '127.0.0.1', String(primary.port))
    await until('the replica is in step', async () => /master_link_status:up/.test(await replica.admin.info('replication')))
    const port = await freePort()
    const file = join(primary.dir, 'sentinel.conf')
    writeFileSync(file, `port ${port}\nbind 127.0.0.1\ndir ${primary.dir}\nsentinel monitor main 127.0.0.1 ${primary.port} 1\nsentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n`)
    const sentinel = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' })
    const asked = new Redis(port, { retryStrategy: () => 20, maxRetriesPerRequest: null }).on('error', () => undefined)
    const given = { sentinels: [{ host: '127.0.0.1', port }], name: 'main' }
    const writer = new Writer(configFor(given), { origin: ORIGIN })
    const doubts: unknown[] = []
    const feed = new RedisFeed(configFor(given), listener([], doubts), { origin: ORIGIN })
    try {
      await until('Sentinel knows the replica', async () => /slaves=1/.test(String(await asked.info('sentinel'))))
      feed.start()
      await until('the feed is connected', () => feed.link === 'connected')
      const records = new Records()
      await until('a write is applied', async () => statesOf(await writer.write([records.make('k')], within(1000)))[0] === 'applied')
      await primary.kill()
      await until('a write is applied again', async () => statesOf(await writer.write([records.make('k')], within(1000)))[0] === 'applied', 30_000)
      assert.match(await replica.admin.info('replication'), /role:master/)
      await until('the other server is doubted', () => doubts.length > 0)
    } finally {
      await feed.stop()
      await writer.close()
      asked.disconnect()
      const exited = once(sentinel, 'exit')
      sentinel.kill('SIGKILL')
      await exited
      await replica.stop()
      await primary.stop()
    }
  })
})
