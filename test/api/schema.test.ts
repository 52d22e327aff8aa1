// Values are held against a schema where they are loaded, set and decoded; what does not fit is never read.
import * as assert from 'node:assert/strict'
import { Cache, type CacheOptions, createCache, type StandardSchema } from '../../src'
import { uniqueName, withCache, withDirectory } from '../helpers/cache'
import { deferred } from '../helpers/deferred'
import { suite } from '../helpers/suite'

interface User { name: string; age: number }

/** A schema that counts what it is shown. */
class UserSchema implements StandardSchema<User> {
  count = 0
  readonly '~standard': StandardSchema<User>['~standard']

  constructor(isAsync = false) {
    const judge = (value: unknown) => {
      this.count++
      const { name, age = 0 } = (value ?? {}) as Partial<User>
      return typeof name === 'string' ? { value: { name, age } } : { issues: [{ message: 'no text', path: ['name'] }] }
    }
    this['~standard'] = { version: 1, vendor: 'test', validate: isAsync ? async (value) => judge(value) : judge }
  }
}

/** One table seen by a cache without a schema and by one with it: as two versions of a program see it. */
function withTwo(body: (old: Cache, now: Cache<Record<string, User>>, schema: UserSchema) => Promise<void>, isAsync = false, options: CacheOptions = {}): Promise<void> {
  return withDirectory(async (dir) => {
    const schema = new UserSchema(isAsync)
    const name = uniqueName()
    const old = createCache({ name, dir, memory: '8mb', ...options })
    const now = createCache({ name, dir, memory: '8mb', ...options, schema })
    try {
      await body(old, now, schema)
    } finally {
      await now.close()
      await old.close({ unlink: true })
    }
  })
}

const isShared = process.env['STRATACACHE_L1'] !== 'process'
const both = [false, true]

