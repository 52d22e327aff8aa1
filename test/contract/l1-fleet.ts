import * as assert from 'node:assert/strict'
import type { Test } from 'uvu'
import { Codec, EncodedValue, encode } from '../../src/wire/codec'
import { at, doubtfulEntry, granted, HOUR, LANE, pending } from './fleet-words'
import { FOR_EVER, type WithTable } from './with-table'

/** Larger than any inline value of the shared table. */
const LARGE = 1024 * 1024

export function fleetContract(test: Test, withTable: WithTable): void {
  test('an entry tells what ties it to L2, and one without L2 has nothing to tell', () =>
    withTable((table) => {
      const { root } = table
      root.set('k', 'v', FOR_EVER, undefined, at(table, 7168))
      assert.deepEqual(root.entry('k')?.fleet, { version: 7168, mark: 0, isDoubtful: false })
      const mark = 4095 * LANE + LANE - 1
      root.set('k', 'v', FOR_EVER, undefined, pending(table, mark))
      assert.deepEqual(root.entry('k')?.fleet, { version: 0, mark, isDoubtful: false })
      root.set('k', 'v', FOR_EVER, undefined, { doubt: table.doubt() })
      assert.deepEqual(root.entry('k')?.fleet, { version: 0, mark: 0, isDoubtful: false })
      root.set('k', 'v', FOR_EVER)
      assert.equal('fleet' in root.entry('k')!, false)
    }))

  test('each removal has a version of its own, between those before and those after, whether a value was there or not', () =>
    withTable(({ root }) => {
      const versions = [
        root.remove('k').version, root.remove('k').version, root.set('k', 'v', FOR_EVER), root.remove('k').version, root.remove('k').version, root.set('k', 'v', FOR_EVER),
      ]
      assert.ok(versions.every((version, index) => index === 0 || version > versions[index - 1]!), versions.join(' '))
    }))

  const values: [name: string, value: unknown][] = [
    ['a short string', 'v'], ['an empty string', ''], ['a wide string', 'é€'], ['a long string', 'x'.repeat(5000)],
    ['null', null], ['an object', { a: [1, { b: 'é' }] }], ['bytes', Buffer.from([1, 2, 3])],
    ['a large string', 'x'.repeat(LARGE)], ['large bytes', Buffer.alloc(LARGE, 7)],
  ]
  for (const [name, value] of values) {
    test(`${name} comes back as it was, with a fleet version`, () =>
      withTable((table) => {
        const { root } = table
        assert.ok(root.set('k', value, FOR_EVER, undefined, at(table, 5)) > 0)
        assert.deepEqual(root.get('k'), value)
        assert.deepEqual(root.get('k'), value)
        assert.deepEqual(root.getMany(['k', 'k']), [value, value])
        assert.equal(root.entry('k')?.fleet?.version, 5)
        table.raiseDoubt()
        assert.equal(root.get('k'), undefined)
        assert.equal(root.revalidated('k', 5, table.doubt()), true)
        assert.deepEqual(root.get('k'), value)
      }))
  }

  test('raised doubt hides what was filled before from all but who asks for it', () =>
    withTable((table) => {
      const { root } = table
      root.set('k', { a: 1 }, FOR_EVER, undefined, at(table, 5))
      assert.deepEqual([root.get('k'), root.get('k')], [{ a: 1 }, { a: 1 }])
      const before = table.doubt()
      assert.equal(table.raiseDoubt(), before + 1)
      assert.equal(table.doubt(), before + 1)
      assert.equal(root.get('k'), undefined, 'nor what the isolate has decoded')
      assert.equal(root.peek('k'), undefined)
      assert.equal(root.has('k'), false)
      assert.deepEqual(root.getMany(['k']), [undefined])
      assert.equal(root.entry('k'), undefined)
      const entry = doubtfulEntry(root)
      assert.deepEqual([entry?.value, entry?.fleet], [{ a: 1 }, { version: 5, mark: 0, isDoubtful: true }])
      assert.deepEqual(doubtfulEntry(root)?.value, { a: 1 })
      assert.equal(root.get('k'), undefined, 'having been looked at does not make it usable')
    }))

  test('raised doubt leaves what has nothing to do with L2', () =>
    withTable((table) => {
      table.root.set('k', { a: 1 }, FOR_EVER)
      table.raiseDoubt()
      assert.deepEqual(table.root.get('k'), { a: 1 })
    }))

  test('a value filled under an earlier doubt is doubtful from the start', () =>
    withTable((table) => {
      const fleet = at(table, 5)
      table.raiseDoubt()
      for (const given of [fleet, { version: 5, doubt: 0 }]) {
        table.root.set('k', { a: 1 }, FOR_EVER, undefined, given)
        assert.equal(table.root.get('k'), undefined)
        for (let i = 0; i < 2; i++) assert.equal(doubtfulEntry(table.root)?.fleet?.isDoubtful, true)
        assert.equal(table.root.get('k'), undefined)
      }
    }))

  test('a doubtful read is a miss and counted as doubtful', () =>
    withTable((table) => {
      table.root.set('k', 'v', FOR_EVER, undefined, at(table, 5))
      table.raiseDoubt()
      const before = table.stats()
      table.root.get('k')
      const after = table.stats()
      assert.equal(after.misses - before.misses, 1)
      assert.equal(after.hits - before.hits, 0)
      assert.equal((after.detail['doubtful'] ?? 0) - (before.detail['doubtful'] ?? 0), 1)
    }))

  test('a doubtful value is loaded, and conditions still see it', () =>
    withTable((table) => {
      const { root } = table
      const version = root.set('k', 'old', FOR_EVER, undefined, at(table, 5))
      table.raiseDoubt()
      assert.equal(root.set('k', 'x', FOR_EVER, { if: 'absent' }), 0)
      const lease = granted(root)
      const published = root.publish('k', lease, 'new', FOR_EVER, at(table, 9))
      assert.ok(published > version)
      const entry = root.entry('k')
      assert.deepEqual([entry?.value, entry?.version, entry?.fleet?.version], ['new', published, 9])
      table.raiseDoubt()
      assert.ok(root.set('k', 'x', FOR_EVER, { if: 'version', version: published }) > published)
      assert.equal(root.get('k'), 'x')
    }))

  test('revalidated makes an entry of that fleet version usable, and no other', () =>
    withTable((table) => {
      const { root } = table
      const version = root.set('k', { a: 1 }, FOR_EVER, undefined, at(table, 5))
      const old = table.doubt()
      const doubt = table.raiseDoubt()
      assert.equal(root.revalidated('k', 4, doubt), false)
      assert.equal(root.revalidated('k', 6, doubt), false)
      assert.equal(root.get('k'), undefined)
      assert.equal(root.revalidated('k', 5, old), true)
      assert.equal(root.get('k'), undefined, 'an answer from before the doubt proves nothing')
      assert.equal(root.revalidated('k', 5, doubt), true)
      assert.deepEqual(root.get('k'), { a: 1 })
      assert.deepEqual([root.entry('k')?.version, root.entry('k')?.fleet], [version, { version: 5, mark: 0, isDoubtful: false }])
      assert.equal(root.revalidated('other', 5, doubt), false)
      root.set('k', 'v', FOR_EVER)
      assert.equal(root.revalidated('k', 0, doubt), false, 'a value without L2 has no version')
      root.set('k', 'v', FOR_EVER, undefined, pending(table, 5))
      assert.equal(root.revalidated('k', 5, doubt), false, 'a mark is no version')
      assert.equal(root.revalidated('k', 0, doubt), false, 'what is pending has none yet')
    }))

  test('revalidated can give a new life', () =>
    withTable((table) => {
      const { root } = table
      root.set('k', 'v', { ttlMs: HOUR, graceMs: 4 * HOUR }, undefined, at(table, 5))
      table.advanceClock(2 * HOUR)
      assert.equal(root.revalidated('k', 5, table.doubt()), true)
      assert.equal(root.get('k'), undefined)
      assert.equal(root.revalidated('k', 5, table.doubt(), { ttlMs: 2 * HOUR, graceMs: 0 }), true)
      table.advanceClock(HOUR)
      assert.equal(root.get('k'), 'v')
      table.advanceClock(2 * HOUR)
      assert.equal(root.entry('k'), undefined)
    }))

  test('revalidated lets a load under way go on', () =>
    withTable((table) => {
      const { root } = table
      root.set('k', 'old', FOR_EVER, undefined, at(table, 5))
      table.raiseDoubt()
      const lease = granted(root)
      assert.equal(root.revalidated('k', 5, table.doubt()), true)
      assert.equal(root.get('k'), 'old')
      assert.ok(root.publish('k', lease, 'new', FOR_EVER) > 0)
    }))

  test('touch and expire keep the fleet version and the doubt', () =>
    withTable((table) => {
      const { root } = table
      root.set('k', 'v', { ttlMs: HOUR, graceMs: HOUR }, undefined, at(table, 5))
      assert.equal(root.touch('k', { ttlMs: HOUR, graceMs: HOUR }), true)
      assert.deepEqual(root.entry('k')?.fleet, { version: 5, mark: 0, isDoubtful: false })
      assert.equal(root.expire('k'), true)
      assert.deepEqual(root.entry('k')?.fleet, { version: 5, mark: 0, isDoubtful: false })
      table.raiseDoubt()
      assert.equal(root.touch('k', FOR_EVER), true)
      assert.equal(root.get('k'), undefined)
      assert.deepEqual(doubtfulEntry(root)?.fleet, { version: 5, mark: 0, isDoubtful: true })
      assert.equal(root.delete('k'), true)
    }))

  test('fleet epochs add up to the root, and end what was stored under others', () =>
    withTable(({ root }) => {
      const a = root.child('a')
      const below = a.child('b')
      below.set('k', 'v', FOR_EVER)
      assert.equal(below.fleetEpoch(), 0)
      root.setFleetEpoch(100)
      a.setFleetEpoch(20)
      below.setFleetEpoch(3)
      root.child('other').setFleetEpoch(7)
      assert.deepEqual([root, a, below].map((view) => view.fleetEpoch()), [100, 120, 123])
      a.setFleetEpoch(10)
      assert.equal(below.fleetEpoch(), 113)
      root.setFleetEpoch(2 ** 32 - 1)
      assert.equal(below.fleetEpoch(), 12)
      assert.equal(below.get('k'), undefined)
      assert.equal(below.epoch(), 0, 'nothing was cleared here')
      below.set('k', 'w', FOR_EVER)
      const lease = granted(below, false, 'loading')
      below.setFleetEpoch(3)
      assert.equal(below.get('k'), 'w', 'the same epoch again ends nothing')
      root.setFleetEpoch(5)
      assert.equal(below.get('k'), undefined)
      assert.equal(below.publish('loading', lease, 'old', FOR_EVER), 0)
    }))

  test('an epoch that is told out of turn brings nothing back', () =>
    withTable(({ root }) => {
      const a = root.child('a')
      a.advanceFleetEpoch(6)
      a.set('k', 'v', FOR_EVER)
      a.advanceFleetEpoch(7)
      for (const late of [6, 7, 2 ** 32 - 1]) a.advanceFleetEpoch(late)
      assert.equal(a.fleetEpoch(), 7)
      assert.equal(a.get('k'), undefined)
      a.setFleetEpoch(2 ** 32 - 1)
      a.advanceFleetEpoch(1)
      assert.equal(a.fleetEpoch(), 1, 'it goes on at 0 after 2^32 - 1')
    }))

  test('the epoch rises with every clear from the namespace up to the root', () =>
    withTable(({ root }) => {
      const below = root.child('a').child('b')
      const start = below.epoch()
      root.clear()
      root.child('a').clear()
      below.clear()
      root.child('other').clear()
      assert.equal(below.epoch() - start, 3)
      assert.equal(root.epoch(), 1)
    }))

  test('a flush drops everything and ends all loads, and is no clear of what is on its way', () =>
    withTable((table) => {
      const { root } = table
      const below = root.child('a').child('b')
      const views = [root, below]
      const versions = views.map((view) => view.set('k', 'before', FOR_EVER, undefined, at(table, 5)))
      const leases = views.map((view) => granted(view, false, 'loading'))
      const before = views.map((view) => [view.epoch(), view.fleetEpoch()])
      table.flush()
      for (const [i, view] of views.entries()) {
        assert.equal(view.entry('k', { doubtful: true }), undefined)
        assert.equal(view.publish('loading', leases[i]!, 'outdated', FOR_EVER), 0)
        assert.ok(view.set('k', 'after', FOR_EVER) > versions[i]!)
        assert.equal(view.get('k'), 'after')
      }
      assert.deepEqual(views.map((view) => [view.epoch(), view.fleetEpoch()]), before)
    }))

  test('the table’s clock moves with the tests’', () =>
    withTable((table) => {
      const before = table.nowMs()
      table.advanceClock(HOUR)
      const after = table.nowMs()
      assert.ok(after >= before + HOUR && after < before + 2 * HOUR, `${before} ${after}`)
    }))

  test('a value encoded before is stored as the value itself', () =>
    withTable((table) => {
      const { root } = table
      for (const value of ['v', 'é', '€'.repeat(900), '\ud800', '', { a: 'é' }, new Map([[1, 2]]), null, Buffer.from('b')]) {
        const { codec, payload } = encode(value)
        assert.ok(root.set('k', new EncodedValue(codec, payload), FOR_EVER, undefined, at(table, 5)) > 0)
        assert.deepEqual(root.get('k'), value)
        root.delete('k')
        assert.ok(root.publish('k', granted(root), new EncodedValue(codec, payload), FOR_EVER) > 0)
        assert.deepEqual(root.get('k'), value)
      }
      const bytes: [codec: number, bytes: Buffer, value: string][] = [
        [Codec.latin1, Buffer.from('\xe9', 'latin1'), '\xe9'],
        [Codec.utf8, Buffer.from('€', 'utf8'), '€'],
        [Codec.utf16, Buffer.from('€', 'utf16le'), '€'],
      ]
      for (const [codec, payload, value] of bytes) {
        root.set('k', new EncodedValue(codec, payload), FOR_EVER)
        assert.equal(root.get('k'), value)
      }
    }))
}
