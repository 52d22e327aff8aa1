// The hottest keys, and files of them.
import * as assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CacheOptions, HotKey, HotOptions, Namespace } from '../../src'
import { advanceClock, withCache, withDirectory } from '../helpers/cache'
import { suite } from '../helpers/suite'

async function hot(space: Namespace, options?: HotOptions): Promise<HotKey[]> {
  const found: HotKey[] = []
  for await (const key of space.hotKeys(options)) found.push(key)
  return found
}

const EXACT: CacheOptions = { jitter: 0 }

suite('hot keys', (test) => {
  test('are those that are read most, of a namespace and those below', () =>
    withCache(async (cache) => {
      const users = cache.namespace('users')
      for (let i = 0; i < 100; i++) await users.set(`k${i}`, { i })
      await users.namespace('below').set('deep', 1)
      await cache.set('elsewhere', 1)
      for (const key of ['k7', 'k42']) for (let i = 0; i < 5; i++) await users.get(key)
      const all = await hot(users)
      assert.equal(all.length, 101)
      assert.deepEqual(new Set((await hot(users, { limit: 2 })).map(({ key }) => key)), new Set(['k7', 'k42']))
      assert.ok(all[0]!.heat >= all.at(-1)!.heat && all[0]!.bytes > 2)
      assert.deepEqual(all.filter(({ namespace }) => namespace !== '').map(({ namespace, key }) => [namespace, key]), [['below', 'deep']])
      assert.equal((await hot(cache)).length, 102)
      assert.equal((await hot(cache)).find(({ key }) => key === 'k7')!.namespace, 'users')
      assert.ok((await hot(users, { bytes: 20 })).reduce((sum, { bytes }) => sum + bytes, 0) <= 20)
      await assert.rejects(hot(users, { limit: 0 }), { code: 'ERR_CACHE_OPTION' })
      await users.clear()
      assert.equal((await hot(users)).length, 0, 'what was cleared is not hot')
    }, EXACT))

  test('leave out what is over, and what its tag has ended', () =>
    withCache(async (cache) => {
      await cache.set('short', 1, { ttl: '1m', grace: '1h' })
      await cache.set('long', 1, '1h')
      await cache.set('tagged', 1, { tags: ['x'] })
      await cache.deleteByTag('x')
      advanceClock(cache, 120_000)
      assert.deepEqual((await hot(cache)).map(({ key }) => key), ['long'])
    }, EXACT))
})

