// A primary that is replaced while the sentinels cannot reach it, and that never hears of it.
import * as assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createCache } from '../../src'
import { uniqueName, withDirectory } from '../helpers/cache'
import { withSentinels } from '../helpers/redis/sentinel'
import type { RedisServer } from '../helpers/redis/server'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const VOTES_MS = 60_000
const WATCHDOG_MS = 120_000

/** Connections of caches, by their numbers: not of sentinels and replicas, nor the one that asks, which uses the socket. */
async function connectionsTo(server: RedisServer): Promise<string[]> {
  return (await clientsOf(server)).filter((line) => line.includes(' addr=127.0.0.1:') && !line.includes('name=sentinel-') && !line.includes(' flags=S')).map(idOf)
}

async function clientsOf(server: RedisServer): Promise<string[]> {
  return String(await server.ask('CLIENT', 'LIST')).split('\n')
}

function idOf(line: string): string {
  return /\bid=(\d+)/.exec(line)![1]!
}

suite('a primary that was replaced and is not told', (test) => {
  test('is left also by a process that only reads there', () => withSentinels({}, (set) => withDirectory(async (dir) => {
    const name = uniqueName()
    const open = (host: string) => {
      mkdirSync(join(dir, host), { mode: 0o700 })
      return createCache({ name, dir: join(dir, host), memory: '16mb', redis: { sentinels: set.addresses, name: set.name }, fallback: 'error' })
    }
    const writing = open('a')
    const reading = open('b')
    try {
      await until('both hosts hear', () => [writing, reading].every((cache) => cache.info().l2?.link === 'connected'))
      await writing.set('k', 'old', { writeMode: 'through' })
      assert.equal(await reading.get('k'), 'old')
      const old = await set.settled()
      // Of each host the leader's two, and one to read.
      const connections = await connectionsTo(old)
      assert.ok(connections.length >= 5, connections.join())

      // Sentinels and replicas come in no more; who is in stays in.
      await old.ask('CONFIG', 'SET', 'requirepass', 'of nobody')
      await old.ask('CLIENT', 'KILL', 'TYPE', 'replica')
      for (const line of await clientsOf(old)) if (line.includes('name=sentinel-')) await old.ask('CLIENT', 'KILL', 'ID', idOf(line))
      let next: RedisServer | undefined
      await until('another primary is named', async () => (next = await set.primary()) !== undefined && next !== old, VOTES_MS)
      // Nothing was read meanwhile, and the old one answers all the same: nobody but the sentinels tells.
      await until('all have left the old one', async () => (await connectionsTo(old)).every((id) => !connections.includes(id)), VOTES_MS)
      await until('a write is confirmed', () => writing.set('k', 'new', { writeMode: 'through' }).then((version) => version > 0, () => false), VOTES_MS)
      assert.equal(await old.info('role'), 'master')
      await until('the other host reads it', async () => await reading.get('k') === 'new')
      await until('all have come to the new one', async () => (await connectionsTo(next!)).length >= connections.length)
    } finally {
      await Promise.all([writing.close(), reading.close()])
    }
  })))
}, WATCHDOG_MS)
