// Copies on a host's disk, with Redis behind: asked before it, and never older than what the host has heard.
import * as assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Cache } from '../../src'
import { copying, diskStat } from '../helpers/disk'
import { withHosts } from '../helpers/redis-host'
import { RedisOnce } from '../helpers/redis-once'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const THROUGH = { writeMode: 'through' } as const
const OPTIONS = { jitter: 0, ttl: '1h', memory: '2mb' } as const

suite('copies on a disk with Redis', (test) => {
  let server: RedisOnce
  let disk: string
  test.before(async () => {
    server = await RedisOnce.start()
  })
  test.before.each(async () => {
    await server.admin.flushall()
    disk = mkdtempSync(join(tmpdir(), 'stratacache-disk-'))
  })
  test.after.each(() => rmSync(disk, { recursive: true, force: true }))
  test.after(() => server.stop())

  const onDisk = (): object => ({ ...OPTIONS, disk: { path: disk, minHits: 0 } })

  /** Sets the key and waits until the disk alone of all tiers of the host has it. */
  async function onDiskAlone(cache: Cache, key: string, value: unknown, options = {}): Promise<void> {
    await copying(cache, 1, () => cache.set(key, value, { ...THROUGH, ...options }))
    await evictFar(cache, key)
  }

  /** As `evict`, past Redis. */
  async function evictFar(cache: Cache, key: string): Promise<void> {
    const filler = cache.namespace('filler', { skip: ['l2'] })
    const root = Cache.tableOf(cache).root
    for (let n = 0; root.entry(key, { quiet: true, doubtful: true }) !== undefined; n++) {
      assert.equal(n < 20_000, true, `the table keeps ${key}`)
      await filler.set(`f${n}`, 'x'.repeat(4_000), '900ms')
      for (let use = 0; use < 3; use++) filler.getSync(`f${n - (n % 7)}`)
    }
  }

  test('a value that only the disk of the host has is not asked of Redis', () =>
    withHosts(server.url, 1, async ([host]) => {
      const cache = host!.open(onDisk())
      await cache.ready()
      await onDiskAlone(cache, 'k', { v: 1 }, { tags: ['t'] })
      const asked = cache.stats().detail['reader.hits']
      assert.deepEqual(await cache.get('k'), { v: 1 })
      assert.equal(cache.stats().detail['reader.hits'], asked)
      assert.equal(diskStat(cache, 'hits') > 0, true)
      const entry = await cache.getEntry('k')
      assert.equal(entry.hit && entry.version > 0 && entry.version < 2 ** 52, true)
      await cache.deleteByTag('t')
      assert.equal(await cache.get('k'), undefined)
    }))

  test('a read that passes the disk over asks Redis, and getEntry tells which of them it was', () =>
    withHosts(server.url, 1, async ([host]) => {
      const cache = host!.open(onDisk())
      await cache.ready()
      const tierOf = async (options: { skip?: ['disk'] } = {}): Promise<unknown> => {
        await onDiskAlone(cache, 'k', 'there')
        const entry = await cache.getEntry('k', options)
        return entry.hit && [entry.value, entry.tier]
      }
      assert.deepEqual(await tierOf(), ['there', 'disk'])
      assert.deepEqual(await tierOf({ skip: ['disk'] }), ['there', 'l2'])
      await onDiskAlone(cache, 'k', 'there')
      const hits = diskStat(cache, 'hits')
      assert.equal(await cache.get('k', { skip: ['disk'] }), 'there')
      assert.equal(diskStat(cache, 'hits'), hits)
    }))

  test('what another host has changed is not served from the disk', () =>
    withHosts(server.url, 2, async ([one, two]) => {
      const here = one!.open(onDisk())
      const there = two!.open(OPTIONS)
      await Promise.all([here.ready(), there.ready()])
      await onDiskAlone(here, 'set', 'old')
      await onDiskAlone(here, 'deleted', 'old')
      await onDiskAlone(here, 'tagged', 'old', { tags: ['t'] })
      await onDiskAlone(here, 'kept', 'kept')
      await there.set('set', 'new', THROUGH)
      await there.delete('deleted')
      await there.deleteByTag('t')
      await until('the change is there', async () => (await here.get('set')) === 'new')
      await until('the delete is there', async () => (await here.get('deleted')) === undefined)
      await until('the clear of the tag is there', async () => (await here.get('tagged')) === undefined)
      for (const [key, value] of [['set', 'new'], ['deleted', undefined], ['tagged', undefined], ['kept', 'kept']] as const) {
        await evictFar(here, key)
        assert.equal(await here.get(key), value, key)
      }
      await there.clear()
      await until('the clear is there', async () => (await here.get('kept')) === undefined)
      await evictFar(here, 'kept')
      assert.equal(await here.get('kept'), undefined)
    }))

  test('what this host has written is not served from the disk in an older version, in each write mode', () =>
    withHosts(server.url, 1, async ([host]) => {
      const cache = host!.open(onDisk())
      await cache.ready()
      for (const writeMode of ['behind', 'through', 'around'] as const) {
        const [set, deleted] = [`set-${writeMode}`, `deleted-${writeMode}`] as const
        await onDiskAlone(cache, set, 'old')
        await cache.set(set, 'new', { writeMode })
        assert.equal(await cache.get(set), 'new')
        await onDiskAlone(cache, deleted, 'old')
        await cache.delete(deleted)
        assert.equal(await cache.get(deleted), undefined)
      }
    }))

  test('copies from before changes may have been missed are not served', () =>
    withHosts(server.url, 1, async ([host]) => {
      const cache = host!.open(onDisk())
      await cache.ready()
      await onDiskAlone(cache, 'k', 'old')
      Cache.tableOf(cache).raiseDoubt()
      const hits = diskStat(cache, 'hits')
      assert.equal(await cache.get('k'), 'old', 'from Redis')
      assert.equal(diskStat(cache, 'hits'), hits)
    }))

  test('a new life of the host asks Redis, whatever the disk has', () =>
    withHosts(server.url, 2, async ([one, two]) => {
      const before = one!.open(onDisk())
      await before.ready()
      await onDiskAlone(before, 'k', 'old')
      await one!.reboot()
      const there = two!.open(OPTIONS)
      await there.ready()
      await there.set('k', 'new', THROUGH)
      const after = one!.open(onDisk())
      await after.ready()
      assert.equal(await after.get('k'), 'new')
    }))
})
