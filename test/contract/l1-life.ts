import * as assert from 'node:assert/strict'
import type { Test } from 'uvu'
import { FOR_EVER, type WithTable } from './with-table'

const HOUR = 3_600_000
const LIFE = { ttlMs: 2 * HOUR, graceMs: 4 * HOUR }

export function lifeContract(test: Test, withTable: WithTable): void {
  test('an entry is fresh for its ttl, stale for its grace, then gone', () =>
    withTable((table) => {
      const { root } = table
      root.set('k', 'v', LIFE)
      table.advanceClock(HOUR)
      assert.equal(root.get('k'), 'v')
      assert.equal(root.entry('k')?.isStale, false)
      table.advanceClock(2 * HOUR)
      assert.equal(root.get('k'), undefined)
      assert.equal(root.peek('k'), undefined)
      assert.equal(root.has('k'), false)
      assert.deepEqual(root.getMany(['k']), [undefined])
      assert.equal(root.entry('k')?.isStale, true)
      assert.equal(root.entry('k')?.ttlLeftMs, 0)
      assert.equal(root.entry('k')?.value, 'v')
      table.advanceClock(4 * HOUR)
      assert.equal(root.entry('k'), undefined)
      assert.equal(root.delete('k'), false)
    }))

  test('an object read before is stale all the same when its ttl has passed', () =>
    withTable((table) => {
      table.root.set('k', { a: 1 }, { ttlMs: HOUR, graceMs: 0 })
      assert.deepEqual(table.root.get('k'), { a: 1 })
      table.advanceClock(2 * HOUR)
      assert.equal(table.root.get('k'), undefined)
    }))

  test('an entry without ttl stays', () =>
    withTable((table) => {
      table.root.set('k', 'v', FOR_EVER)
      table.advanceClock(24 * 365 * HOUR)
      assert.equal(table.root.get('k'), 'v')
      assert.equal(table.root.entry('k')?.ttlLeftMs, Number.POSITIVE_INFINITY)
    }))

  test('ttlLeftMs falls with the clock', () =>
    withTable((table) => {
      table.root.set('k', 'v', LIFE)
      table.advanceClock(HOUR)
      const leftMs = table.root.entry('k')?.ttlLeftMs ?? 0
      assert.ok(leftMs > 0.5 * HOUR && leftMs <= HOUR, `${leftMs}`)
    }))

  test('touch gives an entry a new life, a stale one too', () =>
    withTable((table) => {
      const { root } = table
      root.set('k', 'v', LIFE)
      table.advanceClock(HOUR)
      assert.equal(root.touch('k', LIFE), true)
      table.advanceClock(1.5 * HOUR)
      assert.equal(root.get('k'), 'v')
      table.advanceClock(HOUR)
      assert.equal(root.get('k'), undefined)
      assert.equal(root.touch('k', FOR_EVER), true)
      assert.equal(root.get('k'), 'v')
      table.advanceClock(100 * HOUR)
      assert.equal(root.get('k'), 'v')
    }))

  test('touch does not bring back what is gone', () =>
    withTable((table) => {
      table.root.set('k', 'v', { ttlMs: HOUR, graceMs: 0 })
      table.advanceClock(2 * HOUR)
      assert.equal(table.root.touch('k', FOR_EVER), false)
      assert.equal(table.root.get('k'), undefined)
    }))

  test('expire makes an entry stale now and keeps its grace', () =>
    withTable((table) => {
      const { root } = table
      root.set('k', { v: 1 }, LIFE)
      assert.deepEqual(root.get('k'), { v: 1 })
      assert.equal(root.expire('k'), true)
      assert.equal(root.get('k'), undefined)
      assert.equal(root.entry('k')?.isStale, true)
      assert.deepEqual(root.entry('k')?.value, { v: 1 })
      table.advanceClock(3 * HOUR)
      assert.equal(root.entry('k')?.isStale, true)
      table.advanceClock(2 * HOUR)
      assert.equal(root.entry('k'), undefined, 'the grace counts from now')
    }))

  test('expire drops an entry that has no grace', () =>
    withTable(({ root }) => {
      root.set('ttl', 'v', { ttlMs: HOUR, graceMs: 0 })
      root.set('ever', 'v', FOR_EVER)
      assert.equal(root.expire('ttl'), true)
      assert.equal(root.expire('ever'), true)
      assert.equal(root.entry('ttl'), undefined)
      assert.equal(root.entry('ever'), undefined)
    }))

  test('a new value brings its own life', () =>
    withTable((table) => {
      table.root.set('k', 'old', { ttlMs: HOUR, graceMs: 0 })
      table.root.set('k', 'new', FOR_EVER)
      table.advanceClock(2 * HOUR)
      assert.equal(table.root.get('k'), 'new')
    }))

  test('set if absent stores over what has expired', () =>
    withTable((table) => {
      table.root.set('k', 'old', { ttlMs: HOUR, graceMs: 0 })
      table.advanceClock(2 * HOUR)
      assert.ok(table.root.set('k', 'new', FOR_EVER, { if: 'absent' }) > 0)
    }))
}
