// Filling a cache ahead of its readers, and knowing when it is warm.
import * as assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { WarmProgress } from '../../src'
import { advanceClock, withCache, withDirectory } from '../helpers/cache'
import { deferred } from '../helpers/deferred'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const counts = ({ total, stored, present, missing, dropped, failed }: WarmProgress): unknown => ({ total, stored, present, missing, dropped, failed })
const NONE = { stored: 0, present: 0, missing: 0, dropped: 0, failed: 0 }
const MANY = 300

suite('warm', (test) => {
  test('stores what a source gives, in whatever form', () =>
    withCache(async (cache) => {
      const report = await cache.warm([['a', 1], { key: 'b', value: { n: 2 }, tags: ['x'] }, 'c'], { factory: ({ key }) => `${key}!` })
      assert.deepEqual(counts(report), { ...NONE, total: 3, stored: 3 })
      assert.deepEqual(await cache.getMany(['a', 'b', 'c']), [1, { n: 2 }, 'c!'])
      await cache.deleteByTag('x')
      assert.equal(await cache.get('b'), undefined)
      assert.deepEqual(counts(await cache.warm(new Map([['m', 1]]))), { ...NONE, total: 1, stored: 1 })
      async function* slowly(): AsyncGenerator<[string, number]> {
        yield ['d', 4]
        yield ['e', 5]
      }
      assert.equal((await cache.warm(slowly())).total, 2)
      assert.equal((await cache.warm(async () => [['f', 6]] as const)).stored, 1)
      assert.deepEqual(await cache.getMany(['m', 'd', 'e', 'f']), [1, 4, 5, 6])
      assert.equal(await cache.namespace('below').get('a'), undefined)
    }))

  test('does not replace what is there unless it is asked to', () =>
    withCache(async (cache) => {
      await cache.set('a', 'newer')
      const asked: string[] = []
      const factory = ({ key }: { key: string }): string => `${asked.push(key)}`
      assert.deepEqual(counts(await cache.warm(['a', 'b'], { factory })), { ...NONE, total: 2, stored: 1, present: 1 })
      assert.deepEqual(asked, ['b'])
      assert.equal(await cache.get('a'), 'newer')
      assert.equal((await cache.warm([['a', 'older']], { replace: true })).stored, 1)
      assert.equal(await cache.get('a'), 'older')
    }))

  test('what is deleted while its factory runs stays deleted', () =>
    withCache(async (cache) => {
      const gate = deferred<string>()
      const begun = deferred<void>()
      const warmed = cache.warm(['a'], { factory: () => (begun.resolve(), gate.promise) })
      await begun.promise
      await cache.delete('a')
      gate.resolve('outdated')
      assert.equal((await warmed).dropped, 1)
      assert.equal(await cache.get('a'), undefined)
    }))

  test('counts what fails and goes on', () =>
    withCache(async (cache) => {
      const factory = ({ key }: { key: string }): string => {
        if (key === 'b') throw new Error('no b')
        return key
      }
      const report = await cache.warm(['a', 'b', 'c', '', ['d', undefined], 7 as never, ['e', () => {}]], { factory })
      assert.deepEqual(counts(report), { ...NONE, total: 7, stored: 2, failed: 5 })
      const told = Object.fromEntries(report.errors.map(({ key, error }) => [key, (error as { code?: string }).code ?? (error as Error).message]))
      assert.deepEqual([told['b'], told['d'], told['e']], ['no b', 'ERR_CACHE_VALUE', 'ERR_CACHE_VALUE'])
      assert.deepEqual(new Set(report.errors.map(({ key }) => key)), new Set(['b', '', 'd', 'e']))
      assert.equal(await cache.get('c'), 'c')
    }))

  test('has no more under way than it may, and tells how far it has come', () =>
    withCache(async (cache) => {
      let running = 0
      let most = 0
      const told: WarmProgress[] = []
      const factory = async ({ key }: { key: string }): Promise<string> => {
        most = Math.max(most, ++running)
        await new Promise((resolve) => setImmediate(resolve))
        running--
        return key
      }
      const keys = Array.from({ length: MANY }, (_, i) => `k${i}`)
      await cache.warm(keys, { factory, concurrency: 7, onProgress: (progress) => told.push(progress) })
      assert.equal(most, 7)
      assert.deepEqual(told.at(-1), { ...NONE, total: MANY, done: MANY, stored: MANY })
      assert.ok(told.every(({ done, stored }) => done === stored))
    }))

  test('spreads the lives', () =>
    withCache(async (cache) => {
      const keys = Array.from({ length: MANY }, (_, i) => `k${i}`)
      await cache.warm(keys.map((key) => [key, 1] as const), { ttl: 1_000_000 })
      const lives = await Promise.all(keys.map(async (key) => ((await cache.getEntry(key)) as { ttlLeft: number }).ttlLeft))
      assert.ok(Math.min(...lives) >= 499_000 && Math.max(...lives) <= 1_000_000, `${Math.min(...lives)} to ${Math.max(...lives)}`)
      assert.ok(Math.max(...lives) - Math.min(...lives) > 300_000, 'a spread of 300 draws')
      await cache.warm([['exact', 1]], { ttl: 1_000_000, spreadTtl: 0 })
      assert.ok(((await cache.getEntry('exact')) as { ttlLeft: number }).ttlLeft > 990_000)
    }))

  test('ends by its signal, also while the source makes it wait', () =>
    withCache(async (cache) => {
      const abort = new AbortController()
      async function* stuck(): AsyncGenerator<[string, number]> {
        yield ['a', 1]
        await new Promise(() => {})
      }
      const warmed = cache.warm(stuck(), { signal: abort.signal })
      await until('the first entry is there', async () => cache.peek('a') === 1)
      abort.abort(new Error('enough'))
      await assert.rejects(warmed, { message: 'enough' })
      assert.equal(await cache.get('a'), 1)
      for (const concurrency of [1, 8]) {
        const late = new AbortController()
        const hung = cache.warm(['b', 'c'], { factory: () => (late.abort(new Error('late')), new Promise(() => {})), signal: late.signal, concurrency })
        await assert.rejects(hung, { message: 'late' }, 'whatever its factory does')
      }
      await assert.rejects(cache.warm([['d', 1]], { signal: AbortSignal.abort(new Error('before')) }), { message: 'before' })
    }))

  test('rejects with what the source throws, and when the cache is closed', () =>
    withCache(async (cache) => {
      function* broken(): Generator<[string, number]> {
        yield ['a', 1]
        throw new Error('the source broke')
      }
      await assert.rejects(cache.warm(broken()), { message: 'the source broke' })
      assert.equal(await cache.get('a'), 1)
      const endless = cache.warm((function* () { for (let i = 0; ; i++) yield [`k${i}`, i] as const })())
      endless.catch(() => {})
      await until('some are there', () => cache.peek('k10') === 10)
      await cache.close()
      await assert.rejects(endless, { code: 'ERR_CACHE_CLOSED' })
      await assert.rejects(cache.warm([]), { code: 'ERR_CACHE_CLOSED' })
    }))

  test('refuses what is no source and no option', () =>
    withCache(async (cache) => {
      for (const bad of [7, null, undefined, 'abc', {}, { module: './here.js' }, new URL('https://example.org/a.js')]) {
        await assert.rejects(cache.warm(bad as never), { code: 'ERR_CACHE_ARGUMENT' }, String(bad))
      }
      await assert.rejects(cache.warm([], { concurrency: 0 }), { code: 'ERR_CACHE_OPTION' })
      await assert.rejects(cache.warm([], { tll: 5 } as never), { code: 'ERR_CACHE_OPTION' })
      await assert.rejects(cache.warm([], { factory: 5 as never }), { code: 'ERR_CACHE_ARGUMENT' })
      assert.equal((await cache.warm(['k'])).failed, 1, 'a key without a factory')
    }))

  test('runs the source of a module in a thread, and its factory for the keys that are missing', () =>
    withDirectory((dir) => withCache(async (cache) => {
      const file = join(dir, 'source.mjs')
      writeFileSync(file, `
        import { threadId } from 'node:worker_threads'
        export async function* source({ count }) {
          yield ['thread', threadId]
          for (let i = 0; i < count; i++) yield 'k' + i
        }
        export function factory(key, { prefix }) {
          if (key === 'k3') throw new Error('no k3')
          return { text: prefix + key, threadId, at: new Date(0) }
        }`)
      await cache.set('k1', 'newer')
      const data = { count: MANY, prefix: 'made ' }
      const report = await cache.warm({ module: file, data }, { ttl: '1h' })
      assert.deepEqual(counts(report), { ...NONE, total: MANY + 1, stored: MANY - 1, present: 1, failed: 1 })
      assert.match(String(report.errors[0]?.error), /no k3/)
      const threadId = (await cache.get('thread')) as number
      assert.ok(threadId > 0)
      assert.deepEqual(await cache.getMany(['k1', 'k2']), ['newer', { text: 'made k2', threadId, at: new Date(0) }])
      assert.equal((await cache.warm(pathToFileURL(file)).catch((error: unknown) => error)) instanceof Error, true, 'no data for its function')
    })))

  test('a module that cannot be loaded rejects', () =>
    withDirectory((dir) => withCache(async (cache) => {
      await assert.rejects(cache.warm({ module: join(dir, 'none.mjs') }), /none\.mjs/)
      writeFileSync(join(dir, 'plain.cjs'), 'module.exports = [["a", 1]]')
      assert.equal((await cache.warm({ module: join(dir, 'plain.cjs') })).stored, 1)
      writeFileSync(join(dir, 'stuck.cjs'), 'exports.source = function* () { yield ["s", 1]; for (;;); }')
      const abort = new AbortController()
      const stuck = cache.warm({ module: join(dir, 'stuck.cjs') }, { signal: abort.signal })
      setImmediate(() => abort.abort(new Error('enough')))
      await assert.rejects(stuck, { message: 'enough' })
    })))
})

