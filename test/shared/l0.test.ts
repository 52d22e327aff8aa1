import * as assert from 'node:assert/strict'
import { type L0Sizes, openShared, type SharedL1 } from '../../src/l1/shared-table'
import { FOR_EVER, TABLE_BYTES } from '../contract/with-table'
import { uniqueName, withDirectory } from '../helpers/cache'
import { suite } from '../helpers/suite'

const KIB = 1024
const object = (id: number): object => ({ id, text: 'x'.repeat(400) })
const text = (id: number): string => `${id}`.padStart(KIB, '.')

function withL0(l0: L0Sizes, body: (table: SharedL1) => void): Promise<void> {
  return withDirectory(async (dir) => {
    const table = openShared({ name: uniqueName(), dir, memory: TABLE_BYTES, averageEntryBytes: 512, l0 })
    try {
      body(table)
    } finally {
      table.close({ unlink: true })
    }
  })
}

const tierOf = (table: SharedL1, key: string): string | undefined => table.root.entry(key)?.tier
const hitsInL0 = (table: SharedL1): number => table.stats().detail['l0_hits']!

/** How many of `keys` L0 answers. */
function kept(table: SharedL1, keys: readonly string[]): number {
  const before = hitsInL0(table)
  for (const key of keys) table.root.get(key)
  return hitsInL0(table) - before
}

function fill(table: SharedL1, prefix: string, count: number, value: (id: number) => unknown): string[] {
  return Array.from({ length: count }, (_, id) => {
    table.root.set(`${prefix}${id}`, value(id), FOR_EVER)
    return `${prefix}${id}`
  })
}

suite('what L0 keeps', (test) => {
  test('an object is kept at its first reading', () =>
    withL0({ maxItems: 1024, maxBytes: 1024 * KIB }, (table) => {
      table.root.set('k', object(1), FOR_EVER)
      assert.equal(table.root.get('k'), table.root.get('k'))
      assert.equal(tierOf(table, 'k'), 'l0')
    }))

  test('a string that is cheap to make is kept at its second reading where it has a part of the room only', () =>
    withL0({ maxItems: 1024, maxBytes: 1024 * KIB, maxCheapBytes: 64 * KIB }, (table) => {
      table.root.set('cheap', text(1), FOR_EVER)
      table.root.set('dear', text(2).repeat(5), FOR_EVER)
      assert.deepEqual([1, 2, 3].map(() => tierOf(table, 'cheap')), ['l1', 'l1', 'l0'])
      assert.deepEqual([1, 2].map(() => tierOf(table, 'dear')), ['l1', 'l0'])
    }))

  test('strings that are cheap to make stay within their part, objects have the rest', () =>
    withL0({ maxItems: 4096, maxBytes: 256 * KIB, maxCheapBytes: 32 * KIB }, (table) => {
      const texts = fill(table, 't', 100, text)
      for (let pass = 0; pass < 4; pass++) kept(table, texts)
      assert.ok(kept(table, texts) <= 32)
      const objects = fill(table, 'o', 300, object)
      kept(table, objects)
      assert.equal(kept(table, objects), 300)
    }))

  test('the bytes of a value that was replaced count no more', () =>
    withL0({ maxItems: 64, maxBytes: 16 * KIB }, (table) => {
      for (let edition = 0; edition < 200; edition++) {
        table.root.set('k', object(edition), FOR_EVER)
        assert.deepEqual(table.root.get('k'), object(edition))
      }
      const others = fill(table, 'o', 20, object)
      kept(table, others)
      assert.equal(kept(table, others), 20)
    }))

  test('objects read once do not displace those in use', () =>
    withL0({ maxItems: 4096, maxBytes: 64 * KIB }, (table) => {
      const used = fill(table, 'used', 100, object)
      for (let pass = 0; pass < 3; pass++) kept(table, used)
      const once = fill(table, 'once', 1000, object)
      for (let i = 0; i < once.length; i++) table.root.get(once[i]!)
      assert.equal(kept(table, used), 100)
    }))

  test('objects in use displace those that are not', () =>
    withL0({ maxItems: 4096, maxBytes: 64 * KIB }, (table) => {
      const former = fill(table, 'former', 140, object)
      for (let pass = 0; pass < 3; pass++) kept(table, former)
      const now = fill(table, 'now', 100, object)
      for (let pass = 0; pass < 20; pass++) kept(table, now)
      assert.ok(kept(table, now) >= 95)
    }))

  test('more items than there are places are read right', () =>
    withL0({ maxItems: 16, maxBytes: 1024 * KIB }, (table) => {
      const keys = fill(table, 'k', 500, object)
      for (let pass = 0; pass < 3; pass++) {
        for (const [id, key] of keys.entries()) assert.deepEqual(table.root.get(key), object(id))
        assert.deepEqual(table.root.getMany(keys), keys.map((_, id) => object(id)))
      }
    }))

  test('getMany keeps and answers what get does, the same key twice included', () =>
    withL0({ maxItems: 64, maxBytes: 8 * KIB }, (table) => {
      const keys = [...fill(table, 'o', 30, object), ...fill(table, 't', 30, text)]
      const twice = [...keys, 'absent', ...keys]
      const expected = twice.map((key) => (key === 'absent' ? undefined : key[0] === 'o' ? object(+key.slice(1)) : text(+key.slice(1))))
      for (let pass = 0; pass < 5; pass++) assert.deepEqual(table.root.getMany(twice), expected)
    }))

  test('a value whose decoding failed is never answered with what lay in its place before', () =>
    withL0({ maxItems: 16, maxBytes: 1024 * KIB }, (table) => {
      const keys = fill(table, 'k', 64, object)
      for (let round = 0; round < 50; round++) {
        // Ends somewhere between the native call and the storing of its value, at another place each time.
        const dive = (key: string): void => {
          table.root.get(key)
          dive(key)
        }
        assert.throws(() => dive(keys[round]!), RangeError)
        for (const [id, key] of keys.entries()) assert.deepEqual(table.root.get(key), object(id))
      }
    }))
})
