// The same system on every kind of Redis, and what it does when the parts of that Redis change their places.
import * as assert from 'node:assert/strict'
import type { CacheOptions } from '../../src'
import type { WriteMode } from '../../src/options/schema'
import { partitionOf } from '../../src/words/partition'
import { partitionSlots } from '../../src/l2/slots'
import { RedisCluster } from '../helpers/redis/cluster'
import { converged } from '../helpers/redis/converged'
import { type Host, withHosts } from '../helpers/redis/hosts'
import { SentinelSet } from '../helpers/redis/sentinel'
import { type RedisServer, withRedis } from '../helpers/redis/server'
import { times } from '../helpers/scale'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const KEYS_PER_PROCESS = 6

interface Scene {
  options: CacheOptions
  writeMode: WriteMode
  /** What happens while all processes write. */
  change?: (cache: string, keys: readonly string[]) => Promise<unknown>
  /** Asynchronous replication may lose what was acknowledged. */
  mayLose?: boolean
  ms?: number
  isInstance?: boolean
}

/** Two hosts with two processes each: they go on answering, agree in the end, and hear each other then. */
function play(title: string, { options, writeMode, change, mayLose = false, ms = times(4_000), isInstance = false }: Scene): Promise<void> {
  const plan = { processes: 2, options, isInstance }
  return withHosts([plan, plan, { ...plan, processes: 0 }], async (hosts, cache) => {
    const writers = hosts.flatMap(({ processes }) => processes)
    const keysOf = (name: string): string[] => Array.from({ length: KEYS_PER_PROCESS }, (_, index) => `${name}-${index}`)
    const keys = writers.flatMap(({ name }) => keysOf(name))
    for (const host of hosts.slice(0, 2)) await host.processes[1]!.ask('watch', keys, 10)
    const changing = change?.(cache, keys)
    const counts = await Promise.all(writers.map((writer) => writer.ask('count', { keys: keysOf(writer.name), writeMode, ms })))
    await changing
    for (const host of hosts.slice(0, 2)) await host.processes[1]!.ask('unwatch')
    const values = await converged(hosts, keys)
    const acknowledged: Record<string, number> = Object.assign({}, ...counts.map((count) => count.acknowledged))
    const lost = keys.filter((key, index) => ((values[index] as number | undefined) ?? 0) < (acknowledged[key] ?? 0))
    const sum = (field: 'writes' | 'reads' | 'misses'): number => counts.reduce((total, count) => total + count[field], 0)
    console.log(`${title}: ${sum('writes')} writes, refused ${JSON.stringify(counts.map(({ refused }) => refused))}, ${sum('reads')} reads, ${sum('misses')} misses, ${lost.length} of ${keys.length} keys behind what was acknowledged`)
    if (!mayLose) {
      assert.deepEqual(lost, [])
      for (const host of hosts.slice(0, 2)) assert.deepEqual((await host.processes[1]!.ask('seen')).backwards, [])
    }
    await hearEachOther(hosts)
  })
}

async function hearEachOther(hosts: readonly Host[]): Promise<void> {
  for (const [index, host] of hosts.entries()) {
    const key = `hello from ${index}`
    await until('a write is confirmed', () => host.processes[0]!.ask('call', 'set', [key, 'hello', { writeMode: 'through' }]).then(() => true, () => false))
    for (const other of hosts) {
      await until(`${other.name} hears ${host.name}`, async () => await other.processes[0]!.ask('call', 'get', [key]) === 'hello')
    }
  }
}

suite('Sentinel', (test) => {
  let set: SentinelSet
  test.before(async () => {
    set = await SentinelSet.start()
  })
  test.after(() => set.remove())
  const options = (): CacheOptions => ({ redis: { sentinels: set.addresses, name: set.name } })

  test('a failover in order', async () => {
    await play('SENTINEL FAILOVER', { options: options(), writeMode: 'behind', mayLose: true, change: () => set.failover() })
  })
  test('the death of the primary', async () => {
    const primary = (await set.primary())!
    await play('death of a primary with sentinels', { options: options(), writeMode: 'through', mayLose: true, change: () => set.killPrimary() })
    await primary.restart()
    await set.settled()
  })
})

