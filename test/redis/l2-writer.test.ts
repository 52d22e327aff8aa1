import * as assert from 'node:assert/strict'
import { inspect } from 'node:util'
import type { EntryResult, PartitionOutcome, WriteRecord } from '../../src/l2/contract'
import { Names } from '../../src/l2/names'
import { Reader } from '../../src/l2/reader'
import { Writer, type WriterOptions } from '../../src/l2/writer'
import { configFor, farKey, ORIGIN, Records, within } from '../helpers/l2'
import { RedisOnce } from '../helpers/redis-once'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const DEADLINE_MS = 5000
const SECRET = 'hunter2'
const names = new Names('shop')
const statesOf = (outcomes: readonly PartitionOutcome[]): string[] => outcomes.flatMap(({ results }) => results.map(({ state }) => state))
const errorOf = (result: EntryResult): { code: string; message: string } => (result as { error: { code: string; message: string } }).error

suite('l2 writer', (test) => {
  let server: RedisOnce
  let records: Records
  const writers: Writer[] = []
  const open = (options: Partial<WriterOptions> = {}, given: unknown = server.url, stuckMs = 500): Writer => {
    const writer = new Writer(configFor(given, { stuckMs }), { origin: ORIGIN, ...options })
    writers.push(writer)
    return writer
  }

  /** A first connection may take longer than a write waits for one. */
  const written = async (writer: Writer, batch: WriteRecord[], options?: { replicas: number }): Promise<PartitionOutcome> => {
    let outcome: PartitionOutcome | undefined
    await until('it is sent', async () => {
      [outcome] = await writer.write(batch, within(DEADLINE_MS), options)
      const [result] = outcome!.results
      return result!.state !== 'unsent' || errorOf(result!).code !== 'ERR_CACHE_L2_UNAVAILABLE'
    })
    return outcome!
  }

  test.before(async () => {
    server = await RedisOnce.start()
  })
  test.before.each(async () => {
    await server.admin.flushall()
    records = new Records()
  })
  test.after.each(async () => {
    for (const writer of writers.splice(0)) await writer.close()
  })
  test.after(() => server.stop())

  test('a large batch goes in parts, in order, and every record gets its answer', async () => {
    const writer = open({ maxEntries: 7 })
    const batch = Array.from({ length: 3000 }, (_, index) => records.make(`k${index % 1000}`, { payload: `v${index}` }))
    const outcomes = await writer.write(batch, within(DEADLINE_MS))
    assert.deepEqual(new Set(statesOf(outcomes)), new Set(['applied']))
    assert.equal(statesOf(outcomes).length, 3000)
    for (const { records: sent, results } of outcomes) {
      assert.equal(sent.length, results.length)
      const versions = results.map((result) => (result as { version: number }).version)
      assert.deepEqual([...versions].sort((a, b) => a - b), versions)
    }
    const reader = new Reader(configFor(server.url))
    const hits = await reader.readMany(Array.from({ length: 1000 }, (_, index) => farKey(`k${index}`)), within(DEADLINE_MS))
    hits.forEach((hit, index) => assert.equal(hit.state === 'hit' && Buffer.from(hit.payload).toString(), `v${2000 + index}`))
    await reader.close()
  })

  test('SCRIPT FLUSH under load is not seen', async () => {
    const writer = open()
    for (let round = 0; round < 100; round++) {
      if (round % 2 === 0) await server.admin.script('FLUSH')
      const outcomes = await writer.write([records.make('a'), records.make('b'), records.make('c')], within(DEADLINE_MS))
      assert.deepEqual(statesOf(outcomes), ['applied', 'applied', 'applied'])
    }
  })

  test('a stalled server gives unknown by the deadline; sent again, each record is applied once', async () => {
    const writer = open()
    await writer.write([records.make('k', { partition: 1 })], within(DEADLINE_MS))
    const batch = [records.make('k', { partition: 1 }), records.make('k', { partition: 1 })]
    await server.admin.call('CLIENT', 'PAUSE', '1000', 'ALL')
    const startMs = performance.now()
    assert.deepEqual(statesOf(await writer.write(batch, within(100))), ['unknown', 'unknown'])
    assert.ok(performance.now() - startMs < 600)
    let outcomes: PartitionOutcome[] = []
    await until('the answer is known', async () => {
      outcomes = await writer.write(batch.map((record) => ({ ...record, resendFloor: 1 })), within(300))
      return statesOf(outcomes).every((state) => state === 'applied')
    })
    assert.equal(await server.admin.hget(names.state(1), 'n'), '3')
  })

  test('a killed server gives unknown or unsent, and nothing is lost when it is back', async () => {
    const writer = open()
    const batch = Array.from({ length: 100 }, (_, index) => records.make(`k${index}`))
    server.signal('SIGSTOP')
    const pending = writer.write(batch, within(400))
    await server.kill()
    for (const state of statesOf(await pending)) assert.ok(state === 'unknown' || state === 'unsent')
    assert.deepEqual(new Set(statesOf(await writer.write(batch, within(100)))), new Set(['unsent']))
    await server.restart()
    await until('all are applied', async () => statesOf(await writer.write(batch, within(500))).every((state) => state === 'applied'))
  })

  test('out of memory is unsent, whole batches at a time, and passes', async () => {
    const writer = open()
    await writer.write([records.make('k', { partition: 2 })], within(DEADLINE_MS))
    await server.admin.config('SET', 'maxmemory-policy', 'noeviction')
    await server.admin.config('SET', 'maxmemory', '1')
    const batch = [records.make('a', { partition: 2 }), records.make('k', { partition: 2, op: 3 }), records.make('b', { partition: 2 })]
    const [outcome] = await writer.write(batch, within(DEADLINE_MS))
    await server.admin.config('SET', 'maxmemory', '0')
    assert.deepEqual(statesOf([outcome!]), ['unsent', 'unsent', 'unsent'])
    assert.equal(errorOf(outcome!.results[0]!).code, 'ERR_CACHE_L2_FULL')
    assert.equal(await server.admin.hget(names.state(2), 'n'), '1')
    assert.deepEqual(statesOf(await writer.write(batch, within(DEADLINE_MS))), ['applied', 'applied', 'applied'])
  })

  test('a control key of another type refuses its partition, and only it', async () => {
    const writer = open()
    await server.admin.set(names.state(3), 'not a hash')
    const outcomes = await writer.write([records.make('a', { partition: 3 }), records.make('b', { partition: 4 })], within(DEADLINE_MS))
    assert.deepEqual(statesOf(outcomes), ['refused', 'applied'])
    assert.equal(errorOf(outcomes[0]!.results[0]!).code, 'ERR_CACHE_L2_REFUSED')
  })

  test('a denied command is named, and what may have come before it can be sent again; the check names all that is missing', async () => {
    await server.admin.call('ACL', 'SETUSER', 'poor', 'on', `>${SECRET}`, '~sc1:*', '&sc1:*', '+@all', '-xadd', '-publish', '-xrange')
    const grant = () => server.admin.call('ACL', 'SETUSER', 'poor', '+@all')
    const url = `redis://poor:${SECRET}@127.0.0.1:${server.port}`
    const writer = open({}, url)
    const record = records.make('k', { payload: SECRET })
    const outcome = await written(writer, [record])
    assert.equal(outcome.results[0]!.state, 'unknown')
    const error = errorOf(outcome.results[0]!)
    assert.equal(error.code, 'ERR_CACHE_L2_DENIED')
    assert.match(error.message, /\+xadd/)
    assert.deepEqual((await writer.missingPermissions(within(DEADLINE_MS))).sort(), ['+publish', '+xadd', '+xrange'])
    await grant()
    assert.equal((await written(writer, [record])).results[0]!.state, 'applied')
    assert.deepEqual(await open().missingPermissions(within(DEADLINE_MS)), [])
  })

  test('foreign keys and channels are denied with the pattern that is missing, and nothing is executed', async () => {
    await server.admin.call('ACL', 'SETUSER', 'fenced', 'on', `>${SECRET}`, '~other:*', '&other:*', '+@all')
    const writer = open({}, `redis://fenced:${SECRET}@127.0.0.1:${server.port}`)
    const outcome = await written(writer, [records.make('k')])
    assert.equal(outcome.results[0]!.state, 'unsent')
    assert.match(errorOf(outcome.results[0]!).message, /~prefix/)
  })

  test('a denied entry and those behind it count as never sent: sent again they are written once, after those before it', async () => {
    const admin = (...words: string[]) => server.admin.call('ACL', 'SETUSER', 'some', ...words)
    await admin('on', `>${SECRET}`, '~*', '&*', '+@all')
    const writer = open({}, `redis://some:${SECRET}@127.0.0.1:${server.port}`)
    const one = { partition: 6 }
    const seqIn = () => server.admin.hget(names.state(6), 'n')
    const clean = async (...batch: WriteRecord[]) => statesOf(await writer.write(batch, within(DEADLINE_MS)))
    assert.deepEqual(await clean(records.make('a', one)), ['applied'])
    for (const [rule, op] of [['-set', 1], ['-setrange', 3], ['-getrange', 3], ['-pexpire', 3]] as const) {
      // Where sets are denied, nothing comes before the first.
      const first = op === 1 ? [] : [records.make('b', one)]
      const rest = [records.make('a', { ...one, op }), records.make('c', one), records.make('d', one)]
      const before = await seqIn()
      await admin(rule)
      assert.deepEqual(await clean(...first, ...rest), [...first.map(() => 'applied'), 'unsent', 'unsent', 'unsent'], rule)
      if (op === 1) assert.equal(await seqIn(), before)
      assert.deepEqual(await clean(...rest), ['unsent', 'unsent', 'unsent'], rule)
      assert.equal(await server.admin.exists(names.data(6, 'n|c')), 0, rule)
      await admin('+@all')
      const outcomes = await writer.write(rest, within(DEADLINE_MS))
      assert.deepEqual(statesOf(outcomes), ['applied', 'applied', 'applied'], rule)
      assert.deepEqual((await writer.write(rest, within(DEADLINE_MS))).map(({ results }) => results), outcomes.map(({ results }) => results), 'answered as before')
      await server.admin.unlink(names.data(6, 'n|c'))
    }
  })

  test('a refused password is told as such and tried at most every five seconds', async () => {
    await server.admin.call('ACL', 'SETUSER', 'locked', 'on', '>other', '~*', '+@all')
    const before = Number(/total_connections_received:(\d+)/.exec(await server.admin.info('stats'))![1])
    const writer = open({}, `redis://locked:${SECRET}@127.0.0.1:${server.port}`)
    await until('the refusal is told', async () => {
      const [outcome] = await writer.write([records.make('k', { opNumber: 1 })], within(50))
      return errorOf(outcome!.results[0]!).code === 'ERR_CACHE_L2_AUTH'
    })
    for (let round = 0; round < 20; round++) await writer.write([records.make('k')], within(50))
    const after = Number(/total_connections_received:(\d+)/.exec(await server.admin.info('stats'))![1])
    assert.ok(after - before <= 2, `${after - before} connections`)
  })

  test('no result shows a password, key or value', async () => {
    const planted = { key: `key-${SECRET}`, payload: `value-${SECRET}` }
    const results: unknown[] = []
    const gather = async (writer: Writer, deadlineMs = 300): Promise<void> => {
      results.push(...(await writer.write([new Records().make(planted.key, { payload: planted.payload, partition: 8 })], within(deadlineMs))).flatMap((outcome) => outcome.results))
    }
    await gather(open({}, `redis://nobody:${SECRET}@127.0.0.1:${server.port}`))
    await server.admin.set(names.state(8), 'x')
    await gather(open())
    await server.admin.call('CLIENT', 'PAUSE', '300', 'ALL')
    await gather(open(), 50)
    await gather(open({}, 'redis://127.0.0.1:1'))
    assert.equal(results.length, 4)
    for (const result of results) {
      const text = inspect(result, { depth: 10, showHidden: true }) + JSON.stringify(result) + (result as { error: Error }).error.stack
      assert.ok(!text.includes(SECRET), text)
    }
    for (const object of [open({}, `redis://a:${SECRET}@127.0.0.1:${server.port}`)]) {
      assert.ok(!inspect(object, { depth: 0 }).includes(SECRET))
    }
  })

  test('WAIT tells how many replicas have a write', async () => {
    const replica = await RedisOnce.start('--replicaof', '127.0.0.1', String(server.port))
    try {
      await until('the primary counts the replica', async () => /state=online/.test(await server.admin.info('replication')))
      const writer = open()
      const record = records.make('k')
      // A busy replica may need longer than one WAIT: sent again, the record is answered as before and waited for again.
      await until('the replica has it', async () => {
        const outcome = await written(writer, [record], { replicas: 1 })
        assert.equal(outcome.results[0]!.state, 'applied')
        return outcome.replicas === 1
      })
      const refused = await written(open({}, replica.url), [records.make('k')])
      assert.equal(errorOf(refused.results[0]!).code, 'ERR_CACHE_L2_READONLY')
      assert.equal(refused.results[0]!.state, 'unsent')
    } finally {
      await replica.stop()
    }
  })

  test('random writers, lost answers and duplicates agree with a model', async () => {
    let state = seed >>> 0
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
    interface Stored { version: number; isTombstone: boolean; source: number; text: string }
    const model = new Map<string, Stored>()
    const hosts = ['h1', 'h2', 'h3'].map((origin) => ({ writer: open({ origin }), records: new Records(), sent: [] as { batch: WriteRecord[]; answers: EntryResult[] }[] }))
    for (let round = 0; round < 400; round++) {
      const host = hosts[random(3)]!
      if (random(4) === 0 && host.sent.length > 0) {
        // The answer was lost, the batch comes again: the same answers, or "done before" for older ones.
        const { batch, answers } = host.sent[host.sent.length - 1 - random(Math.min(2, host.sent.length))]!
        const [again] = await host.writer.write(batch, within(DEADLINE_MS))
        again!.results.forEach((result, index) => assert.ok(result.state === 'dup' || JSON.stringify(result) === JSON.stringify(answers[index]), `${JSON.stringify(result)} for ${JSON.stringify(answers[index])}`))
        continue
      }
      const batch = Array.from({ length: 1 + random(4) }, (): WriteRecord => {
        const key = `k${random(4)}`
        const stored = model.get(key)
        const condition = random(4) as 0 | 1 | 2 | 3
        const expected = condition < 2 ? 0 : random(3) === 0 ? random(5000) : stored?.version ?? 0
        return host.records.make(key, { partition: 11, op: (1 + random(3)) as 1 | 2 | 3, condition, expected, sourceVersion: random(3) === 0 ? 1 + random(20) : 0, payload: `${round}`, hardMs: 0, softMs: 0 })
      })
      const [outcome] = await host.writer.write(batch, within(DEADLINE_MS))
      batch.forEach((record, index) => {
        const stored = model.get(record.key)
        const isLive = stored !== undefined && !stored.isTombstone
        const result = outcome!.results[index]!
        let expected: EntryResult['state'] = 'applied'
        if (record.sourceVersion > 0 && record.condition !== 3 && stored !== undefined && stored.source >= record.sourceVersion) expected = 'older'
        else if (record.condition === 1 && isLive) expected = 'lost'
        else if (record.condition === 2 && !(isLive && stored.version === record.expected)) expected = 'lost'
        else if (record.condition === 3 && (stored?.version ?? 0) > record.expected) expected = 'lost'
        else if (record.op === 3 && !isLive) expected = 'lost'
        assert.equal(result.state, expected, `round ${round}: ${inspect(record)} over ${inspect(stored)}`)
        if (result.state !== 'applied') return
        assert.ok(result.version > (stored?.version ?? 0))
        const text = record.op === 1 ? Buffer.from(record.payload).toString() : record.op === 2 ? '' : stored!.text
        model.set(record.key, { version: result.version, isTombstone: record.op === 2, source: record.op === 3 ? stored!.source : record.sourceVersion, text })
      })
      host.sent.push({ batch, answers: outcome!.results })
    }
    const reader = new Reader(configFor(server.url))
    for (const [key, stored] of model) {
      const result = await reader.read(farKey(key, { partition: 11 }), within(DEADLINE_MS))
      if (stored.isTombstone) assert.deepEqual(result, { state: 'miss', base: stored.version, why: 'deleted' })
      else assert.deepEqual(result.state === 'hit' && [result.version, result.sourceVersion, Buffer.from(result.payload).toString()], [stored.version, stored.source, stored.text])
    }
    await reader.close()
  })
})