suite('prefetch', (test) => {
  test('loads what is missing with one run, and tells what became of each key', () =>
    withCache(async (cache) => {
      await cache.set('a', 1)
      const runs: string[][] = []
      const factory = (keys: string[]): (string | Error | undefined)[] => {
        runs.push(keys)
        return keys.map((key) => (key === 'c' ? new Error('no c') : key === 'd' ? undefined : `${key}!`))
      }
      const report = await cache.prefetch(['a', 'b', 'c', 'd', 'b', ''], { factory, ttl: '1m' })
      assert.deepEqual(counts(report), { total: 5, stored: 1, present: 1, missing: 1, dropped: 0, failed: 2 })
      assert.deepEqual(runs, [['b', 'c', 'd']])
      assert.equal(await cache.get('b'), 'b!')
      assert.deepEqual(counts(await cache.prefetch(new Set(['a', 'x']))), { ...NONE, total: 2, present: 1, missing: 1 })
      for (const bad of ['abc', 7, null]) await assert.rejects(cache.prefetch(bad as never), { code: 'ERR_CACHE_ARGUMENT' })
      await assert.rejects(cache.prefetch([], { factory: 1 as never }), { code: 'ERR_CACHE_ARGUMENT' })
    }))
})

suite('ready', (test) => {
  test('waits for the share of what is being warmed', () =>
    withCache(async (cache) => {
      await cache.ready({ warm: 1 })
      const gates = Array.from({ length: 10 }, () => deferred<string>())
      const warmed = cache.warm(gates.map((_, i) => `k${i}`), { factory: ({ key }) => gates[Number(key[1])]!.promise })
      let isReady = false
      const ready = cache.ready({ warm: 0.8 }).then(() => (isReady = true))
      for (const gate of gates.slice(0, 7)) gate.resolve('value')
      await until('seven are there', () => cache.peek('k6') === 'value')
      assert.equal(isReady, false)
      await assert.rejects(cache.ready({ warm: 0.8, deadline: 0 }), { code: 'ERR_CACHE_NOT_WARM', message: /7 of 10/ })
      gates[7]!.resolve('value')
      await ready
      await cache.ready()
      gates[8]!.resolve('value')
      gates[9]!.reject(new Error('no'))
      await warmed
      await cache.ready({ warm: 0.9 })
      await assert.rejects(cache.ready({ warm: 0.95 }), { code: 'ERR_CACHE_NOT_WARM' })
      for (const bad of [80, '80%']) await assert.rejects(cache.ready({ warm: bad as never }), { code: 'ERR_CACHE_OPTION' })
    }))

  test('of a source that does not say how much it has, it waits for the end', () =>
    withCache(async (cache) => {
      const gate = deferred<void>()
      async function* source(): AsyncGenerator<[string, number]> {
        yield ['a', 1]
        await gate.promise
        yield ['b', 2]
      }
      const warmed = cache.warm(source())
      await until('the first is there', () => cache.peek('a') === 1)
      await assert.rejects(cache.ready({ warm: 0.1, deadline: 0 }), /an unknown number/)
      gate.resolve()
      await Promise.all([cache.ready({ warm: 1 }), warmed])
      const failing = cache.warm((async function* () { throw new Error('no source') })())
      await assert.rejects(failing)
      await cache.ready({ warm: 1 })
    }))
})

