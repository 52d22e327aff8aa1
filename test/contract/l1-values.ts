import * as assert from 'node:assert/strict'
import type { Test } from 'uvu'
import { EncodedValue } from '../../src/wire/codec'
import { ROUND_TRIPS } from '../helpers/values'
import { FOR_EVER, TABLE_BYTES, type WithTable } from './with-table'

export function valueContract(test: Test, withTable: WithTable): void {
  for (const [kind, value] of ROUND_TRIPS) {
    test(`gives back ${kind}`, () =>
      withTable(({ root }) => {
        assert.ok(root.set('k', value, FOR_EVER) > 0)
        assert.deepEqual(root.get('k'), value)
        assert.deepEqual(root.get('k'), value, 'and again, from whatever is nearer now')
        assert.deepEqual(root.peek('k'), value)
        assert.deepEqual(root.entry('k')?.value, value)
        assert.deepEqual(root.getMany(['k']), [value])
      }))
  }

  const NOTES = { etag: '"v1"', lastModified: new Date(1_700_000_000_000), ttlMs: 5_000, loadMs: 12.5, capAtMs: Number.POSITIVE_INFINITY }

  for (const [kind, value] of [['a string', 'text'], ['an object', { a: [1] }], ['null', null], ['bytes', Buffer.from('bytes')]] as const) {
    test(`${kind} with notes is read as without, and its entry has them`, () =>
      withTable(({ root }) => {
        assert.ok(root.set('k', EncodedValue.noted(value, NOTES), FOR_EVER) > 0)
        for (let reading = 0; reading < 3; reading++) {
          assert.deepEqual(root.get('k'), value)
          assert.deepEqual(root.getMany(['k']), [value])
          const entry = root.entry('k')
          assert.deepEqual([entry?.value, entry?.notes], [value, NOTES])
        }
        root.set('k', value, FOR_EVER)
        assert.equal(root.entry('k')?.notes, undefined)
      }))
  }

  test('bytes with notes are the reader’s own', () =>
    withTable(({ root }) => {
      root.set('k', EncodedValue.noted(Buffer.from('bytes'), NOTES), FOR_EVER)
      for (let reading = 0; reading < 3; reading++) (root.get('k') as Buffer).fill(0)
      assert.deepEqual(root.get('k'), Buffer.from('bytes'))
    }))

  test('a value just read says how long it is fresh yet', () =>
    withTable((table) => {
      const { root } = table
      root.set('ever', 'v', FOR_EVER)
      root.set('string', 'v', { ttlMs: 4_000_000, graceMs: 0 })
      root.set('object', { a: 1 }, { ttlMs: 4_000_000, graceMs: 0 })
      table.advanceClock(1_000_000)
      for (const key of ['string', 'object', 'object']) {
        root.get(key)
        const leftMs = root.ttlLeftMs()
        assert.ok(leftMs > 2_000_000 && leftMs <= 3_000_000, `${key}: ${leftMs}`)
      }
      root.get('ever')
      assert.equal(root.ttlLeftMs(), Number.POSITIVE_INFINITY)
    }))

  test('take removes the value of its version and no other', () =>
    withTable((table) => {
      const { root } = table
      const old = root.set('k', 'old', { ttlMs: 1_000, graceMs: 9_000_000 })
      const version = root.set('k', 'v', { ttlMs: 1_000, graceMs: 9_000_000 })
      assert.equal(root.take('k', old), false)
      assert.equal(root.take('none', version), false)
      assert.equal(root.get('k'), 'v')
      table.advanceClock(2_000)
      assert.equal(root.take('k', version), true, 'a stale one too')
      assert.equal(root.take('k', version), false)
      assert.equal(root.entry('k'), undefined)
      assert.ok(root.set('k', 'new', FOR_EVER) > version)
      assert.equal(root.take('k', version), false)
      const last = root.entry('k')!.version
      root.clear()
      assert.equal(root.take('k', last), false)
    }))

  test('take ends the loads of its key, whether they began before the value or over it', () =>
    withTable(({ root }) => {
      const ask = { leaseMs: 3_600_000, force: true }
      for (const isOver of [false, true]) {
        root.delete('k')
        const before = root.acquire('k', ask)
        const version = root.set('k', 'v', FOR_EVER)
        const during = isOver ? root.acquire('k', ask) : before
        assert.equal(root.take('k', version), true)
        for (const acquired of [before, during]) {
          assert.equal(root.publish('k', (acquired as { lease: number }).lease, 'outdated', FOR_EVER), 0)
        }
        assert.equal(root.get('k'), undefined)
        assert.equal(root.acquire('k', ask).state, 'granted')
      }
    }))

  test('a missing key is undefined everywhere', () =>
    withTable(({ root }) => {
      assert.equal(root.get('k'), undefined)
      assert.equal(root.peek('k'), undefined)
      assert.equal(root.entry('k'), undefined)
      assert.equal(root.has('k'), false)
      assert.equal(root.delete('k'), false)
      assert.equal(root.touch('k', FOR_EVER), false)
      assert.equal(root.expire('k'), false)
    }))

  test('getMany answers in the order of the keys', () =>
    withTable(({ root }) => {
      root.set('a', 1, FOR_EVER)
      root.set('c', 3, FOR_EVER)
      assert.deepEqual(root.getMany(['c', 'b', 'a', 'c']), [3, undefined, 1, 3])
      assert.deepEqual(root.getMany([]), [])
    }))

  test('getMany keeps keys apart, however many and whatever letters', () =>
    withTable(({ root }) => {
      const keys = ['a', 'ab', 'b', 'é', 'ł', '\u{1f600}', '鍵', 'x'.repeat(1024), '語'.repeat(341), 'k'.repeat(7), 'k'.repeat(8), 'k'.repeat(9)]
      keys.forEach((key, i) => root.set(key, i, FOR_EVER))
      const many = Array.from({ length: 300 }, (_, i) => (i % 13 === 12 ? `absent${i}` : keys[i % 13]!))
      assert.deepEqual(root.getMany(many), many.map((_, i) => (i % 13 === 12 ? undefined : i % 13)))
    }))

  test('getMany refuses halves of a surrogate pair though they stand side by side', () =>
    withTable(({ root }) => {
      assert.throws(() => root.getMany(['a\ud83d', '\ude00b']), { code: 'ERR_CACHE_KEY' })
      assert.throws(() => root.getMany(['fine', 5 as never]), { code: 'ERR_CACHE_KEY' })
      assert.throws(() => root.getMany(['fine', 'x'.repeat(1025)]), { code: 'ERR_CACHE_KEY' })
      assert.throws(() => root.getMany(['fine', '語'.repeat(342)]), { code: 'ERR_CACHE_KEY' })
    }))

  test('what the caller changes after set is not what others read', () =>
    withTable(({ root }) => {
      const object = { list: [1] }
      const bytes = Buffer.from('abc')
      root.set('object', object, FOR_EVER)
      root.set('bytes', bytes, FOR_EVER)
      object.list.push(2)
      bytes.fill(0)
      assert.deepEqual(root.get('object'), { list: [1] })
      assert.deepEqual(root.get('bytes'), Buffer.from('abc'))
    }))

  test('many values written in a row do not run into each other', () =>
    withTable(({ root }) => {
      for (let i = 0; i < 500; i++) root.set(`k${i}`, { i, text: 'x'.repeat(i) }, FOR_EVER)
      for (let i = 0; i < 500; i++) assert.deepEqual(root.get(`k${i}`), { i, text: 'x'.repeat(i) })
    }))

  test('keeps keys apart that differ in anything', () =>
    withTable(({ root }) => {
      const keys = ['a', 'A', 'a ', ' a', 'a\0', 'a:b', 'a/b', 'ä', 'a\u0308', '__proto__', 'constructor', '{a}', '*', '1', '01', '😀', 'k'.repeat(1024)]
      for (const key of keys) root.set(key, key, FOR_EVER)
      for (const key of keys) assert.equal(root.get(key), key)
    }))

  const badKeys: [kind: string, key: unknown][] = [
    ['empty', ''],
    ['too long', 'k'.repeat(1025)],
    ['too long in UTF-8', '€'.repeat(342)],
    ['ill-formed', 'a\udc00'],
    ['a number', 7],
    ['undefined', undefined],
    ['an object', {}],
  ]
  for (const [kind, key] of badKeys) {
    test(`refuses a key that is ${kind}`, () =>
      withTable(({ root }) => {
        const bad = key as string
        const acquire = { leaseMs: 1000, force: false }
        for (const step of [
          () => root.get(bad),
          () => root.peek(bad),
          () => root.entry(bad),
          () => root.has(bad),
          () => root.getMany(['good', bad]),
          () => root.set(bad, 1, FOR_EVER),
          () => root.delete(bad),
          () => root.touch(bad, FOR_EVER),
          () => root.expire(bad),
          () => root.acquire(bad, acquire),
        ]) {
          assert.throws(step, { code: 'ERR_CACHE_KEY' })
        }
      }))
  }

  for (const [kind, value] of [
    ['undefined', undefined],
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a function inside', { f: () => 1 }],
  ] as const) {
    test(`refuses to store ${kind} and keeps what was there`, () =>
      withTable(({ root }) => {
        root.set('k', 'old', FOR_EVER)
        assert.throws(() => root.set('k', value, FOR_EVER), { code: 'ERR_CACHE_VALUE' })
        assert.equal(root.get('k'), 'old')
      }))
  }

  test('versions rise through overwrite and delete', () =>
    withTable(({ root }) => {
      const first = root.set('k', 1, FOR_EVER)
      const second = root.set('k', 2, FOR_EVER)
      root.delete('k')
      const third = root.set('k', 3, FOR_EVER)
      assert.ok(first > 0 && second > first && third > second, `${first} ${second} ${third}`)
      assert.equal(root.entry('k')?.version, third)
    }))

  test('set if absent stores only over nothing', () =>
    withTable(({ root }) => {
      assert.ok(root.set('k', 1, FOR_EVER, { if: 'absent' }) > 0)
      assert.equal(root.set('k', 2, FOR_EVER, { if: 'absent' }), 0)
      assert.equal(root.get('k'), 1)
      root.delete('k')
      assert.ok(root.set('k', 3, FOR_EVER, { if: 'absent' }) > 0)
    }))

  test('set if version stores only over that version', () =>
    withTable(({ root }) => {
      const version = root.set('k', 1, FOR_EVER)
      const next = root.set('k', 2, FOR_EVER, { if: 'version', version })
      assert.ok(next > version)
      assert.equal(root.set('k', 3, FOR_EVER, { if: 'version', version }), 0)
      assert.equal(root.set('absent', 3, FOR_EVER, { if: 'version', version: 1 }), 0)
      assert.equal(root.get('k'), 2)
    }))

  test('a value that finds no room leaves the key absent', () =>
    withTable(({ root }) => {
      root.set('k', 'small', FOR_EVER)
      assert.equal(root.set('k', Buffer.alloc(TABLE_BYTES * 3), FOR_EVER), 0)
      assert.equal(root.get('k'), undefined)
    }))

  test('stays within its memory by evicting', () =>
    withTable((table) => {
      const value = Buffer.alloc(4096)
      const count = (TABLE_BYTES / value.length) * 3
      for (let i = 0; i < count; i++) assert.ok(table.root.set(`k${i}`, value, FOR_EVER) > 0)
      const { evictions, liveBytes, memoryBytes } = table.stats()
      assert.ok(evictions > 0)
      assert.ok(liveBytes <= memoryBytes, `${liveBytes} of ${memoryBytes}`)
      assert.deepEqual(table.root.get(`k${count - 1}`), value, 'the newest is there')
    }))

  test('counts hits, misses, sets and deletes, and peek nowhere', () =>
    withTable((table) => {
      const { root } = table
      root.set('k', 1, FOR_EVER)
      root.get('k')
      root.get('none')
      root.peek('k')
      root.peek('none')
      root.delete('k')
      const { hits, misses, sets, deletes } = table.stats()
      assert.deepEqual({ hits, misses, sets, deletes }, { hits: 1, misses: 1, sets: 1, deletes: 1 })
    }))
}
