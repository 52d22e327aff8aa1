// One run of a factory for many keys: which keys it is given, and what becomes of what it gives.
import * as assert from 'node:assert/strict'
import type { Cache, ManyContext, ManyFactory } from '../../src'
import { advanceClock, withCache } from '../helpers/cache'
import { deferred } from '../helpers/deferred'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const HOUR = 3_600_000

/** A factory that gives each key its own name, and notes what it was asked for. */
function echo() {
  const asked: string[][] = []
  const factory: ManyFactory<string> = (keys) => (asked.push(keys), new Map(keys.map((key) => [key, `${key}!`])))
  return { asked, factory }
}

const never: ManyFactory<string> = () => assert.fail('this factory must not run')

suite('getOrSetMany', (test) => {
  test('loads what is missing with one run, and gives all in the order of the keys', () =>
    withCache(async (cache) => {
      await cache.set('b', 'there')
      const { asked, factory } = echo()
      assert.deepEqual(await cache.getOrSetMany({ keys: ['c', 'b', 'a'], factory }), ['c!', 'there', 'a!'])
      assert.deepEqual(asked, [['c', 'a']])
      assert.deepEqual(await cache.getOrSetMany({ keys: ['a', 'b', 'c'], factory: never }), ['a!', 'there', 'c!'])
      assert.deepEqual(await cache.getMany(['a', 'b', 'c']), ['a!', 'there', 'c!'])
    }))

  test('takes a Map, an object, an array in order, and an array of promises', () =>
    withCache(async (cache) => {
      const keys = ['__proto__', 'toString', 'x']
      const forms: [name: string, factory: ManyFactory<number>][] = [
        ['map', (asked) => new Map(asked.map((key, i) => [key, i]))],
        ['object', (asked) => Object.fromEntries(asked.map((key, i) => [key, i]))],
        ['array', (asked) => asked.map((_key, i) => i)],
        ['promises', (asked) => asked.map(async (_key, i) => i)],
        ['later', async (asked) => asked.map((_key, i) => i)],
      ]
      for (const [name, factory] of forms) {
        assert.deepEqual(await cache.namespace(name).getOrSetMany({ keys, factory }), [0, 1, 2], name)
        assert.deepEqual(await cache.namespace(name).getMany(keys), [0, 1, 2], name)
      }
    }))

  test('what an object does not have of its own is missing, and nothing is stored for it', () =>
    withCache(async (cache) => {
      assert.deepEqual(await cache.getOrSetMany({ keys: ['toString', 'a', 'n'], factory: () => ({ a: 1, n: null }) }), [undefined, 1, null])
      assert.deepEqual(await cache.getOrSetMany({ keys: ['toString', 'a', 'n'], factory: (keys) => (assert.deepEqual(keys, ['toString']), ['now']) }), ['now', 1, null])
    }))

  test('a key given twice is loaded once', () =>
    withCache(async (cache) => {
      const { asked, factory } = echo()
      assert.deepEqual(await cache.getOrSetMany({ keys: ['a', 'b', 'a', 'a'], factory }), ['a!', 'b!', 'a!', 'a!'])
      assert.deepEqual(asked, [['a', 'b']])
    }))

  test('a result that is none of these fails all keys of the run', () =>
    withCache(async (cache) => {
      for (const given of [undefined, null, 1, [1], [1, 2, 3], new Error('down')] as never[]) {
        const call = cache.getOrSetMany({ keys: ['a', 'b'], factory: () => given })
        await assert.rejects(call, { code: 'ERR_CACHE_ARGUMENT' })
      }
      assert.deepEqual(await cache.getMany(['a', 'b']), [undefined, undefined])
    }, { errorTtl: 0 }))

  test('an Error in the place of a value is the failure of its key alone', () =>
    withCache(async (cache) => {
      const factory: ManyFactory<string> = (_keys, { fail }) => {
        fail('d', 'gone')
        return new Map<string, string | Error>([['a', 'one'], ['b', new RangeError('down')], ['d', 'not this']])
      }
      const settled = await cache.getOrSetMany({ keys: ['a', 'b', 'c', 'd'], factory, settled: true })
      assert.deepEqual(settled.map(({ status }) => status), ['fulfilled', 'rejected', 'fulfilled', 'rejected'])
      assert.deepEqual([settled[0], settled[2]], [{ status: 'fulfilled', value: 'one' }, { status: 'fulfilled', value: undefined }])
      assert.equal((settled[1] as PromiseRejectedResult).reason.message, 'down')
      assert.equal((settled[3] as PromiseRejectedResult).reason.code, 'ERR_CACHE_LOAD_FAILED')
      await assert.rejects(cache.getOrSetMany({ keys: ['a', 'b'], factory: never }), { message: 'down' })
      assert.equal(await cache.get('a'), 'one')
    }))

  test('when the run fails, every key it was for fails, and what was there is given', () =>
    withCache(async (cache) => {
      await cache.set('b', 'there')
      const factory = () => Promise.reject(new Error('down'))
      const settled = await cache.getOrSetMany<string>({ keys: ['a', 'b', 'c'], factory, settled: true })
      assert.deepEqual(settled.map(({ status }) => status), ['rejected', 'fulfilled', 'rejected'])
      await assert.rejects(cache.getOrSetMany({ keys: ['b', 'c'], factory: never }), { message: 'down' })
    }))

  test('with grace the stale values cover a failure, each its own', () =>
    withCache(async (cache) => {
      await cache.set('a', 'old')
      advanceClock(cache, 2 * HOUR)
      const factory: ManyFactory<string> = () => Promise.reject(new Error('down'))
      const [a, b] = await cache.getOrSetMany({ keys: ['a', 'b'], factory, settled: true })
      assert.deepEqual(a, { status: 'fulfilled', value: 'old' })
      assert.equal(b!.status, 'rejected')
    }, { ttl: HOUR, grace: 10 * HOUR, jitter: 0 }))

  test('a key that somebody else loads is waited for and not asked for', () =>
    withCache(async (cache) => {
      const other = deferred<string>()
      const first = cache.getOrSet('b', () => other.promise)
      const { asked, factory } = echo()
      const many = cache.getOrSetMany({ keys: ['a', 'b', 'c'], factory })
      await until('the others are loaded', () => cache.peek('c') === 'c!')
      other.resolve('by another')
      assert.deepEqual(await many, ['a!', 'by another', 'c!'])
      assert.equal(await first, 'by another')
      assert.deepEqual(asked, [['a', 'c']])
    }))

  test('two calls at once load each key once, and each caller gets all', () =>
    withCache(async (cache) => {
      const { asked, factory } = echo()
      const calls = [['a', 'b', 'c'], ['b', 'c', 'd'], ['d', 'e', 'a']].map((keys) => cache.getOrSetMany({ keys, factory }))
      assert.deepEqual(await Promise.all(calls), [['a!', 'b!', 'c!'], ['b!', 'c!', 'd!'], ['d!', 'e!', 'a!']])
      assert.deepEqual(asked, [['a', 'b', 'c'], ['d'], ['e']])
    }))

  test('callers of getOrSet wait for the run', () =>
    withCache(async (cache) => {
      const loaded = deferred<string[]>()
      const many = cache.getOrSetMany({ keys: ['a', 'b'], factory: () => loaded.promise })
      const one = cache.getOrSet('b', () => assert.fail('it is being loaded'))
      loaded.resolve(['x', 'y'])
      assert.equal(await one, 'y')
      assert.deepEqual(await many, ['x', 'y'])
    }))

  test('a key set or deleted while it is loaded is not stored, the others are', () =>
    withCache(async (cache) => {
      const loaded = deferred<string[]>()
      const many = cache.getOrSetMany({ keys: ['a', 'b', 'c'], factory: () => loaded.promise })
      await cache.set('a', 'newer')
      await cache.delete('b')
      loaded.resolve(['1', '2', '3'])
      assert.deepEqual(await many, ['1', '2', '3'])
      assert.deepEqual(await cache.getMany(['a', 'b', 'c']), ['newer', undefined, '3'])
    }))

  test('forceFresh loads what is there as well', () =>
    withCache(async (cache) => {
      await cache.set('a', 'old')
      const { asked, factory } = echo()
      assert.deepEqual(await cache.getOrSetMany({ keys: ['a', 'b'], factory, forceFresh: true }), ['a!', 'b!'])
      assert.deepEqual(asked, [['a', 'b']])
    }))

  test('the context has options for all, and a context for each key', () =>
    withCache(async (cache) => {
      await cache.getOrSet('a', ({ modified }) => modified('old', { etag: 'e1' }), { ttl: HOUR, grace: 9 * HOUR })
      advanceClock(cache, 2 * HOUR)
      let seen: unknown
      const factory = (keys: string[], context: ManyContext) => {
        seen = keys.map((key) => [context.of(key).stale, context.of(key).etag, context.of(key).reason])
        assert.throws(() => context.of('z'), { code: 'ERR_CACHE_ARGUMENT' })
        context.setOptions({ ttl: 3 * HOUR })
        context.of('c').setOptions({ ttl: HOUR })
        return { a: context.of('a').notModified(), b: context.of('b').notFound(), c: 'c' }
      }
      assert.deepEqual(await cache.getOrSetMany<string | null>({ keys: ['a', 'b', 'c'], factory, grace: 9 * HOUR }), ['old', null, 'c'])
      assert.deepEqual(seen, [['old', 'e1', 'stale'], [undefined, undefined, 'miss'], [undefined, undefined, 'miss']])
      advanceClock(cache, 2 * HOUR)
      assert.deepEqual(await cache.getMany(['a', 'b', 'c']), ['old', undefined, undefined])
    }, { jitter: 0, negativeTtl: HOUR }))

  test('a hard timeout ends the run for all its keys, and aborts its signal', () =>
    withCache(async (cache) => {
      let signal: AbortSignal | undefined
      const loaded = deferred<string[]>()
      const factory = (_keys: string[], context: ManyContext) => ((signal = context.signal), loaded.promise)
      const settled = await cache.getOrSetMany<string>({ keys: ['a', 'b'], factory, hardTimeout: 20, settled: true })
      for (const each of settled) assert.equal((each as PromiseRejectedResult).reason.code, 'ERR_CACHE_LOAD_TIMEOUT')
      assert.equal(signal!.aborted, true)
      loaded.resolve(['late', 'late'])
      assert.deepEqual(await cache.getOrSetMany({ keys: ['a', 'b'], factory: echo().factory }), ['a!', 'b!'])
    }, { errorTtl: 0 }))

  test('a run takes one of maxConcurrentLoads, however many keys it has', () =>
    withCache(async (cache) => {
      const held = deferred<string>()
      const holder = cache.getOrSet('held', () => held.promise)
      const { asked, factory } = echo()
      const many = cache.getOrSetMany({ keys: ['a', 'b', 'c'], factory })
      await until('the keys are being loaded', () => cache.stats().loads >= 4)
      assert.deepEqual(asked, [])
      held.resolve('x')
      assert.deepEqual(await many, ['a!', 'b!', 'c!'])
      assert.deepEqual(asked, [['a', 'b', 'c']])
      assert.equal(await holder, 'x')
      assert.equal(await cache.getOrSet('after', () => 'free'), 'free')
    }, { maxConcurrentLoads: 1 }))

  test('what is due for a refresh is loaded in the background by one run', () =>
    withCache(async (cache) => {
      await cache.setMany(['a', 'b', 'c'].map((key) => ({ key, value: 'old' })))
      advanceClock(cache, 0.9 * HOUR)
      const { asked, factory } = echo()
      assert.deepEqual(await cache.getOrSetMany({ keys: ['a', 'b', 'd', 'c'], factory }), ['old', 'old', 'd!', 'old'])
      await until('they are refreshed', () => cache.peek('a') === 'a!' && cache.peek('b') === 'b!' && cache.peek('c') === 'c!')
      assert.deepEqual(asked.map((keys) => keys.join('')).sort(), ['abc', 'd'])
    }, { ttl: HOUR, refreshAhead: 0.8, jitter: 0 }))

  test('misuse rejects before anything is loaded', () =>
    withCache(async (cache) => {
      const call = (over: object) => cache.getOrSetMany({ keys: ['a'], factory: never, ...over } as never)
      await assert.rejects(call({ keys: 'a' }), { code: 'ERR_CACHE_ARGUMENT' })
      await assert.rejects(call({ keys: ['a', ''] }), { code: 'ERR_CACHE_KEY' })
      await assert.rejects(call({ keys: ['a', 7], forceFresh: true }), { code: 'ERR_CACHE_KEY' })
      await assert.rejects(call({ factory: 1 }), { code: 'ERR_CACHE_ARGUMENT' })
      await assert.rejects(call({ settled: 1 }), { code: 'ERR_CACHE_ARGUMENT' })
      await assert.rejects(call({ tll: 1 }), { code: 'ERR_CACHE_OPTION' })
      await assert.rejects(cache.getOrSetMany(undefined as never), { code: 'ERR_CACHE_ARGUMENT' })
      assert.deepEqual(await cache.getOrSetMany({ keys: [], factory: never }), [])
      assert.equal(cache.stats().loads, 0)
    }))

  test('a closed cache refuses, and answers who was waiting', () =>
    withCache(async (cache: Cache) => {
      const loaded = deferred<string[]>()
      const waiting = cache.getOrSetMany({ keys: ['a', 'b'], factory: () => loaded.promise })
      await until('it loads', () => cache.stats().loads === 2)
      await cache.close()
      loaded.resolve(['x', 'y'])
      assert.deepEqual(await waiting, ['x', 'y'])
      for (const keys of [[], ['a']]) await assert.rejects(cache.getOrSetMany({ keys, factory: never }), { code: 'ERR_CACHE_CLOSED' })
    }))
})
