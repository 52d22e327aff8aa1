// Entries that are ended together by their tags, and loads that run meanwhile.
import * as assert from 'node:assert/strict'
import type { Cache, ManyContext, Namespace } from '../../src'
import { withCache } from '../helpers/cache'
import { deferred } from '../helpers/deferred'
import { suite } from '../helpers/suite'

const EXACT = { jitter: 0, ttl: '1h' } as const

async function tagsOf(space: Namespace, key: string): Promise<readonly string[]> {
  const entry = await space.getEntry(key)
  assert.ok(entry.hit)
  return entry.tags
}

/** A load that has begun and ends when told. */
function loading(cache: Cache, key: string, tags: readonly string[], value: unknown): { result: Promise<unknown>; end: () => void; began: Promise<void> } {
  const gate = deferred<void>()
  const begun = deferred<void>()
  const result = cache.getOrSet(key, async ({ setTags }) => {
    begun.resolve()
    await gate.promise
    setTags(tags)
    return value
  })
  return { result, end: () => gate.resolve(), began: begun.promise }
}

suite('tags', (test) => {
  test('deleteByTag ends all entries of the tag and no others', () =>
    withCache(async (cache) => {
      await cache.set('a', { v: 1 }, { tags: ['x', 'y'] })
      await cache.setMany([{ key: 'b', value: 2, tags: ['y'] }, { key: 'c', value: 3, tags: ['z'] }, { key: 'd', value: 4 }])
      await cache.getOrSet('e', () => 5, { tags: ['x'] })
      await cache.getOrSet({ key: 'f', factory: () => 6, tags: ['z'] })
      await cache.deleteByTag('x')
      assert.deepEqual(await cache.getMany(['a', 'b', 'c', 'd', 'e', 'f']), [undefined, 2, 3, 4, undefined, 6])
      await cache.deleteByTag(['y', 'z'])
      assert.deepEqual(await cache.getMany(['a', 'b', 'c', 'd', 'e', 'f']), [undefined, undefined, undefined, 4, undefined, undefined])
      assert.equal(await cache.getOrSet('e', () => 'anew', { tags: ['x'] }), 'anew')
      assert.equal(await cache.get('e'), 'anew')
    }, EXACT))

  test('expireByTag keeps the grace', () =>
    withCache(async (cache) => {
      await cache.getOrSet('k', () => 'old', { tags: ['x'] })
      await cache.expireByTag('x')
      assert.equal(await cache.get('k'), undefined)
      const entry = await cache.getEntry('k')
      assert.ok(entry.hit)
      assert.deepEqual([entry.value, entry.stale, entry.ttlLeft, entry.tags], ['old', true, 0, ['x']])
      assert.equal(await cache.getOrSet('k', () => Promise.reject(new Error('down')), { tags: ['x'] }), 'old')
      await cache.touch('k')
      assert.equal(await cache.get('k'), undefined, 'a new life does not undo it')
      assert.equal(await cache.getOrSet('k', ({ stale }) => `${stale}er`, { tags: ['x'], forceFresh: true }), 'older')
      assert.equal(await cache.get('k'), 'older')
      await cache.deleteByTag('x')
      assert.deepEqual(await cache.getEntry('k'), { hit: false })
    }, { ...EXACT, grace: '1h' }))

  test('tags of the cache, the namespace, the call and the loader add up, and getEntry tells them', () =>
    withCache(async (cache) => {
      const space = cache.namespace('n', { tags: ['space'] })
      await space.set('k', 1, { tags: ['call', 'space'] })
      assert.deepEqual(await tagsOf(space, 'k'), ['all', 'space', 'call'])
      await space.getOrSet('l', ({ setTags, setOptions }) => (setTags(['loader']), setOptions({ tags: ['option'] }), 2), { tags: ['call'] })
      assert.deepEqual(await tagsOf(space, 'l'), ['all', 'space', 'call', 'loader', 'option'])
      await space.set('m', 3)
      assert.deepEqual(await tagsOf(space, 'm'), ['all', 'space'])
      await space.deleteByTag('loader')
      assert.deepEqual(await space.getMany(['k', 'l', 'm']), [1, undefined, 3])
      await space.deleteByTag('all')
      assert.deepEqual(await space.getMany(['k', 'm']), [undefined, undefined])
    }, { ...EXACT, tags: ['all'] }))

  test('a tag is one of its namespace', () =>
    withCache(async (cache) => {
      const space = cache.namespace('n')
      for (const each of [cache, space, space.namespace('m')]) await each.set('k', 1, { tags: ['x'] })
      await space.deleteByTag('x')
      assert.deepEqual([await cache.get('k'), await space.get('k'), await space.namespace('m').get('k')], [1, undefined, 1])
    }, EXACT))

  test('a tag cleared during a load keeps its late result out, whatever the loader says about tags at its end', () =>
    withCache(async (cache) => {
      for (const clear of ['deleteByTag', 'expireByTag'] as const) {
        const load = loading(cache, 'k', ['x'], 'late')
        await load.began
        await cache[clear]('x')
        load.end()
        assert.equal(await load.result, 'late')
        assert.equal(await cache.get('k'), undefined)
        const other = loading(cache, 'k', ['y'], 'other')
        await other.began
        await cache[clear]('x')
        other.end()
        assert.equal(await other.result, 'other')
        assert.equal(await cache.get('k'), 'other')
        await cache.delete('k')
      }
    }, EXACT))

  test('who asks after a clear does not get what was loaded before it; who asked before does', () =>
    withCache(async (cache) => {
      const load = loading(cache, 'k', ['x'], 'late')
      await load.began
      const joined = cache.getOrSet('k', () => 'not run')
      await cache.deleteByTag('x')
      const after = cache.getOrSet('k', () => 'new', { tags: ['x'] })
      const alsoAfter = cache.getOrSet('k', () => 'not run either')
      load.end()
      assert.deepEqual(await Promise.all([load.result, joined, after, alsoAfter]), ['late', 'late', 'new', 'new'])
      assert.equal(await cache.get('k'), 'new')
    }, EXACT))

  test('a value that has not changed keeps its tags', () =>
    withCache(async (cache) => {
      await cache.getOrSet('k', ({ setTags, modified }) => (setTags(['x']), modified('v', { etag: '1' })))
      await cache.expire('k')
      assert.equal(await cache.getOrSet('k', ({ notModified, setTags }) => (setTags(['y']), notModified())), 'v')
      assert.deepEqual(await tagsOf(cache, 'k'), ['x', 'y'])
      const entry = await cache.getEntry('k')
      assert.ok(entry.hit && !entry.stale)
      await cache.deleteByTag('x')
      assert.equal(await cache.get('k'), undefined)
    }, { ...EXACT, grace: '1h' }))

  test('with ttl, sliding, notes and conditions a tagged entry is as any other', () =>
    withCache(async (cache) => {
      await cache.getOrSet('k', ({ modified }) => modified({ v: 1 }, { etag: 'e' }), { tags: ['x'], sliding: '10m' })
      for (let n = 0; n < 3; n++) assert.deepEqual(await cache.get('k'), { v: 1 })
      assert.equal(await cache.set('k', 2, { ifAbsent: true }), 0)
      await cache.deleteByTag('x')
      assert.ok((await cache.set('k', 2, { ifAbsent: true, tags: ['x'] })) > 0)
      const entry = await cache.getEntry('k')
      assert.ok(entry.hit)
      await cache.deleteByTag('x')
      assert.equal(await cache.set('k', 3, { ifVersion: entry.version }), 0)
      assert.equal(await cache.get('k'), undefined)
    }, EXACT))

  test('a counter keeps its tags, an update replaces them, and neither brings back what a tag has ended', () =>
    withCache(async (cache) => {
      await cache.set('n', 1, { tags: ['x'] })
      assert.equal(await cache.incr('n', 1, { tags: ['y'] }), 2)
      assert.deepEqual(await tagsOf(cache, 'n'), ['x', 'y'])
      await cache.deleteByTag('x')
      assert.equal(await cache.incr('n'), 1)
      assert.deepEqual(await tagsOf(cache, 'n'), [])
      await cache.set('k', 'old', { tags: ['x'] })
      const seen: unknown[] = []
      await cache.update('k', async (value) => {
        seen.push(value)
        if (seen.length === 1) await cache.deleteByTag('x')
        return `${value} and more`
      }, { tags: ['z'] })
      assert.deepEqual(seen, ['old', undefined])
      assert.deepEqual(await tagsOf(cache, 'k'), ['z'])
      await cache.deleteByTag('z')
      assert.equal(await cache.pull('k'), undefined)
    }, EXACT))

  test('a factory of many keys tags each of its results, and all of them', () =>
    withCache(async (cache) => {
      const factory = (keys: string[], { of, setTags }: ManyContext): string[] => {
        setTags(['all'])
        of('b').setTags(['b'])
        return keys
      }
      await cache.getOrSetMany({ keys: ['a', 'b'], factory, tags: ['call'] })
      assert.deepEqual(await tagsOf(cache, 'a'), ['call', 'all'])
      assert.deepEqual(await tagsOf(cache, 'b'), ['call', 'all', 'b'])
      await cache.deleteByTag('b')
      assert.deepEqual(await cache.getMany(['a', 'b']), ['a', undefined])
      await cache.deleteByTag('all')
      assert.equal(await cache.get('a'), undefined)
    }, EXACT))

  test('bad tags are refused with what was given and expected', () =>
    withCache(async (cache) => {
      const option = { code: 'ERR_CACHE_OPTION' }
      await assert.rejects(cache.set('k', 1, { tags: 'x' as never }), { ...option, message: 'tags must be an array of strings, got "x"' })
      await assert.rejects(cache.set('k', 1, { tags: ['x', ''] }), { ...option, message: 'tags[1] must be a well-formed string of 1 to 256 bytes, got ""' })
      await assert.rejects(cache.getOrSet('k', ({ setTags }) => setTags([1 as never])), option)
      await assert.rejects(cache.deleteByTag(1 as never), option)
      const many = Array.from({ length: 100 }, (_, i) => `${i}`)
      await assert.rejects(cache.namespace('n', { tags: many }).set('k', 1, { tags: many.map((tag) => `t${tag}`) }), { ...option, message: 'tags of one entry must be at most 128, got 200' })
      assert.equal(await cache.get('k'), undefined)
    }, EXACT))
})
