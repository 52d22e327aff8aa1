import * as assert from 'node:assert/strict'
import type { Test } from 'uvu'
import type { L1Table, L1View } from '../../src/l1/table'
import { EncodedValue } from '../../src/wire/codec'
import { slotOf, tagsOf } from '../../src/wire/tags'
import { FOR_EVER, type WithTable } from './with-table'

const HOUR = 3_600_000
const ASK = { leaseMs: HOUR, force: false }
const GRACE = { ttlMs: HOUR, graceMs: HOUR }

/** Whatever L0 and the record itself are good for: an object, a short string, a long one, null, bytes. */
const VALUES = [{ a: 1 }, 'short', 'long'.repeat(500), null, Buffer.from('bytes'), new Map([[1, 2]]), 'x'.repeat(300_000)]

function tagged(value: unknown, tags: readonly string[], clock = 0, namespace = ''): EncodedValue {
  return EncodedValue.tagged(value, tagsOf(namespace, tags, clock))
}

function clear({ tags }: L1Table, tag: string, kind: 'delete' | 'expire' = 'delete', namespace = ''): void {
  tags.clear(slotOf(namespace, tag), kind)
}

function grant(view: L1View, key: string): { lease: number; tagClock: number } {
  const acquired = view.acquire(key, ASK)
  assert.equal(acquired.state, 'granted')
  return acquired as { lease: number; tagClock: number }
}

