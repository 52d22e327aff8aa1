// Values that do not fit a lane of the journal keep every promise of those that do.
import * as assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { Names } from '../../src/l2/names'
import { partitionOf } from '../../src/words/partition'
import { untilLetters, untilRead, withHosts } from '../helpers/redis-host'
import { RedisOnce } from '../helpers/redis-once'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const MIB = 1024 * 1024
// Lanes of 32 KiB: what is above 16 KiB lies in files.
const SMALL = { memory: '64mb', l2: { journal: '1mb' } } as const
const names = new Names('shop')

suite('large values with Redis', (test) => {
  let server: RedisOnce
  const sizeOf = (key: string): Promise<number> => server.admin.strlen(names.data(partitionOf('', key), `|${key}`))

  test.before(async () => {
    server = await RedisOnce.start()
  })
  test.before.each(async () => {
    await server.admin.flushall()
  })
  test.after(() => server.stop())

  test('of every kind arrive in Redis and on another host, and leave no file', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const values: Record<string, unknown> = {
        ascii: 'a'.repeat(MIB), utf8: 'ä€'.repeat(100_000), ill: `\ud800${'x'.repeat(50_000)}`, bytes: Buffer.alloc(3 * MIB, 7),
        object: { list: Array.from({ length: 20_000 }, (_, i) => ({ i, name: `name ${i}` })) },
      }
      const cache = here!.open()
      for (const [key, value] of Object.entries(values)) assert.ok((await cache.set(key, value)) > 0)
      for (const [key, value] of Object.entries(values)) assert.ok(isDeepStrictEqual(await cache.get(key), value), key)
      const other = there!.open()
      for (const [key, value] of Object.entries(values)) {
        await until(`${key} is in Redis`, async () => (await sizeOf(key)) > 16_384)
        await until(`${key} is on the other host`, async () => isDeepStrictEqual(await other.get(key), value))
      }
      await until('no file is left', () => here!.files('.values/').length === 0)
    }, SMALL))

  test('keep their place among the writes of their key', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const [cache, other] = [here!.open(), there!.open()]
      const large = (letter: string): string => letter.repeat(100_000)
      for (let round = 0; round < 10; round++) {
        void cache.set('up', 'small')
        void cache.set('up', large('b'))
        void cache.set('down', large('c'))
        void cache.set('down', 'small')
        void cache.set('gone', large('d'))
        await cache.delete('gone')
        assert.ok((await cache.get('up')) === large('b'))
        assert.equal(await cache.get('down'), 'small')
        assert.equal(await cache.get('gone'), undefined)
      }
      await untilRead(other, 'up', large('b'))
      await untilRead(other, 'down', 'small')
      await untilRead(other, 'gone', undefined)
      await until('no file is left', () => here!.files('.values/').length === 0)
    }, SMALL))

  test('outlive their process while Redis is away, and come to Redis once it is back', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const writer = await here!.spawn()
      await server.kill()
      for (let i = 0; i < 5; i++) await writer.call('set', `k${i}`, `${i}`.repeat(200_000))
      await writer.kill()
      assert.equal(here!.files('.values/').length, 5)
      await server.restart()
      const cache = here!.open()
      const other = there!.open()
      for (let i = 0; i < 5; i++) {
        await untilRead(other, `k${i}`, `${i}`.repeat(200_000))
        assert.ok((await cache.get(`k${i}`)) === `${i}`.repeat(200_000))
      }
      await until('no file is left', () => here!.files('.values/').length === 0)
    }, SMALL))

  test('are refused after the deadline when there is no more room, before anything has changed', () =>
    withHosts(server.url, 1, async ([here]) => {
      const cache = here!.open({ l2: { journal: '1mb', maxValue: '1mb', hardTimeout: 300 } })
      await cache.ready()
      await server.kill()
      let count = 0
      const full = async (): Promise<void> => {
        for (;;) {
          await cache.set(`k${count}`, 'v'.repeat(200_000))
          assert.ok(++count < 100)
        }
      }
      const startMs = performance.now()
      await assert.rejects(full(), { code: 'ERR_CACHE_JOURNAL_FULL' })
      assert.ok(count >= 4 && performance.now() - startMs >= 290)
      assert.equal(cache.getSync(`k${count}`), undefined)
      await server.restart()
      await until('there is room again', () => cache.set(`k${count}`, 'v'.repeat(200_000)).then(() => true, () => false))
      for (let i = 0; i <= count; i++) await until(`k${i} is in Redis`, async () => (await sizeOf(`k${i}`)) > 200_000)
    }, SMALL))

  test('above l2.maxValue are refused as values', () =>
    withHosts(server.url, 1, async ([here]) => {
      const cache = here!.open({ l2: { journal: '1mb', maxValue: '100kb' } })
      await assert.rejects(cache.set('k', 'v'.repeat(103_000)), { code: 'ERR_CACHE_VALUE' })
      assert.equal(await cache.get('k'), undefined)
      assert.ok((await cache.set('k', 'v'.repeat(102_000), { writeMode: 'through' })) > 0)
    }))

  test('whose file is taken away become dead letters, and hold up nobody', () =>
    withHosts(server.url, 1, async ([here]) => {
      const writer = await here!.spawn()
      await server.kill()
      await writer.call('set', 'large', 'v'.repeat(200_000))
      await writer.call('set', 'small', 'v')
      await writer.kill()
      for (const path of here!.files('.values/')) rmSync(path)
      await server.restart()
      const cache = here!.open()
      const [letter] = await untilLetters(cache, 1)
      assert.deepEqual([letter!.key, letter!.bytes, letter!.payload], ['large', 200_000, undefined])
      assert.match(letter!.reason, /gone or damaged/)
      await until('the other is in Redis', async () => (await sizeOf('small')) > 0)
    }, SMALL))
})
