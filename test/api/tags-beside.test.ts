// Tags beside everything else: batches, memoized functions, codecs, compression, schemas, copies, events, namespaces.
import * as assert from 'node:assert/strict'
import { type CacheEntry, CacheError, type CacheOptions, type LoadContext, type ManyContext } from '../../src'
import { withCache } from '../helpers/cache'
import { deferred } from '../helpers/deferred'
import { poolUp } from '../helpers/pool-up'
import { suite } from '../helpers/suite'
import { cloneCodec, rows } from '../helpers/value-codecs'

const EXACT = { jitter: 0, ttl: '1h' } as const
const BROTLI = { above: '4kb', algorithm: 'brotli' } as const
const LARGE = rows(100_000)
/** Unpacked by the pool where that can be waited for. */
const HUGE = rows(3_000_000)

const FORMS: [name: string, options: CacheOptions, value: unknown][] = [
  ['compressed', { compression: BROTLI }, LARGE],
  ['compressed and unpacked by the pool', { compression: BROTLI, memory: '64mb' }, HUGE],
  ['of a codec of the user\'s', { codec: cloneCodec() }, { pattern: /x/g }],
  ['of a codec of the user\'s, compressed', { codec: cloneCodec(), compression: BROTLI }, LARGE],
  ['copied for each reader', { clone: true }, { v: [1] }],
  ['frozen', { freeze: true }, { v: [1] }],
  ['past L0', { skip: ['l0'] }, { v: [1] }],
  ['validated', { validate: (value) => value !== 'bad' }, { v: [1] }],
  ['validated later', { validate: async (value) => value !== 'bad' }, { v: [1] }],
  ['sliding', { sliding: '30m' }, { v: [1] }],
]

const tagsOf = async (cache: { getEntry(key: string): Promise<CacheEntry<unknown>> }, key: string): Promise<readonly string[] | undefined> => {
  const entry = await cache.getEntry(key)
  return entry.hit ? entry.tags : undefined
}

