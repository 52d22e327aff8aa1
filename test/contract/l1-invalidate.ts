import * as assert from 'node:assert/strict'
import type { Test } from 'uvu'
import type { L1Table, Settled } from '../../src/l1/table'
import { until } from '../helpers/until'
import { ASK, at, doubtfulEntry, granted, HOUR, LANE, pending } from './fleet-words'
import { FOR_EVER, type WithTable } from './with-table'

const never: Settled = () => false
const always: Settled = () => true

export function invalidateContract(test: Test, withTable: WithTable): void {
  const orders: [stored: number, changed: number, done: string][] = [
    [5, 6, 'removed'], [5, 5, 'kept'], [5, 4, 'kept'], [0, 1, 'removed'], [2 ** 52 - 1, 2 ** 52 - 1, 'kept'],
    [2 ** 52 - 1, Number.POSITIVE_INFINITY, 'removed'],
  ]
  for (const [stored, changed, done] of orders) {
    test(`an entry of fleet version ${stored} is ${done} by a change to version ${changed}`, () =>
      withTable((table) => {
        const { root } = table
        root.set('k', { a: 1 }, FOR_EVER, undefined, at(table, stored))
        assert.deepEqual([root.get('k'), root.get('k')], [{ a: 1 }, { a: 1 }])
        assert.equal(root.invalidate('k', changed, never), done)
        assert.deepEqual(root.get('k'), done === 'kept' ? { a: 1 } : undefined)
        assert.equal(root.has('k'), done === 'kept')
        assert.equal(doubtfulEntry(root) === undefined, done !== 'kept')
      }))
  }

  test('a value without L2 is removed, and where nothing is nothing is removed', () =>
    withTable(({ root }) => {
      assert.equal(root.invalidate('k', 1, never), 'absent')
      root.set('k', 'v', FOR_EVER)
      assert.equal(root.invalidate('k', 1, never), 'removed')
      assert.equal(root.get('k'), undefined)
    }))

  test('a doubtful entry is judged by its version as any other', () =>
    withTable((table) => {
      const { root } = table
      root.set('k', 'v', FOR_EVER, undefined, at(table, 5))
      table.raiseDoubt()
      assert.equal(root.invalidate('k', 5, never), 'kept')
      assert.equal(doubtfulEntry(root)?.value, 'v')
      assert.equal(root.invalidate('k', 6, never), 'removed')
      assert.equal(doubtfulEntry(root), undefined)
    }))

  test('a pending entry stays until its mark is settled: by function', () =>
    withTable((table) => {
      const { root } = table
      const mark = 3 * LANE + 12
      root.set('k', 'mine', FOR_EVER, undefined, pending(table, mark))
      const asked: number[] = []
      const answering = (answer: boolean): Settled => (each) => asked.push(each) > 0 && answer
      assert.equal(root.invalidate('k', Number.POSITIVE_INFINITY, answering(false)), 'kept')
      assert.equal(root.get('k'), 'mine')
      assert.equal(root.invalidate('k', 1, answering(true)), 'removed')
      assert.equal(root.get('k'), undefined)
      assert.deepEqual(new Set(asked), new Set([mark]))
    }))

  test('a pending entry stays until its mark is settled: by lanes', () =>
    withTable((table) => {
      const { root } = table
      const settled = new Float64Array(4).fill(LANE)
      root.set('k', 'mine', FOR_EVER, undefined, pending(table, 3 * LANE + 12))
      settled[3] = 11
      assert.equal(root.invalidate('k', 9, settled), 'kept')
      assert.equal(root.get('k'), 'mine')
      assert.equal(root.invalidate('k', 9, settled.subarray(0, 3)), 'kept', 'a lane nobody knows is not settled')
      settled[3] = 12
      assert.equal(root.invalidate('k', 9, settled.subarray(1)), 'kept')
      assert.equal(root.invalidate('k', 9, settled), 'removed')
      assert.equal(root.get('k'), undefined)
    }))

  test('whoever is asked about a mark may change the key meanwhile', () =>
    withTable((table) => {
      const { root } = table
      root.set('k', 'mine', FOR_EVER, undefined, pending(table, 12))
      const asked: number[] = []
      const settled: Settled = (mark) => {
        asked.push(mark)
        if (mark === 12) root.set('k', 'newer', FOR_EVER, undefined, pending(table, 13))
        return mark === 12
      }
      assert.equal(root.invalidate('k', 9, settled), 'kept')
      assert.deepEqual(asked, [12, 13])
      assert.equal(root.get('k'), 'newer')
    }))

  const starts: [name: string, fill: (table: L1Table) => void, done: string][] = [
    ['nothing', () => {}, 'absent'],
    ['a value without L2', ({ root }) => root.set('k', 'before', FOR_EVER), 'removed'],
    ['an older value', (table) => table.root.set('k', 'before', FOR_EVER, undefined, at(table, 5)), 'removed'],
    ['a stale value', (table) => {
      table.root.set('k', 'before', { ttlMs: HOUR, graceMs: 9 * HOUR }, undefined, at(table, 5))
      table.advanceClock(2 * HOUR)
    }, 'removed'],
  ]
  for (const [name, fill, done] of starts) {
    test(`a load over ${name} that began before an invalidation is never published, the next one is`, () =>
      withTable((table) => {
        const { root } = table
        fill(table)
        const lease = granted(root, true)
        assert.equal(root.invalidate('k', 6, never), done)
        assert.equal(root.publish('k', lease, 'outdated', FOR_EVER, at(table, 5)), 0)
        assert.equal(root.get('k'), undefined)
        const next = granted(root)
        assert.notEqual(next, lease)
        assert.ok(root.publish('k', next, 'loaded', FOR_EVER, at(table, 6)) > 0)
        assert.equal(root.get('k'), 'loaded')
      }))
  }

  test('a load over an entry that is kept goes on', () =>
    withTable((table) => {
      const { root } = table
      root.set('k', 'before', FOR_EVER, undefined, at(table, 6))
      const lease = granted(root, true)
      assert.equal(root.invalidate('k', 6, never), 'kept')
      assert.ok(root.publish('k', lease, 'loaded', FOR_EVER, at(table, 7)) > 0)
    }))

  test('those who wait hear of a lease ended by an invalidation', () =>
    withTable(async (table) => {
      let calls = 0
      const stop = table.onLeaseEnd(() => calls++)
      granted(table.root)
      assert.equal(table.root.acquire('k', ASK).state, 'busy')
      assert.equal(table.root.invalidate('k', 1, never), 'absent')
      await until('the listener is called', () => calls > 0)
      stop()
    }))

  test('the error of a flight outlives an invalidation', () =>
    withTable(({ root }) => {
      const lease = granted(root)
      root.fail('k', lease, new Error('down'), HOUR)
      assert.equal(root.invalidate('k', 1, always), 'absent')
      assert.equal(root.acquire('k', { ...ASK, awaited: lease }).state, 'failed')
    }))
}