export function tagContract(test: Test, withTable: WithTable): void {
  test('a value with tags reads as it would without, and tells them', () =>
    withTable(({ root }) => {
      for (const [i, value] of VALUES.entries()) {
        assert.ok(root.set(`k${i}`, tagged(value, ['a', 'ü', `t${i}`]), FOR_EVER) > 0)
        for (let n = 0; n < 3; n++) {
          assert.deepEqual(root.get(`k${i}`), value)
          assert.deepEqual(root.getMany([`k${i}`]), [value])
          assert.deepEqual(root.entry(`k${i}`)!.tags!.names, ['a', 'ü', `t${i}`])
        }
      }
      root.set('plain', 1, FOR_EVER)
      assert.equal(root.entry('plain')!.tags, undefined)
    }))

  test('a clear of a tag ends what carries it, in every way of reading, and nothing else', () =>
    withTable((table) => {
      const { root } = table
      for (const [i, value] of VALUES.entries()) {
        root.set(`in${i}`, tagged(value, ['a', 'b']), FOR_EVER)
        root.set(`out${i}`, tagged(value, ['b', 'c']), FOR_EVER)
        root.set(`none${i}`, value, FOR_EVER)
        for (const key of [`in${i}`, `out${i}`, `none${i}`]) for (let n = 0; n < 2; n++) assert.deepEqual(root.get(key), value)
      }
      clear(table, 'a')
      for (const [i, value] of VALUES.entries()) {
        for (let n = 0; n < 2; n++) {
          assert.equal(root.get(`in${i}`), undefined)
          assert.equal(root.peek(`in${i}`), undefined)
          assert.equal(root.entry(`in${i}`), undefined)
          assert.equal(root.has(`in${i}`), false)
          assert.deepEqual(root.getMany([`in${i}`, `out${i}`, `none${i}`]), [undefined, value, value])
        }
        assert.equal(root.touch(`in${i}`, FOR_EVER), false)
        assert.equal(root.expire(`in${i}`), false)
        assert.equal(root.delete(`in${i}`), false)
      }
    }))

  test('what is stored after a clear is there, however often its tags were cleared before', () =>
    withTable((table) => {
      const { root } = table
      for (let n = 0; n < 20; n++) {
        clear(table, 'a')
        clear(table, 'b', 'expire')
        root.set('k', tagged({ n }, ['a', 'b']), FOR_EVER)
        for (let i = 0; i < 2; i++) assert.deepEqual(root.get('k'), { n })
      }
    }))

  test('expired by a tag, an entry with grace is stale, and one without is gone', () =>
    withTable((table) => {
      const { root } = table
      root.set('graced', tagged({ v: 1 }, ['a']), GRACE)
      root.set('graceless', tagged({ v: 1 }, ['a']), { ttlMs: HOUR, graceMs: 0 })
      root.set('endless', tagged({ v: 1 }, ['a']), FOR_EVER)
      for (const key of ['graced', 'graceless', 'endless']) assert.deepEqual(root.get(key), { v: 1 })
      clear(table, 'a', 'expire')
      for (const key of ['graced', 'graceless', 'endless']) assert.equal(root.get(key), undefined)
      assert.equal(root.entry('graceless'), undefined)
      assert.equal(root.entry('endless'), undefined)
      const entry = root.entry('graced')!
      assert.deepEqual([entry.value, entry.isStale, entry.ttlLeftMs], [{ v: 1 }, true, 0])
      assert.ok(entry.hardLeftMs > HOUR)
      assert.equal(root.acquire('graced', ASK).state, 'granted')
      clear(table, 'a')
      assert.equal(root.entry('graced'), undefined)
    }))

  test('a load that began before a clear of one of its tags is not stored; one that began after it is', () =>
    withTable((table) => {
      const { root } = table
      for (const kind of ['delete', 'expire'] as const) {
        const late = grant(root, 'k')
        clear(table, 'a', kind)
        assert.equal(root.publish('k', late.lease, tagged('late', ['b', 'a'], late.tagClock), FOR_EVER), 0)
        assert.equal(root.get('k'), undefined)
        const next = grant(root, 'k')
        clear(table, 'other', kind)
        assert.ok(root.publish('k', next.lease, tagged('next', ['b', 'a'], next.tagClock), FOR_EVER) > 0)
        assert.equal(root.get('k'), 'next')
        root.delete('k')
      }
    }))

  test('a new life does not bring back what its tags have lost, and does not end their hold', () =>
    withTable((table) => {
      const { root } = table
      root.set('k', tagged(1, ['a']), GRACE)
      assert.equal(root.touch('k', FOR_EVER), true)
      assert.deepEqual(root.entry('k')!.tags!.names, ['a'])
      assert.equal(root.touch('k', GRACE), true)
      assert.equal(root.expire('k'), true)
      clear(table, 'a', 'expire')
      root.touch('k', { ttlMs: 2 * HOUR, graceMs: HOUR })
      assert.equal(root.get('k'), undefined)
      assert.equal(root.entry('k')!.isStale, true)
      clear(table, 'a')
      assert.equal(root.touch('k', FOR_EVER), false)
    }))

  test('conditions see what a tag has ended as absent', () =>
    withTable((table) => {
      const { root } = table
      const version = root.set('k', tagged(1, ['a']), FOR_EVER)
      root.set('l', tagged(1, ['a']), FOR_EVER)
      clear(table, 'a')
      assert.equal(root.set('k', 2, FOR_EVER, { if: 'version', version }), 0)
      assert.ok(root.set('l', 3, FOR_EVER, { if: 'absent' }) > 0)
      assert.deepEqual(root.getMany(['k', 'l']), [undefined, 3])
    }))

  test('a value of a clock of before is none, one of now is', () =>
    withTable((table) => {
      const { root, tags } = table
      const before = tags.clock()
      clear(table, 'a')
      assert.ok(tags.clock() > before)
      root.set('old', tagged(1, ['a'], before), FOR_EVER)
      root.set('new', tagged(1, ['a'], tags.clock()), FOR_EVER)
      root.set('other', tagged(1, ['b'], before), FOR_EVER)
      assert.deepEqual(root.getMany(['old', 'new', 'other']), [undefined, 1, 1])
      assert.equal(root.entry('new')!.tags!.clock, tags.clock())
    }))

  test('what L2 knows to be cleared is noted by its sequence, and touches no entry', () =>
    withTable((table) => {
      const { root, tags } = table
      root.set('k', tagged(1, ['a']), FOR_EVER)
      const slots = tagsOf('', ['a'], 0).slots
      tags.noteFleetClear(slots[0]!, 'expire', 7)
      assert.deepEqual([tags.fleetSince(slots, 6), tags.fleetSince(slots, 7)], ['expired', 'current'])
      tags.noteFleetClear(slots[0]!, 'delete', 9)
      tags.noteFleetClear(slots[0]!, 'delete', 8)
      assert.deepEqual([tags.fleetSince(slots, 6), tags.fleetSince(slots, 8), tags.fleetSince(slots, 9)], ['gone', 'gone', 'current'])
      assert.equal(root.get('k'), 1)
      table.resetFleetEpochs(1)
      assert.equal(tags.fleetSince(slots, 0), 'current')
    }))

  test('the most tags an entry may have, and the longest', () =>
    withTable((table) => {
      const { root } = table
      const names = Array.from({ length: 128 }, (_, i) => `${i}`.padEnd(256, 'x'))
      root.set('k', tagged({ v: 1 }, names), FOR_EVER)
      assert.deepEqual(root.get('k'), { v: 1 })
      assert.deepEqual(root.entry('k')!.tags!.names, names)
      clear(table, names[127]!)
      assert.equal(root.get('k'), undefined)
    }))
}
