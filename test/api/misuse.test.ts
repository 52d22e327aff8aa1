// Every method in every wrong use: what returns a promise rejects and never throws, what does not throws.
import * as assert from 'node:assert/strict'
import { type Cache, createCache } from '../../src'
import { withCache, withDirectory } from '../helpers/cache'
import { suite } from '../helpers/suite'

type Call = (cache: Cache, key: string) => unknown

const KEYED: Record<string, Call> = {
  get: (cache, key) => cache.get(key),
  getEntry: (cache, key) => cache.getEntry(key),
  has: (cache, key) => cache.has(key),
  getMany: (cache, key) => cache.getMany(['fine', key]),
  set: (cache, key) => cache.set(key, 1),
  setMany: (cache, key) => cache.setMany([{ key, value: 1 }]),
  delete: (cache, key) => cache.delete(key),
  deleteMany: (cache, key) => cache.deleteMany([key]),
  touch: (cache, key) => cache.touch(key),
  expire: (cache, key) => cache.expire(key),
  getOrSet: (cache, key) => cache.getOrSet(key, () => 1),
  'getOrSet of an object': (cache, key) => cache.getOrSet({ key, factory: () => 1 }),
  'getOrSet forced': (cache, key) => cache.getOrSet(key, () => 1, { forceFresh: true }),
  wrap: (cache, key) => cache.wrap(key, () => 1),
  getOrSetMany: (cache, key) => cache.getOrSetMany({ keys: ['fine', key], factory: () => ({}) }),
  'getOrSet batched': (cache, key) => cache.getOrSet({ key, factory: () => ({}), batch: true }),
  update: (cache, key) => cache.update(key, () => 1),
  incr: (cache, key) => cache.incr(key),
  pull: (cache, key) => cache.pull(key),
}

const KEYED_SYNC: Record<string, Call> = {
  getSync: (cache, key) => cache.getSync(key),
  peek: (cache, key) => cache.peek(key),
}

const KEYLESS: Record<string, Call> = {
  'getMany of nothing': (cache) => cache.getMany([]),
  'setMany of nothing': (cache) => cache.setMany([]),
  'deleteMany of nothing': (cache) => cache.deleteMany([]),
  'getOrSetMany of nothing': (cache) => cache.getOrSetMany({ keys: [], factory: () => ({}) }),
  clear: (cache) => cache.clear(),
  ready: (cache) => cache.ready(),
}

const KEYLESS_SYNC: Record<string, Call> = {
  stats: (cache) => cache.stats(),
  info: (cache) => cache.info(),
  namespace: (cache) => cache.namespace('a'),
}

/** The rejection of a call that must not throw. */
async function rejection(call: () => unknown): Promise<unknown> {
  const result = call()
  assert.ok(result instanceof Promise, 'a promise comes back')
  return result.then(
    () => assert.fail('it resolved'),
    (error: unknown) => error,
  )
}

async function refusedWith(call: () => unknown, code: string): Promise<void> {
  assert.equal(((await rejection(call)) as { code?: string }).code, code)
}

