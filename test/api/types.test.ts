// What the compiler accepts and refuses. The lines marked as errors fail the build when they are none.
import * as assert from 'node:assert/strict'
import { type CacheOptions, createCache, type GetOrSetOptions, type SetOptions } from '../../src'
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

  test('every option the compiler accepts is accepted', () =>
    withDirectory(async (dir) => {
      for (const options of accepted) await createCache({ ...options, dir, memory: '8mb' }).close({ unlink: true })
    }))
})
