// Copies on a disk: what they bring back, and what never comes back.
import * as assert from 'node:assert/strict'
import { closeSync, openSync, readdirSync, statSync, truncateSync, writeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Cache, CacheEntry } from '../../src'
import { copying, type DiskHost, diskStat, evict, withDiskHost } from '../helpers/disk'
import { randomOf } from '../helpers/random'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'
import { CacheWorker } from '../helpers/workers'

const VALUES: [key: string, value: unknown][] = [
  ['latin', 'é'.repeat(100)], ['utf8', '日本語'], ['number', 7], ['null', null], ['bytes', Buffer.from([0, 255, 1])], ['object', { a: [1, { b: null }] }],
  ['map', new Map([[1, 'one']])], ['large', Buffer.alloc(60_000, 7)], ['long', 'x'.repeat(70_000)],
]

/** The key has a copy and is not in the table. */
async function onDiskAlone(cache: Cache, key: string, value: unknown, options?: object): Promise<void> {
  await copying(cache, 1, () => cache.set(key, value, options))
  await evict(cache, key)
}

/** Everything that must end a copy, and what is there afterwards. */
const CHANGES: [name: string, change: (cache: Cache) => Promise<unknown>, after: unknown][] = [
  ['set', (cache) => cache.set('k', 'new'), 'new'],
  ['delete', (cache) => cache.delete('k'), undefined],
  ['expire', (cache) => cache.expire('k'), undefined],
  ['pull', (cache) => cache.pull('k'), undefined],
  ['update', (cache) => cache.update('k', () => 'new'), 'new'],
  ['a forced load', (cache) => cache.getOrSet('k', () => 'new', { forceFresh: true }), 'new'],
  ['clear', (cache) => cache.clear(), undefined],
  ['deleteByTag', (cache) => cache.deleteByTag('t'), undefined],
  ['expireByTag', (cache) => cache.expireByTag(['u', 't']), undefined],
]