suite('tags beside the rest', (test) => {
  for (const [name, options, value] of FORMS) {
    test(`a value that is ${name} has tags, and is ended by them wherever it is found`, () =>
      withCache(async (cache) => {
        await poolUp()
        const fill = async (): Promise<void> => {
          await cache.set('set', value, { tags: ['x'] })
          assert.deepEqual(await cache.getOrSet('loaded', ({ setTags }) => (setTags(['x', 'y']), value)), value)
          await cache.getOrSetMany({ keys: ['many'], factory: (_keys: string[], { setTags }: ManyContext) => (setTags(['x']), [value]) })
          await cache.set('other', value, { tags: ['z'] })
        }
        const keys = ['set', 'loaded', 'many', 'other']
        for (const clear of ['deleteByTag', 'expireByTag'] as const) {
          await fill()
          for (let i = 0; i < 2; i++) assert.deepEqual(await cache.getMany(keys), keys.map(() => value))
          assert.deepEqual([await tagsOf(cache, 'set'), await tagsOf(cache, 'loaded'), await tagsOf(cache, 'many')], [['x'], ['x', 'y'], ['x']])
          await cache[clear]('x')
          assert.deepEqual(await cache.getMany(keys), [undefined, undefined, undefined, value])
          for (const key of keys.slice(0, 3)) {
            assert.equal(await cache.get(key), undefined)
            assert.equal(cache.peek(key), undefined)
            if (options.validate === undefined || !name.includes('later')) assert.equal(cache.getSync(key), undefined)
            assert.equal(await cache.has(key), false)
          }
          const entry = await cache.getEntry('loaded')
          assert.deepEqual(entry.hit && [entry.stale, entry.value], clear === 'deleteByTag' ? false : [true, value])
        }
        await assert.rejects(cache.getOrSet('set', () => assert.fail('down'), { grace: 0 }), { message: 'down' })
        assert.deepEqual(await cache.getOrSet('loaded', () => assert.fail('down')), value, 'what is expired has its grace')
      }, { ...EXACT, grace: '1h', errorTtl: 0, ...options }))
  }

  test('a decoded object is found in L0 until one of its tags is cleared, and also after others were', () =>
    withCache(async (cache) => {
      if (cache.info().l1 !== 'shared') return
      const tierOf = async (key: string): Promise<string | undefined> => {
        const entry = await cache.getEntry(key)
        return entry.hit ? entry.tier : undefined
      }
      for (const key of ['a', 'b']) await cache.set(key, { key }, { tags: [key] })
      const [first] = await cache.getMany(['a', 'b'])
      assert.deepEqual([await tierOf('a'), await tierOf('b')], ['l0', 'l0'])
      await cache.deleteByTag('b')
      assert.deepEqual([await tierOf('a'), await tierOf('b')], ['l0', undefined])
      assert.equal(await cache.get('a'), first)
    }, EXACT))

  test('loads of a batch and of a batcher have the tags that their factory gives them', () =>
    withCache(async (cache) => {
      const factory = (keys: string[], { of, setTags }: ManyContext): string[] => {
        setTags(['all'])
        for (const key of keys) of(key).setTags([key])
        return keys
      }
      const batcher = cache.batcher(factory, { tags: ['batcher'] })
      await Promise.all([batcher.get('a'), batcher.get('b')])
      await Promise.all(['c', 'd'].map((key) => cache.getOrSet({ key, factory, batch: true, tags: ['call'] })))
      assert.deepEqual(await Promise.all(['a', 'b', 'c', 'd'].map((key) => tagsOf(cache, key))), [
        ['batcher', 'all', 'a'], ['batcher', 'all', 'b'], ['call', 'all', 'c'], ['call', 'all', 'd'],
      ])
      await cache.deleteByTag(['a', 'd'])
      assert.deepEqual(await cache.getMany(['a', 'b', 'c', 'd']), [undefined, 'b', 'c', undefined])
      assert.deepEqual(await batcher.getMany(['a', 'b']), ['a', 'b'])
      await cache.deleteByTag('all')
      assert.deepEqual(await cache.getMany(['a', 'b', 'c']), [undefined, undefined, undefined])
    }, EXACT))

  test('a tag cleared while a batch runs keeps out the results that have it, and no others', () =>
    withCache(async (cache) => {
      const [begun, gate] = [deferred<void>(), deferred<void>()]
      const loaded = cache.getOrSetMany({
        keys: ['a', 'b'],
        factory: async (keys: string[], { of }: ManyContext) => {
          begun.resolve()
          await gate.promise
          of('a').setTags(['x'])
          return keys
        },
      })
      await begun.promise
      await cache.deleteByTag('x')
      gate.resolve()
      assert.deepEqual(await loaded, ['a', 'b'])
      assert.deepEqual(await cache.getMany(['a', 'b']), [undefined, 'b'])
    }, EXACT))

  test('a memoized function tags its results, in the namespace that has its name', () =>
    withCache(async (cache) => {
      let runs = 0
      const page = cache.memoize('page', async function (this: LoadContext, id: number) {
        this.setTags([`author:${id % 2}`])
        return ++runs
      }, { tags: ['pages'] })
      for (let i = 0; i < 2; i++) assert.deepEqual([await page(1), await page(2), await page(3)], [1, 2, 3])
      assert.deepEqual(await tagsOf(page.namespace, page.keyOf(1)), ['pages', 'author:1'])
      await cache.deleteByTag('author:1')
      assert.equal(await page(1), 1, 'tags are those of its namespace')
      await page.namespace.deleteByTag('author:1')
      assert.deepEqual([await page(1), await page(2), await page(3)], [4, 2, 5])
      await page.namespace.expireByTag('pages')
      assert.equal(await page(2), 6)
    }, EXACT))

  test('a clear of a namespace ends tagged values there and below, and their loads; a later clear of a tag finds nothing', () =>
    withCache(async (cache) => {
      const outer = cache.namespace('outer', { tags: ['x'] })
      const inner = outer.namespace('inner', { codec: cloneCodec(), compression: BROTLI })
      const gate = deferred<void>()
      for (const space of [cache, outer, inner]) await space.set('k', LARGE, { tags: ['x'] })
      const late = inner.getOrSet('late', async () => (await gate.promise, LARGE))
      await outer.clear()
      gate.resolve()
      assert.deepEqual(await late, LARGE)
      assert.deepEqual([await outer.get('k'), await inner.get('k'), await inner.get('late')], [undefined, undefined, undefined])
      assert.deepEqual(await cache.get('k'), LARGE)
      for (const space of [outer, inner]) {
        await space.deleteByTag('x')
        await space.set('k', 'new')
        assert.deepEqual(await tagsOf(space, 'k'), ['x'])
      }
      await outer.deleteByTag('x')
      assert.deepEqual([await outer.get('k'), await inner.get('k'), await cache.get('k')], [undefined, 'new', LARGE])
    }, EXACT))

  test('a write that the pool compresses comes before a clear of its tags that is called later, and after one called before', () =>
    withCache(async (cache) => {
      await poolUp()
      const before = cache.set('k', LARGE, { tags: ['x'] })
      await cache.deleteByTag('x')
      await before
      assert.equal(await cache.get('k'), undefined)
      const cleared = cache.deleteByTag('x')
      await cache.set('k', LARGE, { tags: ['x'] })
      await cleared
      assert.deepEqual(await cache.get('k'), LARGE)
      // Of a loaded value the tags hold since its load began, however long it is compressed.
      const load = cache.getOrSet('l', () => LARGE, { tags: ['x'] })
      await cache.expireByTag('x')
      assert.deepEqual(await load, LARGE)
      assert.equal(await cache.get('l'), undefined)
    }, { ...EXACT, compression: BROTLI }))

  test('an update and a counter keep to the codec, the compression and the rule about tags', () =>
    withCache(async (cache) => {
      await cache.set('k', LARGE, { tags: ['x'] })
      const grown = await cache.update<typeof LARGE>('k', (value) => ({ rows: [...value!.rows, value!.rows[0]!] }), { tags: ['y'] })
      assert.equal(grown?.rows.length, LARGE.rows.length + 1)
      assert.deepEqual(await tagsOf(cache, 'k'), ['y'])
      await cache.set('n', 1, { tags: ['x'] })
      assert.equal(await cache.incr('n', 1, { tags: ['y'] }), 2)
      assert.deepEqual(await tagsOf(cache, 'n'), ['x', 'y'])
      const pulled = await cache.pull<typeof LARGE>('k')
      assert.deepEqual(pulled, grown)
      await cache.deleteByTag('x')
      assert.equal(await cache.incr('n'), 1)
    }, { ...EXACT, codec: cloneCodec(), compression: BROTLI }))

  test('listeners hear of a clear of tags, and of what it makes of reads and loads', () =>
    withCache(async (cache) => {
      const told: unknown[] = []
      cache.on('invalidate', ({ namespace, key, by, tags }) => void told.push([namespace, key, by, tags]))
      const space = cache.namespace('n')
      await space.set('k', 1, { tags: ['x'] })
      await space.deleteByTag('x')
      await cache.expireByTag(['a', 'b'])
      await cache.clear()
      assert.deepEqual(told.splice(0), [['n', undefined, 'delete', ['x']], ['', undefined, 'expire', ['a', 'b']], ['', undefined, 'clear', undefined]])
      for (const event of ['hit', 'miss', 'stale'] as const) cache.on(event, ({ key }) => void told.push(`${event} ${key}`))
      cache.on('load', ({ key, reason }) => void told.push(`load ${key}: ${reason}`))
      await cache.getOrSet('k', () => 1, { tags: ['x'] })
      await cache.get('k')
      await cache.expireByTag('x')
      await cache.getOrSet('k', () => Promise.reject(new CacheError('ERR_CACHE_LOAD_FAILED', 'down')))
      assert.deepEqual(told.filter((line) => typeof line === 'string'), ['miss k', 'load k: miss', 'hit k', 'miss k', 'load k: stale', 'stale k'])
    }, { ...EXACT, grace: '1h' }))
})
