// durability 'disk': what was acknowledged survives a reboot of the host, is applied once, and never over something newer.
import * as assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, readFileSync, renameSync, rmdirSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import type { CacheOptions } from '../../src'
import { Names } from '../../src/l2/names'
import { partitionOf } from '../../src/words/partition'
import { type RedisHost, untilRead, withHosts } from '../helpers/redis-host'
import { RedisOnce } from '../helpers/redis-once'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const DISK: CacheOptions = { durability: 'disk' }
/** Nobody of this process brings its writes to Redis. */
const NOT_SENT: CacheOptions = { durability: 'disk', coordinator: 'off' }
const names = new Names('shop')

/** mulberry32 */
function randomFrom(start: number): () => number {
  let state = start >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Of a file that may be gone by now. */
function contentOf(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

/** Files as they are now; the function puts them back, as a crash leaves them that came before they were cut. */
function savedFiles(paths: readonly string[]): () => void {
  const saved = paths.map((path) => ({ path, bytes: readFileSync(path), time: statSync(path).mtime }))
  return () => {
    for (const { path, bytes, time } of saved) {
      writeFileSync(path, bytes, { mode: 0o600 })
      utimesSync(path, time, time)
    }
  }
}

suite('durability disk', (test) => {
  let server: RedisOnce
  test.before(async () => {
    server = await RedisOnce.start()
  })
  test.before.each(async () => {
    await server.admin.flushall()
  })
  test.after(() => server.stop())

  const inRedis = (key: string): Promise<number> => server.admin.exists(names.data(partitionOf('', key), `|${key}`))
  const filesOf = (host: RedisHost): string[] => host.files('.log', host.disk)

  test('writes that could not be sent survive a reboot', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const writers = [await here!.spawn(NOT_SENT), await here!.spawn(NOT_SENT)]
      for (let i = 0; i < 50; i++) await writers[i % 2]!.call('set', `k${i}`, { i })
      await writers[0]!.call('set', 'twice', 'first')
      await writers[1]!.call('set', 'twice', 'second')
      await writers[0]!.call('set', 'gone', 1)
      await writers[1]!.call('delete', 'gone')
      await writers[0]!.call('set', 'large', 'v'.repeat(600_000))
      await here!.reboot()
      const cache = here!.open(DISK)
      const other = there!.open()
      for (let i = 0; i < 50; i++) await untilRead(other, `k${i}`, { i })
      await untilRead(other, 'twice', 'second')
      await untilRead(other, 'large', 'v'.repeat(600_000))
      assert.equal(await other.get('gone'), undefined)
      assert.equal(await cache.get('twice'), 'second')
      await until('the files of the former life are gone', () => filesOf(here!).length === 0)
    }))

  test('also those that cannot be read at first', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const writers = [await here!.spawn(NOT_SENT), await here!.spawn(NOT_SENT)]
      for (const [i, writer] of writers.entries()) await writer.call('set', `k${i}`, i)
      await here!.reboot()
      const [file] = filesOf(here!)
      renameSync(file!, `${file}.kept`)
      mkdirSync(file!)
      const told: string[] = []
      here!.open({ ...DISK, logger: { info() {}, warn() {}, debug() {}, error: (fields: object, text: string) => void told.push(`${text} ${JSON.stringify(fields)}`) } })
      await until('it is told', () => told.some((line) => line.includes('EISDIR') && line.includes(file!)))
      const other = there!.open()
      // The one that can be read does not wait for the other.
      await until('one of them is there', async () => (await other.get('k0')) === 0 || (await other.get('k1')) === 1)
      rmdirSync(file!)
      renameSync(`${file}.kept`, file!)
      for (const i of [0, 1]) await untilRead(other, `k${i}`, i)
      await until('the files of the former life are gone', () => filesOf(here!).length === 0)
    }))

  test('also when Redis was away, and has lost everything itself', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const writer = await here!.spawn(DISK)
      await writer.call('set', 'sent', 1)
      await until('it is in Redis', async () => (await inRedis('sent')) === 1)
      await server.kill()
      await writer.call('set', 'kept', 2)
      await here!.reboot()
      await server.restart()
      here!.open(DISK)
      await untilRead(there!.open(), 'kept', 2)
    }))

  test('what others wrote after it stays', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const writer = await here!.spawn(NOT_SENT)
      await writer.call('set', 'newer', 'of the former life')
      await writer.call('set', 'deleted', 'of the former life')
      await writer.call('set', 'alone', 'of the former life')
      const other = there!.open({ writeMode: 'through' })
      await other.set('newer', 'of another host')
      await other.set('deleted', 'of another host')
      await other.delete('deleted')
      await here!.reboot()
      const cache = here!.open(DISK)
      await untilRead(other, 'alone', 'of the former life')
      await until('all is judged', () => filesOf(here!).length === 0)
      for (const reader of [cache, other]) {
        assert.equal(await reader.get('newer'), 'of another host')
        assert.equal(await reader.get('deleted'), undefined)
      }
    }))

  test('what the host itself wrote before it gives way', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const leader = await here!.spawn(DISK)
      const writer = await here!.spawn(NOT_SENT)
      await leader.call('set', 'k', 'first')
      await until('the first is in Redis', async () => (await inRedis('k')) === 1)
      await leader.kill()
      await writer.call('set', 'k', 'second')
      await here!.reboot()
      here!.open(DISK)
      await untilRead(there!.open(), 'k', 'second')
    }))

  test('what the host wrote before it in a former life gives way, also to a life that never heard from Redis', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const first = here!.open(DISK)
      await first.set('k', 'first')
      await until('the first is in Redis', async () => (await inRedis('k')) === 1)
      await here!.reboot()
      const writer = await here!.spawn(NOT_SENT)
      await writer.call('set', 'k', 'second')
      await here!.reboot()
      here!.open(DISK)
      const other = there!.open()
      await until('all is judged', () => filesOf(here!).length === 0)
      await untilRead(other, 'k', 'second')
    }))

  test('what another host wrote before it gives way, when the host never heard from Redis', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const other = there!.open({ writeMode: 'through' })
      await other.set('k', 'of another host')
      const writtenMs = Date.now()
      await until('the clock has moved on', () => Date.now() > writtenMs + 100)
      const writer = await here!.spawn(NOT_SENT)
      await writer.call('set', 'k', 'newer')
      await here!.reboot()
      here!.open(DISK)
      await until('all is judged', () => filesOf(here!).length === 0)
      await untilRead(other, 'k', 'newer')
    }))

  test('what a later life of the host wrote stays, when the life before it is read once more', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const writer = await here!.spawn(NOT_SENT)
      await writer.call('set', 'k', 'first life')
      await here!.reboot()
      const restore = savedFiles(filesOf(here!))
      const leader = await here!.spawn(DISK)
      await leader.call('set', 'k', 'second life', { durability: 'l2' })
      await leader.call('set', 'k2', 'makes a file', { durability: 'disk' })
      await leader.kill()
      restore()
      await here!.reboot()
      here!.open(DISK)
      const other = there!.open()
      await until('all is judged', () => filesOf(here!).length === 0)
      await untilRead(other, 'k', 'second life')
    }))

  test('what the host wrote later in the same life stays, when only the older one is still on the disk', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const leader = await here!.spawn(DISK)
      await leader.call('set', 'contact', 1, { writeMode: 'through' })
      await leader.kill()
      const writer = await here!.spawn(NOT_SENT)
      for (const key of ['set', 'deleted', 'conditional']) await writer.call('set', key, 'older')
      await writer.kill()
      const restore = savedFiles(filesOf(here!))
      const next = await here!.spawn(DISK)
      await next.call('set', 'set', 'newer', { durability: 'l2' })
      await next.call('delete', 'deleted', { durability: 'l2' })
      await next.call('delete', 'conditional', { durability: 'l2' })
      assert.notEqual(await next.call('set', 'conditional', 'newer', { ifAbsent: true }), 0)
      await next.kill()
      restore()
      await here!.reboot()
      here!.open(DISK)
      const other = there!.open()
      await until('all is judged', () => filesOf(here!).length === 0)
      await untilRead(other, 'set', 'newer')
      await untilRead(other, 'conditional', 'newer')
      assert.equal(await other.get('deleted'), undefined)
    }))

  test('what the host writes after the reboot is newer', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const writer = await here!.spawn(NOT_SENT)
      await writer.call('set', 'k', 'of the former life')
      await writer.call('set', 'alone', 'of the former life')
      await here!.reboot()
      // Written before anybody leads, and so before the files are read.
      const early = here!.open(NOT_SENT)
      await early.set('k', 'of now')
      here!.open(DISK)
      const other = there!.open()
      await untilRead(other, 'alone', 'of the former life')
      await untilRead(other, 'k', 'of now')
      assert.equal(await early.get('k'), 'of now')
      await until('all is judged', () => !filesOf(here!).some((path) => contentOf(path).includes('former life')))
      assert.equal(await other.get('k'), 'of now')
    }))

  test('a former life is replayed once, however often the leader dies', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const writer = await here!.spawn(NOT_SENT)
      for (let i = 0; i < 300; i++) await writer.call('set', `k${i}`, i)
      await here!.reboot()
      for (let round = 0; round < 5; round++) {
        const leader = await here!.spawn(DISK)
        await until('something is replayed', async () => (await inRedis(`k${round * 60}`)) === 1)
        await leader.kill()
      }
      const other = there!.open({ writeMode: 'through' })
      await other.set('k7', 'newer')
      here!.open(DISK)
      await until('all is judged', () => filesOf(here!).length === 0)
      for (let i = 0; i < 300; i++) assert.equal(await other.get(`k${i}`), i === 7 ? 'newer' : i)
    }))

  test('a cut or damaged end is dropped, and what is before it counts', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      for (const hurt of ['cut', 'damaged', 'noise'] as const) {
        const writer = await here!.spawn(NOT_SENT)
        for (let i = 0; i < 3; i++) await writer.call('set', `${hurt}${i}`, i)
        await writer.kill()
        const [path] = filesOf(here!).filter((name) => readFileSync(name).includes(`${hurt}0`))
        const { size } = statSync(path!)
        if (hurt === 'cut') truncateSync(path!, size - 1)
        if (hurt === 'noise') appendFileSync(path!, Buffer.alloc(100, 0xa5))
        if (hurt === 'damaged') {
          const bytes = readFileSync(path!)
          bytes[size - 1]! ^= 1
          writeFileSync(path!, bytes)
        }
      }
      await here!.reboot()
      const cache = here!.open(DISK)
      const other = there!.open()
      for (const key of ['cut0', 'cut1', 'damaged0', 'damaged1', 'noise0', 'noise1', 'noise2']) await untilRead(other, key, Number(key.at(-1)))
      await until('all is judged', () => filesOf(here!).length === 0)
      for (const key of ['cut2', 'damaged2']) assert.equal(await cache.get(key), undefined)
    }))

  test('what was acknowledged is there, at whatever moment all processes are killed', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const random = randomFrom(seed)
      const other = there!.open()
      const acknowledged = new Map<string, number>()
      for (let life = 0; life < 6; life++) {
        const leader = await here!.spawn(DISK)
        const writer = await here!.spawn(NOT_SENT)
        const end = performance.now() + 50 + random() * 400
        const write = async (n: number): Promise<void> => {
          const key = `k${n % 7}`
          await writer.call('set', key, { n, fill: 'f'.repeat(n % 3 === 0 ? 300_000 : 10) })
          acknowledged.set(key, Math.max(n, acknowledged.get(key) ?? 0))
        }
        let n = life * 10_000
        while (performance.now() < end) await Promise.all([write(n++), write(n++), write(n++)])
        // One that is under way when all ends.
        const last = write(n).catch(() => undefined)
        await Promise.all([leader.kill(), writer.kill()])
        await last
        await here!.reboot()
      }
      here!.open(DISK)
      await until('all is judged', () => filesOf(here!).length === 0)
      for (const [key, n] of acknowledged) {
        await until(`${key} has at least ${n}`, async () => ((await other.get<{ n: number }>(key))?.n ?? -1) >= n)
      }
    }))

  test('the files stay small while Redis takes the writes, and are gone after close', () =>
    withHosts(server.url, 1, async ([here]) => {
      const cache = here!.open(DISK)
      await cache.ready()
      for (let round = 0; round < 30; round++) await Promise.all(Array.from({ length: 50 }, (_, i) => cache.set(`k${i}`, 'v'.repeat(10_000))))
      await until('what is settled is dropped', () => filesOf(here!).every((path) => statSync(path).size < 1_000))
      await cache.close()
      assert.deepEqual(filesOf(here!), [])
    }))

  test('a cleared namespace does not come back', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const leader = await here!.spawn(DISK)
      await leader.call('set', 'contact', 1, { writeMode: 'through' })
      await leader.kill()
      const writer = await here!.spawn({ ...NOT_SENT, namespace: 'n' })
      await writer.call('set', 'k', 1)
      const other = there!.open({ writeMode: 'through' })
      await other.ready()
      await other.namespace('n').clear()
      await here!.reboot()
      here!.open(DISK)
      await until('all is judged', () => filesOf(here!).length === 0)
      assert.equal(await other.namespace('n').get('k'), undefined)
    }))

  test('a life goes on over the reboot', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const writer = await here!.spawn({ ...NOT_SENT, ttl: '1h', grace: '1h' })
      await writer.call('set', 'k', 1)
      await writer.call('set', 'short', 1, { ttl: 1, grace: 0 })
      await here!.reboot()
      here!.open(DISK)
      const other = there!.open()
      await untilRead(other, 'k', 1)
      const entry = await other.getEntry('k')
      assert.ok(entry.hit && entry.ttlLeft > 3_200_000 && entry.ttlLeft <= 3_600_000)
      await until('all is judged', () => filesOf(here!).length === 0)
      assert.equal(await inRedis('short'), 0)
    }))

  test('a disk that takes nothing refuses the acknowledgement, and the write goes on to Redis', () =>
    withHosts(server.url, 1, async ([here]) => {
      writeFileSync(`${here!.disk}/file`, '')
      const cache = here!.open({ ...DISK, l2: { disk: `${here!.disk}/file` } })
      await assert.rejects(cache.set('k', 1), { code: 'ERR_CACHE_DISK' })
      await until('it is in Redis', async () => (await inRedis('k')) === 1)
    }))
})