suite('copies on a disk', (test) => {
  test('bring back what the table had no room for, as it was', () =>
    withDiskHost({}, async (host) => {
      const cache = await host.open()
      assert.equal(cache.info().disk!.state, 'ready')
      await copying(cache, VALUES.length, () => Promise.all(VALUES.map(([key, value]) => cache.set(key, value))))
      await evict(cache, ...VALUES.map(([key]) => key))
      for (const [key, value] of VALUES) assert.deepEqual(await cache.get(key), value, key)
      await evict(cache, ...VALUES.map(([key]) => key))
      assert.deepEqual(await cache.getMany(VALUES.map(([key]) => key)), VALUES.map(([, value]) => value))
      await evict(cache, ...VALUES.map(([key]) => key))
      for (const [key, value] of VALUES) assert.deepEqual(await cache.getOrSet(key, () => 'loaded'), value, key)
      assert.equal(await cache.getOrSet('absent', () => 'loaded'), 'loaded')
    }))

  test('are shared by all processes and threads of the host', () =>
    withDiskHost({}, async (host) => {
      const cache = await host.open()
      const workers = [new CacheWorker('process'), new CacheWorker('thread')]
      try {
        for (const worker of workers) await worker.ask({ do: 'open', options: host.options })
        for (const [n, worker] of workers.entries()) {
          // A worker's own segment is not evicted.
          const [read, set, deleted] = [`read${n}`, `set${n}`, `deleted${n}`] as const
          await onDiskAlone(cache, read, { n })
          assert.deepEqual(await worker.call('get', read), { n })
          await onDiskAlone(cache, set, 'old')
          await worker.call('set', set, 'new')
          assert.equal(await cache.get(set), 'new')
          await onDiskAlone(cache, deleted, 'old')
          assert.equal(await worker.call('delete', deleted), true)
          assert.equal(await cache.get(deleted), undefined)
        }
      } finally {
        await Promise.all(workers.map((worker) => worker.kill()))
      }
    }))

  for (const [name, change, after] of CHANGES) {
    test(`${name} ends the copy, in this life of the region and the next`, () =>
      withDiskHost({}, async (host) => {
        const options = { tags: ['t'] }
        for (const isEvicted of [true, false]) {
          const cache = await host.open()
          await copying(cache, 1, () => cache.set('k', 'old', options))
          await copying(cache, 1, () => cache.namespace('other').set('k', 'kept', { tags: ['t'] }))
          if (isEvicted) await evict(cache, 'k')
          await change(cache)
          assert.equal(await cache.get('k'), after)
          await evict(cache, 'k')
          const found = await cache.get('k')
          assert.equal(found === undefined || found === after, true, `${name}: ${String(found)}`)
          await cache.close()
          host.reboot()
          const next = await host.open()
          const revived = await next.get('k')
          assert.equal(revived === undefined || revived === after, true, `${name}, next life: ${String(revived)}`)
          if (name !== 'clear') assert.equal(await next.namespace('other').get('k'), 'kept')
          await next.clear()
          await next.close()
          host.reboot()
        }
      }))
  }

  test('survive a reboot, with tags, lives and ages', () =>
    withDiskHost({}, async (host) => {
      const cache = await host.open()
      await copying(cache, 4, async () => {
        await cache.set('ever', { n: 1 })
        await cache.namespace('a').namespace('b').set('deep', 'kept')
        await cache.set('short', 'gone', { ttl: '3s' })
        await cache.set('tagged', 'kept', { ttl: '1h', tags: ['t', 'u'] })
      })
      await cache.close()
      host.reboot()
      const next = await host.open()
      assert.deepEqual(await next.get('ever'), { n: 1 })
      assert.equal(await next.namespace('a').namespace('b').get('deep'), 'kept')
      const entry = (await next.getEntry('tagged')) as Extract<CacheEntry<unknown>, { hit: true }>
      assert.deepEqual([entry.value, entry.tags], ['kept', ['t', 'u']])
      assert.equal(entry.ttlLeft <= 3_600_000 && entry.ttlLeft > 3_500_000, true)
      assert.equal(entry.age > 0, true)
      await until('the short life is over', async () => (await next.get('short')) === undefined)
      await next.deleteByTag('u')
      assert.equal(await next.get('tagged'), undefined)
      assert.deepEqual(await next.get('ever'), { n: 1 })
    }))

  test('survive processes that were killed, and a reboot after that', () =>
    withDiskHost({}, async (host) => {
      const worker = new CacheWorker('process')
      await worker.ask({ do: 'open', options: host.options })
      const cache = await host.open()
      await copying(cache, 1, () => cache.set('k', 'kept'))
      await worker.call('set', 'other', 1)
      await worker.kill()
      await evict(cache, 'k')
      assert.equal(await cache.get('k'), 'kept')
      await cache.close()
      host.reboot()
      assert.equal(await (await host.open()).get('k'), 'kept')
    }))

  test('that a namespace lost by its own clear or one above stay lost, those beside it do not', () =>
    withDiskHost({}, async (host) => {
      const cache = await host.open()
      const paths = ['a', 'a/b', 'a/b/c', 'd']
      const at = (from: Cache, path: string) => path.split('/').reduce((space, name) => space.namespace(name), from as Pick<Cache, 'namespace' | 'get' | 'set' | 'clear'>)
      await copying(cache, paths.length, () => Promise.all(paths.map((path) => at(cache, path).set('k', path))))
      await at(cache, 'a/b').clear()
      await cache.close()
      host.reboot()
      const next = await host.open()
      const found = await Promise.all(paths.map((path) => at(next, path).get('k')))
      assert.deepEqual(found, ['a', undefined, undefined, 'd'])
    }))

  test('of a region in which something changed unseen are not used in the next life', () =>
    withDiskHost({}, async (host) => {
      const cache = await host.open()
      await onDiskAlone(cache, 'k', 'old')
      // As a process that was not given the option.
      const stranger = await host.open({ disk: undefined })
      assert.equal(await stranger.delete('k'), false)
      assert.equal(await cache.get('k'), undefined)
      await stranger.close()
      await cache.close()
      host.reboot()
      assert.equal(await (await host.open()).get('k'), undefined)
    }))

  test('are not used by a region that was there before the option', () =>
    withDiskHost({}, async (host) => {
      const cache = await host.open()
      await copying(cache, 1, () => cache.set('k', 'old'))
      await cache.close()
      host.reboot()
      const stranger = await host.open({ disk: undefined })
      await stranger.delete('k')
      const late = await host.open()
      assert.equal(await late.get('k'), undefined)
    }))

  test('of a former life are dropped when changes were acknowledged that they may have missed', () =>
    withDiskHost({}, async (host) => {
      const cache = await host.open()
      await copying(cache, 1, () => cache.set('k', 'old'))
      await cache.close()
      const [file] = host.files()
      const place = file!.slice(0, file!.lastIndexOf('/'))
      closeSync(openSync(`${place}/owed-0123456789abcdef-0123456789ab`, 'w'))
      host.reboot()
      const next = await host.open()
      assert.equal(await next.get('k'), undefined)
      assert.deepEqual(readdirSync(place).filter((name) => name.startsWith('owed')), [])
      await copying(next, 1, () => next.set('k', 'new'))
      await next.close()
      host.reboot()
      assert.equal(await (await host.open()).get('k'), 'new')
    }))

  test('are found by whatever depends on the present value', () =>
    withDiskHost({}, async (host) => {
      const cache = await host.open()
      await onDiskAlone(cache, 'k', 'there')
      assert.equal(await cache.set('k', 'other', { ifAbsent: true }), 0)
      await onDiskAlone(cache, 'k', 'there')
      assert.equal(await cache.has('k'), true)
      await evict(cache, 'k')
      const entry = await cache.getEntry('k')
      assert.deepEqual([entry.hit && entry.value, entry.hit && entry.tier], ['there', 'disk'])
      await evict(cache, 'k')
      assert.equal(await cache.touch('k', '1h'), true)
      assert.equal(await cache.get('k'), 'there')
      await onDiskAlone(cache, 'n', 5)
      assert.equal(await cache.incr('n'), 6)
      await onDiskAlone(cache, 'n', 5)
      assert.equal(await cache.pull('n'), 5)
      assert.equal(await cache.pull('n'), undefined)
      await onDiskAlone(cache, 'n', 5)
      assert.equal(await cache.update<number>('n', (n) => n! * 2), 10)
      await onDiskAlone(cache, 'n', 5)
      assert.equal(await cache.delete('n'), true)
      assert.equal(await cache.delete('n'), false)
    }))

  test('are passed over where the call or the cache says so', () =>
    withDiskHost({}, async (host) => {
      const cache = await host.open()
      await onDiskAlone(cache, 'k', 'there')
      assert.equal(await cache.get('k', { skip: ['disk'] }), undefined)
      assert.equal(await cache.getOrSet('k', () => 'loaded', { skip: ['disk'] }), 'loaded')
      await onDiskAlone(cache, 'k', 'there')
      cache.features.set('disk', false)
      assert.equal(await cache.get('k'), undefined)
      cache.features.set('disk', true)
      assert.equal(await cache.get('k'), 'there')
    }))

  test('that are stale keep what is older at its source out, and nothing else', () =>
    withDiskHost({ grace: '1h' }, async (host) => {
      const cache = await host.open()
      await copying(cache, 1, () => cache.set('k', 'newer', { ttl: '1500ms', version: 7 }))
      await evict(cache, 'k')
      await until('it is stale', async () => !(await cache.getEntry('k')).hit || (await cache.getEntry('k') as CacheEntry<string> & { hit: true }).stale)
      await evict(cache, 'k')
      assert.equal(await cache.set('k', 'older', { version: 6 }), 0)
      assert.equal(await cache.set('k', 'as old', { version: 7 }), 0)
      assert.ok(await cache.set('k', 'newest', { version: 8 }) > 0)
      assert.equal(await cache.get('k'), 'newest')
    }))

  test('that are stale stand in for a loader that fails', () =>
    withDiskHost({ grace: '1h' }, async (host) => {
      const cache = await host.open()
      await copying(cache, 1, () => cache.set('k', 'stale', { ttl: '1500ms' }))
      await evict(cache, 'k')
      await pause(1_600)
      assert.equal(await cache.get('k'), undefined)
      await evict(cache, 'k')
      assert.equal(await cache.getOrSet('k', () => Promise.reject(new Error('down')), { ttl: '1s' }), 'stale')
    }))

  test('are made of what was used often enough', () =>
    withDiskHost({}, async (host) => {
      const cache = await host.open({ disk: { path: host.disk, minHits: 1 } })
      await cache.set('unused', 1)
      await copying(cache, 1, async () => {
        await cache.set('used', 1)
        for (let n = 0; n < 4; n++) await cache.get('used')
      })
      await evict(cache, 'used', 'unused')
      assert.equal(await cache.get('unused'), undefined)
      assert.equal(await cache.get('used'), 1)
    }))

  test('stay within their bytes', () =>
    withDiskHost({}, async (host) => {
      const maxBytes = 2 * 1024 * 1024
      const cache = await host.open({ disk: { path: host.disk, minHits: 0, maxBytes } })
      for (let round = 0; round < 10; round++) {
        await copying(cache, 200, async () => {
          for (let n = 0; n < 200; n++) await cache.set(`${round}:${n}`, 'x'.repeat(4_000))
        })
      }
      assert.equal(diskStat(cache, 'bytes') <= maxBytes, true)
      assert.equal(diskStat(cache, 'trimmed') > 0, true)
      const { size } = statSync(host.files().at(-1)!)
      assert.equal(size <= 1.5 * maxBytes, true, `${size} bytes`)
    }))

  test('go with the region that is unlinked', () =>
    withDiskHost({}, async (host) => {
      const cache = await host.open()
      await copying(cache, 1, () => cache.set('k', 1))
      await cache.close({ unlink: true })
      assert.deepEqual(readdirSync(host.disk), [])
      assert.equal(await (await host.open()).get('k'), undefined)
    }))
})

