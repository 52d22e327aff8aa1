// What outlives the processes of a host: entries in the region, and files of the hottest ones.
import * as assert from 'node:assert/strict'
import { join } from 'node:path'
import { Cache, type CacheOptions, createCache } from '../../src'
import type { SharedL1 } from '../../src/l1/shared-table'
import { uniqueName, withDirectory } from '../helpers/cache'
import { randomOf } from '../helpers/random'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'
import { CacheWorker } from '../helpers/workers'

type Report = { stored: number; present: number; dropped: number; failed: number }

async function withProcess<T>(options: CacheOptions, body: (worker: CacheWorker) => Promise<T>, ends: 'leave' | 'kill' = 'leave'): Promise<T> {
  const worker = new CacheWorker('process')
  try {
    await worker.ask({ do: 'open', options })
    return await body(worker)
  } finally {
    await worker[ends]()
  }
}

const entries = (count: number): [string, unknown][] => Array.from({ length: count }, (_, i) => [`k${i}`, { i }])

suite('warm restart', (test) => {
  const optionsIn = (dir: string): CacheOptions => ({ name: uniqueName(), dir, memory: '8mb', fallback: 'error' })

  for (const ends of ['leave', 'kill'] as const) {
    test(`a new process has what the last one had, which was ${ends === 'kill' ? 'killed' : 'closed'}`, () =>
      withDirectory(async (dir) => {
        const options = optionsIn(dir)
        await withProcess(options, (first) => first.call('warm', entries(500)), ends)
        await withProcess(options, async (second) => {
          assert.deepEqual(await second.call('get', 'k499'), { i: 499 })
          const report = (await second.call('warm', entries(500))) as Report
          assert.deepEqual([report.stored, report.present], [0, 500])
        })
      }))
  }

  test('two builds live side by side under their stamps, and each is warm when it comes back', () =>
    withDirectory(async (dir) => {
      const options = optionsIn(dir)
      const build = (stamp: string): CacheOptions => ({ ...options, stamp })
      await withProcess(build('v2'), (old) =>
        withProcess(build('v3'), async (young) => {
          await old.call('set', 'k', { name: 'a b' })
          assert.equal(await young.call('get', 'k'), undefined)
          await young.call('set', 'k', { first: 'a', last: 'b' })
          assert.deepEqual([await old.call('get', 'k'), await young.call('get', 'k')], [{ name: 'a b' }, { first: 'a', last: 'b' }])
        }))
      await withProcess(build('v2'), async (back) => assert.deepEqual(await back.call('get', 'k'), { name: 'a b' }))
      await withProcess(build('v3'), async (young) => {
        assert.deepEqual(await young.call('get', 'k'), { first: 'a', last: 'b' })
        await young.call('clear')
      })
      await withProcess(build('v2'), async (back) => assert.equal(await back.call('get', 'k'), undefined, 'a clear ends all stamps'))
    }))

  test('what one process exports, another imports into a new region, the hottest first', () =>
    withDirectory(async (dir) => {
      const options = optionsIn(dir)
      const file = join(dir, 'hot')
      await withProcess(options, async (first) => {
        await first.call('warm', entries(2_000))
        for (let round = 0; round < 3; round++) for (let i = 0; i < 100; i++) await first.call('get', `k${i}`)
        const exported = (await first.call('exportHot', file, { limit: 100 })) as { entries: number }
        assert.equal(exported.entries, 100)
      })
      await withProcess({ ...options, name: uniqueName() }, async (second) => {
        const report = (await second.call('importHot', file)) as Report
        assert.deepEqual([report.stored, report.failed], [100, 0])
        for (let i = 0; i < 100; i++) assert.deepEqual(await second.call('get', `k${i}`), { i }, `k${i}`)
        assert.equal(await second.call('get', 'k100'), undefined)
      })
    }))

  test('a scan beside writers, deletes and eviction gives only keys that there are', () =>
    withDirectory(async (dir) => {
      const random = randomOf(seed)
      const options: CacheOptions = { name: uniqueName(), dir, memory: '2mb', fallback: 'error' }
      const workers = [new CacheWorker('thread'), new CacheWorker('thread')]
      const cache = createCache(options)
      try {
        for (const worker of workers) await worker.ask({ do: 'open', options })
        let isOver = false
        const storms = workers.map((worker, w) => worker.call('warm', Array.from({ length: 20_000 }, (_, i) => [`w${w}-${(i * 7) % 4000}`, 'x'.repeat(1 + ((i * 37) % 900))])))
        const stormed = Promise.all(storms).then(() => (isOver = true))
        const table = Cache.tableOf(cache) as SharedL1
        do {
          for (let from: number | undefined = 0; from !== undefined; ) {
            const { found, next } = table.scan(from)
            for (const { key, namespace, bytes, heat } of found) {
              assert.match(key, /^w[01]-\d{1,4}$/)
              assert.equal(namespace, '')
              assert.ok(bytes > key.length && bytes <= key.length + 900 && heat >= 0 && heat <= 7)
              if (random() < 0.01) await cache.delete(key)
            }
            from = next
          }
          await new Promise((resolve) => setImmediate(resolve))
        } while (!isOver)
        await stormed
        assert.deepEqual(table.audit().violations, [])
      } finally {
        await cache.close({ unlink: true })
        for (const worker of workers) await worker.kill()
      }
    }))
})
