// A permission of the cache's user is taken away while processes of a host write, and given back: what was acknowledged
// meanwhile waits in the journal and is in Redis afterwards.
import * as assert from 'node:assert/strict'
import type { CacheOptions } from '../../src'
import { uniqueName } from '../helpers/cache'
import { type Caller, withCallers } from '../helpers/redis/callers'
import { eventually } from '../helpers/redis/eventually'
import { withFleet } from '../helpers/redis/fleet'
import { type RedisServer, withRedis } from '../helpers/redis/server'
import { suite } from '../helpers/suite'

const WRITES = 1_500
const AT_ONCE = 50
const USER = 'user app on nopass ~* &* +@all'

/** Rules of ACL SETUSER that take something away, and what the log calls it. */
const LAPSES: [rule: string, named: RegExp][] = [
  ['-evalsha', /\+evalsha/],
  ['-set', /\+set/],
  ['-hset', /\+hset/],
  ['-xadd', /\+xadd/],
  ['-publish', /\+publish/],
  ['-@all', /\+/],
  ['resetkeys', /~prefix/],
  ['resetchannels', /&prefix/],
]

suite('denials', (test) => {
  for (const [rule, named] of LAPSES) {
    test(`what two processes write while ${rule} holds is in Redis when it is taken back, and nothing is a dead letter`, () => withApp(async (server, options) => {
      await withCallers(['process', 'process'], options, async (callers) => {
        for (const caller of callers) await caller.ask('call', 'ready')
        await writeAll(callers, 'before')
        await server.ask('ACL', 'SETUSER', 'app', rule)
        await writeAll(callers, 'meanwhile')
        await eventually('the log names what is missing', async () => (await logsOf(callers)).some((line) => named.test(line)))
        await writeAll(callers, 'later')
        await server.ask('ACL', 'SETUSER', 'app', '+@all', '~*', '&*')
        await settled(callers)
        await assertAll(callers, options, ['before', 'meanwhile', 'later'])
      })
    }))
  }

  test('a denial is told once however often it is tried, and told anew when it comes again; a waiting caller hears by its deadline', () => withApp(async (server, options) => {
    await withCallers(['process'], { ...options, l2: { hardTimeout: '500ms' } }, async ([caller]) => {
      await caller!.ask('call', 'ready')
      for (let round = 1; round <= 2; round++) {
        await caller!.ask('call', 'set', 'k', round, { writeMode: 'through' })
        await server.ask('ACL', 'SETUSER', 'app', '-evalsha')
        for (let i = 0; i < 4; i++) await assert.rejects(caller!.ask('call', 'set', 'k', i, { writeMode: 'through' }), { code: 'ERR_CACHE_L2_TIMEOUT' })
        assert.equal(await told([caller!]), round)
        await server.ask('ACL', 'SETUSER', 'app', '+evalsha')
        await settled([caller!])
        await caller!.ask('call', 'set', 'k', 'after', { writeMode: 'through' })
        await eventually('the log tells that it is over', async () => (await logsOf([caller!])).filter((line) => line.includes('takes writes again')).length === round)
      }
      assert.deepEqual(await caller!.ask('deadLetters'), [])
    })
  }))

  test('a journal that fills up meanwhile refuses what it cannot keep, and brings what it has acknowledged', () => withApp(async (server, options) => {
    await withCallers(['process', 'process'], { ...options, l2: { journal: '2mb', hardTimeout: '200ms' } }, async (callers) => {
      for (const caller of callers) await caller.ask('call', 'ready')
      await server.ask('ACL', 'SETUSER', 'app', '-evalsha')
      const acknowledged: string[] = []
      let code: string | undefined
      for (let i = 0; code === undefined; i++) {
        const key = `filling:${i}`
        await callers[i % 2]!.ask('call', 'set', key, FILLER + i).then(() => acknowledged.push(key), (error: { code: string }) => (code = error.code))
      }
      assert.equal(code, 'ERR_CACHE_JOURNAL_FULL')
      await server.ask('ACL', 'SETUSER', 'app', '+evalsha')
      await settled(callers)
      await assertThere(options, acknowledged)
      assert.deepEqual(await callers[0]!.ask('deadLetters'), [])
    })
  }))

  test('a change of a life is held like a write, with what comes after it', () => withApp(async (server, options) => {
    await withFleet(1, options, async ([host]) => {
      const { cache } = host!
      await cache.ready()
      await cache.set('k', 'value', { ttl: '1h', writeMode: 'through' })
      await server.ask('ACL', 'SETUSER', 'app', '-getrange')
      await cache.touch('k', '2h')
      await eventually('the log names what is missing', async () => JSON.stringify(host!.log).includes('+getrange'))
      await cache.set('other', 'value', '1h')
      await server.ask('ACL', 'SETUSER', 'app', '+getrange')
      await eventually('all is in Redis', async () => cache.stats().detail['journal.pending_bytes'] === 0)
      assert.deepEqual(cache.deadLetters(), [])
      await withFleet(1, options, async ([fresh]) => {
        await fresh!.cache.ready()
        const entry = await fresh!.cache.getEntry('k')
        assert.ok(entry.hit && entry.ttlLeft > 3_700_000)
        assert.equal(await fresh!.cache.get('other'), 'value')
      })
    })
  }))
})

const FILLER = 'x'.repeat(8_000)

/** A server with the user that loses permissions, and a cache that is its. */
function withApp(body: (server: RedisServer, options: CacheOptions) => Promise<void>): Promise<void> {
  return withRedis({ acl: ['user default on nopass ~* &* +@all', USER] }, (server) =>
    body(server, { redis: `redis://app:any@127.0.0.1:${server.port}`, name: uniqueName(), jitter: 0, l2: { hardTimeout: '20s', journal: '64mb' } }))
}

const keysOf = (index: number, part: string): string[] => Array.from({ length: WRITES }, (_, i) => `${part}:${index}:${i}`)

/** Resolves when all of them are acknowledged. */
async function writeAll(callers: readonly Caller[], part: string): Promise<void> {
  await Promise.all(callers.map(async (caller, index) => {
    const keys = keysOf(index, part)
    for (let at = 0; at < keys.length; at += AT_ONCE) {
      await Promise.all(keys.slice(at, at + AT_ONCE).map((key) => caller.ask('call', 'set', key, key)))
    }
  }))
}

async function settled(callers: readonly Caller[]): Promise<void> {
  await eventually('the journal is empty', async () => (await callers[0]!.ask('detail'))['journal.pending_bytes'] === 0)
}

async function assertAll(callers: readonly Caller[], options: CacheOptions, parts: readonly string[]): Promise<void> {
  await assertThere(options, parts.flatMap((part) => callers.flatMap((_, index) => keysOf(index, part))))
  for (const caller of callers) assert.deepEqual(await caller.ask('deadLetters'), [])
}

/** A host that has never seen anything reads them. */
function assertThere(options: CacheOptions, keys: readonly string[]): Promise<void> {
  return withFleet(1, options, async ([fresh]) => {
    await fresh!.cache.ready()
    const values = await fresh!.cache.getMany(keys)
    assert.deepEqual(keys.filter((_, index) => values[index] === undefined), [])
  })
}

async function logsOf(callers: readonly Caller[]): Promise<string[]> {
  return (await Promise.all(callers.map((caller) => caller.ask('log')))).flat()
}

async function told(callers: readonly Caller[]): Promise<number> {
  return (await logsOf(callers)).filter((line) => line.includes('Redis denies writes')).length
}
