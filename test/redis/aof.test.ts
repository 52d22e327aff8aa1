// What the append-only file says that Redis has stored, over its crashes.
import * as assert from 'node:assert/strict'
import { readdirSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { valuesInOrder } from '../helpers/fleet/aof'
import { type RedisServer, withRedis } from '../helpers/redis/server'
import { suite } from '../helpers/suite'

const SET_BOTH = "redis.call('SET', KEYS[1], ARGV[1]) redis.call('SET', KEYS[2], ARGV[1])"
const setBoth = (server: RedisServer, value: string): Promise<unknown> => server.ask('EVAL', SET_BOTH, 2, 'a', 'b', value)

function fileOf(server: RedisServer): string {
  const folder = join(server.dir, 'appendonlydir')
  return join(folder, readdirSync(folder).find((name) => name.endsWith('.incr.aof'))!)
}

suite('append-only file', (test) => {
  test('tells all values in order, of transactions and of single commands, over restarts', () =>
    withRedis({ durable: true }, async (server) => {
      await setBoth(server, 'one')
      await server.ask('SET', 'a', 'two')
      await server.kill()
      await server.restart()
      await setBoth(server, 'three')
      const values = valuesInOrder(server.dir)
      assert.deepEqual([values.get('a')!.map(String), values.get('b')!.map(String)], [['one', 'two', 'three'], ['one', 'three']])
    }))

  // Redis leaves the whole commands of such a transaction in its file, and forgets them.
  test('what a crash cut off within a transaction was not stored', () =>
    withRedis({ durable: true }, async (server) => {
      await server.ask('SET', 'a', 'before')
      await setBoth(server, 'torn')
      await server.kill()
      const file = fileOf(server)
      // Within the second SET.
      truncateSync(file, readFileSync(file).lastIndexOf('torn') - 3)
      await server.restart()
      assert.equal(await server.ask('GET', 'a'), 'before')
      await setBoth(server, 'again')
      const values = valuesInOrder(server.dir)
      assert.deepEqual([values.get('a')!.map(String), values.get('b')!.map(String)], [['before', 'again'], ['again']])
    }))
})