suite('stamps', (test) => {
  test('a namespace does not see what has another stamp, or none, and clears all', () =>
    withCache(async (cache) => {
      const [plain, two, three] = [cache.namespace('users'), cache.namespace('users', { stamp: 'v2' }), cache.namespace('users', { stamp: 'v3' })]
      await plain.set('k', 'none')
      await two.set('k', 'two')
      assert.equal(await three.get('k'), undefined)
      await three.set('k', 'three')
      await three.namespace('below').set('k', 'deep')
      assert.deepEqual(await Promise.all([plain, two, three].map((space) => space.get('k'))), ['none', 'two', 'three'])
      await two.delete('k')
      assert.equal(await three.get('k'), 'three')
      assert.equal(await cache.namespace('users', { stamp: 'v3' }).namespace('below').get('k'), 'deep')
      await two.set('k', 'two')
      await two.clear()
      assert.deepEqual(await Promise.all([plain, two, three].map((space) => space.get('k'))), [undefined, undefined, undefined])
      assert.equal(await three.namespace('below').get('k'), undefined)
      for (const bad of ['~v3', '', 3]) assert.throws(() => cache.namespace('users', { stamp: bad as never }), { code: 'ERR_CACHE_OPTION' })
      assert.throws(() => cache.namespace('~v3'), { code: 'ERR_CACHE_ARGUMENT' })
      const mem = cache.memoize('twice', (n: number) => n * 2, { stamp: 'v1' })
      assert.equal(await mem(4), 8)
    }))

  test('lives go on beside each other', () =>
    withCache(async (cache) => {
      const [two, three] = [cache.namespace('users', { stamp: 'v2', jitter: 0 }), cache.namespace('users', { stamp: 'v3', jitter: 0 })]
      await two.set('k', 2, '1m')
      await three.set('k', 3, '2m')
      advanceClock(cache, 90_000)
      assert.deepEqual([await two.get('k'), await three.get('k')], [undefined, 3])
    }))
})
