// Compressed values in one process: what is stored, and that the order of calls is kept while the pool works.
import * as assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { Cache, CacheError, type CacheOptions } from '../../src'
import { CodecPool } from '../../src/wire/codec-pool'
import { Codec, EncodedValue } from '../../src/wire/codec'
import { withCache } from '../helpers/cache'
import { deferred } from '../helpers/deferred'
import { poolUp } from '../helpers/pool-up'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'
import { cloneCodec, jsonCodec, rows } from '../helpers/value-codecs'

const BROTLI: CacheOptions = { compression: { above: '4kb', algorithm: 'brotli' }, memory: '32mb' }
const LARGE = rows(200_000)

function liveBytes(cache: Cache): number {
  return cache.stats().liveBytes
}

suite('compression', (test) => {
  test('a large value takes less room and is read in every way', () =>
    withCache(async (cache) => {
      await poolUp()
      assert.ok((await cache.set('k', LARGE)) > 0)
      assert.ok(liveBytes(cache) < 60_000, `${liveBytes(cache)} bytes`)
      assert.deepEqual(await cache.get('k'), LARGE)
      assert.deepEqual(cache.getSync('k'), LARGE)
      assert.deepEqual(cache.peek('k'), LARGE)
      assert.deepEqual(await cache.getMany(['k', 'none']), [LARGE, undefined])
      const entry = await cache.getEntry('k')
      assert.ok(entry.hit)
      assert.deepEqual(entry.value, LARGE)
      assert.deepEqual(await cache.getOrSet('k', () => assert.fail('it is there')), LARGE)
    }, BROTLI))

  test('strings and bytes are compressed too, and bytes that were read are the reader\'s own', () =>
    withCache(async (cache) => {
      await poolUp()
      const bytes = Buffer.alloc(300_000, 'abc')
      for (const value of ['x'.repeat(300_000), '缓'.repeat(100_000), bytes]) {
        await cache.set('k', value)
        assert.deepEqual(await cache.get('k'), value)
        assert.deepEqual(cache.getSync('k'), value)
      }
      assert.ok(liveBytes(cache) < 20_000, `${liveBytes(cache)} bytes`)
      const mine = (await cache.get<Buffer>('k'))!
      mine.fill(0)
      assert.deepEqual(await cache.get('k'), bytes)
      assert.deepEqual(cache.getSync('k'), bytes)
    }, BROTLI))

  test('what was set is what the value was at the call', () =>
    withCache(async (cache) => {
      const value = Buffer.alloc(100_000, 'a')
      const done = cache.set('k', value)
      value.fill('b')
      await done
      assert.deepEqual(await cache.get('k'), Buffer.alloc(100_000, 'a'))
    }, BROTLI))

  test('what is loaded is compressed while its lease stands, and once', () =>
    withCache(async (cache) => {
      await poolUp()
      let runs = 0
      const load = (): unknown => (runs++, LARGE)
      const all = await Promise.all(Array.from({ length: 20 }, () => cache.getOrSet('k', load)))
      assert.equal(runs, 1)
      for (const value of all) assert.deepEqual(value, LARGE)
      assert.ok(liveBytes(cache) < 60_000, `${liveBytes(cache)} bytes`)
    }, BROTLI))

  test('with sliding, an etag and an adaptive life, notes and value are both read', () =>
    withCache(async (cache) => {
      await poolUp()
      await cache.getOrSet('k', ({ modified }) => modified(LARGE, { etag: 'one' }), { ttl: 'adaptive' })
      const again = await cache.getOrSet('k', ({ etag, notModified }) => (assert.equal(etag, 'one'), notModified()), { forceFresh: true })
      assert.deepEqual(again, LARGE)
      await cache.namespace('slides', { sliding: '1m' }).set('k', LARGE)
      assert.deepEqual(await cache.namespace('slides', { sliding: '1m' }).get('k'), LARGE)
      assert.ok(liveBytes(cache) < 120_000, `${liveBytes(cache)} bytes`)
    }, BROTLI))

  test('values that do not shrink, and those below the size, are stored as they are', () =>
    withCache(async (cache) => {
      const noise = Buffer.from(Array.from({ length: 100_000 }, (_, i) => Math.imul(i ^ (i << 7), 2_246_822_519) >>> 11))
      await cache.set('noise', noise)
      await cache.set('small', 'x'.repeat(4_000))
      assert.deepEqual(await cache.getMany(['noise', 'small']), [noise, 'x'.repeat(4_000)])
    }, BROTLI))

  test('a value that the pool unpacks is right, also when it changes meanwhile', () =>
    withCache(async (cache) => {
      const [one, two] = ['one '.repeat(1_000_000), 'two '.repeat(1_000_000)]
      await poolUp()
      await cache.set('k', one)
      const { hits } = cache.stats()
      assert.ok((await cache.get('k')) === one)
      assert.equal(cache.stats().hits, hits + 1)
      await cache.set('k', two)
      const reads = [cache.get('k'), cache.getOrSet('k', () => assert.fail('it is there'))]
      await cache.set('k', one)
      for (const found of await Promise.all(reads)) assert.ok(found === one || found === two)
      await cache.set('k', two)
      const gone = cache.get('k')
      await cache.delete('k')
      const found = await gone
      assert.ok(found === undefined || found === two)
    }, BROTLI))

  test('without compression no pool exists', () =>
    withCache(async (cache) => {
      await cache.set('k', LARGE)
      assert.equal(CodecPool.current, undefined)
      assert.deepEqual(cache.getSync('k'), LARGE)
    }))

  test('the pool lives as long as the last cache that compresses', async () => {
    await withCache(async (one) => {
      await withCache(async (other) => {
        await Promise.all([one.set('k', LARGE), other.set('k', LARGE)])
      }, BROTLI)
      assert.ok(CodecPool.current !== undefined)
      await one.set('again', LARGE)
      assert.deepEqual(await one.get('again'), LARGE)
    }, BROTLI)
    assert.equal(CodecPool.current, undefined)
  })

  test('close makes what is being compressed happen before', () =>
    withCache(async (cache) => {
      const set = cache.set('k', LARGE)
      const closed = cache.close()
      assert.ok((await set) > 0)
      await closed
      await assert.rejects(cache.set('k', LARGE), { code: 'ERR_CACHE_CLOSED' })
    }, BROTLI))

  test('threads that die while they compress leave the value plain', () =>
    withCache(async (cache) => {
      const huge = rows(6_000_000)
      const killed = new Set<object>()
      const kill = (thread: { terminate(): Promise<number> }): void => {
        if (!killed.has(thread)) void thread.terminate()
        killed.add(thread)
      }
      const killer = setInterval(() => CodecPool.current?.threads.forEach(kill), 1)
      try {
        assert.ok((await cache.set('k', huge)) > 0)
        await cache.getOrSet('loaded', () => huge)
      } finally {
        clearInterval(killer)
      }
      assert.ok(killed.size > 0)
      assert.ok(liveBytes(cache) > 9_000_000, `${liveBytes(cache)} bytes`)
      assert.deepEqual(cache.getSync('k'), huge)
      assert.deepEqual(await cache.get('loaded'), huge)
      await until('a thread that nobody kills compresses again', async () => {
        await cache.set('after', LARGE)
        const before = liveBytes(cache)
        await cache.delete('after')
        return before - liveBytes(cache) < 60_000
      })
    }, { ...BROTLI, memory: '64mb' }))
})

