// What servers do to their clients, at run time, under load: each time what was acknowledged is in Redis afterwards, the
// hosts agree, and nobody has read an older value after a newer one.
import * as assert from 'node:assert/strict'
import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import type { CacheOptions } from '../../src'
import { Names } from '../../src/l2/names'
import { eventually } from '../helpers/redis/eventually'
import { linked, type LogLine, type SimulatedHost, withFleet } from '../helpers/redis/fleet'
import { FleetLoad } from '../helpers/redis/fleet-load'
import { type RedisOptions, RedisServer, withRedis } from '../helpers/redis/server'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const PASSWORD = 'first-secret'

interface Scene {
  server: RedisServer
  hosts: SimulatedHost[]
  load: FleetLoad
  name: string
}

/** The journal holds what a process writes during a fault, however fast the machine is. */
const optionsFor = (server: RedisServer, more: CacheOptions = {}): CacheOptions => ({
  l2: { journal: '256mb' },
  redis: `redis://:${server.options.password ?? ''}@127.0.0.1:${server.port}`.replace(':@', ''), ...more,
})

/** Two hosts under load while `hurt` runs; then both recover and everything is compared. `lostUntilMs`: what was acknowledged before may be gone. */
async function survives(redis: RedisOptions, hurt: (scene: Scene) => Promise<{ lostUntilMs: number } | void>): Promise<void> {
  await withRedis(redis, (server) => withFleet(2, optionsFor(server), async (hosts, name) => {
    await linked(hosts)
    const load = new FleetLoad(hosts.map(({ cache }) => cache))
    try {
      await progress(load)
      const { lostUntilMs } = (await hurt({ server, hosts, load, name })) ?? { lostUntilMs: 0 }
      await progress(load)
      await load.stop()
      await linked(hosts)
      await compare(hosts, load, optionsFor(server, { name }), lostUntilMs)
      assert.deepEqual(load.fallen, [])
      for (const { cache } of hosts) assert.deepEqual(cache.deadLetters(), [])
    } finally {
      await load.stop()
    }
  }))
}

/** The load goes on, whatever Redis does. */
async function progress(load: FleetLoad): Promise<void> {
  const before = load.writes
  await until('the hosts go on writing', () => load.writes > before + 150)
}

/** A third host, that has never seen anything, reads what is in Redis; the two must agree with it. */
async function compare(hosts: readonly SimulatedHost[], load: FleetLoad, options: CacheOptions, lostUntilMs: number): Promise<void> {
  const keys = [...load.acknowledged.keys()]
  await withFleet(1, options, async ([fresh]) => {
    await linked([fresh!])
    const inRedis = await fresh!.cache.getMany<number>(keys)
    keys.forEach((key, index) => {
      const { value, atMs } = load.acknowledged.get(key)!
      if (inRedis[index] === undefined && atMs <= lostUntilMs) return
      assert.equal(inRedis[index], value, `${key} in Redis`)
    })
    for (const { cache } of hosts) {
      await eventually('the host agrees with Redis', async () => {
        assert.deepEqual(await cache.getMany(keys), inRedis)
        return true
      })
    }
  })
}

const logged = (hosts: readonly SimulatedHost[], code: string): LogLine[] =>
  hosts.flatMap(({ log }) => log.filter(({ fields }) => JSON.stringify(fields).includes(code)))

const linkErrors = (lines: readonly LogLine[]): string[] =>
  lines.flatMap(({ fields }) => (fields['error'] === undefined ? [] : [(fields['error'] as { message: string }).message]))