/** Copies of keys with values that tell the key. */
async function filled(host: DiskHost, count: number): Promise<void> {
  const cache = await host.open()
  await copying(cache, count, async () => {
    for (let n = 0; n < count; n++) await cache.set(`k${n}`, valueOf(n))
  })
  await cache.close()
}

const valueOf = (n: number): string => `${n}:`.repeat(200 + (n % 7) * 400)

suite('a damaged disk', (test) => {
  test('that was cut off is dropped, and used anew', () =>
    withDiskHost({ memory: '8mb' }, async (host) => {
      await filled(host, 300)
      for (const part of [0.9, 0.3, 0.001]) {
        const file = host.files().at(-1)!
        truncateSync(file, Math.floor(statSync(file).size * part))
        host.reboot()
        const cache = await host.open()
        for (let n = 0; n < 300; n += 10) {
          const found = await cache.get(`k${n}`)
          assert.equal(found === undefined || found === valueOf(n), true)
        }
        await copying(cache, 1, () => cache.set('again', part))
        await evict(cache, 'again')
        assert.equal(await cache.get('again'), part)
        await cache.close()
      }
    }))

  test('gives no value that was not stored under the key', () =>
    withDiskHost({ memory: '8mb' }, async (host) => {
      const random = randomOf(seed)
      await filled(host, 300)
      for (let round = 0; round < 6; round++) {
        const file = host.files().at(-1)!
        const { size } = statSync(file)
        const fd = openSync(file, 'r+')
        // Values fill most of the file; the first pages say what it is.
        for (let n = 0; n < 40; n++) writeSync(fd, Buffer.from([random() * 256]), 0, 1, 8_192 + Math.floor(random() * (size - 8_192)))
        closeSync(fd)
        host.reboot()
        const worker = new CacheWorker('process')
        try {
          await worker.ask({ do: 'open', options: host.options })
          for (let n = 0; n < 300; n++) {
            const found = await worker.call('get', `k${n}`).catch((error: Error) => {
              // A page of the tree, changed while its file is in use, may end the process that reads it.
              assert.match(error.message, /the worker is gone/)
              return undefined
            })
            assert.equal(found === undefined || found === valueOf(n), true)
          }
        } finally {
          await worker.kill()
        }
      }
    }))
})
