import * as assert from 'node:assert/strict'
import type { Test } from 'uvu'
import type { L1Table } from '../../src/l1/table'
import { FOR_EVER, type WithTable } from './with-table'

/** What clocks may differ by: the shared table's runs in steps of some milliseconds. */
const SLACK_MS = 50

function ageOf({ root }: L1Table, key: string): number {
  return root.entry(key)!.ageMs
}

export function ageContract(test: Test, withTable: WithTable): void {
  test('an entry tells how long ago it was stored, whatever its life is', () =>
    withTable((table) => {
      const { root } = table
      root.set('endless', 1, FOR_EVER)
      root.set('brief', { v: 1 }, { ttlMs: 5_000, graceMs: 60_000 })
      assert.ok(ageOf(table, 'endless') < SLACK_MS, `${ageOf(table, 'endless')} ms`)
      table.advanceClock(10_000)
      for (const key of ['endless', 'brief', 'brief']) assert.ok(Math.abs(ageOf(table, key) - 10_000) < SLACK_MS, `${key}: ${ageOf(table, key)} ms`)
      root.set('endless', 2, FOR_EVER)
      assert.ok(ageOf(table, 'endless') < SLACK_MS)
    }))

  test('a new life leaves the age; what ends a life, and a load, begin it anew', () =>
    withTable((table) => {
      const { root } = table
      root.set('k', 1, { ttlMs: 60_000, graceMs: 60_000 })
      table.advanceClock(1_000)
      root.touch('k', { ttlMs: 90_000, graceMs: 60_000 })
      assert.ok(Math.abs(ageOf(table, 'k') - 1_000) < SLACK_MS)
      root.expire('k')
      assert.ok(ageOf(table, 'k') < SLACK_MS)
      table.advanceClock(1_000)
      const acquired = root.acquire('k', { leaseMs: 1_000, force: false })
      assert.ok(acquired.state === 'granted')
      root.publish('k', acquired.lease, 2, FOR_EVER)
      assert.ok(ageOf(table, 'k') < SLACK_MS)
    }))

  test('a value that was old when it came goes on from there, also when it is found right', () =>
    withTable((table) => {
      const { root } = table
      root.set('k', 1, FOR_EVER, undefined, { version: 5, doubt: table.doubt(), ageMs: 86_400_000 })
      table.advanceClock(1_000)
      assert.ok(root.revalidated('k', 5, table.raiseDoubt(), { ttlMs: 1_000, graceMs: 0 }))
      assert.ok(Math.abs(ageOf(table, 'k') - 86_401_000) < SLACK_MS, `${ageOf(table, 'k')} ms`)
    }))
}
