// What users give as a connection: what is taken of it, what is refused, and that no refusal shows a secret.
import * as assert from 'node:assert/strict'
import { inspect } from 'node:util'
import type { ConnectionSpec } from '../../src/l2/contract'
import { connectionSpec, hostOf, whatCannotBeSent } from '../../src/l2/redis'
import { CacheError } from '../../src/words/errors'
import { suite } from '../helpers/suite'

const SECRET = 'hunter2secret'

/** The message of the refusal, which holds no secret. */
function refusal(given: unknown): string {
  let spec: ConnectionSpec
  try {
    spec = connectionSpec(given)
  } catch (error) {
    assert.ok(error instanceof CacheError && error.code === 'ERR_CACHE_OPTION', inspect(error))
    assert.ok(!inspect(error, { depth: 10, showHidden: true }).includes(SECRET), error.message)
    return error.message
  }
  throw new Error(`taken as ${inspect(spec)}`)
}

const some = (given: unknown, ...names: string[]): unknown[] => names.map((name) => connectionSpec(given).options[name])

suite('l2 connection specs', (test) => {
  test('say what was given, without our own settings', () => {
    const spec = connectionSpec(`rediss://bob:${SECRET}@example.test:7000/3`)
    assert.equal(spec.kind, 'single')
    assert.deepEqual([spec.options['host'], Number(spec.options['port']), Number(spec.options['db']), spec.options['username'], spec.options['tls']], ['example.test', 7000, 3, 'bob', true])
    assert.deepEqual(['retryStrategy', 'keyPrefix', 'enableOfflineQueue'].filter((name) => name in spec.options), [])
    assert.deepEqual(connectionSpec('/tmp/x.sock').options['path'], '/tmp/x.sock')
    assert.equal(hostOf(spec), 'example.test:7000')
  })

  test('sentinels and clusters are recognised', () => {
    assert.equal(connectionSpec({ sentinels: [{ host: 's', port: 1 }], name: 'm' }).kind, 'sentinel')
    const cluster = connectionSpec({ cluster: { nodes: ['redis://a:1', { host: 'b', port: 2 }], options: { redisOptions: { password: 'p' }, natMap: { 'x:1': { host: 'y', port: 2 } } } } })
    assert.deepEqual([cluster.kind, cluster.nodes, cluster.options['password'], cluster.natMap], ['cluster', [{ host: 'a', port: 1 }, { host: 'b', port: 2 }], 'p', { 'x:1': { host: 'y', port: 2 } }])
  })

  test('are plain data, or say what is not', () => {
    const spec = connectionSpec({ host: 'h', tls: { ca: 'x' } })
    assert.deepEqual(structuredClone(spec), spec)
    assert.deepEqual(whatCannotBeSent(spec), [])
    assert.deepEqual(whatCannotBeSent(connectionSpec({ host: 'h', tls: { checkServerIdentity: () => undefined } })), ['tls'])
  })

  test('an instance gives its options', async () => {
    const { Redis, Cluster } = await import('ioredis')
    const redis = new Redis({ host: 'h', port: 7, password: 'p', lazyConnect: true, commandTimeout: 100 })
    assert.deepEqual(['host', 'port', 'password', 'commandTimeout'].map((name) => connectionSpec(redis).options[name]), ['h', 7, 'p', undefined])
    const cluster = new Cluster([{ host: 'a', port: 1 }], { lazyConnect: true, redisOptions: { password: 'p' } })
    const spec = connectionSpec(cluster)
    assert.deepEqual([spec.kind, spec.nodes, spec.options['password']], ['cluster', [{ host: 'a', port: 1 }], 'p'])
    assert.deepEqual(structuredClone(spec), spec)
  })

  test('nonsense is refused without showing it', () => {
    for (const given of [7, null, undefined, '', [], `redis://${SECRET}:x@[bad`, `http://a:${SECRET}@h`, { cluster: null }, { cluster: { nodes: [] } }, { cluster: { nodes: ['a:1'], options: 5 } }]) refusal(given)
  })

  test('the URL of a socket takes a user, a password and a database, and its path is clean', () => {
    for (const [url, expected] of [
      [`unix://:${SECRET}@/run/redis.sock`, ['/run/redis.sock', undefined, SECRET, undefined]],
      [`unix://bob:${SECRET}%2F%40@/run/redis.sock?db=3`, ['/run/redis.sock', 'bob', `${SECRET}/@`, 3]],
      ['unix:///run/a@b.sock', ['/run/a@b.sock', undefined, undefined, undefined]],
      ['/run/redis.sock?db=2', ['/run/redis.sock', undefined, undefined, 2]],
    ] as const) {
      assert.deepEqual(some(url, 'path', 'username', 'password', 'db'), expected, url)
      assert.equal(hostOf(connectionSpec(url)), expected[0])
    }
  })

  test('a URL whose password is not percent-encoded is refused: part of it would be taken for something else', () => {
    for (const url of [
      `unix://:a/${SECRET}@/run/redis.sock`, `unix://:a@${SECRET}@/run/redis.sock`, `unix://${SECRET}/run/redis.sock`, `unix://:%zz${SECRET}@/p`,
      `redis://bob:12/${SECRET}@h`, `redis://bob:12#${SECRET}@h`, `redis://bob:12?${SECRET}@h`, `redis://h/${SECRET}`, `redis://h?port=${SECRET}`, `redis://:${SECRET}@`,
    ]) assert.match(refusal(url), /must be/)
  })

  test('options of the wrong kind are refused by name, with what was expected', () => {
    for (const [given, expected] of [
      [{ port: -1 }, 'redis.port must be a whole number from 1 to 65535, got -1'],
      [{ port: SECRET }, 'redis.port must be a whole number from 1 to 65535, got another text'],
      [{ host: 5 }, 'redis.host must be the name or address of a host, got 5'],
      [{ host: `redis://:${SECRET}@h` }, 'redis.host must be the name or address of a host, got another text'],
      [{ host: '' }, 'redis.host must be the name or address of a host, got an empty text'],
      [{ db: SECRET }, 'redis.db must be a whole number from 0 to 2147483647, got another text'],
      [{ path: `unix://:${SECRET}@/p` }, 'redis.path must be the path of a socket, got another text'],
      [{ password: { SECRET } }, 'redis.password must be a text, got an object'],
      [{ sentinels: [] }, 'redis.sentinels must be a list of sentinels, at least one, got an array'],
      [{ sentinels: [{ host: 's' }] }, 'redis.name must be the name of a primary, as the sentinels have it, got undefined'],
      [{ sentinels: [null], name: 'm' }, 'redis.sentinels[0] must be { host, port }, got null'],
      [{ sentinels: [{ host: 's', port: SECRET }], name: 'm' }, 'redis.sentinels[0].port must be a whole number from 1 to 65535, got another text'],
      [{ connectTimeout: Number.NaN }, 'redis.connectTimeout must be a whole number from 0 to 2147483647, got NaN'],
      [{ cluster: { nodes: [null] } }, "redis.cluster.nodes[0] must be { host, port } or a URL like 'redis://host:6379', got null"],
      [{ cluster: { nodes: ['a:1', 5] } }, "redis.cluster.nodes[1] must be { host, port } or a URL like 'redis://host:6379', got 5"],
      [{ cluster: { nodes: [{ port: 0 }] } }, 'redis.cluster.nodes[0].port must be a whole number from 1 to 65535, got 0'],
      [{ cluster: { nodes: ['redis://a:1/2'] } }, 'redis.cluster.nodes[0].db must be 0, the only database of a Cluster, got 2'],
      [{ cluster: { nodes: [`unix://:${SECRET}@/p`] } }, 'redis.cluster.nodes[0] must be a host and port, got the path of a socket'],
      [{ cluster: { nodes: ['a:1'], options: { natMap: () => undefined } } }, 'redis.cluster.options.natMap must be an object, which other threads can be given too, got a function'],
    ] as const) assert.equal(refusal(given), expected)
  })

  test('user, password and TLS in the URLs of nodes are those of all connections to the Cluster', () => {
    const nodes = [`rediss://bob:${SECRET}@a:1`, { host: 'b', port: 2 }]
    assert.deepEqual(some({ cluster: { nodes } }, 'username', 'password', 'tls'), ['bob', SECRET, true])
    assert.deepEqual(connectionSpec({ cluster: { nodes } }).nodes, [{ host: 'a', port: 1 }, { host: 'b', port: 2 }])
    assert.match(refusal({ cluster: { nodes: [nodes[0], `rediss://bob:other@b:2`] } }), /more than one password.*redisOptions/)
    assert.match(refusal({ cluster: { nodes, options: { redisOptions: { username: 'eve' } } } }), /more than one username/)
  })

  test('options whose loss would be noticed are refused with what to use instead', () => {
    for (const [options, expected] of [
      [{ keyPrefix: SECRET }, /keyPrefix would not be heeded\. Use the cache's `name`/], [{ commandTimeout: 50 }, /commandTimeout .*`l2.hardTimeout`/],
      [{ socketTimeout: 50 }, /socketTimeout .*`l2.hardTimeout`/], [{ readOnly: true }, /readOnly/], [{ role: 'slave' }, /role/], [{ url: `redis://:${SECRET}@h` }, /url .*Use the URL itself/],
    ] as const) {
      assert.match(refusal(options), expected)
      assert.match(refusal({ cluster: { nodes: ['a:1'], options } }), expected)
      assert.match(refusal({ cluster: { nodes: ['a:1'], options: { redisOptions: options } } }), expected)
    }
    assert.match(refusal(`redis://h?keyPrefix=${SECRET}`), /keyPrefix/)
    assert.match(refusal({ cluster: { nodes: ['a:1'], options: { scaleReads: 'slave' } } }), /scaleReads/)
    assert.match(refusal({ cluster: { nodes: ['a:1'], options: { useSRVRecords: true } } }), /useSRVRecords/)
  })

  test('options that the cache decides by itself are left out', () => {
    const options = { retryStrategy: () => null, enableOfflineQueue: true, lazyConnect: false, keyPrefix: '', maxRetriesPerRequest: 5, reconnectOnError: () => true }
    assert.deepEqual(connectionSpec({ host: 'h', ...options }).options, { host: 'h' })
    assert.deepEqual(connectionSpec({ cluster: { nodes: ['h:1'], options: { dnsLookup: () => undefined, slotsRefreshTimeout: 5, redisOptions: options } } }).options, {})
  })

  test('an instance is refused for its keyPrefix alone, not for what its owner set for own commands', async () => {
    const { Redis, Cluster } = await import('ioredis')
    const lazy = { lazyConnect: true } as const
    assert.match(refusal(new Redis({ ...lazy, keyPrefix: SECRET })), /keyPrefix .*`name`/)
    assert.match(refusal(new Cluster(['a:1'], { ...lazy, keyPrefix: SECRET })), /keyPrefix .*`name`/)
    assert.match(refusal(new Cluster(['a:1'], { ...lazy, redisOptions: { keyPrefix: SECRET } })), /keyPrefix .*`name`/)
    refusal(new Redis(`unix://:${SECRET}@/run/redis.sock`, lazy))
    const own = { ...lazy, commandTimeout: 50, socketTimeout: 50, retryStrategy: () => null, maxRetriesPerRequest: 1, enableReadyCheck: false, db: 1 }
    assert.equal(hostOf(connectionSpec(new Redis(own))), 'localhost:6379')
    const cluster = connectionSpec(new Cluster([7000, `redis://:${SECRET}@b:2`], { ...lazy, scaleReads: 'slave' }))
    assert.deepEqual([cluster.nodes, cluster.options['password']], [[{ host: '127.0.0.1', port: 7000 }, { host: 'b', port: 2 }], SECRET])
  })
})