suite('server faults', (test) => {
  test('CLIENT KILL of all normal clients, again and again', () => survives({}, async ({ server, load }) => {
    for (let round = 0; round < 8; round++) {
      await server.ask('CLIENT', 'KILL', 'TYPE', 'normal')
      await progress(load)
    }
  }))

  test('CLIENT KILL of all subscribers, again and again', () => survives({}, async ({ server, load, hosts }) => {
    for (let round = 0; round < 8; round++) {
      await server.ask('CLIENT', 'KILL', 'TYPE', 'pubsub')
      await progress(load)
    }
    assert.ok(logged(hosts, '"lost"').length > 0, 'the log tells')
  }))

  test('a subscriber that Redis drops because its output is too long', () => survives({}, async ({ server, load, name }) => {
    await server.ask('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 65536 0 0')
    const channel = new Names(name).channel
    for (let round = 1; round <= 5; round++) {
      const before = await subscribers(server)
      await server.ask('PUBLISH', channel, Buffer.alloc(4 * 1024 * 1024))
      await eventually('the subscribers are gone and back', async () => (await subscribers(server)).every((id) => !before.includes(id)))
      await progress(load)
    }
  }))

  test('SCRIPT FLUSH, again and again', () => survives({}, async ({ server, load }) => {
    for (let round = 0; round < 15; round++) {
      await server.ask('SCRIPT', 'FLUSH')
      await progress(load)
    }
  }))

  // A host hears of it with its next heartbeat. Until then it writes under the epoch that has gone, and that is gone as well.
  for (const command of ['FLUSHALL', 'FLUSHDB']) {
    test(`${command}: what was there is gone on all hosts, what is written after they have heard of it is not`, () => survives({}, async ({ server, hosts, load, name }) => {
      for (const [index, host] of hosts.entries()) await inRedis(host, `gone:${index}`, 'there')
      await server.ask(command)
      await eventually('it is gone', async () => {
        const values = await Promise.all(hosts.flatMap(({ cache }) => [cache.get('gone:0'), cache.get('gone:1')]))
        return values.every((value) => value === undefined)
      })
      await allWriteForOthers(hosts, optionsFor(server, { name }))
      await progress(load)
      return { lostUntilMs: performance.now() }
    }))
  }

  /** As a server evicts that may evict anything. Without the control partition's nothing of what is written may be lost. */
  for (const [what, pattern] of [['counts', ':s'], ['logs', ':l'], ['counts and logs', ':[sl]']] as const) {
    test(`${what} of partitions that are evicted, again and again`, () => survives({}, async ({ server, hosts, load, name }) => {
      await inRedis(hosts[0]!, 'kept', 'there')
      let evicted = 0
      for (let round = 0; round < 12; round++) {
        const keys = (await server.ask('KEYS', `sc1:{${name}.*}${pattern}`) as string[]).filter((key) => !key.startsWith(`sc1:{${name}.256}`))
        if (keys.length > 0) evicted += Number(await server.ask('UNLINK', ...keys))
        await progress(load)
      }
      assert.ok(evicted > 100, `${evicted} evicted`)
      await allWriteForOthers(hosts, optionsFor(server, { name }))
    }))
  }

  test('a server that evicts whatever it likes for want of memory', () => survives({}, async ({ server, hosts, load, name }) => {
    for (let n = 0; n < 4_000; n += 100) await hosts[0]!.cache.setMany(Array.from({ length: 100 }, (_, i) => ({ key: `filler:${n + i}`, value: 'x'.repeat(500) })))
    await until('it is in Redis', () => hosts[0]!.cache.stats().detail['journal.pending_bytes'] === 0)
    const usedBytes = Number(await server.info('used_memory'))
    await server.ask('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random')
    await server.ask('CONFIG', 'SET', 'maxmemory', Math.floor(usedBytes - 2_000_000))
    await until('most is evicted', async () => Number(await server.info('evicted_keys')) > 2_500)
    for (let round = 0; round < 5; round++) await progress(load)
    await server.ask('CONFIG', 'SET', 'maxmemory', 0)
    await allWriteForOthers(hosts, optionsFor(server, { name }))
    return { lostUntilMs: performance.now() }
  }))

  test('a restart without persistence', () => survives({}, async ({ server }) => {
    await server.kill()
    await server.restart()
    return { lostUntilMs: performance.now() }
  }))

  test('a restart with an append-only file loses nothing', () => survives({ durable: true }, async ({ server, load }) => {
    await server.kill()
    await progress(load)
    await server.restart()
  }))

  // Each command of the file takes a millisecond to load.
  const slowToLoad = { durable: true, config: { 'key-load-delay': 1_000, 'loading-process-events-interval-bytes': 1024 } }
  test('a server that loads its data for a while', () => survives(slowToLoad, async ({ server, load }) => {
    await progress(load)
    const restarted = server.restart()
    await until('it says that it is loading', () => server.ask('PING').then(() => false, (error: Error) => /LOADING/.test(error.message)))
    await restarted
    await progress(load)
  }))

  test('out of memory: writes wait in the journal, reads go on, and nothing is a dead letter', () => survives({}, async ({ server, hosts, load }) => {
    await inRedis(hosts[0]!, 'there', 'before')
    await server.ask('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    await server.ask('CONFIG', 'SET', 'maxmemory', 1)
    await until('writes are held back', () => (hosts[0]!.cache.stats().detail['journal.pending_bytes'] ?? 0) > 0)
    await assert.rejects(hosts[0]!.cache.set('through', 1, { writeMode: 'through' }), { code: 'ERR_CACHE_L2_TIMEOUT' })
    assert.equal(await hosts[1]!.cache.get('there'), 'before', 'the other host reads it from Redis')
    await progress(load)
    await server.ask('CONFIG', 'SET', 'maxmemory', 0)
  }))

  /** Writes are refused from `begin` on; they wait, and reads go on. */
  const refusing = (begin: (server: RedisServer) => Promise<void>, end: (server: RedisServer) => Promise<void>): Promise<void> =>
    survives({}, async ({ server, hosts, load }) => {
      await inRedis(hosts[0]!, 'there', 'before')
      await begin(server)
      await until('writes are held back', () => (hosts[0]!.cache.stats().detail['journal.pending_bytes'] ?? 0) > 0)
      await assert.rejects(hosts[0]!.cache.set('through', 1, { writeMode: 'through' }), { code: 'ERR_CACHE_L2_TIMEOUT' })
      assert.equal(await hosts[1]!.cache.get('there'), 'before', 'the other host reads it from Redis')
      await progress(load)
      await end(server)
    })

  test('a server that cannot save (MISCONF): writes wait until it can', () => refusing(
    async (server) => {
      // A directory that stands where the file should go.
      mkdirSync(join(server.dir, 'dump.rdb'))
      await server.ask('CONFIG', 'SET', 'save', '3600 1000000')
      await server.ask('BGSAVE')
      await until('it could not save', async () => (await server.info('rdb_last_bgsave_status')) === 'err')
    },
    async (server) => {
      rmdirSync(join(server.dir, 'dump.rdb'))
      await until('it has saved', () => server.ask('BGSAVE').then(async () => (await server.info('rdb_last_bgsave_status')) === 'ok', () => false))
    },
  ))

  test('too few replicas (NOREPLICAS): writes wait until there are enough', () => refusing(
    async (server) => void (await server.ask('CONFIG', 'SET', 'min-replicas-to-write', 1)),
    async (server) => void (await server.ask('CONFIG', 'SET', 'min-replicas-to-write', 0)),
  ))

  test('a replica without its primary (MASTERDOWN): the hosts go on by themselves', () => survives({}, async ({ server, hosts, load }) => {
    await inRedis(hosts[0]!, 'there', 'before')
    assert.equal(await hosts[1]!.cache.get('there'), 'before')
    await server.ask('CONFIG', 'SET', 'replica-serve-stale-data', 'no')
    await server.ask('REPLICAOF', '127.0.0.1', 1)
    await until('writes are held back', () => (hosts[0]!.cache.stats().detail['journal.pending_bytes'] ?? 0) > 0)
    assert.equal(await hosts[1]!.cache.get('there'), 'before')
    assert.equal(await hosts[1]!.cache.getOrSet(`missing:${performance.now()}`, () => 'loaded'), 'loaded')
    await progress(load)
    await server.ask('REPLICAOF', 'NO', 'ONE')
  }))

  test('a server that becomes a replica at run time refuses writes until it is a primary again', () => survives({}, async ({ server, hosts, load }) => {
    await inRedis(hosts[0]!, 'there', 'before')
    await server.ask('REPLICAOF', '127.0.0.1', 1)
    await until('writes are held back', () => (hosts[0]!.cache.stats().detail['journal.pending_bytes'] ?? 0) > 0)
    await assert.rejects(hosts[0]!.cache.set('through', 1, { writeMode: 'through' }), { code: 'ERR_CACHE_L2_TIMEOUT' })
    const before = Number(await server.info('total_connections_received'))
    const startMs = performance.now()
    await progress(load)
    await progress(load)
    const made = Number(await server.info('total_connections_received')) - before
    assert.ok(made <= 20 + (performance.now() - startMs) / 10, `${made} connections: no hot loop`)
    await server.ask('REPLICAOF', 'NO', 'ONE')
  }))

  test('a password that changes at run time: the log says so without it, and all is well when it is back', () => survives({ password: PASSWORD }, async ({ server, hosts, load }) => {
    await server.ask('CONFIG', 'SET', 'requirepass', 'second-secret')
    await server.ask('CLIENT', 'KILL', 'TYPE', 'normal')
    await server.ask('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await until('both hosts say why', () => hosts.every((host) => logged([host], 'ERR_CACHE_L2_AUTH').length > 0))
    await until('both links are lost', () => hosts.every(({ cache }) => cache.info().l2!.link === 'lost'))
    await progress(load)
    await server.ask('CONFIG', 'SET', 'requirepass', PASSWORD)
    for (const { log } of hosts) assert.doesNotMatch(JSON.stringify(log), /secret/)
  }))

  test('a wrong password from the start: the cache works on its own, the log names the reason', () => withRedis({ password: PASSWORD }, (server) =>
    withFleet(1, { redis: `redis://:wrong-secret@127.0.0.1:${server.port}` }, async (hosts) => {
      const [{ cache, log }] = hosts as [SimulatedHost]
      await cache.ready()
      await cache.set('k', 'v')
      assert.equal(await cache.get('k'), 'v')
      assert.equal(await cache.getOrSet('other', () => 'loaded'), 'loaded')
      await until('the log names the reason', () => logged(hosts, 'ERR_CACHE_L2_AUTH').length > 0)
      assert.notEqual(cache.info().l2!.link, 'connected')
      assert.doesNotMatch(JSON.stringify(log), /secret/)
      await server.ask('CONFIG', 'SET', 'requirepass', 'wrong-secret')
      await linked(hosts)
    })))

  const DENIED: Record<string, string> = {
    '-evalsha': '+evalsha', '-xadd': '+xadd', '-publish': '+publish', '-hmget': '+hmget', '-subscribe': '+subscribe', '-mget': '+mget', resetchannels: '&prefix:',
  }
  for (const [rule, named] of Object.entries(DENIED)) {
    test(`a user without what ${rule} takes: the message names ${named}, and all is well when it is granted`, () =>
      withRedis({ acl: ['user default on nopass ~* &* +@all', `user app on >${PASSWORD} ~* &* +@all ${rule}`] }, (server) =>
        withFleet(2, { redis: `redis://app:${PASSWORD}@127.0.0.1:${server.port}` }, async (hosts) => {
          const [{ cache, log }] = hosts as [SimulatedHost]
          await cache.ready()
          const told = (): string[] => [...linkErrors(log), ...log.map(({ fields }) => String(fields['reason'] ?? ''))]
          await eventually('the permission is named', async () => {
            await cache.set('k', 1)
            await cache.get(`missing:${Math.random()}`)
            return told().some((text) => text.includes(named))
          })
          assert.equal(await cache.get('k'), 1, 'the host goes on')
          assert.doesNotMatch(JSON.stringify([log, cache.info(), cache.stats()]), new RegExp(PASSWORD))
          await server.ask('ACL', 'SETUSER', 'app', '+@all', '&*')
          await linked(hosts)
          await cache.set('k', 2, { writeMode: 'through' })
          await eventually('the other host reads it', async () => (await hosts[1]!.cache.get('k')) === 2)
          for (const each of hosts) assert.deepEqual(each.cache.deadLetters(), [])
        })))
  }
})

/**
 * Doubt alone makes a lost value disappear; that a host writes under the epoch that has begun shows where a host that has
 * never seen another reads it.
 */
async function allWriteForOthers(hosts: readonly SimulatedHost[], options: CacheOptions): Promise<void> {
  await withFleet(1, options, async ([fresh]) => {
    await linked([fresh!])
    for (const [index, host] of hosts.entries()) {
      let count = 0
      await eventually('a new host reads what is written', async () => {
        await host.cache.set(`heard:${index}`, ++count, { writeMode: 'through' })
        return (await fresh!.cache.get(`heard:${index}`)) === count
      })
    }
  })
}

/** Whatever the load, it is there when this resolves. */
async function inRedis({ cache }: SimulatedHost, key: string, value: unknown): Promise<void> {
  await eventually(`${key} is in Redis`, async () => (await cache.set(key, value, { writeMode: 'through' })) > 0)
}

async function subscribers(server: RedisServer): Promise<string[]> {
  const list = String(await server.ask('CLIENT', 'LIST', 'TYPE', 'pubsub'))
  return [...list.matchAll(/^id=(\d+)/gm)].map(([, id]) => id!)
}
