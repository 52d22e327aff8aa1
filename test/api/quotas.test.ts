// Room that is bounded: namespaces with a quota, and unknown keys that cost no values.
import * as assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { withCache } from '../helpers/cache'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'

const KIB = 1024

suite('quotas', (test) => {
  test('a namespace with a quota keeps to it, with those below; all others keep what they have', () =>
    withCache(async (cache) => {
      const bounded = cache.namespace('bounded', { quota: '64kb' })
      const below = bounded.namespace('below')
      for (let i = 0; i < 500; i++) await cache.set(`k${i}`, { i })
      for (let i = 0; i < 3_000; i++) {
        await bounded.set(`k${i}`, { text: 'v'.repeat(50), i })
        assert.equal(await below.getOrSet(`k${i}`, () => i), i)
        if (i % 20 === 0) assert.ok(cache.stats().quotas['bounded']!.bytes <= 64 * KIB)
      }
      assert.deepEqual(cache.stats().quotas['bounded']!.limit, 64 * KIB)
      assert.ok(cache.stats().quotas['bounded']!.bytes > 32 * KIB)
      let kept = 0
      for (let i = 0; i < 500; i++) if ((await cache.get(`k${i}`)) !== undefined) kept++
      assert.ok(kept > 495, `${kept} of 500`)
    }))

  test('a value that is larger than the quota is given to its callers and not stored', () =>
    withCache(async (cache) => {
      const bounded = cache.namespace('bounded', { quota: '4kb' })
      let loads = 0
      const load = (): string => 'v'.repeat(8 * KIB) + ++loads
      assert.equal((await bounded.getOrSet('k', load)).length, 8 * KIB + 1)
      assert.equal((await bounded.getOrSet('k', load)).length, 8 * KIB + 1)
      assert.equal(loads, 2)
      await bounded.set('k', 'small')
      await bounded.set('k', 'v'.repeat(8 * KIB))
      assert.equal(await bounded.get('k'), undefined)
    }))

  test('a quota is not handed down, the last one given stands, and Infinity ends it', () =>
    withCache(
      async (cache) => {
        const space = cache.namespace('a', { quota: '1mb' })
        space.namespace('b')
        assert.deepEqual(Object.keys(cache.stats().quotas), ['', 'a'])
        cache.namespace('a')
        assert.equal(cache.stats().quotas['a']!.limit, KIB * KIB)
        cache.namespace('a', { quota: '2mb' })
        assert.equal(cache.stats().quotas['a']!.limit, 2 * KIB * KIB)
        cache.namespace('a', { quota: Number.POSITIVE_INFINITY })
        assert.deepEqual(cache.stats().quotas, { '': { bytes: 0, limit: 4 * KIB * KIB } })
      },
      { quota: '4mb' },
    ))

  test('a flood of unknown keys evicts no values, whether they are known to be unknown or their loads fail', () =>
    withCache(async (cache) => {
      for (let i = 0; i < 2_000; i++) await cache.set(`hit${i}`, { i, text: 'v'.repeat(100) })
      for (let i = 0; i < 2_000; i++) await cache.get(`hit${i}`)
      for (let i = 0; i < 20_000; i++) {
        if (i % 4 === 0) await cache.getOrSet(`unknown${i}`, () => Promise.reject(new Error('down')), { errorTtl: '1h' }).catch(() => {})
        else assert.equal(await cache.getOrSet(`unknown${i}`, (context) => context.notFound(), { tags: i % 8 === 1 ? ['t'] : [] }), null)
      }
      const { negative } = cache.stats()
      assert.ok(negative.bytes <= negative.limit)
      assert.ok(negative.bytes > negative.limit / 2)
      let kept = 0
      for (let i = 0; i < 2_000; i++) if ((await cache.get(`hit${i}`)) !== undefined) kept++
      assert.ok(kept > 1_980, `${kept} of 2000`)
    }))

  test('with a negative quota of 0 unknown keys are asked for each time', () =>
    withCache(
      async (cache) => {
        let loads = 0
        for (let i = 0; i < 3; i++) assert.equal(await cache.getOrSet('k', () => (loads++, null)), null)
        assert.equal(loads, 3)
        assert.equal(cache.stats().negative.bytes, 0)
      },
      { negativeQuota: 0 },
    ))

  test('bad quotas are refused', () =>
    withCache((cache) => {
      for (const quota of [0, 1, '1b', -1, 'much', true, null]) {
        assert.throws(() => cache.namespace('a', { quota: quota as string }), { code: 'ERR_CACHE_OPTION' })
      }
      assert.throws(() => cache.namespace('a', { negativeQuota: '1mb' } as object), { code: 'ERR_CACHE_OPTION' })
    }))

  test('whatever is written and removed where, what counts is what is there', async () => {
    const step = fc.record({
      space: fc.constantFrom(0, 1, 2),
      key: fc.integer({ min: 0, max: 30 }),
      value: fc.oneof(fc.constant('delete' as const), fc.constant(null), fc.integer({ min: 0, max: 2000 })),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) =>
        withCache(async (cache) => {
          const outer = cache.namespace('outer', { quota: '1mb' })
          const spaces = [outer, outer.namespace('inner', { quota: '1mb' }), cache.namespace('other')]
          // What one byte more costs is exact; what an entry costs beside is measured.
          await spaces[1]!.set('x', '')
          const overhead = cache.stats().quotas['outer/inner']!.bytes - 1
          await spaces[1]!.delete('x')
          await spaces[1]!.set('x', null)
          const nullBytes = cache.stats().negative.bytes - 1
          await spaces[1]!.delete('x')
          const model = spaces.map(() => new Map<string, number | null>())
          for (const { space, key, value } of steps) {
            const name = String.fromCharCode(97 + key)
            if (value === 'delete') {
              model[space]!.delete(name)
              await spaces[space]!.delete(name)
            } else {
              model[space]!.set(name, value)
              await spaces[space]!.set(name, value === null ? null : 'v'.repeat(value))
            }
          }
          const sum = (of: number[], wanted: (value: number | null) => boolean = () => true): number => {
            let bytes = 0
            for (const space of of) for (const value of model[space]!.values()) if (wanted(value)) bytes += 1 + (value === null ? nullBytes : overhead + value)
            return bytes
          }
          const { quotas, negative } = cache.stats()
          assert.equal(quotas['outer']!.bytes, sum([0, 1]))
          assert.equal(quotas['outer/inner']!.bytes, sum([1]))
          assert.equal(negative.bytes, sum([0, 1, 2], (value) => value === null))
        }, { memory: '4mb' }),
      ),
      { seed, numRuns: 25 },
    )
  })
})
