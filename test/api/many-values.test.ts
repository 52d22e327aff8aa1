// Loads of many keys and updates where values are held against a schema, tiers are left out, copies are asked for, somebody listens.
import * as assert from 'node:assert/strict'
import { type Cache, createCache, type ManyFactory, type StandardSchema } from '../../src'
import { uniqueName, withCache, withDirectory } from '../helpers/cache'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

interface Item { n: number; isChecked: boolean }
const key = 'k'

/** Takes `{ n }`, or a bare number as it is. */
function schemaOf(isAsync: boolean): StandardSchema<Item | number> {
  const judge = (value: unknown) => {
    if (typeof value === 'number' && value < 1_000) return { value }
    const { n } = (value ?? {}) as Partial<Item>
    return typeof n === 'number' ? { value: { n, isChecked: true } } : { issues: [{ message: 'no number' }] }
  }
  return { '~standard': { version: 1, vendor: 'test', validate: isAsync ? async (value: unknown) => judge(value) : judge } }
}

/** The same table without a schema and with one. */
function withTwo(isAsync: boolean, body: (old: Cache, now: Cache) => Promise<void>): Promise<void> {
  return withDirectory(async (dir) => {
    const name = uniqueName()
    const old = createCache({ name, dir, memory: '8mb' })
    const now = createCache({ name, dir, memory: '8mb', schema: schemaOf(isAsync) })
    try {
      await body(old, now as unknown as Cache)
    } finally {
      await now.close()
      await old.close({ unlink: true })
    }
  })
}

function items() {
  const asked: string[][] = []
  const factory: ManyFactory<unknown> = (keys) => (asked.push(keys), keys.map((_, i) => ({ n: i })))
  return { asked, factory }
}

const item = (n: number): Item => ({ n, isChecked: true })
const isShared = process.env['STRATACACHE_L1'] !== 'process'

