// Warming a host up from Redis, and beside it.
import * as assert from 'node:assert/strict'
import { join } from 'node:path'
import type { Cache } from '../../src'
import { untilRead, withHosts } from '../helpers/redis-host'
import { RedisOnce } from '../helpers/redis-once'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const THROUGH = { writeMode: 'through' } as const
const countOf = (cache: Cache, what: string): number => cache.stats().detail[`reader.${what}`] ?? 0
const keysOf = (count: number): string[] => Array.from({ length: count }, (_, i) => `k${i}`)

suite('warming up with Redis', (test) => {
  let server: RedisOnce
  test.before(async () => {
    server = await RedisOnce.start()
  })
  test.before.each(async () => {
    await server.admin.flushall()
  })
  test.after(() => server.stop())

  const withTwo = (body: (here: Cache, there: Cache, dir: string) => Promise<void>): Promise<void> =>
    withHosts(server.url, 2, async ([one, two]) => {
      const [here, there] = [one!.open(), two!.open()]
      await Promise.all([here.ready(), there.ready()])
      await body(here, there, one!.disk)
    })

  test('prefetch brings many keys in one request, and they are in the table', () =>
    withHosts(server.url, 2, async ([one, two]) => {
      const here = one!.open()
      await here.setMany(keysOf(300).map((key) => ({ key, value: { key }, ...THROUGH })))
      // Opened only now: the message of a write that came during the read would keep that from the table.
      const there = two!.open()
      await there.ready()
      // The connection stands, and the server's clock is known.
      await there.get('none')
      const before = { batches: countOf(there, 'batches'), reads: countOf(there, 'reads') }
      const report = await there.prefetch([...keysOf(300), 'missing'])
      assert.deepEqual([report.stored, report.missing, report.failed], [300, 1, 0])
      assert.equal(countOf(there, 'batches') - before.batches, 1)
      assert.equal(countOf(there, 'reads') - before.reads, 301)
      assert.ok(keysOf(300).every((key) => (there.peek(key) as { key: string }).key === key))
      const again = await there.prefetch(keysOf(300))
      assert.equal(again.present, 300)
      assert.equal(countOf(there, 'reads') - before.reads, 301, 'what is there is not asked for')
      const loaded = await there.prefetch(['k0', 'missing'], { factory: (keys) => keys.map((key) => `${key}!`) })
      assert.deepEqual([loaded.present, loaded.stored], [1, 1])
      await untilRead(here, 'missing', 'missing!')
    }))

  test('warm does not replace what Redis has, and fills what it does not have for all hosts', () =>
    withTwo(async (here, there) => {
      await here.set('a', 'newer', THROUGH)
      const report = await there.warm([['a', 'older'], ['b', 'first']])
      assert.deepEqual([report.stored, report.present], [1, 1])
      assert.deepEqual(await there.getMany(['a', 'b']), ['newer', 'first'])
      await untilRead(here, 'b', 'first')
      assert.equal(await here.get('a'), 'newer')
      const replaced = await there.warm([['a', 'replaced']], { replace: true })
      assert.equal(replaced.stored, 1)
      await untilRead(here, 'a', 'replaced')
    }))

  test('an import takes from Redis what that has now, whatever the file says', () =>
    withTwo(async (here, there, dir) => {
      const file = join(dir, 'hot')
      await here.setMany(['a', 'b', 'c'].map((key) => ({ key, value: 'old', ...THROUGH })))
      const below = here.namespace('below')
      await below.set('d', 'deep', THROUGH)
      assert.equal((await here.exportHot(file, { values: true })).entries, 4)
      await here.set('b', 'new', THROUGH)
      await here.delete('c')
      await until('the delete is in Redis', async () => (await there.get('c', { consistency: 'fresh' })) === undefined)
      const report = await there.importHot(file)
      assert.deepEqual([report.stored, report.missing, report.failed], [3, 1, 0])
      assert.deepEqual(['a', 'b', 'c'].map((key) => there.peek(key)), ['old', 'new', undefined])
      assert.equal(there.namespace('below').peek('d'), 'deep')
      await there.ready({ warm: 1 })
    }))

  test('stamps keep builds apart in Redis, too, and a clear on one host ends them all', () =>
    withHosts(server.url, 2, async ([one, two]) => {
      const [here, there] = [one!.open({ stamp: 'v2' }), two!.open({ stamp: 'v3' })]
      await Promise.all([here.ready(), there.ready()])
      await here.set('k', 2, THROUGH)
      assert.equal(await there.get('k'), undefined)
      await there.set('k', 3, THROUGH)
      assert.deepEqual([await here.get('k'), await there.get('k')], [2, 3])
      await here.clear()
      await until('the other host has heard of it', async () => (await there.get('k')) === undefined)
    }))

  test('while Redis does not answer, prefetch says so in time and warm stores for this host', () =>
    withHosts(server.url, 1, async ([host]) => {
      const cache = host!.open({ l2: { hardTimeout: '300ms' } })
      await cache.ready()
      await server.admin.call('CLIENT', 'PAUSE', '3000', 'ALL')
      const report = await cache.prefetch(keysOf(10))
      assert.equal(report.missing, 10)
      assert.equal((await cache.warm([['a', 1]])).stored, 1)
      assert.equal(cache.peek('a'), 1)
      await server.admin.call('CLIENT', 'UNPAUSE')
    }))
})
