// A value as of a version of its source, on one host: what is older does not replace what is newer.
import * as assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { advanceClock, withCache } from '../helpers/cache'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'

const HOUR = 3_600_000

/** Hours. No sum of steps of the clock is one of these, or both. */
const TTL = 10
const GRACE = 20

type Step =
  | { op: 'set'; version: number | undefined }
  | { op: 'delete' | 'touch' | 'expire' | 'clear' | 'incr' }
  | { op: 'advance'; hours: number }

/** What the key has, at which hour it is stale and gone, and of what version it is. */
class Model {
  now = 0
  entry: { value: number; source: number; softEnd: number; hardEnd: number } | undefined

  get present(): Model['entry'] {
    return this.entry !== undefined && this.entry.hardEnd > this.now ? this.entry : undefined
  }

  get fresh(): number | undefined {
    return this.present !== undefined && this.present.softEnd > this.now ? this.present.value : undefined
  }

  live(value: number, source: number): void {
    this.entry = { value, source, softEnd: this.now + TTL, hardEnd: this.now + TTL + GRACE }
  }
}

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant('set' as const), version: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined, freq: 6 }) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom('delete' as const, 'touch' as const, 'expire' as const, 'clear' as const, 'incr' as const) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('advance' as const), hours: fc.integer({ min: 1, max: 5 }).map((n) => 4 * n - 1.3) }) },
)

suite('source versions', (test) => {
  test('only a higher one is stored over one that is there', () =>
    withCache(async (cache) => {
      assert.ok((await cache.set('row', { at: 5 }, { version: 5 })) > 0)
      assert.equal(await cache.set('row', { at: 4 }, { version: 4 }), 0)
      assert.equal(await cache.set('row', { at: 5.1 }, { version: 5 }), 0)
      assert.deepEqual(await cache.get('row'), { at: 5 })
      const [refused, stored] = await cache.setMany([{ key: 'row', value: { at: 3 }, version: 3 }, { key: 'row', value: { at: 6 }, version: 6 }])
      assert.deepEqual([refused, stored! > 0, await cache.get('row')], [0, true, { at: 6 }])
      assert.ok((await cache.set('row', 'of an unknown version')) > 0)
      assert.ok((await cache.set('row', 'any', { version: 1 })) > 0)
    }))

  test('holds with a condition, tags, a sliding life, compression and bytes', () =>
    withCache(async (cache) => {
      const space = cache.namespace('s', { tags: ['t'], sliding: '1h', ttl: '5h', compression: { above: 1024, algorithm: 'gzip' } })
      const large = 'x'.repeat(10_000)
      for (const value of [large, Buffer.from(large), { large }]) {
        await space.delete('k')
        assert.ok((await space.set('k', value, { version: 2 })) > 0)
        assert.equal(await space.set('k', 'older', { version: 1 }), 0)
        assert.deepEqual(await space.get('k'), value)
        const { version, tags } = (await space.getEntry('k')) as { version: number; tags: readonly string[] }
        assert.deepEqual(tags, ['t'])
        assert.equal(await space.set('k', 'older', { version: 2, ifVersion: version }), 0)
        assert.equal(await space.set('k', 'newer', { version: 3, ifVersion: version + 1 }), 0)
        assert.equal(await space.set('k', 'newer', { version: 3, ifAbsent: true }), 0)
        assert.ok((await space.set('k', 'newer', { version: 3, ifVersion: version })) > 0)
        await space.deleteByTag('t')
        assert.ok((await space.set('k', 'again', { version: 1 })) > 0)
      }
    }))

  test('stays with a value that its loader finds unchanged', () =>
    withCache(
      async (cache) => {
        await cache.set('k', 'row', { version: 7 })
        advanceClock(cache, 2 * HOUR)
        assert.equal(await cache.getOrSet('k', ({ notModified }) => notModified()), 'row')
        assert.equal(await cache.set('k', 'older', { version: 6 }), 0)
        assert.equal(await cache.get('k'), 'row')
      },
      { ttl: '1h', grace: '10h' },
    ))

  test('is forgotten by a load and an update, which say nothing of it', () =>
    withCache(async (cache) => {
      for (const replace of [
        () => cache.getOrSet('k', () => 2, { forceFresh: true }),
        () => cache.update<number>('k', (n) => n! + 1),
      ]) {
        await cache.delete('k')
        await cache.set('k', 1, { version: 7 })
        assert.equal(await replace(), 2)
        assert.ok((await cache.set('k', 3, { version: 1 })) > 0)
      }
    }))

  test('every history goes as the model says', () =>
    withCache(
      async (cache) => {
        let histories = 0
        const property = fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 30 }), async (steps) => {
          const space = cache.namespace(`h${histories++ % 50}`)
          await space.clear()
          const model = new Model()
          for (const [i, { op, ...rest }] of steps.entries()) {
            const { present } = model
            switch (op) {
              case 'set': {
                const { version } = rest as { version: number | undefined }
                const isStored = version === undefined || present === undefined || present.source < version
                assert.equal((await space.set('k', i, { version })) > 0, isStored, `step ${i}`)
                if (isStored) model.live(i, version ?? 0)
                break
              }
              case 'delete':
                await space.delete('k')
                model.entry = undefined
                break
              case 'clear':
                await space.clear()
                model.entry = undefined
                break
              case 'touch':
                assert.equal(await space.touch('k'), present !== undefined)
                if (present !== undefined) model.live(present.value, present.source)
                break
              case 'expire':
                assert.equal(await space.expire('k'), present !== undefined)
                if (model.fresh !== undefined) model.entry = { ...present!, softEnd: model.now, hardEnd: model.now + GRACE }
                break
              case 'incr': {
                const { fresh } = model
                assert.equal(await space.incr('k', 100), (fresh ?? 0) + 100)
                if (fresh === undefined) model.live(100, 0)
                else model.entry = { ...present!, value: fresh + 100, source: 0, hardEnd: present!.softEnd + GRACE }
                break
              }
              case 'advance': {
                const { hours } = rest as { hours: number }
                model.now += hours
                advanceClock(cache, hours * HOUR)
              }
            }
            assert.equal(await space.get('k'), model.fresh, `after step ${i}, ${op}`)
          }
        })
        await fc.assert(property, { seed, numRuns: 150 })
      },
      { ttl: TTL * HOUR, grace: GRACE * HOUR, jitter: 0 },
    ))
})
