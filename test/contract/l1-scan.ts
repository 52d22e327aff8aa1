import * as assert from 'node:assert/strict'
import type { Test } from 'uvu'
import type { L1Table, Scanned } from '../../src/l1/table'
import { bytesOf, decode, EncodedValue } from '../../src/wire/codec'
import { tagsOf } from '../../src/wire/tags'
import { ROUND_TRIPS } from '../helpers/values'
import { FOR_EVER, type WithTable } from './with-table'

function scanned(table: L1Table): Scanned[] {
  const all: Scanned[] = []
  for (let from: number | undefined = 0; from !== undefined; ) {
    const { found, next } = table.scan(from)
    all.push(...found)
    from = next
  }
  return all
}

const names = (table: L1Table): string[] => scanned(table).map(({ namespace, key }) => `${namespace}|${key}`).sort()

export function scanContract(test: Test, withTable: WithTable): void {
  test('a scan finds each fresh value of each namespace once', () =>
    withTable((table) => {
      const views = [table.root, table.root.child('a'), table.root.child('a').child('b')]
      for (const view of views) for (let i = 0; i < 50; i++) view.set(`k${i} ü`, { i }, FOR_EVER)
      const expected = views.flatMap(({ namespace }) => Array.from({ length: 50 }, (_, i) => `${namespace}|k${i} ü`)).sort()
      assert.deepEqual(names(table), expected)
      assert.ok(scanned(table).every(({ heat, bytes }) => heat >= 0 && heat <= 7 && bytes >= 4))
      views[1]!.clear()
      assert.deepEqual(names(table), expected.filter((name) => name.startsWith('|')))
    }))

  test('a scan passes over what is stale, gone or loading, and changes nothing', () =>
    withTable((table) => {
      const { root } = table
      root.set('stale', 1, { ttlMs: 10, graceMs: 100_000 })
      root.set('over', 1, { ttlMs: 10, graceMs: 0 })
      root.set('deleted', 1, FOR_EVER)
      root.delete('deleted')
      const tags = tagsOf('', ['x'], 0)
      root.set('tagged', EncodedValue.tagged(1, tags), FOR_EVER)
      table.tags.clear(tags.slots[0]!, 'delete')
      root.acquire('loading', { leaseMs: 3_600_000, force: false })
      root.set('fresh', 'x'.repeat(100), { ttlMs: 100_000, graceMs: 0 })
      table.advanceClock(1_000)
      const { hits, misses } = table.stats()
      assert.deepEqual(scanned(table).map(({ key, bytes }) => [key, bytes]), [['fresh', 105]])
      assert.deepEqual([table.stats().hits, table.stats().misses], [hits, misses])
      table.close()
      assert.throws(() => table.scan(0), { code: 'ERR_CACHE_CLOSED' })
    }))

  test('raw gives the bytes and lives of any value, without counting', () =>
    withTable((table) => {
      const { root } = table
      for (const [kind, value] of [...ROUND_TRIPS, ['a large object', { text: 'x'.repeat(200_000) }] as const]) {
        root.set('k', value, { ttlMs: 100_000, graceMs: 50_000 })
        // As it is with L0, too.
        for (let reading = 0; reading < 3; reading++) root.get('k')
        const { hits } = table.stats()
        const raw = root.raw('k')!
        assert.deepEqual(decode(raw.codec, bytesOf(raw.codec, raw.payload)), value, kind)
        assert.ok(raw.ttlLeftMs > 90_000 && raw.ttlLeftMs <= 100_000 && raw.hardLeftMs > 140_000 && raw.hardLeftMs <= 150_000, kind)
        assert.equal(raw.isStale, false)
        assert.equal(table.stats().hits, hits)
        assert.deepEqual(root.get('k'), value, 'it is read as before')
      }
      table.advanceClock(120_000)
      assert.deepEqual([root.raw('k')?.isStale, root.raw('k')?.ttlLeftMs], [true, 0])
      assert.equal(root.raw('none'), undefined)
    }))
}