suite('misuse', (test) => {
  for (const [name, call] of Object.entries(KEYED)) {
    test(`${name} rejects a bad key`, () =>
      withCache(async (cache) => {
        for (const key of ['', 'k'.repeat(1025), '\ud800', 5, undefined]) {
          await refusedWith(() => call(cache, key as string), 'ERR_CACHE_KEY')
        }
      }))
  }

  for (const [name, call] of Object.entries(KEYED_SYNC)) {
    test(`${name} throws for a bad key`, () =>
      withCache((cache) => {
        for (const key of ['', 5, undefined]) assert.throws(() => call(cache, key as string), { code: 'ERR_CACHE_KEY' })
      }))
  }

  test('unknown and bad options of a call reject', () =>
    withCache(async (cache) => {
      const bad = [{ tll: 5 }, { ttl: -1 }, { ttl: 0 }, 'soon', -5]
      for (const options of bad as object[]) {
        await refusedWith(() => cache.set('k', 1, options), 'ERR_CACHE_OPTION')
        await refusedWith(() => cache.touch('k', options), 'ERR_CACHE_OPTION')
        await refusedWith(() => cache.getOrSet('k', () => 1, options), 'ERR_CACHE_OPTION')
      }
      assert.equal(await cache.has('k'), false)
    }))

  test('what is no factory, no list, no value rejects', () =>
    withCache(async (cache) => {
      const none = undefined as never
      await refusedWith(() => cache.getOrSet('k', none), 'ERR_CACHE_ARGUMENT')
      await refusedWith(() => cache.getOrSet({ key: 'k' } as never), 'ERR_CACHE_ARGUMENT')
      await refusedWith(() => cache.getOrSet(none), 'ERR_CACHE_ARGUMENT')
      await refusedWith(() => cache.getMany('k' as never), 'ERR_CACHE_ARGUMENT')
      await refusedWith(() => cache.setMany(none), 'ERR_CACHE_ARGUMENT')
      await refusedWith(() => cache.deleteMany({} as never), 'ERR_CACHE_ARGUMENT')
      await refusedWith(() => cache.set('k', () => 1), 'ERR_CACHE_VALUE')
    }))

  test('createCache refuses what it does not know', () => {
    assert.throws(() => createCache({ memroy: '1gb' } as object), { message: /Did you mean memory\?/ })
    assert.throws(() => createCache({ name: '../x' }), { code: 'ERR_CACHE_OPTION' })
    assert.throws(() => createCache('x' as never), { code: 'ERR_CACHE_OPTION' })
  })
})

suite('life cycle', (test) => {
  const promised = { ...KEYED, ...KEYLESS }
  for (const [name, call] of Object.entries(promised)) {
    test(`${name} is refused after close`, () =>
      withCache(async (cache) => {
        await cache.close()
        await refusedWith(() => call(cache, 'k'), 'ERR_CACHE_CLOSED')
      }))
  }

  for (const [name, call] of Object.entries({ ...KEYED_SYNC, ...KEYLESS_SYNC })) {
    test(`${name} throws after close`, () =>
      withCache(async (cache) => {
        await cache.close()
        assert.throws(() => call(cache, 'k'), { code: 'ERR_CACHE_CLOSED' })
      }))
  }

  test('a namespace ends with its cache', () =>
    withCache(async (cache) => {
      const space = cache.namespace('a')
      await cache.close()
      await refusedWith(() => space.get('k'), 'ERR_CACHE_CLOSED')
      assert.throws(() => space.namespace('b'), { code: 'ERR_CACHE_CLOSED' })
    }))

  test('closing twice is harmless, and disposing closes', () =>
    withDirectory(async (dir) => {
      const cache = createCache({ dir, memory: '8mb' })
      await cache.close()
      await cache.close()
      const disposed = createCache({ dir, memory: '8mb' })
      await disposed[Symbol.asyncDispose]()
      assert.throws(() => disposed.getSync('k'), { code: 'ERR_CACHE_CLOSED' })
      const syncDisposed = createCache({ dir, memory: '8mb' })
      syncDisposed[Symbol.dispose]()
      assert.throws(() => syncDisposed.getSync('k'), { code: 'ERR_CACHE_CLOSED' })
    }))

  test('clear refuses options, which would not be heeded, and drops nothing', () =>
    withCache(async (cache) => {
      await cache.set('k', 1)
      const clear = cache.clear as (options: unknown) => Promise<void>
      await assert.rejects(clear.call(cache, { soft: true }), { code: 'ERR_CACHE_OPTION' })
      assert.equal(await cache.get('k'), 1)
      await clear.call(cache, undefined)
      assert.equal(await cache.get('k'), undefined)
    }))

  test('a load that runs when the cache closes still answers', () =>
    withCache(async (cache) => {
      let finish = (_value: string): void => {}
      const caller = cache.getOrSet('k', () => new Promise<string>((resolve) => (finish = resolve)))
      await cache.close()
      finish('v')
      assert.equal(await caller, 'v')
    }))
})