suite('order while values are compressed', (test) => {
  test('a get that is called after a set sees it', () =>
    withCache(async (cache) => {
      await cache.set('k', 'old')
      const set = cache.set('k', LARGE)
      assert.deepEqual(await cache.get('k'), LARGE)
      const sync = cache.set('k', 'x'.repeat(50_000))
      assert.equal(cache.getSync('k'), 'x'.repeat(50_000))
      const many = cache.set('k', rows(9_000))
      assert.deepEqual(await cache.getMany(['k']), [rows(9_000)])
      const entry = cache.set('k', LARGE)
      assert.deepEqual((await cache.getEntry<object>('k') as { value: object }).value, LARGE)
      const absent = cache.set('new', LARGE)
      assert.equal(await cache.has('new'), true)
      const versions = await Promise.all([set, sync, many, entry, absent])
      assert.deepEqual(versions.slice(0, 4), [...versions.slice(0, 4)].sort((a, b) => a - b))
    }, BROTLI))

  test('a change that is called after a set wins', () =>
    withCache(async (cache) => {
      const sets = [cache.set('deleted', LARGE), cache.set('cleared', LARGE), cache.set('replaced', LARGE), cache.set('small', LARGE), cache.set('stale', LARGE, { grace: '1m', ttl: '1m' })]
      assert.equal(await cache.delete('deleted'), true)
      const again = cache.set('replaced', 'y'.repeat(50_000))
      const small = cache.set('small', 1)
      assert.equal(await cache.expire('stale'), true)
      await Promise.all([...sets, again, small])
      assert.equal(cache.getSync('deleted'), undefined)
      assert.equal(cache.getSync('replaced'), 'y'.repeat(50_000))
      assert.equal(cache.getSync('small'), 1)
      assert.equal(cache.getSync('stale'), undefined)
      const last = cache.set('last', LARGE)
      await cache.clear()
      await last
      assert.equal(cache.getSync('last'), undefined)
      assert.equal(cache.getSync('cleared'), undefined)
    }, BROTLI))

  test('a load that began before a set does not store over it, nor one that a delete ended while it was compressed', () =>
    withCache(async (cache) => {
      const gate = deferred<unknown>()
      const load = cache.getOrSet('k', () => gate.promise)
      const set = cache.set('k', LARGE)
      gate.resolve('z'.repeat(60_000))
      await Promise.all([load, set])
      assert.deepEqual(await cache.get('k'), LARGE)
      const loaded = deferred<void>()
      const second = cache.getOrSet('d', () => (loaded.resolve(), LARGE))
      await loaded.promise
      await cache.delete('d')
      await second
      assert.equal(await cache.get('d'), undefined)
    }, BROTLI))

  test('conditions are tested when the write takes effect, in the order of the calls', () =>
    withCache(async (cache) => {
      const first = cache.set('k', LARGE, { ifAbsent: true })
      const second = cache.set('k', rows(20_000), { ifAbsent: true })
      assert.ok((await first) > 0)
      assert.equal(await second, 0)
      assert.deepEqual(await cache.get('k'), LARGE)
      const version = await first
      const third = cache.set('k', rows(30_000), { ifVersion: version })
      const fourth = cache.set('k', rows(40_000), { ifVersion: version })
      assert.ok((await third) > version)
      assert.equal(await fourth, 0)
    }, BROTLI))

  test('any calls without waiting end as if each had been done at once', () =>
    withCache(async (cache) => {
      const key = fc.constantFrom('a', 'b')
      const call = fc.oneof(
        fc.record({ do: fc.constant('set' as const), key, size: fc.constantFrom(10, 5_000, 40_000) }),
        fc.record({ do: fc.constantFrom('delete' as const, 'get' as const, 'getSync' as const, 'getOrSet' as const), key }),
        fc.record({ do: fc.constant('turn' as const), key }),
      )
      await fc.assert(fc.asyncProperty(fc.array(call, { maxLength: 25 }), async (calls) => {
        await cache.clear()
        const model = new Map<string, string>()
        const open: Promise<unknown>[] = []
        for (const [i, step] of calls.entries()) {
          const expected = model.get(step.key)
          const same = (found: unknown): void => assert.equal(String(found).slice(0, 20), String(expected).slice(0, 20), `${i}: ${JSON.stringify(calls)}`)
          if (step.do === 'set') {
            const value = `${i}-${'v'.repeat(step.size)}`
            model.set(step.key, value)
            open.push(cache.set(step.key, value))
          } else if (step.do === 'delete') {
            model.delete(step.key)
            open.push(cache.delete(step.key).then((wasThere) => assert.equal(wasThere, expected !== undefined)))
          } else if (step.do === 'getSync') same(cache.getSync(step.key))
          else if (step.do === 'turn') await new Promise((resolve) => setImmediate(resolve))
          else {
            const found = step.do === 'get' ? await cache.get(step.key) : await cache.getOrSet(step.key, () => undefined)
            same(found)
          }
        }
        await Promise.all(open)
        for (const name of ['a', 'b']) assert.equal(cache.getSync(name), model.get(name))
      }), { seed, numRuns: 60 })
    }, BROTLI))
})

