// The cluster of the other tests: slots move with their keys, replicas take over.
import * as assert from 'node:assert/strict'
import { Cluster } from 'ioredis'
import { type RedisCluster, withCluster } from '../helpers/redis/cluster'
import { suite } from '../helpers/suite'

async function withClient(cluster: RedisCluster, body: (client: Cluster) => Promise<void>): Promise<void> {
  const client = new Cluster(cluster.addresses, { clusterRetryStrategy: () => 50 })
  client.on('error', () => {})
  try {
    await body(client)
  } finally {
    client.disconnect()
  }
}

const KEYS = Array.from({ length: 300 }, (_, i) => `k${i}`)

suite('a cluster', (test) => {
  test('moves slots with their keys, and a client finds them', () => withCluster({}, (cluster) => withClient(cluster, async (client) => {
    await Promise.all(KEYS.map((key) => client.set(key, key)))
    const from = await cluster.ownerOf(0)
    const to = await cluster.ownerOf(16_383)
    assert.notEqual(from, to)
    await cluster.reshard(Array.from({ length: 1_000 }, (_, i) => i), from, to)
    assert.equal(await cluster.ownerOf(999), to)
    assert.equal(await cluster.ownerOf(1_000), from)
    assert.deepEqual(await Promise.all(KEYS.map((key) => client.get(key))), KEYS)
    const sizes = await Promise.all((await Promise.all([0, 1_000, 8_000].map((slot) => cluster.ownerOf(slot)))).map((node) => node.ask('DBSIZE')))
    assert.equal(sizes.reduce((sum: number, size) => sum + Number(size), 0), KEYS.length)
  })))

  test('holds a slot between two nodes, where each sends to the other', () => withCluster({}, async (cluster) => {
    const slot = await cluster.slotOf('{t}1')
    const from = await cluster.ownerOf(slot)
    const to = await cluster.ownerOf((slot + 8_192) % 16_384)
    for (const key of ['{t}1', '{t}2']) await from.ask('SET', key, 'v')
    const move = await cluster.beginMove(slot, to)
    assert.equal(await move.moveKeys(1), 1)
    const answers = await Promise.all(['{t}1', '{t}2'].map((key) => from.ask('GET', key).catch(String)))
    assert.equal(answers.filter((answer) => answer === 'v').length, 1)
    assert.match(answers.find((answer) => answer !== 'v') as string, new RegExp(`ASK ${slot} 127.0.0.1:${to.port}`))
    await assert.rejects(from.ask('MGET', '{t}1', '{t}2'), /TRYAGAIN/)
    await assert.rejects(to.ask('GET', '{t}1'), /MOVED/)
    await move.moveKeys()
    await move.finish()
    await cluster.settled()
    assert.equal(await to.ask('GET', '{t}2'), 'v')
    await assert.rejects(from.ask('GET', '{t}1'), new RegExp(`MOVED ${slot} 127.0.0.1:${to.port}`))
  }))

  test('lets a replica take over, asked to or when its primary is dead', () => withCluster({}, (cluster) => withClient(cluster, async (client) => {
    const first = await cluster.ownerOf('k')
    const [replica] = await cluster.replicasOf(first)
    await client.set('k', 'v')
    await cluster.failover(replica!)
    assert.equal(await cluster.ownerOf('k'), replica)
    assert.equal(await client.get('k'), 'v')
    await cluster.killNode(replica!)
    await cluster.settled()
    assert.equal(await cluster.ownerOf('k'), first)
    assert.equal(await client.get('k'), 'v')
    await replica!.restart()
    await cluster.settled()
    assert.deepEqual(await cluster.replicasOf(first), [replica])
  })))
})
