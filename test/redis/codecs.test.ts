// Compressed values and values of users' codecs in Redis, between hosts whose settings differ.
import * as assert from 'node:assert/strict'
import { Names } from '../../src/l2/names'
import { partitionOf } from '../../src/words/partition'
import { Codec } from '../../src/wire/codec'
import { poolUp } from '../helpers/pool-up'
import { untilRead, withHosts } from '../helpers/redis-host'
import { RedisOnce } from '../helpers/redis-once'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'
import { cloneCodec, jsonCodec, rows } from '../helpers/value-codecs'

const names = new Names('shop')
const BROTLI = { compression: { above: '1kb', algorithm: 'brotli' } } as const
const GZIP = { compression: { above: '1kb', algorithm: 'gzip' } } as const
const LARGE = rows(400_000)

suite('codecs with Redis', (test) => {
  let server: RedisOnce
  const dataOf = (key: string): string => names.data(partitionOf('', key), `|${key}`)
  const sizeOf = (key: string): Promise<number> => server.admin.strlen(dataOf(key))

  test.before(async () => {
    server = await RedisOnce.start()
  })
  test.before.each(async () => {
    await server.admin.flushall()
  })
  test.after(() => server.stop())

  test('hosts that compress in two ways and one that does not read each other', () =>
    withHosts(server.url, 3, async ([brotli, gzip, none]) => {
      const caches = [brotli!.open(BROTLI), gzip!.open(GZIP), none!.open()]
      await Promise.all(caches.map((cache) => cache.ready()))
      for (const [i, cache] of caches.entries()) await cache.set(`k${i}`, LARGE)
      for (const [i] of caches.entries()) {
        await until(`k${i} is in Redis`, async () => (await sizeOf(`k${i}`)) > 0)
        for (const cache of caches) {
          assert.deepEqual(await cache.get(`k${i}`), LARGE)
          assert.equal(await cache.touch(`k${i}`, '1h'), true)
          assert.deepEqual(await cache.get(`k${i}`), LARGE)
        }
      }
      assert.ok((await sizeOf('k0')) > 0)
    }))

  test('what is compressed is so in Redis, in every write mode, loaded or written', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const [cache, other] = [here!.open(BROTLI), there!.open(BROTLI)]
      await poolUp()
      for (const writeMode of ['behind', 'through', 'around'] as const) {
        await cache.set(writeMode, LARGE, { writeMode })
        await untilRead(other, writeMode, LARGE)
        assert.ok((await sizeOf(writeMode)) < 150_000, `${writeMode}: ${await sizeOf(writeMode)} bytes`)
        assert.deepEqual(await cache.get(writeMode), LARGE)
      }
      assert.deepEqual(await cache.getOrSet('loaded', () => LARGE), LARGE)
      await until('what was loaded is in Redis', async () => (await sizeOf('loaded')) > 0)
      assert.ok((await sizeOf('loaded')) < 150_000)
      assert.deepEqual(await other.getOrSet('loaded', () => assert.fail('it is in Redis')), LARGE)
      assert.equal(await cache.touch('loaded', '1h'), true)
      await until('the touch is in Redis', async () => (await server.admin.pttl(dataOf('loaded'))) > 0)
      assert.ok((await sizeOf('loaded')) < 150_000, 'a new life keeps it compressed')
    }))

  test('a value that is unpacked by the pool comes from Redis whole, and is then in the table', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const [cache, other] = [here!.open(BROTLI), there!.open(BROTLI)]
      const text = 'some words. '.repeat(300_000)
      await poolUp()
      await cache.set('k', text, { writeMode: 'through', grace: '1m' })
      // What a host reads before it has heard from Redis is in doubt when it has.
      await until('it is read, and then in the table', async () => (await other.get('k')) === text && other.peek('k') === text)
      assert.ok((await other.getOrSet('k', () => assert.fail('it is there'))) === text)
    }))

  test('the order of calls on a key is that in which they reach Redis', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const [cache, other] = [here!.open(BROTLI), there!.open()]
      // Small enough that the journal has room for a round at once: a write that waits for room is passed by others.
      const large = (letter: string): string => letter.repeat(10_000)
      for (const writeMode of ['behind', 'through'] as const) {
        for (let round = 0; round < 3; round++) {
          const open = [
            cache.set('up', 'small', { writeMode }), cache.set('up', large('b'), { writeMode }),
            cache.set('down', large('c'), { writeMode }), cache.set('down', 'small', { writeMode }),
            cache.set('two', large('d'), { writeMode }), cache.set('two', large('e'), { writeMode }),
            cache.set('gone', large('f'), { writeMode }),
          ]
          await cache.delete('gone')
          assert.ok((await cache.get('up')) === large('b'))
          assert.ok((await cache.get('two')) === large('e'))
          assert.ok((await cache.get('gone')) === undefined)
          await Promise.all(open)
        }
        await untilRead(other, 'up', large('b'))
        await untilRead(other, 'down', 'small')
        await untilRead(other, 'two', large('e'))
        await untilRead(other, 'gone', undefined)
      }
    }))

  test('conditions hold for compressed values across hosts', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const [cache, other] = [here!.open(BROTLI), there!.open(BROTLI)]
      const stored = await Promise.all([cache.set('k', LARGE, { ifAbsent: true }), other.set('k', LARGE, { ifAbsent: true }), cache.set('k', LARGE, { ifAbsent: true })])
      assert.equal(stored.filter((version) => version > 0).length, 1)
      const entry = await cache.getEntry('k')
      assert.ok(entry.hit)
      assert.ok((await other.set('k', rows(50_000), { ifVersion: entry.version })) > entry.version)
      assert.equal(await cache.set('k', LARGE, { ifVersion: entry.version }), 0)
    }))

  test('a host that has not the codec has a miss and loads anew over it', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const [cache, other] = [here!.open({ codec: cloneCodec('only-here@1') }), there!.open()]
      // What is loaded before the host has heard of the namespaces' epochs is not kept.
      await Promise.all([cache.ready(), other.ready()])
      const stranger = await there!.spawn()
      await cache.set('k', new Map([['re', /x/u]]), { writeMode: 'through' })
      assert.deepEqual(await cache.get('k'), new Map([['re', /x/u]]))
      assert.equal(await stranger.call('get', 'k'), undefined)
      await stranger.load('k')
      await until('it loads', () => stranger.isLoading)
      stranger.finish({ value: 'readable' })
      await untilRead(other, 'k', 'readable')
      await untilRead(cache, 'k', 'readable')
    }))

  test('bytes in Redis that are not what their codec says are a miss', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const cache = here!.open({ codec: jsonCodec(1) })
      const plain = here!.open()
      const zeros = Buffer.alloc(200)
      zeros[0] = Codec.bytes
      zeros.writeUInt32LE(50_000_000, 4)
      for (const codec of [Codec.named, Codec.zstd, Codec.brotli, Codec.gzip, Codec.tagged, 127]) {
        const key = `k${codec}`
        await plain.set(key, zeros, { writeMode: 'through' })
        await server.admin.setrange(dataOf(key), 3, String.fromCharCode(codec))
        const other = there!.open(BROTLI)
        await until('the bytes were read', async () => {
          assert.equal(await other.get(key), undefined, key)
          return other.stats().detail['unreadable']! > 0
        })
        assert.deepEqual(await other.getEntry(key), { hit: false }, key)
        assert.deepEqual(await other.getMany([key]), [undefined], key)
        assert.equal(await other.getOrSet(key, () => 'anew'), 'anew', key)
        assert.equal(await other.get(key), 'anew')
      }
      await untilRead(cache, 'k127', 'anew')
    }))
})