suite('schema', (test) => {
  for (const isAsync of both) {
    const kind = isAsync ? 'asynchronous' : 'synchronous'

    test(`${kind}: a loaded value is what the schema makes of it, for everybody`, () =>
      withCache(async (cache) => {
        const users = cache.namespace('users', { schema: new UserSchema(isAsync) })
        const loaded: User = await users.getOrSet('a', () => ({ name: 'ann' }) as User)
        assert.deepEqual(loaded, { name: 'ann', age: 0 })
        assert.deepEqual(await users.get('a'), { name: 'ann', age: 0 })
        assert.deepEqual(await cache.namespace('users').get('a'), { name: 'ann', age: 0 })
        await users.set('b', { name: 'bob' } as User)
        assert.deepEqual([await users.get('b'), await users.has('b'), await users.getMany(['b', 'c'])], [{ name: 'bob', age: 0 }, true, [{ name: 'bob', age: 0 }, undefined]])
      }))

    test(`${kind}: what does not fit is not loaded, not set, and said so`, () =>
      withCache(async (cache) => {
        const users = cache.namespace('users', { schema: new UserSchema(isAsync), errorTtl: 0 })
        const refused = { code: 'ERR_CACHE_SCHEMA', message: /"a" must fit its schema: name: no text/ }
        await assert.rejects(users.getOrSet('a', () => ({}) as User), refused)
        await assert.rejects(users.set('a', {} as User), refused)
        await assert.rejects(users.setMany([{ key: 'a', value: {} as User }]), refused)
        assert.equal(await cache.namespace('users').get('a'), undefined)
        assert.equal(await users.getOrSet('a', ({ skip }) => skip()), undefined)
      }))

    test(`${kind}: a load that does not fit leaves the stale value to be served`, () =>
      withCache(async (cache) => {
        const users = cache.namespace('users', { schema: new UserSchema(isAsync), ttl: '1h', grace: '1h' })
        await users.set('a', { name: 'ann', age: 1 })
        await users.expire('a')
        assert.deepEqual(await users.getOrSet('a', () => ({}) as User), { name: 'ann', age: 1 })
      }))

    if (isShared) {
      test(`${kind}: a stored value that does not fit is a miss for those with the schema, and is loaded anew`, () =>
        withTwo(async (old, now) => {
          await old.set('a', { title: 'x' })
          assert.deepEqual([await now.get('a'), await now.has('a'), await now.getMany(['a']), await now.getEntry('a')], [undefined, false, [undefined], { hit: false }])
          assert.deepEqual(await old.get('a'), { title: 'x' })
          assert.ok(now.stats().detail['schema.refused']! > 0)
          const loads = await Promise.all([1, 2, 3].map((age) => now.getOrSet('a', () => ({ name: 'ann', age }))))
          assert.deepEqual(new Set(loads.map(({ age }) => age)).size, 1)
          assert.deepEqual(await old.get('a'), loads[0])
          assert.deepEqual(await now.get('a'), loads[0])
        }, isAsync))

      test(`${kind}: an object that stays decoded is shown to the schema once`, () =>
        withTwo(async (old, now, schema) => {
          await old.set('a', { name: 'ann' })
          for (let i = 0; i < 5; i++) assert.deepEqual(await now.get('a'), { name: 'ann', age: 0 })
          assert.deepEqual((await now.getEntry('a')).hit && (await now.getOrSet('a', () => assert.fail('it is there'))), { name: 'ann', age: 0 })
          assert.equal(schema.count, 1)
          await old.set('a', { name: 'eve' })
          assert.deepEqual(await now.get('a'), { name: 'eve', age: 0 })
          assert.equal(schema.count, 2)
        }, isAsync))

      test(`${kind}: what another process loads for those who wait has to fit as well`, () =>
        withTwo(async (old, now) => {
          const begun = deferred<void>()
          const source = deferred<object>()
          const first = old.getOrSet('a', () => (begun.resolve(), source.promise))
          await begun.promise
          const second = now.getOrSet('a', () => ({ name: 'ann', age: 7 }))
          source.resolve({ title: 'x' })
          assert.deepEqual(await first, { title: 'x' })
          assert.deepEqual(await second, { name: 'ann', age: 7 })
        }, isAsync))
    }
  }

  test('reads without a promise refuse an asynchronous schema', () =>
    withCache(async (cache) => {
      const users = cache.namespace('users', { schema: new UserSchema(true) })
      await cache.namespace('users').set('a', { name: 'ann' })
      for (const read of [() => users.getSync('a'), () => users.peek('a')]) assert.throws(read, { code: 'ERR_CACHE_SCHEMA' })
      assert.equal(users.getSync('none'), undefined)
      const sync = cache.namespace('users', { schema: new UserSchema() })
      assert.deepEqual([sync.getSync('a'), sync.peek('a')], [{ name: 'ann', age: 0 }, { name: 'ann', age: 0 }])
    }))

  test('a function will do: false, a throw and a rejection say no', () =>
    withCache(async (cache) => {
      const checks = [(value: unknown) => value === 'good', (value: unknown) => value === 'good' || assert.fail('thrown'), async (value: unknown) => value === 'good']
      for (const [i, validate] of checks.entries()) {
        const space = cache.namespace(`n${i}`, { validate, errorTtl: 0 })
        assert.equal(await space.getOrSet('a', () => 'good'), 'good')
        await assert.rejects(space.getOrSet('b', () => 'bad'), { code: 'ERR_CACHE_SCHEMA' })
        await cache.namespace(`n${i}`).set('c', 'bad')
        assert.deepEqual([await space.get('c'), await space.get('a')], [undefined, 'good'])
      }
    }))

  test('namespaces below inherit it, and false ends it', () =>
    withCache(async (cache) => {
      const users = cache.namespace('users', { schema: new UserSchema() })
      await assert.rejects(users.namespace('below').set('a', {}), { code: 'ERR_CACHE_SCHEMA' })
      await users.namespace('free', { schema: false }).set('a', {})
    }))

  test('a stored value that does not fit is told to the logger, once a minute and namespace', () => {
    const warned: object[] = []
    const logger = { debug() {}, info() {}, warn: (fields: object) => void warned.push(fields), error() {} }
    return withCache(async (cache) => {
      const users = cache.namespace('users', { schema: new UserSchema() })
      await cache.namespace('users').set('a', { secret: 'hidden' })
      for (let i = 0; i < 3; i++) assert.equal(await users.get('a'), undefined)
      assert.equal(warned.length, 1)
      assert.match(JSON.stringify(warned), /"namespace":"users","key":"a","issues":"name: no text"/)
      assert.doesNotMatch(JSON.stringify(warned), /hidden/)
    }, { logger })
  })

  test('a schema may use the cache', () =>
    withCache(async (cache) => {
      const other = cache.namespace('other')
      const validate = (value: unknown): boolean => other.getSync<object>('x') !== undefined && value !== undefined
      await other.set('x', { big: 'o'.repeat(1000) })
      const space = cache.namespace('n', { validate, ttl: '1h', sliding: '1m' })
      await cache.namespace('n').set('a', { a: 1 })
      for (let i = 0; i < 3; i++) assert.deepEqual(await space.get('a'), { a: 1 })
    }))
})
