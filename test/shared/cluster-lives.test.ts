// What one process makes of an entry's life, all processes of the host go by.
import * as assert from 'node:assert/strict'
import { type Cache, type CacheOptions, createCache } from '../../src'
import { advanceClock, uniqueName, withDirectory } from '../helpers/cache'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'
import { CacheWorker } from '../helpers/workers'

const HOUR = 3_600_000

interface Two {
  /** Of this process. */
  here: Cache
  there: CacheWorker
  /** In both processes. */
  advance(ms: number): Promise<void>
  /** A load in the other process, whose loader gives that. */
  loadThere(key: string, outcome: { value: unknown } | 'etag'): Promise<unknown>
}

function withTwoProcesses(options: CacheOptions, body: (two: Two) => Promise<void>): Promise<void> {
  return withDirectory(async (dir) => {
    const common: CacheOptions = { name: uniqueName(), dir, memory: '8mb', fallback: 'error', jitter: 0, errorTtl: 0, ...options }
    const here = createCache(common)
    const there = new CacheWorker('process')
    try {
      await there.ask({ do: 'open', options: common })
      await body({
        here, there,
        async advance(ms) {
          advanceClock(here, ms)
          await there.ask({ do: 'advance', ms })
        },
        async loadThere(key, outcome) {
          const count = there.settled.length
          await there.load(key)
          await until('its loader runs, or it has its answer', () => there.isLoading || there.settled.length > count)
          if (there.isLoading) there.finish(outcome)
          await until('it has its answer', () => there.settled.length > count)
          return there.settled[count]
        },
      })
    } finally {
      await there.kill()
      await here.close({ unlink: true })
    }
  })
}

suite('lives of entries on a host', (test) => {
  test('a read in one process lengthens a sliding life for all, up to its cap', () =>
    withTwoProcesses({ ttl: '3h', sliding: '1h' }, async ({ here, there, advance }) => {
      await here.set('k', { v: 1 })
      await here.get('k')
      for (let step = 0; step < 4; step++) {
        await advance(0.6 * HOUR)
        assert.deepEqual(step % 2 === 0 ? await there.call('get', 'k') : await here.get('k'), { v: 1 })
      }
      await advance(0.7 * HOUR)
      assert.equal(await here.get('k'), undefined)
      assert.equal(await there.call('get', 'k'), undefined)
    }))

  test('an adaptive life lengthens and shortens with loads of whatever process', () =>
    withTwoProcesses({ ttl: 'adaptive', adaptiveTtl: { min: '1m', max: '1h' }, grace: '10h' }, async ({ here, advance, loadThere }) => {
      const ttlMinutes = async (): Promise<number> => {
        const entry = await here.getEntry('k')
        assert.ok(entry.hit)
        return Math.round(entry.ttlLeft / 60_000)
      }
      await here.getOrSet('k', () => 'v')
      assert.equal(await ttlMinutes(), 1)
      await advance(1.5 * 60_000)
      assert.deepEqual(await loadThere('k', { value: 'v' }), { value: 'v' })
      assert.equal(await ttlMinutes(), 2)
      await advance(3 * 60_000)
      await here.getOrSet('k', () => 'v')
      assert.equal(await ttlMinutes(), 4)
      await advance(5 * 60_000)
      assert.deepEqual(await loadThere('k', { value: 'w' }), { value: 'w' })
      assert.equal(await ttlMinutes(), 2)
    }))

  test('what one process was told not to exist, no other asks for, for negativeTtl', () =>
    withTwoProcesses({ ttl: '10h', negativeTtl: '1m' }, async ({ here, advance, loadThere }) => {
      assert.deepEqual(await loadThere('k', { value: null }), { value: null })
      assert.equal(await here.getOrSet('k', () => assert.fail('it is known')), null)
      await advance(2 * 60_000)
      assert.equal(await here.getOrSet<string | null>('k', () => 'by now'), 'by now')
      assert.deepEqual(await loadThere('k', { value: 'late' }), { value: 'by now' })
    }))

  test('a loader is told the etag that a loader of another process noted', () =>
    withTwoProcesses({ ttl: '1h', grace: '10h' }, async ({ here, advance, loadThere }) => {
      await here.getOrSet('k', ({ modified }) => modified({ v: 1 }, { etag: '"1"' }))
      await advance(2 * HOUR)
      assert.deepEqual(await loadThere('k', 'etag'), { value: '"1"' })
      assert.equal(await here.get('k'), '"1"')
    }))

  test('what one process expires is stale to those that hold it decoded, and is served while another loads', () =>
    withTwoProcesses({ ttl: '1h', grace: '10h' }, async ({ here, there }) => {
      await here.set('k', { v: 1 })
      assert.deepEqual(await here.get('k'), await here.get('k'))
      await there.call('expire', 'k')
      assert.equal(await here.get('k'), undefined)
      await there.load('k')
      await until('it loads', () => there.isLoading)
      assert.deepEqual(await here.getOrSet('k', () => assert.fail('another process loads')), { v: 1 })
      there.finish({ value: { v: 2 } })
      await until('it is loaded', () => there.settled.length === 1)
      assert.deepEqual(await here.get('k'), { v: 2 })
    }))
})
