import * as assert from 'node:assert/strict'
import type { LoadContext } from '../../src'
import { advanceClock, withCache } from '../helpers/cache'
import { deferred } from '../helpers/deferred'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const HOUR = 3_600_000
const EXACT = { jitter: 0, errorTtl: 0 }

suite('loader context', (test) => {
  test('a loader is told why it runs, what there was, and how often it failed', () =>
    withCache(
      async (cache) => {
        const seen: unknown[] = []
        const note = ({ key, reason, stale, attempt }: LoadContext) => seen.push([key, reason, stale, attempt])
        await cache.getOrSet('k', (context) => (note(context), 'first'))
        await cache.getOrSet('k', (context) => (note(context), 'second'), { forceFresh: true })
        advanceClock(cache, 1.5 * HOUR)
        await cache.getOrSet('k', (context) => (note(context), context.fail('down')))
        advanceClock(cache, 2_000)
        await cache.getOrSet('k', (context) => (note(context), 'third'))
        await cache.delete('k')
        await cache.getOrSet('k', (context) => (note(context), 'fourth'))
        assert.deepEqual(seen, [
          ['k', 'miss', undefined, 1],
          ['k', 'forced', 'first', 1],
          ['k', 'stale', 'second', 1],
          ['k', 'stale', 'second', 2],
          ['k', 'miss', undefined, 1],
        ])
      },
      { ...EXACT, ttl: '1h', grace: '10h' },
    ))

  test('every part may be taken out of the context', () =>
    withCache(async (cache) => {
      assert.equal(await cache.getOrSet('k', ({ setOptions, modified }) => (setOptions({ ttl: '1m' }), modified('v', { etag: 'e' }))), 'v')
      await assert.rejects(cache.getOrSet('l', ({ fail }) => fail('no')), { code: 'ERR_CACHE_LOAD_FAILED', message: 'no' })
      const error = new RangeError('mine')
      await assert.rejects(cache.getOrSet('m', ({ fail }) => fail(error)), (thrown) => thrown === error)
      assert.equal(await cache.getOrSet('n', ({ skip }) => skip()), undefined)
    }, EXACT))

  test('options of a load can come from its value', () =>
    withCache(
      async (cache) => {
        await cache.getOrSet('k', ({ setOptions }) => {
          setOptions({ ttl: '5h' })
          setOptions({ grace: '10h' })
          return 'v'
        })
        advanceClock(cache, 4 * HOUR)
        assert.equal(await cache.get('k'), 'v')
        advanceClock(cache, 4 * HOUR)
        const entry = await cache.getEntry('k')
        assert.ok(entry.hit && entry.stale)
        await assert.rejects(cache.getOrSet('l', ({ setOptions }) => (setOptions({ tll: 1 } as never), 'v')), {
          code: 'ERR_CACHE_OPTION', message: /Did you mean ttl\?/,
        })
        assert.equal(await cache.get('l'), undefined)
      },
      { ...EXACT, ttl: '1h' },
    ))

  test('what a loader says of failures holds for its own', () =>
    withCache(
      async (cache) => {
        let runs = 0
        const busy = ({ setOptions, fail }: LoadContext) => {
          runs++
          setOptions({ errorTtl: '2h', graceBackoff: '2h' })
          return fail('ask again in two hours')
        }
        await cache.set('stale', 'v', { ttl: '1h' })
        advanceClock(cache, 1.5 * HOUR)
        const ask = async (): Promise<void> => {
          await assert.rejects(cache.getOrSet('cold', busy), { message: 'ask again in two hours' })
          assert.equal(await cache.getOrSet('stale', busy), 'v')
        }
        await ask()
        advanceClock(cache, 1.9 * HOUR)
        await ask()
        assert.equal(runs, 2)
        advanceClock(cache, 0.2 * HOUR)
        await ask()
        assert.equal(runs, 4)
      },
      { ...EXACT, grace: '10d', graceBackoff: '1s' },
    ))

  test('a result is kept out of the table by its own skip', () =>
    withCache(async (cache) => {
      assert.equal(await cache.getOrSet('k', ({ setOptions }) => (setOptions({ skip: ['l1'] }), 'too large')), 'too large')
      assert.equal(await cache.get('k'), undefined)
      assert.equal(await cache.getOrSet('k', () => 'v'), 'v')
      assert.equal(await cache.get('k'), 'v')
    }, EXACT))

  test('a load that is skipped keeps what is there', () =>
    withCache(
      async (cache) => {
        await cache.set('k', 'old')
        advanceClock(cache, 2 * HOUR)
        assert.equal(await cache.getOrSet('k', ({ skip }) => skip()), undefined)
        const entry = await cache.getEntry('k')
        assert.ok(entry.hit && entry.stale && entry.value === 'old')
      },
      { ...EXACT, ttl: '1h', grace: '10h' },
    ))

  for (const [kind, value] of [['a string', 'text'], ['an object', { a: 1 }], ['bytes', Buffer.from('b')]] as const) {
    test(`${kind} that was not modified lives on, and keeps its etag`, () =>
      withCache(
        async (cache) => {
          const lastModified = new Date(1_700_000_000_000)
          await cache.getOrSet('k', ({ modified }) => modified(value, { etag: '"1"', lastModified }))
          for (let round = 0; round < 3; round++) {
            advanceClock(cache, 2 * HOUR)
            const asked: unknown[] = []
            const loaded = await cache.getOrSet<unknown>('k', (context) => {
              asked.push(context.etag, context.lastModified, context.stale)
              return context.notModified()
            })
            assert.deepEqual(loaded, value)
            assert.deepEqual(asked, ['"1"', lastModified, value])
            assert.deepEqual(await cache.get('k'), value)
          }
          await cache.getOrSet('k', () => 'plain', { forceFresh: true })
          await cache.getOrSet('k', ({ etag }) => assert.equal(etag, undefined), { forceFresh: true })
        },
        { ...EXACT, ttl: '1h', grace: '10h' },
      ))
  }

  test('a value written by hand has no etag, and what is not there cannot be unmodified', () =>
    withCache(async (cache) => {
      await cache.getOrSet('k', ({ modified }) => modified('v', { etag: 'e' }))
      await cache.set('k', 'w')
      await cache.getOrSet('k', ({ etag, stale }) => assert.deepEqual([etag, stale], [undefined, 'w']), { forceFresh: true })
      await assert.rejects(cache.getOrSet('none', ({ notModified }) => notModified()), { code: 'ERR_CACHE_ARGUMENT' })
      await assert.rejects(cache.getOrSet('long', ({ modified }) => modified(1, { etag: 'e'.repeat(1025) })), { code: 'ERR_CACHE_ARGUMENT' })
      await assert.rejects(cache.getOrSet('date', ({ modified }) => modified(1, { lastModified: new Date(Number.NaN) })), { code: 'ERR_CACHE_ARGUMENT' })
    }, EXACT))

  test('notModified does not bring back what was deleted meanwhile', () =>
    withCache(
      async (cache) => {
        await cache.set('k', 'old')
        advanceClock(cache, 2 * HOUR)
        const loaded = await cache.getOrSet('k', async ({ stale, notModified }) => {
          assert.equal(stale, 'old')
          await cache.delete('k')
          return notModified()
        })
        assert.equal(loaded, 'old')
        assert.equal(await cache.get('k'), undefined)
      },
      { ...EXACT, ttl: '1h', grace: '10h' },
    ))

  test('the signal is aborted when the load may no longer keep others waiting', () =>
    withCache(
      async (cache) => {
        const hung = deferred<string>()
        let signal: AbortSignal | undefined
        const caller = cache.getOrSet('k', (context) => ((signal = context.signal), hung.promise))
        await until('the signal is aborted', () => signal!.aborted)
        assert.equal((signal!.reason as { code: string }).code, 'ERR_CACHE_LOAD_TIMEOUT')
        assert.equal(await cache.getOrSet('k', () => 'second'), 'second')
        hung.resolve('late')
        assert.equal(await caller, 'late')
        assert.equal(await cache.get('k'), 'second')
      },
      { ...EXACT, leaseTimeout: 30 },
    ))
})
