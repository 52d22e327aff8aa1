import * as assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { Names } from '../../src/l2/names'
import { partitionOf } from '../../src/words/partition'
import { Reader } from '../../src/l2/reader'
import { Writer } from '../../src/l2/writer'
import { configFor, farKey, ORIGIN, Records, within } from '../helpers/l2'
import { withProxy } from '../helpers/redis/proxy'
import { RedisOnce } from '../helpers/redis-once'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const names = new Names('shop')
const DEADLINE_MS = 5000
/** How late a settled read may be on a busy machine; a hang would be far beyond. */
const LATE_MS = 400

suite('l2 reader', (test) => {
  let server: RedisOnce
  let writer: Writer
  let reader: Reader
  let records: Records

  test.before(async () => {
    server = await RedisOnce.start()
  })
  test.before.each(async () => {
    await server.admin.flushall()
    writer = new Writer(configFor(server.url), { origin: ORIGIN })
    reader = new Reader(configFor(server.url))
    records = new Records()
  })
  test.after.each(async () => {
    await writer.close()
    await reader.close()
  })
  test.after(() => server.stop())

  const calls = async (command: string): Promise<number> =>
    Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await server.admin.info('commandstats'))?.[1] ?? 0)

  test('all reads of one tick are one MGET', async () => {
    await writer.write([records.make('a'), records.make('b')], within(DEADLINE_MS))
    await reader.read(farKey('a'), within(DEADLINE_MS))
    await server.admin.config('RESETSTAT')
    const keys = Array.from({ length: 100 }, (_, index) => farKey(`k${index}`))
    const [one, many, revalidated] = await Promise.all([
      reader.read(farKey('a'), within(DEADLINE_MS)),
      reader.readMany([...keys, farKey('b')], within(DEADLINE_MS)),
      reader.read(farKey('b'), within(DEADLINE_MS)),
    ])
    assert.deepEqual([one.state, many.length, many.at(-1)!.state, many[0]!.state, revalidated.state], ['hit', 101, 'hit', 'miss', 'hit'])
    assert.deepEqual([await calls('mget'), await calls('get')], [1, 0])
  })

  test('revalidation reads the envelope alone while the version is right', async () => {
    const [outcome] = await writer.write([records.make('k', { payload: 'x'.repeat(100_000) })], within(DEADLINE_MS))
    const { version } = outcome!.results[0] as { version: number }
    await reader.read(farKey('k'), within(DEADLINE_MS))
    await server.admin.config('RESETSTAT')
    const same = await reader.revalidate(farKey('k'), version, within(DEADLINE_MS))
    assert.ok(same.state === 'same' && same.version === version && same.softLeftMs > 0)
    assert.deepEqual([await calls('getrange'), await calls('mget')], [1, 0])
    await writer.write([records.make('k', { payload: 'new' })], within(DEADLINE_MS))
    const changed = await reader.revalidate(farKey('k'), version, within(DEADLINE_MS))
    assert.ok(changed.state === 'hit' && Buffer.from(changed.payload).toString() === 'new')
    await writer.write([records.make('k', { op: 2 })], within(DEADLINE_MS))
    const deleted = await reader.revalidate(farKey('k'), changed.version, within(DEADLINE_MS))
    assert.ok(deleted.state === 'miss' && deleted.why === 'deleted' && deleted.base > changed.version)
    assert.deepEqual(await reader.revalidate(farKey('absent'), 5, within(DEADLINE_MS)), { state: 'miss', base: 0, why: 'absent' })
  })

  test('what is damaged, foreign or too large is a counted miss', async () => {
    const small = new Reader(configFor(server.url, { maxValueBytes: 1000 }))
    await writer.write(['a', 'b', 'big'].map((key) => records.make(key, { payload: key === 'big' ? 'x'.repeat(2000) : 'value' })), within(DEADLINE_MS))
    const nameOf = (key: string): string => names.data(partitionOf('n', key), `n|${key}`)
    const bytes = (await server.admin.getBuffer(nameOf('a')))!
    await server.admin.set(nameOf('b'), bytes)
    const damaged = Buffer.from(bytes)
    damaged[damaged.length - 1]! ^= 1
    await server.admin.set(nameOf('c'), damaged)
    await server.admin.set(nameOf('d'), 'no envelope at all')
    await server.admin.hset(nameOf('e'), 'x', 1)
    const whys = (await small.readMany(['b', 'c', 'd', 'e', 'big'].map((key) => farKey(key)), within(DEADLINE_MS))).map((result) => result.state === 'miss' && result.why)
    assert.deepEqual(whys, ['foreign', 'corrupt', 'corrupt', 'absent', 'oversize'])
    const { foreign, corrupt, oversize } = small.stats()
    assert.deepEqual([foreign, corrupt, oversize], [1, 2, 1])
    await small.close()
  })

  const stalled = async (title: string): Promise<void> => {
    const startMs = performance.now()
    const results = await Promise.all(Array.from({ length: 50 }, (_, index) => reader.read(farKey(`k${index}`), within(50 + index))))
    const tookMs = performance.now() - startMs
    assert.ok(tookMs < 100 + LATE_MS, `${title}: ${tookMs} ms`)
    for (const result of results) assert.ok(result.state === 'failed' && result.error.code === 'ERR_CACHE_L2_TIMEOUT', JSON.stringify(result))
  }

  test('reads end by their deadline under CLIENT PAUSE, and go on after it', async () => {
    await reader.read(farKey('a'), within(DEADLINE_MS))
    await server.admin.call('CLIENT', 'PAUSE', '600', 'ALL')
    await stalled('pause')
    await until('reads work again', async () => (await reader.read(farKey('a'), within(100))).state === 'miss')
    assert.equal(reader.stats()['waiting'], 0)
  })

  test('reads end by their deadline while the server is stopped; its connection is given up', async () => {
    const own = new Reader(configFor(server.url, { stuckMs: 300 }))
    await own.read(farKey('a'), within(DEADLINE_MS))
    await reader.read(farKey('a'), within(DEADLINE_MS))
    server.signal('SIGSTOP')
    try {
      await stalled('stopped')
      await own.read(farKey('a'), within(50))
      await until('it is dropped', () => own.stats()['drops']! > 0)
      const failed = await own.read(farKey('a'), within(DEADLINE_MS))
      assert.ok(failed.state === 'failed')
    } finally {
      server.signal('SIGCONT')
    }
    await until('reads work again', async () => (await own.read(farKey('a'), within(100))).state === 'miss')
    assert.ok(own.stats()['connections']! > 1, 'on another connection')
    await own.close()
  })

  test('without a server reads fail at once, and work when it is back', async () => {
    await server.kill()
    await until('the loss is seen', async () => (await reader.read(farKey('a'), within(100))).state === 'failed')
    const startMs = performance.now()
    const failed = await reader.read(farKey('a'), within(DEADLINE_MS))
    assert.ok(failed.state === 'failed' && failed.error.code === 'ERR_CACHE_L2_UNAVAILABLE')
    assert.ok(performance.now() - startMs < DEADLINE_MS / 2)
    await server.restart()
    await until('reads work again', async () => (await reader.read(farKey('a'), within(100))).state === 'miss')
  })

  test('the first read after the server is back is answered, not only those after the next attempt that was due', () =>
    withProxy({ host: '127.0.0.1', port: server.port }, async (proxy) => {
      const own = new Reader(configFor(`redis://127.0.0.1:${proxy.port}`))
      assert.equal((await own.read(farKey('a'), within(DEADLINE_MS))).state, 'miss')
      await proxy.refuse()
      proxy.reset()
      await until('the loss is seen', async () => (await own.read(farKey('a'), within(DEADLINE_MS))).state === 'failed')
      await proxy.accept()
      const answers = await Promise.all([own.read(farKey('a'), within(DEADLINE_MS)), own.revalidate(farKey('b'), 7, within(DEADLINE_MS))])
      assert.deepEqual(answers.map(({ state }) => state), ['miss', 'miss'])
      await own.close()
    }))

  test('a server that takes connections and never answers holds nobody', async () => {
    const sockets = new Set<Socket>()
    const hole = createServer((socket) => void sockets.add(socket.on('error', () => undefined))).listen(0, '127.0.0.1')
    await once(hole, 'listening')
    const { port } = hole.address() as { port: number }
    for (const given of [`redis://127.0.0.1:${port}`, `redis://user:password@127.0.0.1:${port}/3`]) {
      const lost = new Reader(configFor(given, { stuckMs: 200 }))
      const unheard = new Writer(configFor(given, { stuckMs: 200 }), { origin: ORIGIN })
      for (let round = 0; round < 5; round++) {
        const startMs = performance.now()
        const [result, outcomes] = await Promise.all([
          lost.read(farKey('a'), within(100)),
          unheard.write([records.make('a')], within(100)),
        ])
        assert.equal(result.state, 'failed')
        assert.ok(['unknown', 'unsent'].includes(outcomes[0]!.results[0]!.state))
        assert.ok(performance.now() - startMs < 100 + LATE_MS)
      }
      await lost.close()
      await unheard.close()
    }
    for (const socket of sockets) socket.destroy()
    hole.close()
  })

  test('too many waiting reads fail at once instead of filling the memory', async () => {
    const narrow = new Reader(configFor(server.url), { maxWaiting: 10 })
    const results = await Promise.all(Array.from({ length: 20 }, (_, index) => narrow.read(farKey(`k${index}`), within(DEADLINE_MS))))
    assert.deepEqual(results.map(({ state }) => state).filter((state) => state === 'failed').length, 10)
    await narrow.close()
    const closed = await narrow.read(farKey('a'), within(DEADLINE_MS))
    assert.equal(closed.state, 'failed')
  })
})
