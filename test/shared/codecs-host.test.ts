// Processes of one host whose settings differ, on one table.
import * as assert from 'node:assert/strict'
import { type Cache, type CacheOptions, createCache } from '../../src'
import { openShared } from '../../src/l1/shared-table'
import { EncodedValue } from '../../src/wire/codec'
import { CODEC_OF, pack } from '../../src/wire/compressed'
import { uniqueName, withDirectory } from '../helpers/cache'
import { poolUp } from '../helpers/pool-up'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'
import { jsonCodec, rows } from '../helpers/value-codecs'
import { CacheWorker } from '../helpers/workers'

const MIB = 1024 * 1024

/** A process with settings of its own, and this one. */
async function withTwo(mine: CacheOptions, theirs: CacheOptions, body: (cache: Cache, other: CacheWorker) => Promise<void>): Promise<void> {
  await withDirectory(async (dir) => {
    const common = { name: uniqueName(), dir, memory: '64mb', fallback: 'error' } as const
    const cache = createCache({ ...common, ...mine })
    const other = new CacheWorker('process')
    try {
      await other.ask({ do: 'open', options: { ...common, ...theirs } })
      await body(cache, other)
    } finally {
      await other.kill()
      await cache.close({ unlink: true })
    }
  })
}

suite('processes with different settings', (test) => {
  test('whoever compresses, or does not, is read by the other', () =>
    withTwo({ compression: { above: '1kb', algorithm: 'gzip' } }, {}, async (cache, other) => {
      await poolUp()
      const value = rows(300_000)
      await cache.set('mine', value)
      await other.call('set', 'theirs', value)
      assert.deepEqual(await other.call('get', 'mine'), value)
      assert.deepEqual(await cache.get('theirs'), value)
      assert.ok(cache.stats().liveBytes < 500_000)
    }))

  test('a process without the codec has a miss, loads anew, and its value is a miss to none who has it', () =>
    withTwo({ codec: jsonCodec(1) }, {}, async (cache, other) => {
      await cache.set('k', { by: 'codec' })
      assert.equal(await other.call('get', 'k'), undefined)
      await other.load('k')
      await until('it loads', () => other.isLoading)
      other.finish({ value: { by: 'built-in' } })
      await until('it is stored', async () => (await cache.get<{ by: string }>('k'))?.by === 'built-in')
      await cache.set('k', { by: 'codec' })
      assert.deepEqual(await cache.get('k'), { by: 'codec' })
      assert.equal(await other.call('get', 'k'), undefined)
    }))

  test('a reader elsewhere never sees an older value after a newer one, nor one that a delete has ended', () =>
    withTwo({ compression: { above: '1kb', algorithm: 'brotli' } }, { compression: { above: '1kb', algorithm: 'gzip' } }, async (cache, other) => {
      let acknowledged = 0
      let isOver = false
      const write = async (): Promise<void> => {
        for (let n = 1; n <= 60; n++) {
          // Two at a time, of which the first is never to be seen after the second.
          const first = cache.set('k', `${n}-${'a'.repeat(200_000)}`)
          const second = cache.set('k', `${n}.5-${'b'.repeat(200_000)}`)
          if (n % 3 === 0) await cache.set('k', `${n}.7-small`)
          await Promise.all([first, second])
          acknowledged = n + 0.5
        }
        isOver = true
      }
      const read = async (): Promise<void> => {
        let last = 0
        while (!isOver) {
          const floor = acknowledged
          const text = (await other.call('get', 'k')) as string | undefined
          if (text === undefined) continue
          const seen = Number(text.split('-')[0])
          assert.ok(seen >= last && seen >= floor, `${seen} after ${last}, ${floor} was acknowledged`)
          last = seen
        }
      }
      await Promise.all([write(), read()])
      const set = cache.set('k', 'c'.repeat(400_000))
      assert.equal(await cache.delete('k'), true)
      await set
      assert.equal(await other.call('get', 'k'), undefined)
    }))

  test('a process that is killed while it compresses leaves the key as it was, and free', () =>
    withTwo({}, { compression: { above: '1kb', algorithm: 'brotli', level: 11 } }, async (cache, other) => {
      await cache.set('k', 'before')
      const refused = other.call('set', 'k', rows(8 * MIB)).then(() => assert.fail('it cannot have ended'), () => {})
      // Its answer to this comes after the set has begun.
      await other.call('get', 'none')
      await other.kill()
      await refused
      assert.equal(await cache.get('k'), 'before')
      assert.equal(await cache.getOrSet('k', () => 'after', { forceFresh: true }), 'after')
    }))
})

suite('decoded objects', (test) => {
  test('count as what they are uncompressed', () =>
    withDirectory((dir) => {
      const table = openShared({ name: uniqueName(), dir, memory: 16 * MIB, averageEntryBytes: 512, l0: { maxItems: 1_000, maxBytes: 4 * MIB } })
      try {
        const value = EncodedValue.of({ text: 'x'.repeat(600_000) })
        const packed = new EncodedValue(CODEC_OF.brotli, pack(value.codec, value.payload as Uint8Array, { algorithm: 'brotli', level: 4 })!)
        const noted = EncodedValue.noted(packed, { etag: 'e', ttlMs: 0, loadMs: 1, capAtMs: 0 })
        for (let i = 0; i < 40; i++) table.root.set(`k${i}`, i % 2 === 0 ? packed : noted, { ttlMs: 0, graceMs: 0 })
        for (let round = 0; round < 3; round++) for (let i = 0; i < 40; i++) assert.ok(table.root.get(`k${i}`) !== undefined)
        const inL0 = (): number => table.stats().detail['l0_hits']!
        const before = inL0()
        for (let i = 0; i < 40; i++) table.root.get(`k${i}`)
        assert.ok(inL0() - before <= 6, `${inL0() - before} of 600 KB were kept in 4 MiB`)
        assert.equal(table.root.entry('k1', { quiet: true })?.notes?.etag, 'e')
      } finally {
        table.close({ unlink: true })
      }
    }))
})
