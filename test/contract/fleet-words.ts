/** Short words for the contract of what ties entries to L2. */
import * as assert from 'node:assert/strict'
import type { AcquireOptions, Fleet, L1Entry, L1Table, L1View, LeaseToken } from '../../src/l1/table'

export const HOUR = 3_600_000
export const ASK: AcquireOptions = { leaseMs: HOUR, force: false }

/** A mark is lane * LANE + position / 8. */
export const LANE = 2 ** 40

export const at = (table: L1Table, version: number): Fleet => ({ version, doubt: table.doubt() })
export const pending = (table: L1Table, mark: number): Fleet => ({ mark, doubt: table.doubt() })
export const doubtfulEntry = (view: L1View): L1Entry | undefined => view.entry('k', { doubtful: true })

export function granted(view: L1View, force = false, key = 'k'): LeaseToken {
  const acquired = view.acquire(key, { ...ASK, force })
  assert.equal(acquired.state, 'granted')
  return (acquired as { lease: LeaseToken }).lease
}