suite('Cluster', (test) => {
  let cluster: RedisCluster
  test.before(async () => {
    cluster = await RedisCluster.start()
  })
  test.after(() => cluster.remove())
  const options = (): CacheOptions => ({ redis: { cluster: { nodes: cluster.addresses } } })
  const slotsOf = (cache: string, keys: readonly string[]): number[] => [...new Set(keys.map((key) => partitionSlots(cache)[partitionOf('', key)]!))]
  const ownerOf = async (cache: string, keys: readonly string[]): Promise<RedisServer> => cluster.ownerOf(slotsOf(cache, keys)[0]!)

  test('slots that move while they are written', () => play('resharding', {
    options: options(), writeMode: 'behind', change: async (cache, keys) => {
      const from = await ownerOf(cache, keys)
      const owners = await Promise.all(slotsOf(cache, keys).map(async (slot) => ({ slot, owner: await cluster.ownerOf(slot) })))
      const slots = owners.filter(({ owner }) => owner === from).map(({ slot }) => slot)
      const to = owners.find(({ owner }) => owner !== from)!.owner
      await cluster.reshard(slots, from, to)
      await cluster.reshard(slots.slice(0, 3), to, from)
    },
  }))
  test('a failover in order loses nothing', () => play('CLUSTER FAILOVER', {
    options: { ...options(), durability: 'replicated' }, writeMode: 'through',
    change: async (cache, keys) => cluster.failover((await cluster.replicasOf(await ownerOf(cache, keys)))[0]!),
  }))
  test('the death of a primary', () => play('death of a primary of a cluster', {
    options: options(), writeMode: 'behind', mayLose: true, ms: times(8_000),
    change: async (cache, keys) => {
      await cluster.killNode(await ownerOf(cache, keys))
      await cluster.settled()
    },
  }))
})

suite('a Cluster with a password', (test) => {
  test('that stands in the URLs of its nodes', async () => {
    const cluster = await RedisCluster.start({ password: 'secret' })
    try {
      const nodes = cluster.addresses.map(({ host, port }) => `redis://:secret@${host}:${port}`)
      await play('a cluster with a password', { options: { redis: { cluster: { nodes } } }, writeMode: 'behind', ms: 1_000 })
    } finally {
      await cluster.remove()
    }
  })
})

suite('ways to one server', (test) => {
  test('TLS', () => withRedis({ tls: true, password: 'secret' }, (server) => play('rediss://', {
    writeMode: 'behind', ms: 1_000,
    options: { redis: { host: 'localhost', port: server.port, password: 'secret', tls: { ca: server.certificates!.caText } } },
  })))
  test('a rediss:// URL', () => withRedis({ tls: true, password: 'secret' }, async (server) => {
    process.env['NODE_EXTRA_CA_CERTS'] = server.certificates!.ca
    await play('rediss:// URL', { writeMode: 'behind', ms: 1_000, options: { redis: `rediss://:secret@localhost:${server.port}` } })
    delete process.env['NODE_EXTRA_CA_CERTS']
  }))
  test('a unix socket', () => withRedis({}, (server) => play('unix socket', { writeMode: 'through', ms: 1_000, options: { redis: server.socket } })))
  test('ioredis options', () => withRedis({ password: 'secret' }, (server) => play('ioredis options', {
    writeMode: 'around', ms: 1_000, options: { redis: { host: server.host, port: server.port, password: 'secret', db: 3, connectionName: 'shop' } },
  })))
  test('an ioredis instance', () => withRedis({ password: 'secret' }, (server) => play('ioredis instance', {
    writeMode: 'behind', ms: 1_000, isInstance: true, options: { redis: { host: server.host, port: server.port, password: 'secret' } },
  })))
})
