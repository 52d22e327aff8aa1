// Batches and updates against a reference model: histories of one caller, and many callers at once.
import * as assert from 'node:assert/strict'
import * as fc from 'fast-check'
import type { Cache, Namespace } from '../../src'
import { advanceClock, withCache } from '../helpers/cache'
import { deferred } from '../helpers/deferred'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'

/** Seconds. The clock moves in steps of 25, and every end lies at least 3 behind one, for time that passes by itself. */
const TTL = 35
const GRACE = 110
const BACKOFF = 7
const MAX_BACKOFF = 60
const ERROR_TTL = 15
const STEP = 25
const KEYS = ['a', 'b', '__proto__', 'é€😀']

type Outcome = 'value' | 'nothing' | 'error' | 'failed' | 'null'

type Step =
  | { op: 'advance'; steps: number }
  | { op: 'many'; keys: string[]; outcomes: Outcome[]; form: 'map' | 'array' | 'object'; forced: boolean }
  | { op: 'set' | 'delete' | 'pull' | 'leave' | 'throw'; key: string }
  | { op: 'update' | 'incr'; key: string; by: number }
  | { op: 'setMany' | 'deleteMany'; keys: string[] }

type Got = { status: 'fulfilled'; value: number | null | undefined } | 'rejected'

class KeyModel {
  entry: { value: number | null; softEnd: number; hardEnd: number } | undefined
  failure: { lateUntil: number; keptUntil: number; count: number } | undefined

  present(now: number) {
    return this.entry !== undefined && this.entry.hardEnd > now ? this.entry : undefined
  }

  fresh(now: number): number | null | undefined {
    const present = this.present(now)
    return present !== undefined && present.softEnd > now ? present.value : undefined
  }

  store(value: number | null, now: number, softEnd = now + TTL): void {
    this.entry = { value, softEnd, hardEnd: softEnd + GRACE }
    this.failure = undefined
  }

  remove(now: number): boolean {
    const wasThere = this.present(now) !== undefined
    this.entry = undefined
    this.failure = undefined
    return wasThere
  }

  load(outcome: Outcome, forced: boolean, next: number, now: number): { runs: boolean; gets: Got } {
    const present = this.present(now)
    const covered: Got = present === undefined ? 'rejected' : { status: 'fulfilled', value: present.value }
    if (!forced && this.fresh(now) !== undefined) return { runs: false, gets: covered }
    if (!forced && this.failure !== undefined && this.failure.lateUntil > now) return { runs: false, gets: covered }
    if (outcome === 'value' || outcome === 'null') {
      const value = outcome === 'null' ? null : next
      this.store(value, now)
      return { runs: true, gets: { status: 'fulfilled', value } }
    }
    if (outcome === 'nothing') {
      this.failure = undefined
      return { runs: true, gets: { status: 'fulfilled', value: undefined } }
    }
    const count = (this.failure !== undefined && this.failure.keptUntil > now ? this.failure.count : 0) + 1
    const backoff = Math.min(MAX_BACKOFF, BACKOFF * 2 ** (count - 1), (present?.hardEnd ?? 0) - now)
    this.failure = present === undefined
      ? { count, lateUntil: now + ERROR_TTL, keptUntil: now + 2 * ERROR_TTL }
      : { count, lateUntil: now + backoff, keptUntil: now + 2 * MAX_BACKOFF }
    return { runs: true, gets: covered }
  }
}

class Model {
  now = 0
  readonly #byKey = new Map(KEYS.map((key) => [key, new KeyModel()]))

  of(key: string): KeyModel {
    return this.#byKey.get(key)!
  }
}

async function takeMany(step: Step & { op: 'many' }, space: Namespace, model: Model, next: number): Promise<void> {
  const outcomeOf = new Map(step.keys.map((key, i) => [key, step.outcomes[i % step.outcomes.length]!]))
  const expected = new Map([...outcomeOf].map(([key, outcome]) => [key, model.of(key).load(outcome, step.forced, next, model.now)]))
  let asked: string[] = []
  let runs = 0
  const settled = await space.getOrSetMany<number | null>({
    keys: step.keys,
    forceFresh: step.forced,
    settled: true,
    factory: (keys, context) => {
      runs++
      asked = keys
      const values = keys.map((key): [string, number | null | Error | undefined] => {
        const outcome = outcomeOf.get(key)!
        if (outcome === 'failed') context.fail(key, new Error('down'))
        return [key, outcome === 'value' ? next : outcome === 'null' ? null : outcome === 'error' ? new Error('down') : undefined]
      })
      if (step.form === 'array') return values.map(([, value]) => value)
      return step.form === 'map' ? new Map(values) : Object.fromEntries(values)
    },
  })
  assert.deepEqual(asked, [...expected].filter(([, { runs }]) => runs).map(([key]) => key))
  assert.equal(runs, asked.length > 0 ? 1 : 0)
  assert.deepEqual(settled.map((each) => (each.status === 'rejected' ? 'rejected' : each)), step.keys.map((key) => expected.get(key)!.gets))
}

