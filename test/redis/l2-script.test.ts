// What one batch does in Redis, rule by rule.
import * as assert from 'node:assert/strict'
import type { EntryResult, WriteRecord } from '../../src/l2/contract'
import { decodeMessage, type Message } from '../../src/l2/message'
import { Names, suffixOf } from '../../src/l2/names'
import { partitionOf } from '../../src/words/partition'
import { Reader } from '../../src/l2/reader'
import { seqOf } from '../../src/l2/version'
import { Writer } from '../../src/l2/writer'
import { configFor, farKey, ORIGIN, Records, within } from '../helpers/l2'
import { RedisOnce } from '../helpers/redis-once'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const DEADLINE_MS = 5000
const names = new Names('shop')

suite('l2 write script', (test) => {
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

  const writeAll = async (...batch: WriteRecord[]): Promise<EntryResult[]> => {
    const outcomes = await writer.write(batch, within(DEADLINE_MS))
    const resultOf = new Map(outcomes.flatMap(({ records: sent, results }) => sent.map((record, index) => [record, results[index]!])))
    return batch.map((record) => resultOf.get(record)!)
  }
  const write = async (record: WriteRecord): Promise<EntryResult> => (await writeAll(record))[0]!
  const applied = async (record: WriteRecord): Promise<number> => {
    const result = await write(record)
    assert.equal(result.state, 'applied', JSON.stringify(result))
    return (result as { version: number }).version
  }
  const read = (key: string, nsEpoch = 0) => reader.read(farKey(key, { nsEpoch }), within(DEADLINE_MS))
  const textOf = async (key: string): Promise<string> => {
    const result = await read(key)
    return result.state === 'hit' ? Buffer.from(result.payload).toString() : result.state === 'miss' ? result.why : result.state
  }

  test('a set is read with its version, codec, life and source version', async () => {
    const version = await applied(records.make('k', { codec: 4, sourceVersion: 7, softMs: 1000, hardMs: 5000 }))
    const hit = await read('k')
    assert.ok(hit.state === 'hit')
    assert.deepEqual([hit.version, hit.codec, hit.sourceVersion, Buffer.from(hit.payload).toString()], [version, 4, 7, 'value of k'])
    assert.ok(hit.softLeftMs > 0 && hit.softLeftMs <= 1000 && hit.hardLeftMs > 1000 && hit.hardLeftMs <= 5000)
    const ttl = await server.admin.pttl(names.data(partitionOf('n', 'k'), 'n|k'))
    assert.ok(ttl > 1000 && ttl <= 5000)
  })

  test('a value without an end has none in Redis either', async () => {
    await applied(records.make('k', { hardMs: 10_000 }))
    await applied(records.make('k', { softMs: 0, hardMs: 0 }))
    assert.equal(await server.admin.pttl(names.data(partitionOf('n', 'k'), 'n|k')), -1)
    const hit = await read('k')
    assert.ok(hit.state === 'hit' && hit.hardLeftMs === Number.POSITIVE_INFINITY && hit.softLeftMs === Number.POSITIVE_INFINITY)
  })

  test('versions of a partition rise by one sequence each', async () => {
    const one = { partition: 3 }
    const versions: number[] = []
    for (const key of ['a', 'b', 'a']) versions.push(await applied(records.make(key, one)))
    const batch = await writeAll(records.make('c', one), records.make('d', one))
    versions.push(...batch.map((result) => (result as { version: number }).version))
    assert.deepEqual(versions.map(seqOf), [1, 2, 3, 4, 5])
    assert.deepEqual([...versions].sort((a, b) => a - b), versions)
  })

  test('a delete leaves a tombstone that a late fill loses against', async () => {
    await applied(records.make('k'))
    const base = 0
    const deleted = await applied(records.make('k', { op: 2 }))
    assert.deepEqual(await read('k'), { state: 'miss', base: deleted, why: 'deleted' })
    assert.deepEqual(await write(records.make('k', { condition: 3, expected: base })), { state: 'lost' })
    assert.equal(await textOf('k'), 'deleted')
    await applied(records.make('k', { condition: 3, expected: deleted, payload: 'fresh' }))
    assert.equal(await textOf('k'), 'fresh')
  })

  test('a fill of an absent key is stored, over a newer value it is lost', async () => {
    await applied(records.make('k', { condition: 3, expected: 0 }))
    assert.deepEqual(await write(records.make('k', { condition: 3, expected: 0 })), { state: 'lost' })
  })

  test('"absent" holds where nothing lives: no key, a tombstone, a cleared value', async () => {
    await applied(records.make('k', { condition: 1 }))
    assert.deepEqual(await write(records.make('k', { condition: 1 })), { state: 'lost' })
    await applied(records.make('k', { condition: 1, nsEpoch: 1, payload: 'after the clear' }))
    await applied(records.make('k', { op: 2 }))
    await applied(records.make('k', { condition: 1 }))
  })

  test('"version" holds for that version alone', async () => {
    const version = await applied(records.make('k'))
    assert.deepEqual(await write(records.make('k', { condition: 2, expected: version + 1024 })), { state: 'lost' })
    const next = await applied(records.make('k', { condition: 2, expected: version, payload: 'next' }))
    assert.deepEqual(await write(records.make('k', { op: 2, condition: 2, expected: version })), { state: 'lost' })
    await applied(records.make('k', { op: 2, condition: 2, expected: next }))
    assert.deepEqual(await write(records.make('k', { condition: 2, expected: next })), { state: 'lost' })
  })

  test('a source version has to be newer than the stored one, deleted ones too', async () => {
    await applied(records.make('k', { sourceVersion: 5 }))
    assert.deepEqual(await write(records.make('k', { sourceVersion: 5 })), { state: 'older' })
    assert.deepEqual(await write(records.make('k', { sourceVersion: 4 })), { state: 'older' })
    await applied(records.make('k', { op: 2, sourceVersion: 6 }))
    assert.deepEqual(await write(records.make('k', { sourceVersion: 6 })), { state: 'older' })
    await applied(records.make('k', { sourceVersion: 2 ** 51 }))
    assert.deepEqual(await write(records.make('k', { sourceVersion: 2 ** 51 - 1 })), { state: 'older' })
  })

  test('touch gives a new life and a new version, and keeps the value', async () => {
    const before = await applied(records.make('k', { softMs: 1000, hardMs: 2000 }))
    const after = await applied(records.make('k', { op: 3, softMs: 50_000, hardMs: 90_000 }))
    const hit = await read('k')
    assert.ok(hit.state === 'hit' && after > before)
    assert.equal(hit.version, after)
    assert.ok(hit.softLeftMs > 40_000 && hit.hardLeftMs > 80_000)
    assert.equal(Buffer.from(hit.payload).toString(), 'value of k')
    await applied(records.make('k', { op: 3, softMs: 0, hardMs: 0 }))
    assert.equal(await server.admin.pttl(names.data(partitionOf('n', 'k'), 'n|k')), -1)
  })

  test('touch and expire of what is not there are lost', async () => {
    assert.deepEqual(await write(records.make('k', { op: 3 })), { state: 'lost' })
    await applied(records.make('k', { op: 2 }))
    assert.deepEqual(await write(records.make('k', { op: 4 })), { state: 'lost' })
    assert.equal(await server.admin.exists(names.data(partitionOf('n', 'other'), 'n|other')), 0)
  })

  test('expire ends the soft life and keeps the grace', async () => {
    await applied(records.make('k', { softMs: 50_000, hardMs: 80_000 }))
    await applied(records.make('k', { op: 4 }))
    const hit = await read('k')
    assert.ok(hit.state === 'hit')
    assert.equal(hit.softLeftMs, 0)
    assert.ok(hit.hardLeftMs > 25_000 && hit.hardLeftMs <= 30_000, String(hit.hardLeftMs))
    await applied(records.make('k', { op: 4 }))
    const again = await read('k')
    assert.ok(again.state === 'hit' && again.hardLeftMs > 20_000)
  })

  test('expire of a value without grace takes it away', async () => {
    await applied(records.make('k', { softMs: 0, hardMs: 0 }))
    await applied(records.make('k', { op: 4 }))
    await until('it is gone', async () => (await read('k')).state === 'miss')
  })

  test('expire tells whether what it ended was what was expected, also when it is sent again', async () => {
    const version = await applied(records.make('k', { hardMs: 80_000 }))
    assert.ok(!('isOther' in (await write(records.make('k', { op: 4, condition: 3, expected: version })))))
    const other = records.make('k', { op: 4, condition: 3, expected: version })
    const answer = await write(other)
    assert.ok(answer.state === 'applied' && answer.isOther === true)
    assert.deepEqual(await write(other), answer)
    // What the same call has written is expected.
    const pair = [records.make('p', { partition: 7, hardMs: 80_000 }), records.make('p', { partition: 7, op: 4, condition: 3, expected: -1 })]
    const [outcome] = await writer.write(pair, within(DEADLINE_MS))
    assert.ok(outcome!.results.every((result) => result.state === 'applied' && result.isOther === undefined))
    const again = await write(records.make('p', { partition: 7, op: 4, condition: 3, expected: -1 }))
    assert.ok(again.state === 'applied' && again.isOther === true)
  })

  test('a new life over what the same call has written goes over nothing else', async () => {
    const pair = [records.make('k', { partition: 7 }), records.make('k', { partition: 7, condition: 3, expected: -1 })]
    const [outcome] = await writer.write(pair, within(DEADLINE_MS))
    assert.deepEqual(outcome!.results.map(({ state }) => state), ['applied', 'applied'])
    assert.deepEqual(await write(records.make('k', { partition: 7, condition: 3, expected: -1 })), { state: 'lost' })
  })

  test('a batch sent again changes nothing and gives the same answers', async () => {
    const one = { partition: 9 }
    const first = records.make('a', one)
    const batch = [records.make('b', one), records.make('a', { ...one, condition: 1 }), records.make('c', one)]
    await applied(first)
    const answers = await writeAll(...batch)
    assert.deepEqual(answers.map(({ state }) => state), ['applied', 'lost', 'applied'])
    const before = await server.admin.hget(names.state(9), 'n')
    assert.deepEqual(await writeAll(...batch), answers)
    assert.deepEqual(await writeAll(batch[0]!), [answers[0]])
    assert.deepEqual(await writeAll(first), [{ state: 'dup' }])
    assert.equal(await server.admin.hget(names.state(9), 'n'), before)
    const mixed = await writeAll(...batch.slice(1), records.make('d', one))
    assert.deepEqual(mixed.slice(0, 2), answers.slice(1))
    assert.equal(mixed[2]!.state, 'applied')
    assert.equal(await server.admin.hget(names.state(9), 'n'), String(Number(before) + 1))
  })

  test('two hosts with the same op numbers do not take each other for duplicates', async () => {
    const other = new Writer(configFor(server.url), { origin: 'other' })
    await applied(records.make('k', { payload: 'ours' }))
    const [outcome] = await other.write([new Records().make('k', { payload: 'theirs' })], within(DEADLINE_MS))
    assert.equal(outcome!.results[0]!.state, 'applied')
    assert.equal(await textOf('k'), 'theirs')
    await other.close()
  })

  test('clear raises the epoch of its namespace, never below what the host knew', async () => {
    const clear = (expected = 0) => records.make('', { op: 5, namespace: 'a/b', partition: 256, expected })
    assert.equal(await applied(clear()), 1)
    assert.equal(await applied(clear()), 2)
    assert.equal(await applied(clear(41)), 42)
    assert.equal(await server.admin.hget(names.state(256), '|a/b'), '42')
    assert.ok(Number(await server.admin.hget(names.state(256), '|')) > 0, 'the root has an epoch of its own')
  })

  test('values of another epoch are misses that a fill may replace', async () => {
    const version = await applied(records.make('k'))
    assert.deepEqual(await read('k', 1), { state: 'miss', base: version, why: 'cleared' })
    await applied(records.make('k', { condition: 3, expected: version, nsEpoch: 1 }))
    assert.equal((await read('k', 1)).state, 'hit')
  })

  test('after FLUSHALL a partition begins anew: other epoch, sequence above what the host knew', async () => {
    const one = { partition: 4 }
    await writeAll(records.make('a', one), records.make('b', one))
    const epoch = await server.admin.hget(names.state(4), 'e')
    await server.admin.flushall()
    const version = await applied(records.make('c', one))
    assert.equal(seqOf(version), 3)
    assert.notEqual(await server.admin.hget(names.state(4), 'e'), epoch)
  })

  test('a lost state goes on above its log', async () => {
    const one = { partition: 4 }
    await writeAll(records.make('a', one), records.make('b', one))
    await server.admin.del(names.state(4))
    const stranger = new Writer(configFor(server.url), { origin: 'stranger' })
    const [outcome] = await stranger.write([new Records().make('c', one)], within(DEADLINE_MS))
    assert.equal(outcome!.lastSeq, 3)
    assert.equal(await server.admin.xlen(names.log(4)), 1)
    await stranger.close()
  })

  test('what is sent again after its origin was forgotten goes before what came later', async () => {
    const one = { partition: 4 }
    const mine = records.make('k', { ...one, payload: 'mine' })
    await applied(mine)
    const other = new Writer(configFor(server.url), { origin: 'other' })
    await other.write([new Records().make('k', { ...one, payload: 'theirs' })], within(DEADLINE_MS))
    await server.admin.hdel(names.state(4), `o|${ORIGIN}`)
    assert.deepEqual(await write({ ...mine, resendFloor: 0 }), { state: 'lost' })
    const hit = await reader.read(farKey('k', one), within(DEADLINE_MS))
    assert.equal(hit.state === 'hit' && Buffer.from(hit.payload).toString(), 'theirs')
    await other.close()
  })

  test('the log has one message per batch and stays short', async () => {
    const small = new Writer(configFor(server.url), { origin: ORIGIN, logCap: 100 })
    for (let round = 0; round < 600; round++) await small.write([records.make('k', { partition: 5 })], within(DEADLINE_MS))
    const rows = await server.admin.xrangeBuffer(names.log(5), '-', '+')
    assert.ok(rows.length >= 100 && rows.length <= 300, String(rows.length))
    const messages = rows.map(([, fields]) => decodeMessage(fields[1]!) as Message)
    assert.deepEqual(messages.map(({ seqLast }) => `${seqLast}-0`), rows.map(([id]) => id.toString()))
    assert.deepEqual(messages.at(-1)!.events.length, 1)
    await small.close()
  })

  test('values, sequence, log and message come in one step', async () => {
    const heard: Buffer[] = []
    const listener = server.admin.duplicate()
    await listener.subscribe(names.channel)
    listener.on('messageBuffer', (_channel: Buffer, bytes: Buffer) => heard.push(bytes))
    const [a, b] = await writeAll(records.make('a', { partition: 6 }), records.make('b', { op: 2, partition: 6 }))
    await until('the message comes', () => heard.length === 1)
    const message = decodeMessage(heard[0]!) as Message
    assert.deepEqual(message.events, [
      { kind: 1, version: (a as { version: number }).version, namespace: 'n', key: 'a' },
      { kind: 2, version: (b as { version: number }).version, namespace: 'n', key: 'b' },
    ])
    assert.deepEqual([message.partition, message.seqFirst, message.seqLast, message.origin, message.isFirst], [6, 1, 2, ORIGIN, true])
    listener.disconnect()
  })

  test('versions stay exact far above 2^32', async () => {
    const seq = 2 ** 41
    const high = new Writer(configFor(server.url), { origin: ORIGIN, seqFloor: () => seq })
    const [outcome] = await high.write([records.make('k')], within(DEADLINE_MS))
    const [result] = outcome!.results
    assert.ok(result !== undefined && result.state === 'applied')
    assert.equal(seqOf(result.version), seq + 1)
    const hit = await read('k')
    assert.equal(hit.state === 'hit' && hit.version, result.version)
    assert.deepEqual(await write(records.make('k', { condition: 2, expected: result.version - 1 })), { state: 'lost' })
    await applied(records.make('k', { condition: 2, expected: result.version }))
    await high.close()
  })

  test('origins silent for a week are forgotten when there are many', async () => {
    const state = names.state(7)
    await applied(records.make('k', { partition: 7 }))
    for (let host = 0; host < 80; host++) await server.admin.hset(state, `o|old${host}`, `1 1 1 0 ${1_000_000} `)
    const other = new Writer(configFor(server.url), { origin: 'new' })
    await other.write([new Records().make('k', { partition: 7 })], within(DEADLINE_MS))
    assert.deepEqual((await server.admin.hkeys(state)).sort(), ['e', 'n', `o|${ORIGIN}`, 'o|new'].sort())
    await other.close()
  })

  test('a key that holds something else is overwritten, not an obstacle', async () => {
    const name = names.data(partitionOf('n', 'k'), suffixOf('n', 'k'))
    await server.admin.hset(name, 'x', 1)
    await applied(records.make('k', { condition: 1 }))
    assert.equal(await textOf('k'), 'value of k')
  })

  test('keys and values of any bytes come back as they were', async () => {
    for (const key of ['a|b', '{x}', 'é🙂', '\0\r\n', '*?[', 'k'.repeat(1024)]) {
      const payload = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
      await applied(records.make(key, { payload }))
      const hit = await read(key)
      assert.ok(hit.state === 'hit' && payload.equals(hit.payload), key)
    }
    await applied(records.make('empty', { payload: '' }))
    assert.equal(await textOf('empty'), '')
  })
})
