// What the compiler accepts and refuses. The lines marked as errors fail the build when they are none.
import * as assert from 'node:assert/strict'
import { type Cache, type CacheOptions, createCache, type GetOrSetOptions, type Keys, type Namespace, type SetOptions, type ValueAt } from '../../src'
import { withCache, withDirectory } from '../helpers/cache'
import { suite } from '../helpers/suite'

export const accepted: CacheOptions[] = [
  {},
  { name: 'a', memory: '1gb', dir: undefined, averageEntryBytes: 200, ttl: '5m', grace: 5_000 },
  { l0: false, fallback: 'error', logger: console, leaseTimeout: '10s', forceFresh: false, namespace: 'n' },
  { l0: { maxItems: 5, maxBytes: '1mb' } },
]

// @ts-expect-error misspelt
export const misspelt: CacheOptions = { memmory: '1gb' }
// @ts-expect-error wrong type
export const mistyped: CacheOptions = { ttl: true }
// @ts-expect-error an option of another level
export const misplaced: GetOrSetOptions = { memory: '1gb' }
// @ts-expect-error an option of another method
export const mismatched: SetOptions = { forceFresh: true }

interface User { id: number; name: string }
interface Post { title: string }

/** Equal as types, not only assignable. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Same<A, B>): void => {}

type Shop = { 'user:{id}': User; 'user:{id}:posts': Post[]; 'post:{user}/{id}': Post | null; motd: string }

same<ValueAt<Shop, 'user:7'>, User>(true)
same<ValueAt<Shop, 'user:7:posts'>, Post[]>(true)
same<ValueAt<Shop, `user:${string}`>, User>(true)
same<ValueAt<Shop, 'motd'>, string>(true)
same<ValueAt<Shop, 'other'>, never>(true)

/** Never run: only the compiler looks. */
export async function typedUse(cache: Cache<Shop>, users: Namespace<Record<string, User>>): Promise<void> {
  const id: string = cache.path
  const user = await cache.get(`user:${id}`)
  same<typeof user, User | undefined>(true)
  const posts = await cache.get(`user:${id}:posts`)
  same<typeof posts, Post[] | undefined>(true)
  const entry = await cache.getEntry('motd')
  if (entry.hit) same<typeof entry.value, string>(true)
  const many = await cache.getMany(['user:1', 'user:2'])
  same<typeof many, (User | undefined)[]>(true)
  const mixed = await cache.getMany(['user:1', 'motd'])
  same<typeof mixed, (User | string | undefined)[]>(true)
  const got = await cache.getOrSet('user:1', () => ({ id: 1, name: 'a' }), '5m')
  same<typeof got, User>(true)
  const skipped = await cache.getOrSet({ key: 'user:1', factory: ({ skip }) => (id === '' ? skip() : { id: 1, name: 'a' }) })
  same<typeof skipped, User | undefined>(true)
  const post = await cache.getOrSet('post:a/1', ({ notFound }) => notFound())
  same<typeof post, Post | null>(true)
  await cache.set('motd', 'hello', { ttl: '5m' })
  await cache.setMany([{ key: 'motd', value: 'hello' }, { key: 'user:1', value: { id: 1, name: 'a' } }])
  await cache.deleteMany(['motd', 'user:1'])
  await cache.has('motd')

  // @ts-expect-error no such key
  await cache.get('users:1')
  // @ts-expect-error no such key
  await cache.delete('other')
  // @ts-expect-error a value of another type
  await cache.set('motd', 5)
  // @ts-expect-error a value of another type
  await cache.setMany([{ key: 'motd', value: { id: 1, name: 'a' } }])
  // @ts-expect-error a loader of another type
  await cache.getOrSet('user:1', () => ({ id: '1' }))
  // @ts-expect-error null is no value here
  await cache.getOrSet('user:1', ({ notFound }) => notFound())

  const one = await users.get('anything')
  same<typeof one, User | undefined>(true)
  // @ts-expect-error a value of another type
  await users.set('anything', 5)

  const named = await cache.namespace<User>('users').get('1')
  same<typeof named, User | undefined>(true)
  const mapped = await cache.namespace<Keys<{ 'cart:{id}': number[] }>>('carts').get('cart:1')
  same<typeof mapped, number[] | undefined>(true)
  const byId = cache.memoize('by-id', async (id: string, deep?: boolean) => ({ id, deep }), { key: (id, deep) => `${id}:${deep}`, ttl: '1m' })
  await byId('1')
  await byId('1', true)
  same<Awaited<ReturnType<typeof byId>>, { id: string; deep: boolean | undefined }>(true)
  const kept = await byId.namespace.get('1')
  same<typeof kept, { id: string; deep: boolean | undefined } | undefined>(true)
  const withContext = cache.memoize('aware', function (id: number) {
    return [id, this.signal.aborted] as const
  })
  same<Parameters<typeof withContext>, [id: number]>(true)
  await withContext.delete(1)
  // @ts-expect-error an argument of another type
  await byId(5)
  // @ts-expect-error an argument of another type
  await withContext.delete('1')

  const free: number | undefined = await cache.namespace('free').get<number>('1')
  const inferred: string | undefined = await cache.namespace('free').get('1')
  same<typeof free, number | undefined>(true)
  same<typeof inferred, string | undefined>(true)
}

suite('types', (test) => {
  test('a loader gives its type to the result', () =>
    withCache(async (cache) => {
      const user: { id: number } = await cache.getOrSet('u', async () => ({ id: 1 }))
      const maybe: string | undefined = await cache.getOrSet('m', () => undefined as string | undefined)
      const named: { id: number } = await cache.getOrSet({ key: 'u', factory: () => ({ id: 2 }), ttl: '5m' })
      const read: number | undefined = await cache.get<number>('none')
      // @ts-expect-error what is read has no type of its own
      const untyped: string = cache.getSync('none')
      assert.deepEqual([user.id, maybe, named.id, read, untyped], [1, undefined, 1, undefined, undefined])
    }))

  test('a map of keys changes nothing at run time', () =>
    withDirectory(async (dir) => {
      const cache = createCache<{ 'user:{id}': User }>({ name: 'typed', dir, memory: '8mb' })
      try {
        await cache.set('user:1', { id: 1, name: 'a' })
        const users = cache.namespace<User>('users')
        assert.deepEqual([(await cache.get('user:1'))?.name, await users.get('1')], ['a', undefined])
      } finally {
        await cache.close({ unlink: true })
      }
    }))

  test('every option the compiler accepts is accepted', () =>
    withDirectory(async (dir) => {
      for (const options of accepted) await createCache({ ...options, dir, memory: '8mb' }).close({ unlink: true })
    }))
})
