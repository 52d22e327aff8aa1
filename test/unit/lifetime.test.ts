import * as assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { DEFAULT_TERMS } from '../../src/options/settings'
import { EncodedValue } from '../../src/wire/codec'
import { readNotes } from '../../src/wire/notes'
import { type Findings, isSameValue, lifeOf, type LifeTerms, loaded, written } from '../../src/sync/lifetime'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'

const HOUR = 3_600_000
const NOTHING: Findings = { loadMs: 5, before: () => undefined, hasOwnTtl: false, isWeighed: false }

function terms(over: Partial<LifeTerms>): LifeTerms {
  return { ...DEFAULT_TERMS, jitter: 0, ...over }
}

const at = (ms: number) => ({ nowMs: () => ms })
const notesOf = (value: unknown) => readNotes((value as EncodedValue).payload as Uint8Array)

suite('lifetime', (test) => {
  test('no life is longer than its ttl, its cap and its idle time, nor shortened by more than the jitter', () => {
    const ms = fc.integer({ min: 1, max: 1e10 })
    const property = fc.property(
      fc.record({ ttlMs: fc.oneof(ms, fc.constant(0)), graceMs: ms, jitter: fc.double({ min: 0, max: 1, noNaN: true }), capMs: fc.option(ms), idleMs: fc.option(ms) }),
      ({ ttlMs, graceMs, jitter, capMs, idleMs }) => {
        const sliding = idleMs === null ? undefined : { idleMs, maxMs: undefined }
        const life = lifeOf(terms({ life: { ttlMs, graceMs }, jitter, maxTtlMs: capMs ?? Number.POSITIVE_INFINITY, sliding }))
        const longestMs = Math.min(ttlMs === 0 ? Infinity : ttlMs, capMs ?? Infinity, idleMs ?? Infinity)
        assert.equal(life.graceMs, graceMs)
        if (longestMs === Infinity) return assert.equal(life.ttlMs, 0)
        assert.ok(Number.isInteger(life.ttlMs) && life.ttlMs >= 1 && life.ttlMs <= longestMs)
        assert.ok(life.ttlMs >= Math.floor(longestMs * (1 - jitter)))
      },
    )
    fc.assert(property, { seed, numRuns: 500 })
  })

  test('jitter spreads the ends of what is stored together', () => {
    const lives = new Set(Array.from({ length: 100 }, () => lifeOf(terms({ life: { ttlMs: HOUR, graceMs: 0 }, jitter: 0.1 })).ttlMs))
    assert.ok(lives.size > 50)
  })

  test('what needs no notes is stored as it is', () => {
    const life = { ttlMs: HOUR, graceMs: 0 }
    const value = { a: 1 }
    assert.deepEqual(loaded(terms({ life }), value, NOTHING, at(0)), { value, life })
    assert.equal(written(terms({ life }), value, life, at(0)), value)
  })

  test('a loaded null has its own ttl, within the cap', () => {
    const own = terms({ life: { ttlMs: HOUR, graceMs: 0 }, negativeTtlMs: 500 })
    assert.equal(loaded(own, null, NOTHING, at(0)).life.ttlMs, 500)
    assert.equal(loaded({ ...own, maxTtlMs: 100 }, null, NOTHING, at(0)).life.ttlMs, 100)
    assert.equal(loaded(own, 0, NOTHING, at(0)).life.ttlMs, HOUR)
  })

  test('an adaptive ttl doubles while the value stays and halves when it changes, within its bounds', () => {
    const adaptive = terms({ adaptive: { minMs: 1_000, maxMs: 6_000 } })
    const after = (before: { ttlMs: number; isSame: boolean } | undefined) =>
      notesOf(loaded(adaptive, 'v', { ...NOTHING, before: () => before }, at(0)).value).ttlMs
    assert.deepEqual(
      [undefined, [1_000, true], [2_000, true], [4_000, true], [6_000, true], [6_000, false], [1_500, false]].map((each) =>
        after(each === undefined ? undefined : { ttlMs: (each as [number, boolean])[0], isSame: (each as [number, boolean])[1] })),
      [1_000, 2_000, 4_000, 6_000, 6_000, 3_000, 1_000],
    )
  })

  test('a sliding life notes how far it may be lengthened', () => {
    const life = { ttlMs: HOUR, graceMs: 0 }
    const idle = { idleMs: 1_000, maxMs: undefined }
    assert.equal(notesOf(written(terms({ life, sliding: idle }), 'v', life, at(5))).capAtMs, HOUR + 5)
    assert.equal(notesOf(written(terms({ life, sliding: { ...idle, maxMs: 2_000 } }), 'v', life, at(5))).capAtMs, 2_005)
    assert.equal(notesOf(loaded(terms({ sliding: idle, maxTtlMs: 9_000 }), 'v', NOTHING, at(5)).value).capAtMs, 9_005)
    assert.deepEqual(lifeOf(terms({ sliding: idle })), { ttlMs: 1_000, graceMs: 0 })
    assert.equal(written(terms({ sliding: idle }), 'v', life, at(5)), 'v')
  })

  test('values are the same if they are stored as the same bytes', () => {
    assert.ok(isSameValue({ a: [1, 'x'] }, { a: [1, 'x'] }))
    assert.ok(isSameValue('é', 'é'))
    assert.ok(!isSameValue({ a: 1 }, { a: 2 }))
    assert.ok(!isSameValue('1', 1))
    assert.ok(!isSameValue(null, 'null'))
  })
})
