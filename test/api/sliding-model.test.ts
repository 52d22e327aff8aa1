// Lives that reads lengthen, against a reference model.
import * as assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { advanceClock, withCache } from '../helpers/cache'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'

/** Minutes. No sum of steps of the clock is one of these, nor their sum. */
const IDLE = 80
const CAP = 400
const MINUTE = 60_000

type Step = { op: 'advance'; minutes: number } | { op: 'get' | 'getMany' | 'getOrSet' | 'peek' | 'set' | 'touch' | 'incr' }

class Model {
  now = 0
  end = 0
  capAt = 0

  get isThere(): boolean {
    return this.now < this.end
  }

  store(): void {
    this.capAt = this.now + CAP
    this.end = this.now + IDLE
  }

  read(): void {
    if (!this.isThere || this.end - this.now > (IDLE * 7) / 8) return
    this.end = Math.max(this.end, Math.min(this.now + IDLE, this.capAt))
  }
}

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant('advance' as const), minutes: fc.integer({ min: 1, max: 9 }).map((n) => 10 * n + 0.3) }) },
  { weight: 6, arbitrary: fc.record({ op: fc.constantFrom('get' as const, 'getMany' as const, 'getOrSet' as const) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('peek' as const, 'set' as const, 'touch' as const, 'incr' as const) }) },
)

suite('sliding model', (test) => {
  test('every history of reads lengthens a life as the model says', () =>
    withCache(
      async (cache) => {
        let histories = 0
        const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
          const space = cache.namespace(`h${histories++ % 50}`)
          await space.clear()
          const model = new Model()
          for (const [i, one] of steps.entries()) {
            const { isThere } = model
            const message = `step ${i}, ${one.op}`
            switch (one.op) {
              case 'advance':
                model.now += one.minutes
                advanceClock(cache, one.minutes * MINUTE)
                break
              case 'get':
                assert.equal((await space.get('k')) !== undefined, isThere, message)
                model.read()
                break
              case 'getMany':
                assert.equal((await space.getMany(['k']))[0] !== undefined, isThere, message)
                model.read()
                break
              case 'getOrSet': {
                let hasRun = false
                await space.getOrSet('k', () => {
                  hasRun = true
                  return i
                })
                assert.equal(!hasRun, isThere, message)
                if (hasRun) model.store()
                else model.read()
                break
              }
              case 'peek':
                assert.equal(space.peek('k') !== undefined, isThere, message)
                break
              case 'set':
                await space.set('k', i)
                model.store()
                break
              // The sum goes on with the life of the number.
              case 'incr':
                await space.incr('k')
                if (!isThere) model.store()
                break
              case 'touch':
                assert.equal(await space.touch('k'), isThere, message)
                if (isThere) model.end = model.now + IDLE
            }
          }
        })
        await fc.assert(property, { seed, numRuns: 200 })
      },
      { sliding: { idle: IDLE * MINUTE, max: CAP * MINUTE }, jitter: 0 },
    ))
})
