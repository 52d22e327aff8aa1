import * as assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { withCache } from '../helpers/cache'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'

suite('memoize', (test) => {
  test('one run per arguments, kept in a namespace of its own', () =>
    withCache(async (cache) => {
      let runs = 0
      const sum = cache.memoize('sum', async (a: number, b: number = 0) => ({ sum: a + b, run: ++runs }), { ttl: '1m' })
      const [first, again] = await Promise.all([sum(1, 2), sum(1, 2)])
      assert.deepEqual([first, again, await sum(1, 2), runs], [{ sum: 3, run: 1 }, { sum: 3, run: 1 }, { sum: 3, run: 1 }, 1])
      assert.deepEqual([(await sum(1)).run, (await sum(1, undefined)).run, (await sum(2, 1)).run], [2, 2, 3])
      assert.equal(sum.namespace.path, 'sum')
      assert.deepEqual(await cache.namespace('sum').get(sum.keyOf(1, 2)), first)
    }))

  test('delete forgets one call, clear all of them', () =>
    withCache(async (cache) => {
      let runs = 0
      const next = cache.memoize('next', (_: string) => ++runs)
      assert.deepEqual([await next('a'), await next('b')], [1, 2])
      assert.deepEqual([await next.delete('a'), await next.delete('c'), await next('a'), await next('b')], [true, false, 3, 2])
      await next.namespace.clear()
      assert.deepEqual([await next('a'), await next('b')], [4, 5])
    }))

  test('a key function names what counts, and `this` is the context', () =>
    withCache(async (cache) => {
      const user = cache.memoize('user', function (request: { id: string; trace: symbol }) {
        this.setOptions({ ttl: '5m' })
        return { key: this.key, id: request.id }
      }, { key: ({ id }) => `user:${id}` })
      assert.deepEqual(await user({ id: '7', trace: Symbol('one') }), { key: 'user:7', id: '7' })
      const entry = await user.namespace.getEntry('user:7')
      assert.ok(entry.hit && entry.ttlLeft <= 300_000)
      assert.equal(await user.delete({ id: '7', trace: Symbol('two') }), true)
    }))

  test('errors reject and are not kept, undefined is not stored', () =>
    withCache(async (cache) => {
      let runs = 0
      const failing = cache.memoize('failing', () => Promise.reject(new RangeError(`run ${++runs}`)), { errorTtl: 0 })
      await assert.rejects(failing(), /run 1/)
      await assert.rejects(failing(), /run 2/)
      const nothing = cache.memoize('nothing', () => void runs++)
      assert.deepEqual([await nothing(), await nothing(), runs], [undefined, undefined, 4])
    }))

  test('arguments that are the same data have the same key, and no others', () =>
    withCache((cache) => {
      const { keyOf } = cache.memoize('any', (..._: unknown[]) => 1)
      assert.equal(keyOf({ b: [1, { d: 2n }], a: new Date(5) }), keyOf({ a: new Date(5), b: [1, { d: 2n }] }))
      const different = [[], [null], ['1'], [1], [1n], [true], ['true'], [[1]], [[1, 2]], [1, 2], ['1,2'], ['a', 'b'], ['a","b'], [{}], [{ a: undefined }], [{ a: 1 }],
        [new Date(1)], [Number.NaN], ['\ud800'], ['\ud801'], ['x'.repeat(2000)], ['x'.repeat(2001)], [undefined, 1]]
      const keys = different.map((args) => keyOf(...args))
      assert.equal(new Set(keys).size, different.length)
      assert.ok(keys.every((key) => Buffer.byteLength(key) <= 1024 && key.isWellFormed()))
    }))

  test('of any two lists of data, those and only those that are equal have one key', () =>
    withCache((cache) => {
      const { keyOf } = cache.memoize('any', (..._: unknown[]) => 1)
      const { argument } = fc.letrec((tie) => ({
        argument: fc.oneof(
          { depthSize: 'small', maxDepth: 3 },
          fc.constantFrom('', '1', '1n', 'a', '"', ',', ']', 'null', 'undefined', 'Date(1)', 1, 1n, 10, true, null, undefined, new Date(1), new Date(10)),
          fc.string({ maxLength: 2, unit: 'binary' }),
          fc.array(tie('argument'), { maxLength: 2 }),
          fc.dictionary(fc.constantFrom('a', 'b', '"'), tie('argument'), { maxKeys: 2, noNullPrototype: true }),
        ),
      }))
      const list = fc.array(argument, { maxLength: 3 })
      // Undefined at the end counts as not given.
      const given = (args: unknown[]): unknown[] => args.slice(0, args.findLastIndex((each) => each !== undefined) + 1)
      const pair = fc.oneof(fc.tuple(list, list), list.map((one) => [one, structuredClone(one)] as const))
      fc.assert(fc.property(pair, ([one, other]) => {
        assert.equal(keyOf(...one) === keyOf(...other), isDeepStrictEqual(given(one), given(other)))
      }), { seed, numRuns: 2_000 })
    }))

  test('arguments that are no data, and bad options, are refused', () =>
    withCache(async (cache) => {
      const any = cache.memoize('any', (..._: unknown[]) => 1)
      const cycle: unknown[] = []
      cycle.push(cycle)
      for (const bad of [() => 1, Symbol('s'), new Map(), new (class Request {})(), cycle]) await assert.rejects(any(bad), { code: 'ERR_CACHE_ARGUMENT' })
      const made = cache.memoize('made', () => 1, { key: () => 5 as unknown as string })
      await assert.rejects(made(), { code: 'ERR_CACHE_KEY' })
      assert.throws(() => cache.memoize('a', 5 as never), { code: 'ERR_CACHE_ARGUMENT' })
      assert.throws(() => cache.memoize('a/b', () => 1), { code: 'ERR_CACHE_ARGUMENT' })
      assert.throws(() => cache.memoize('a', () => 1, { key: 'k' as never }), { code: 'ERR_CACHE_OPTION' })
      assert.throws(() => cache.memoize('a', () => 1, { tttl: 5 } as never), { code: 'ERR_CACHE_OPTION' })
    }))
})