suite('many keys and updates', (test) => {
  for (const isAsync of [false, true]) {
    const kind = isAsync ? 'asynchronous schema' : 'schema'

    test(`${kind}: one run loads all keys, and its values are what the schema makes of them`, () =>
      withTwo(isAsync, async (_old, now) => {
        const { asked, factory } = items()
        await now.set('b', { n: 7 })
        assert.deepEqual(await now.getOrSetMany({ keys: ['a', 'b', 'c'], factory }), [item(0), item(7), item(1)])
        assert.deepEqual(asked, [['a', 'c']])
        assert.deepEqual(await now.getMany(['a', 'c']), [item(0), item(1)])
      }))

    test(`${kind}: a loaded value that does not fit fails its own key`, () =>
      withTwo(isAsync, async (_old, now) => {
        const [good, bad] = await now.getOrSetMany<unknown>({ keys: ['good', 'bad'], settled: true, factory: () => [{ n: 1 }, 'no'] })
        assert.deepEqual(good, { status: 'fulfilled', value: item(1) })
        assert.equal(bad?.status === 'rejected' && (bad.reason as { code: string }).code, 'ERR_CACHE_SCHEMA')
      }))

    test(`${kind}: batches load what does not fit anew`, () =>
      withTwo(isAsync, async (old, now) => {
        if (isShared) await old.set('a', 'no')
        const { asked, factory } = items()
        const batcher = now.batcher(factory)
        const values = await Promise.all([batcher.get('a'), batcher.get('b')])
        // The one that an asynchronous schema is asked about comes later, maybe too late for the run of the other.
        const placeOf = (key: string): number => asked.find((keys) => keys.includes(key))!.indexOf(key)
        assert.deepEqual(values, [item(placeOf('a')), item(placeOf('b'))])
        assert.deepEqual(await now.getOrSet({ key: 'c', factory, batch: true }), item(0))
        assert.deepEqual(await batcher.getMany(['a', 'c']), [values[0], item(0)])
      }))

    test(`${kind}: an update gives and stores what the schema makes of its result`, () =>
      withTwo(isAsync, async (_old, now) => {
        assert.deepEqual(await now.update<unknown>(key, () => ({ n: 1 })), item(1))
        assert.deepEqual(await now.update<Item>(key, (value) => ({ ...value!, n: value!.n + 1 })), item(2))
        assert.deepEqual(await now.get(key), item(2))
        await assert.rejects(now.update<unknown>(key, () => 'no'), { code: 'ERR_CACHE_SCHEMA' })
        assert.deepEqual(await now.get(key), item(2))
        assert.equal(await now.incr('count', 999), 999)
        await assert.rejects(now.incr('count'), { code: 'ERR_CACHE_SCHEMA' })
        assert.equal(await now.get('count'), 999)
      }))

    if (isShared) {
      test(`${kind}: an update replaces what does not fit, and is shown nothing of it`, () =>
        withTwo(isAsync, async (old, now) => {
          await old.set(key, 'no')
          assert.deepEqual(await now.update<unknown>(key, (value, entry) => (assert.deepEqual([value, entry], [undefined, { hit: false }]), { n: 3 })), item(3))
          await old.set('count', 5_000)
          assert.equal(await now.incr('count', 2), 2)
          await old.set('pulled', 'no')
          assert.equal(await now.pull('pulled'), undefined)
          assert.equal(await old.get('pulled'), undefined)
        }))
    }

    test(`${kind}: pull gives a value that fits once`, () =>
      withTwo(isAsync, async (_old, now) => {
        await now.set(key, { n: 1 })
        const pulled = await Promise.all([now.pull(key), now.pull(key)])
        assert.deepEqual(pulled.filter((value) => value !== undefined), [item(1)])
      }))
  }

  test('listeners hear the hits, misses and loads of each key, and what is pulled', () =>
    withCache(async (cache) => {
      const told: string[] = []
      for (const event of ['hit', 'miss', 'load'] as const) cache.on(event, ({ key }) => void told.push(`${event} ${key}`))
      cache.on('invalidate', ({ key, by }) => void told.push(`${by} ${key}`))
      await cache.set('a', 1)
      const { asked, factory } = items()
      await cache.getOrSetMany({ keys: ['a', 'b', 'c'], factory })
      assert.deepEqual(asked, [['b', 'c']])
      assert.deepEqual(told.splice(0), ['hit a', 'miss b', 'miss c', 'load b', 'load c'])
      const batcher = cache.batcher(factory)
      await Promise.all([batcher.get('a'), batcher.get('d')])
      assert.deepEqual(told.splice(0), ['hit a', 'miss d', 'load d'])
      await cache.getOrSet({ key: 'd', factory, batch: true })
      await cache.pull('d')
      await cache.pull('d')
      assert.deepEqual(told, ['hit d', 'delete d'])
    }))

  test('without l1 all keys are loaded by one run, and stored nowhere', () =>
    withCache(async (cache) => {
      await cache.set('a', 'there')
      const { asked, factory } = items()
      assert.deepEqual(await cache.getOrSetMany({ keys: ['a', 'b'], factory, skip: ['l1'] }), [{ n: 0 }, { n: 1 }])
      const batcher = cache.batcher(factory, { skip: ['l1'] })
      assert.deepEqual(await Promise.all([batcher.get('a'), batcher.get('b')]), [{ n: 0 }, { n: 1 }])
      assert.deepEqual(asked, [['a', 'b'], ['a', 'b']])
      assert.deepEqual(await cache.getMany(['a', 'b']), ['there', undefined])
      cache.features.set('l1', false)
      assert.deepEqual(await cache.getOrSetMany({ keys: ['a'], factory }), [{ n: 0 }])
    }))

  test('an update of a namespace without l1 sees nothing and leaves nothing', () =>
    withCache(async (cache) => {
      const space = cache.namespace('n', { skip: ['l1'] })
      await cache.namespace('n').set(key, 5)
      assert.equal(await space.update<number>(key, (value) => (value ?? 0) + 1), 1)
      assert.equal(await space.incr(key, 2), 2)
      assert.equal(await cache.namespace('n').get(key), undefined)
      await cache.namespace('n').set(key, 5)
      assert.equal(await space.pull(key), 5)
    }))

  test('an update goes to every tier while one is switched off', () =>
    withCache(async (cache) => {
      await cache.set(key, 1)
      cache.features.set('l1', false)
      assert.deepEqual([await cache.update<number>(key, (value) => (value ?? 0) + 1), await cache.incr(key)], [2, 3])
      cache.features.set('l1', true)
      assert.equal(await cache.get(key), 3)
    }))

  test('clone: each place of the result has an object of its own, a key given twice too', () =>
    withCache(async (cache) => {
      const { asked, factory } = items()
      await cache.set('a', { n: 7 })
      const values = (await cache.getOrSetMany({ keys: ['a', 'b', 'a', 'b'], factory, clone: true })) as object[]
      assert.deepEqual(values, [{ n: 7 }, { n: 0 }, { n: 7 }, { n: 0 }])
      assert.equal(new Set(values).size, 4)
      assert.deepEqual(asked, [['b']])
    }))

  test('clone: an update may change the object that it is given', () =>
    withCache(async (cache) => {
      const space = cache.namespace('n', { clone: true })
      await space.set(key, { n: 1 })
      const shared = await cache.namespace('n').get(key)
      await space.update<{ n: number }>(key, (value) => Object.assign(value!, { n: 2 }))
      assert.deepEqual([shared, await space.get(key)], [{ n: 1 }, { n: 2 }])
    }))

  test('a forced load of many keys is one run', () =>
    withCache(async (cache) => {
      await cache.set('a', 1)
      const { asked, factory } = items()
      assert.deepEqual(await cache.getOrSetMany({ keys: ['a', 'b', 'a'], factory, forceFresh: true }), [{ n: 0 }, { n: 1 }, { n: 0 }])
      assert.deepEqual(asked, [['a', 'b']])
    }))

  test('what is due ahead of its end is one run in the background', () =>
    withCache(async (cache) => {
      const { asked, factory } = items()
      await cache.set('a', 1, '1m')
      await cache.set('b', 1, '1m')
      assert.deepEqual(await cache.getOrSetMany({ keys: ['a', 'b'], factory, ttl: '2m', refreshAhead: '90s' }), [1, 1])
      await until('the refreshes are one run', () => asked.length > 0)
      assert.deepEqual(asked, [['a', 'b']])
    }))
})