suite('codecs', (test) => {
  test('a codec of the user stores what the built-in one refuses, with and without compression', () =>
    withCache(async (cache) => {
      const clones = cache.namespace('clones', { codec: cloneCodec() })
      const value = new Map<string, unknown>([['error', new Error('kept')], ['re', /x/u], ['rows', LARGE]])
      await clones.set('k', value)
      assert.deepEqual(await clones.get('k'), value)
      assert.deepEqual(await clones.getOrSet('k', () => assert.fail('it is there')), value)
      const packed = clones.namespace('packed', { compression: BROTLI.compression })
      await packed.set('k', value)
      assert.deepEqual(packed.getSync('k'), value)
      const plain = packed.namespace('plain', { codec: false })
      await assert.rejects(plain.set('k', { re: /x/u }), { code: 'ERR_CACHE_VALUE' })
      await clones.set('null', null)
      assert.equal(await clones.get('null'), null)
      await assert.rejects(clones.set('f', () => {}), { code: 'ERR_CACHE_VALUE' })
      await assert.rejects(clones.set('u', undefined), { code: 'ERR_CACHE_VALUE' })
    }))

  test('what cannot be read is a miss that is loaded anew, counted, and told once', () => {
    const told: string[] = []
    const logger = { debug() {}, info() {}, error() {}, warn: (_: object, message: string) => void told.push(message) }
    return withCache(async (cache) => {
      const view = Cache.tableOf(cache).root
      const life = { ttlMs: 0, graceMs: 0 }
      const unknown = Buffer.concat([Buffer.from('\x0ato-come@99'), Buffer.from('bytes')])
      const hostile: [string, EncodedValue][] = [
        ['unknown', new EncodedValue(Codec.named, unknown)],
        ['number', new EncodedValue(99, Buffer.from('from the future'))],
        ['bomb', new EncodedValue(Codec.brotli, Buffer.from([3, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]))],
        ['short', new EncodedValue(Codec.gzip, Buffer.from([3, 0]))],
        ['notes', new EncodedValue(Codec.noted, Buffer.from([7, 0, 0xff, 0xff]))],
      ]
      for (const [key, value] of hostile) view.set(key, value, life)
      const keys = hostile.map(([key]) => key)
      for (const key of keys) {
        assert.equal(await cache.get(key), undefined, key)
        assert.equal(cache.getSync(key), undefined, key)
        assert.equal(cache.peek(key), undefined, key)
        assert.deepEqual(await cache.getEntry(key), { hit: false }, key)
      }
      assert.deepEqual(await cache.getMany(keys), keys.map(() => undefined))
      assert.ok(cache.stats().detail['unreadable']! >= 4 * keys.length)
      assert.equal(told.filter((message) => message.includes('to-come@99')).length, 1)
      for (const key of keys) assert.equal(await cache.getOrSet(key, () => `${key} anew`), `${key} anew`)
      assert.deepEqual(await cache.getMany(keys), keys.map((key) => `${key} anew`))
    }, { logger })
  })

  test('versions of a format in one process do not read each other\'s bytes', () =>
    withCache(async (cache) => {
      const one = cache.namespace('n', { codec: { ...jsonCodec(1), decode: () => assert.fail('broken') } })
      const two = cache.namespace('n', { codec: jsonCodec(2) })
      await two.set('k', { a: 1 })
      assert.deepEqual(await one.get('k'), { a: 1 }, 'a name is known to the whole process')
      await one.set('k', { a: 2 })
      assert.equal(await two.get('k'), undefined)
      assert.deepEqual(await two.getOrSet('k', () => ({ a: 3 })), { a: 3 })
    }))

  test('a codec that uses the cache while it decodes gets and gives the right values', () =>
    withCache(async (cache) => {
      const inner: unknown[] = []
      const codec = { ...cloneCodec('reentrant@1') }
      const space = cache.namespace('n', {
        codec: { ...codec, decode: (bytes) => (inner.push(cache.getSync('plain'), ...Array.from({ length: 5 }, (_, i) => cache.getSync(`p${i}`))), codec.decode(bytes)) },
      })
      await cache.set('plain', { plain: true })
      for (let i = 0; i < 5; i++) await cache.set(`p${i}`, { p: i })
      const keys = Array.from({ length: 10 }, (_, i) => `k${i}`)
      for (const key of keys) await space.set(key, { key })
      for (let round = 0; round < 3; round++) {
        assert.deepEqual(await space.getMany(keys), keys.map((key) => ({ key })))
        for (const key of keys) assert.deepEqual((await space.getEntry(key) as { value: unknown }).value, { key })
      }
      assert.ok(inner.length > 0)
      for (let at = 0; at < inner.length; at += 6) assert.deepEqual(inner.slice(at, at + 6), [{ plain: true }, ...Array.from({ length: 5 }, (_, i) => ({ p: i }))])
    }))

  test('zstd is refused as an option where this Node has none', () => {
    if ('zstdCompressSync' in require('node:zlib')) return
    return assert.rejects(withCache(() => {}, { compression: { algorithm: 'zstd' } }), (error) => error instanceof CacheError && error.code === 'ERR_CACHE_OPTION')
  })
})
