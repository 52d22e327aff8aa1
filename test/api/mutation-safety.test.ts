// Objects of L0 are shared by all who read them: what keeps one reader's changes from the others, and shows who makes them.
import * as assert from 'node:assert/strict'
import { Cache } from '../../src'
import { withCache } from '../helpers/cache'
import { deferred } from '../helpers/deferred'
import { suite } from '../helpers/suite'

interface Basket { items: string[]; at?: Date; bytes?: Buffer; by?: Map<string, { n: number }> }

const basket = (): Basket => ({ items: ['a'] })

suite('mutation safety', (test) => {
  test('with clone every reader may change what it gets', () =>
    withCache(async (cache) => {
      const own = cache.namespace('n', { clone: true })
      await own.set('k', basket())
      const reads = [
        () => own.get<Basket>('k'), () => own.getSync<Basket>('k'), () => own.peek<Basket>('k'),
        async () => (await own.getMany<Basket>(['k']))[0], () => own.getOrSet('k', basket),
        async () => { const entry = await own.getEntry<Basket>('k'); return entry.hit ? entry.value : undefined },
      ]
      for (let round = 0; round < 2; round++) {
        for (const read of reads) {
          const value = await read()
          assert.deepEqual(value, { items: ['a'] })
          value!.items.push('changed')
        }
      }
      assert.deepEqual(await cache.namespace('n').get('k'), { items: ['a'] })
    }))

  test('with clone those who share a load get an object each', () =>
    withCache(async (cache) => {
      const source = deferred<Basket>()
      const all = [1, 2, 3].map(() => cache.getOrSet('k', () => source.promise, { clone: true }))
      source.resolve(basket())
      const values = await Promise.all(all)
      assert.equal(new Set(values).size, 3)
      assert.deepEqual(values, [basket(), basket(), basket()])
    }))

  test('clone may be asked for by one call, and refused by one', () =>
    withCache(async (cache) => {
      await cache.set('k', basket())
      const one = await cache.get<Basket>('k', { clone: true })
      const shared = await cache.get<Basket>('k')
      assert.notEqual(one, shared)
      const clones = cache.namespace('n', { clone: true })
      await clones.set('k', basket())
      if (cache.info().l1 === 'shared') {
        assert.equal(await cache.get('k'), await cache.get('k'))
        assert.equal(await clones.get('k', { clone: false }), await clones.get('k', { clone: false }))
      }
    }))

  test('what is not an object is as it was', () =>
    withCache(async (cache) => {
      for (const value of ['text', 5, null, true, 7n]) {
        await cache.set('k', value)
        assert.equal(await cache.get('k', { clone: true }), value)
      }
      assert.equal(await cache.get('none', { clone: true }), undefined)
    }))

  test('with freeze a reader that changes a shared object gets a TypeError there', () =>
    withCache(async (cache) => {
      const frozen = cache.namespace('n', { freeze: true })
      await frozen.set('k', { items: ['a'], at: new Date(5), bytes: Buffer.from('b'), by: new Map([['x', { n: 1 }]]) } satisfies Basket)
      for (let i = 0; i < 3; i++) {
        const value = (await frozen.get<Basket>('k'))!
        assert.throws(() => value.items.push('b'), TypeError)
        assert.throws(() => { value.items = [] }, TypeError)
        assert.throws(() => { value.by!.get('x')!.n = 2 }, TypeError)
        assert.deepEqual([value.items, value.bytes], [['a'], Buffer.from('b')])
      }
      assert.throws(() => frozen.getSync<Basket>('k')!.items.push('b'), TypeError)
    }))

  test("with freeze what a loader made is the loader's own", () =>
    withCache(async (cache) => {
      const frozen = cache.namespace('n', { freeze: true })
      const made = basket()
      const loaded = await frozen.getOrSet('k', () => made)
      assert.throws(() => loaded.items.push('b'), TypeError)
      made.items.push('own')
      assert.deepEqual(await frozen.get('k'), { items: ['a'] })
    }))

  test("'development' freezes everywhere but in production", () =>
    withCache(async (cache) => {
      const before = process.env['NODE_ENV']
      try {
        for (const [env, isFrozen] of [['production', false], ['test', true]] as const) {
          process.env['NODE_ENV'] = env
          const space = cache.namespace(env, { freeze: 'development' })
          await space.set('k', basket())
          assert.equal(Object.isFrozen(await space.get('k')), isFrozen)
        }
      } finally {
        if (before === undefined) delete process.env['NODE_ENV']
        else process.env['NODE_ENV'] = before
      }
    }))

  test('frozen and cloned: the copy is free', () =>
    withCache(async (cache) => {
      const both = cache.namespace('n', { freeze: true, clone: true })
      await both.set('k', basket())
      assert.equal((await both.get<Basket>('k'))!.items.push('b'), 2)
      assert.deepEqual(await both.get('k'), basket())
    }))

  test('a copy takes no place among the decoded objects, and is counted as a read', () =>
    withCache(async (cache) => {
      if (cache.info().l1 !== 'shared') return
      await cache.set('k', basket())
      const kept = await cache.get('k')
      const { hits } = Cache.tableOf(cache).stats()
      for (let i = 0; i < 5; i++) await cache.get('k', { clone: true })
      assert.equal(await cache.get('k'), kept)
      assert.equal(Cache.tableOf(cache).stats().hits, hits + 6)
    }))
})