suite('files of hot keys', (test) => {
  const withFile = (body: (path: string) => Promise<void>): Promise<void> => withDirectory((dir) => body(join(dir, 'hot')))

  test('bring values of all kinds into another region, with what is left of their lives', () =>
    withFile((path) => withCache((from) => withCache(async (to) => {
      const values: Record<string, unknown> = {
        latin: 'text', utf8: 'text ü€', emoji: '👩‍🚀'.repeat(50), bytes: Buffer.from([1, 2, 255]), object: { a: [1, { b: new Date(5) }] }, map: new Map([[1, 2]]),
        none: null, number: 42, large: 'x'.repeat(300_000), buffer: Buffer.alloc(200_000, 7),
      }
      const space = from.namespace('deep').namespace('er')
      for (const [key, value] of Object.entries(values)) await space.set(key, value, { ttl: '1h', grace: '2h' })
      await from.set('endless', 1)
      await from.getOrSet('noted', ({ setTags, modified }) => {
        setTags(['x'])
        return modified({ v: 1 }, { etag: 'e1' })
      }, { ttl: '1h' })
      await from.set('short', 1, '1m')
      advanceClock(from, 1_000)
      const exported = await from.exportHot(path)
      assert.equal(exported.entries, Object.keys(values).length + 3)
      assert.equal(exported.bytes, statSync(path).size)
      assert.equal(statSync(path).mode & 0o777, 0o600)
      const report = await to.importHot(path)
      assert.deepEqual({ stored: report.stored, failed: report.failed, dropped: report.dropped, total: report.total }, { stored: exported.entries, failed: 0, dropped: 0, total: exported.entries })
      const there = to.namespace('deep').namespace('er')
      for (const [key, value] of Object.entries(values)) assert.deepEqual(await there.get(key), value, key)
      const entry = await there.getEntry('object')
      assert.ok(entry.hit && entry.ttlLeft > 3_500_000 && entry.ttlLeft < 3_600_000 && entry.age >= 990, JSON.stringify(entry))
      const endless = await to.getEntry('endless')
      assert.ok(endless.hit && endless.ttlLeft === Number.POSITIVE_INFINITY)
      const tagged = await to.getEntry('noted')
      assert.deepEqual(tagged.hit && [tagged.value, tagged.tags], [{ v: 1 }, ['x']])
      await to.deleteByTag('x')
      assert.equal(await to.get('noted'), undefined)
      await to.ready({ warm: 1 })
    }, EXACT), EXACT)))

  test('do not replace what is there, nor what is being loaded', () =>
    withFile((path) => withCache((from) => withCache(async (to) => {
      await from.setMany([{ key: 'a', value: 'old' }, { key: 'b', value: 'old' }, { key: 'c', value: 'old' }])
      await from.exportHot(path)
      await to.set('a', 'new')
      let end = (_: string): void => {}
      const loaded = to.getOrSet('b', () => new Promise<string>((resolve) => (end = resolve)))
      const report = await to.importHot(path)
      end('new')
      await loaded
      assert.deepEqual([report.stored, report.present], [1, 2])
      assert.deepEqual(await to.getMany(['a', 'b', 'c']), ['new', 'new', 'old'])
    }))))

  test('leave out what has ended since, and keys alone where nobody has a value', () =>
    withFile((path) => withCache((from) => withCache(async (to) => {
      await from.set('k', 1, '1m')
      await from.exportHot(path)
      const now = Date.now
      try {
        Date.now = () => now() + 61_000
        const report = await to.importHot(path)
        assert.deepEqual([report.dropped, report.stored], [1, 0])
      } finally {
        Date.now = now
      }
      await from.exportHot(path, { values: false })
      assert.equal((await to.importHot(path)).missing, 1)
    }, EXACT), EXACT)))

  test('of another stamp bring nothing, those of the same all', () =>
    withFile((path) => withCache(async (from) => {
      await from.namespace('users').set('k', 1)
      await from.exportHot(path)
      await withCache(async (to) => assert.equal((await to.importHot(path)).dropped, 1), { stamp: 'v3' })
      await withCache(async (to) => assert.equal((await to.importHot(path)).stored, 1), { stamp: 'v2' })
      await withCache(async (to) => assert.equal((await to.importHot(path)).dropped, 1))
    }, { stamp: 'v2' })))

  test('that are damaged lose what is damaged and nothing else', () =>
    withFile((path) => withCache(async (from) => {
      for (let i = 0; i < 50; i++) await from.set(`k${i}`, { text: `value ${i}`.padEnd(100, '.') })
      await from.exportHot(path)
      const whole = readFileSync(path)
      const imported = (bytes: Buffer): Promise<[stored: number, dropped: number]> =>
        withCache(async (to) => {
          writeFileSync(path, bytes)
          const { stored, dropped } = await to.importHot(path)
          for (let i = 0; i < 50; i++) {
            const value = (await to.get(`k${i}`)) as { text: string } | undefined
            assert.ok(value === undefined || value.text === `value ${i}`.padEnd(100, '.'))
          }
          return [stored, dropped]
        })
      assert.deepEqual(await imported(whole), [50, 0])
      const flipped = Buffer.from(whole)
      flipped[Math.floor(whole.length / 2)]! ^= 1
      const [stored, dropped] = await imported(flipped)
      assert.ok((stored === 49 && dropped === 1) || (stored < 50 && dropped >= 1), `${stored} stored, ${dropped} dropped`)
      const [first, cut] = await imported(whole.subarray(0, whole.length - 100))
      assert.ok(first >= 48 && first < 50 && cut === 1)
      assert.deepEqual(await imported(whole.subarray(0, whole.length - 22)), [50, 1], 'its end is missing')
      for (const bytes of [Buffer.alloc(0), Buffer.from('STHOT002'), Buffer.from('nothing of the kind'), whole.subarray(0, 30)]) {
        await assert.rejects(imported(bytes), { code: 'ERR_CACHE_FILE' })
      }
    })))

  test('that cannot be read or written are typed errors, and leave nothing behind', () =>
    withDirectory((dir) => withCache(async (cache) => {
      await assert.rejects(cache.importHot(join(dir, 'none')), { code: 'ERR_CACHE_FILE' })
      await assert.rejects(cache.ready({ warm: 0.5, deadline: 0 }).then(() => cache.exportHot(join(dir, 'no/such'))), { code: 'ERR_CACHE_FILE' })
      await assert.rejects(cache.exportHot(''), { code: 'ERR_CACHE_ARGUMENT' })
      await assert.rejects(cache.importHot(7 as never), { code: 'ERR_CACHE_ARGUMENT' })
      await cache.exportHot(join(dir, 'fine'))
      assert.deepEqual(readdirSync(dir).filter((name) => name.startsWith('fine')), ['fine'])
      assert.equal(existsSync(join(dir, 'no')), false)
    })))
})