async function take(step: Step, cache: Cache, space: Namespace, model: Model, next: number): Promise<void> {
  const { now } = model
  switch (step.op) {
    case 'advance':
      model.now += step.steps * STEP
      return advanceClock(cache, step.steps * STEP * 1_000)
    case 'many':
      return takeMany(step, space, model, next)
    case 'setMany':
      for (const key of step.keys) model.of(key).store(next, now)
      await space.setMany(step.keys.map((key) => ({ key, value: next })))
      return
    case 'deleteMany': {
      const count = step.keys.filter((key) => model.of(key).remove(now)).length
      return assert.equal(await space.deleteMany(step.keys), count)
    }
  }
  const { key } = step
  const own = model.of(key)
  const fresh = own.fresh(now)
  switch (step.op) {
    case 'set':
      own.store(next, now)
      await space.set(key, next)
      return
    case 'delete':
      return assert.equal(await space.delete(key), own.remove(now))
    case 'pull':
      if (own.present(now) !== undefined) own.remove(now)
      return assert.equal(await space.pull(key), fresh)
    case 'leave':
      return assert.equal(await space.update(key, (value) => (assert.equal(value, fresh), undefined)), fresh)
    case 'throw':
      return assert.rejects(space.update(key, () => Promise.reject(new Error('not now'))), { message: 'not now' })
    case 'update':
      own.store((fresh ?? 0) + step.by, now)
      return assert.equal(await space.update<number | null>(key, (value) => (value ?? 0) + step.by), (fresh ?? 0) + step.by)
    case 'incr':
      if (fresh === null) return assert.rejects(space.incr(key, step.by), { code: 'ERR_CACHE_VALUE' })
      own.store((fresh ?? 0) + step.by, now, fresh === undefined ? undefined : own.entry!.softEnd)
      return assert.equal(await space.incr(key, step.by), (fresh ?? 0) + step.by)
  }
}

const key = fc.constantFrom(...KEYS)
const keys = fc.array(key, { minLength: 1, maxLength: 6 })
const outcome = fc.constantFrom<Outcome>('value', 'value', 'error', 'failed', 'nothing', 'null')
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ op: fc.constant('advance' as const), steps: fc.integer({ min: 1, max: 6 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('many' as const),
      keys,
      outcomes: fc.array(outcome, { minLength: 4, maxLength: 4 }),
      form: fc.constantFrom('map' as const, 'array' as const, 'object' as const),
      forced: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom('set', 'delete', 'pull', 'leave', 'throw'), key }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom('update' as const, 'incr' as const), key, by: fc.integer({ min: -5, max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom('setMany' as const, 'deleteMany' as const), keys: fc.uniqueArray(key) }) },
)

/** Calls at once: their keys, and in which order their runs end. */
const overlap = fc.array(fc.record({ keys, rank: fc.nat(100) }), { minLength: 2, maxLength: 8 })

suite('model of batches and updates', (test) => {
  test('every history goes as the model says', () =>
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

  test('however calls overlap and in whatever order their runs end, each key is loaded once and all are told', () =>
    withCache(async (cache) => {
      let histories = 0
      const property = fc.asyncProperty(overlap, async (calls) => {
        const space = cache.namespace(`o${++histories}`)
        const runs: { end: () => void; rank: number }[] = []
        const loadsByKey = new Map<string, number>()
        const results = calls.map(({ keys, rank }, call) =>
          space.getOrSetMany<string>({
            keys,
            factory: async (asked) => {
              for (const each of asked) loadsByKey.set(each, (loadsByKey.get(each) ?? 0) + 1)
              const ended = deferred<void>()
              runs.push({ end: () => ended.resolve(), rank })
              await ended.promise
              return asked.map((each) => `${each} of ${call}`)
            },
          }))
        await new Promise(setImmediate)
        for (const { end } of runs.sort((a, b) => a.rank - b.rank)) {
          end()
          await new Promise(setImmediate)
        }
        const got = await Promise.all(results)
        const first = (each: string): string => `${each} of ${calls.findIndex(({ keys }) => keys.includes(each))}`
        assert.deepEqual(got, calls.map(({ keys }) => keys.map(first)))
        assert.deepEqual([...new Set(loadsByKey.values())], [1])
      })
      await fc.assert(property, { seed, numRuns: 200 })
    }))

  test('updates at once lose nothing', () =>
    withCache(async (cache) => {
      let histories = 0
      const change = fc.record({ op: fc.constantFrom('incr', 'update', 'slow'), by: fc.integer({ min: -9, max: 9 }) })
      const property = fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 20 }), async (changes) => {
        const space = cache.namespace(`u${++histories}`)
        await Promise.all(changes.map(({ op, by }) => {
          if (op === 'incr') return space.incr('n', by)
          return space.update<number>('n', (value = 0) => (op === 'slow' ? new Promise((resolve) => setImmediate(resolve, value + by)) : value + by))
        }))
        assert.equal(await space.get('n'), changes.reduce((sum, { by }) => sum + by, 0))
      })
      await fc.assert(property, { seed, numRuns: 100 })
    }))
})
