// Loads that succeed and fail at random times against a reference model: who runs, who is served what.
import * as assert from 'node:assert/strict'
import * as fc from 'fast-check'
import type { Cache, Namespace } from '../../src'
import { advanceClock, withCache } from '../helpers/cache'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'

/** Seconds. The clock moves in steps of 25, and every end lies at least 3 behind one, for time that passes by itself. */
const TTL = 35
const GRACE = 110
const BACKOFF = 7
const MAX_BACKOFF = 60
const ERROR_TTL = 15
const STEP = 25

type Step =
  | { op: 'advance'; steps: number }
  | { op: 'load'; outcome: 'value' | 'nothing' | 'error'; forced: boolean }
  | { op: 'get' | 'set' | 'delete' | 'expire' }

class Model {
  now = 0
  entry: { value: number; softEnd: number; hardEnd: number } | undefined
  failure: { lateUntil: number; keptUntil: number; count: number } | undefined

  get present(): { value: number; softEnd: number; hardEnd: number } | undefined {
    return this.entry !== undefined && this.entry.hardEnd > this.now ? this.entry : undefined
  }

  get isFresh(): boolean {
    return this.present !== undefined && this.present.softEnd > this.now
  }

  store(value: number): void {
    this.entry = { value, softEnd: this.now + TTL, hardEnd: this.now + TTL + GRACE }
    this.failure = undefined
  }

  expire(): void {
    this.failure = undefined
    if (this.entry !== undefined && this.isFresh) this.entry = { ...this.entry, softEnd: this.now, hardEnd: this.now + GRACE }
  }

  /** Whether a loader runs, and what the caller gets. */
  load(outcome: 'value' | 'nothing' | 'error', forced: boolean, next: number): { runs: boolean; gets: number | undefined | 'error' } {
    const { present } = this
    if (this.isFresh && !forced) return { runs: false, gets: present!.value }
    if (!forced && this.failure !== undefined && this.failure.lateUntil > this.now) return { runs: false, gets: present?.value ?? 'error' }
    if (outcome === 'value') {
      this.store(next)
      return { runs: true, gets: next }
    }
    if (outcome === 'nothing') {
      this.failure = undefined
      return { runs: true, gets: undefined }
    }
    const count = (this.failure !== undefined && this.failure.keptUntil > this.now ? this.failure.count : 0) + 1
    const backoff = Math.min(MAX_BACKOFF, BACKOFF * 2 ** (count - 1), (present?.hardEnd ?? 0) - this.now)
    this.failure = present === undefined
      ? { count, lateUntil: this.now + ERROR_TTL, keptUntil: this.now + 2 * ERROR_TTL }
      : { count, lateUntil: this.now + backoff, keptUntil: this.now + 2 * MAX_BACKOFF }
    return { runs: true, gets: present?.value ?? 'error' }
  }
}

async function take(step: Step, cache: Cache, space: Namespace, model: Model, next: number): Promise<void> {
  switch (step.op) {
    case 'advance':
      model.now += step.steps * STEP
      return advanceClock(cache, step.steps * STEP * 1_000)
    case 'get':
      return assert.equal(await space.get('k'), model.isFresh ? model.present!.value : undefined)
    case 'set':
      model.store(next)
      await space.set('k', next)
      return
    case 'delete':
      assert.equal(await space.delete('k'), model.present !== undefined)
      model.entry = undefined
      model.failure = undefined
      return
    case 'expire':
      assert.equal(await space.expire('k'), model.present !== undefined)
      return model.expire()
    case 'load': {
      let runs = false
      const loader = () => {
        runs = true
        if (step.outcome === 'error') throw new Error('down')
        return step.outcome === 'value' ? next : undefined
      }
      const gets = await space.getOrSet<number | undefined>('k', loader, { forceFresh: step.forced }).catch((error: Error) => {
        assert.equal(error.message, 'down')
        return 'error' as const
      })
      assert.deepEqual({ runs, gets }, model.load(step.outcome, step.forced, next))
    }
  }
}

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ op: fc.constant('advance' as const), steps: fc.integer({ min: 1, max: 6 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('load' as const),
      outcome: fc.constantFrom('value', 'error', 'error', 'error', 'nothing'),
      forced: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('get', 'set', 'delete', 'expire') }) },
)

suite('freshness model', (test) => {
  test('every history of loads goes as the model says', () =>
    withCache(
      async (cache) => {
        let histories = 0
        const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (history) => {
          const space = cache.namespace(`h${++histories}`)
          const model = new Model()
          let next = 0
          for (const each of history) await take(each, cache, space, model, ++next)
        })
        await fc.assert(property, { seed, numRuns: 300 })
      },
      { jitter: 0, ttl: `${TTL}s`, grace: `${GRACE}s`, graceBackoff: `${BACKOFF}s`, errorTtl: `${ERROR_TTL}s` },
    ))
})
