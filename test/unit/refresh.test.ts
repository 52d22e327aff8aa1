import * as assert from 'node:assert/strict'
import type { L1Entry } from '../../src/l1/table'
import { DEFAULT_TERMS } from '../../src/options/settings'
import type { RefreshAhead } from '../../src/sync/load-terms'
import { Ahead } from '../../src/sync/refresh'
import { suite } from '../helpers/suite'

function ahead(rule: RefreshAhead, ttlMs = 10_000): Ahead {
  return new Ahead(rule, { ...DEFAULT_TERMS, life: { ttlMs, graceMs: 0 } })
}

function entry(ttlLeftMs: number, notes?: { ttlMs: number; loadMs: number }): L1Entry {
  const bare = { value: 'v', version: 1, ageMs: 0, isStale: ttlLeftMs === 0, ttlLeftMs, hardLeftMs: ttlLeftMs, tier: 'l1' as const }
  return notes === undefined ? bare : { ...bare, notes: { ...notes, capAtMs: Number.POSITIVE_INFINITY } }
}

const isDue = (rule: Ahead, found: L1Entry): boolean => rule.mayBeDue(found.ttlLeftMs) && rule.isDue(found)

suite('refresh ahead', (test) => {
  test('a share of the ttl is due when that share is over', () => {
    const rule = ahead({ fraction: 0.8 })
    assert.deepEqual([9_000, 2_100, 1_900, 1].map((left) => isDue(rule, entry(left))), [false, false, true, true])
  })

  test('a time is due when so much is left', () => {
    const rule = ahead({ beforeMs: 3_000 })
    assert.deepEqual([9_000, 3_100, 2_900].map((left) => isDue(rule, entry(left))), [false, false, true])
  })

  test('an entry with a shorter ttl of its own is not due from its beginning', () => {
    const short = { ttlMs: 1_000, loadMs: 0 }
    assert.deepEqual([900, 150].map((left) => isDue(ahead({ fraction: 0.8 }), entry(left, short))), [false, true])
    assert.deepEqual([900, 400].map((left) => isDue(ahead({ beforeMs: 3_000 }), entry(left, short))), [false, true])
  })

  test('a life that is shorter in the table than in Redis is due by that in Redis', () => {
    const ahead = (rule: RefreshAhead): Ahead => new Ahead(rule, { ...DEFAULT_TERMS, life: { ttlMs: 10_000, graceMs: 0 }, l1TtlMs: 1_000 })
    const aged = (ageMs: number): L1Entry => ({ ...entry(500), ageMs })
    for (const rule of [{ fraction: 0.8 }, { beforeMs: 2_000 }]) {
      assert.equal(isDue(ahead(rule), aged(7_000)), false)
      assert.equal(isDue(ahead(rule), aged(8_500)), true)
    }
    const costly = { ...entry(500, { ttlMs: 10_000, loadMs: 100 }), ageMs: 2_000 }
    for (let i = 0; i < 1_000; i++) assert.equal(isDue(ahead({ beta: 1 }), costly), false)
  })

  test('what never ends or is stale is never due', () => {
    for (const rule of [ahead({ fraction: 0.5 }, 0), ahead({ beforeMs: 3_000 }), ahead({ beta: 1 })]) {
      assert.equal(isDue(rule, entry(Number.POSITIVE_INFINITY)), false)
      assert.equal(rule.isDue(entry(0)), false)
    }
  })

  test('the chance of a refresh is exp(-left / (beta * cost))', () => {
    for (const [beta, leftMs] of [[1, 400], [1, 1_000], [2, 1_000]] as const) {
      const rule = ahead({ beta })
      const found = entry(leftMs, { ttlMs: 10_000, loadMs: 400 })
      const tries = 20_000
      let due = 0
      for (let i = 0; i < tries; i++) if (isDue(rule, found)) due++
      const expected = Math.exp(-leftMs / (beta * 400))
      // Six standard deviations.
      const margin = 6 * Math.sqrt((expected * (1 - expected)) / tries)
      assert.ok(Math.abs(due / tries - expected) < margin, `beta ${beta}, ${leftMs} ms left: ${due / tries}, expected ${expected}`)
    }
  })

  test('far from the end nothing is due by chance', () => {
    const rule = ahead({ beta: 1 })
    const found = entry(9_000, { ttlMs: 10_000, loadMs: 10 })
    for (let i = 0; i < 10_000; i++) assert.equal(isDue(rule, found), false)
  })

  test('a load costlier than those known is learned of in time', () => {
    const rule = ahead({ beta: 1 })
    for (let i = 0; i < 10; i++) isDue(rule, entry(1_000, { ttlMs: 10_000, loadMs: 1 }))
    let due = 0
    for (let i = 0; i < 2_000; i++) if (isDue(rule, entry(1_000, { ttlMs: 10_000, loadMs: 2_000 }))) due++
    assert.ok(due > 800, `${due}`)
  })
})
