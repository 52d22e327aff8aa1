// Values are made with the versions they get if nobody else has written: what is stored is what was answered, foreseen or not.
import * as assert from 'node:assert/strict'
import type { PartitionOutcome, WriteRecord } from '../../src/l2/contract'
import { checkWhole, type Envelope, payloadOf, readHeader } from '../../src/l2/envelope'
import { decodeMessage, type Message } from '../../src/l2/message'
import { Names, suffixOf } from '../../src/l2/names'
import { seqOf } from '../../src/l2/version'
import { Writer, type WriterOptions } from '../../src/l2/writer'
import { configFor, ORIGIN, Records, within } from '../helpers/l2'
import { RedisOnce } from '../helpers/redis-once'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'

const DEADLINE_MS = 5000
const PARTITION = 11
const names = new Names('shop')

interface Answered {
  record: WriteRecord
  version: number
}

suite('l2 foreseen versions', (test) => {
  let server: RedisOnce
  const writers: Writer[] = []
  const host = (origin: string, options: Partial<WriterOptions> = {}) => {
    const writer = new Writer(configFor(server.url), { origin, ...options })
    const records = new Records()
    writers.push(writer)
    return {
      make: (key: string, more: Parameters<Records['make']>[1] = {}) => records.make(key, { partition: PARTITION, ...more }),
      async write(...batch: WriteRecord[]): Promise<Answered[]> {
        return answeredOf(await writer.write(batch, within(DEADLINE_MS)))
      },
      writer,
    }
  }
  const answeredOf = (outcomes: readonly PartitionOutcome[]): Answered[] => outcomes.flatMap(({ records, results }) => results.flatMap((result, i) =>
    result.state === 'applied' ? [{ record: records[i]!, version: result.version }] : []))

  /** Whole, of its key, and nothing else than what was answered last of all. */
  const assertStored = async (...answered: Answered[]): Promise<Map<string, Envelope>> => {
    const newest = new Map<string, Answered>()
    for (const one of answered) if (one.version > (newest.get(one.record.key)?.version ?? 0)) newest.set(one.record.key, one)
    const found = new Map<string, Envelope>()
    for (const [key, { record, version }] of newest) {
      const suffix = suffixOf(record.namespace, key)
      const bytes = await server.admin.getBuffer(names.data(PARTITION, suffix))
      const envelope = readHeader(bytes!)!
      assert.equal(checkWhole(bytes!, envelope, suffix), 'whole')
      assert.deepEqual([envelope.version, envelope.isTombstone, envelope.codec, envelope.nsEpoch], [version, record.op === 2, record.codec, record.nsEpoch], key)
      assert.equal(payloadOf(bytes!, envelope).toString(), record.op === 2 ? '' : Buffer.from(record.payload).toString())
      found.set(key, envelope)
    }
    return found
  }
  /** What the log tells, by key: the last version. */
  const told = async (): Promise<Map<string, number>> => {
    const rows = await server.admin.xrangeBuffer(names.log(PARTITION), '-', '+')
    return new Map(rows.flatMap(([, fields]) => (decodeMessage(fields[1]!) as Message).events.flatMap((event) => 'key' in event ? [[event.key, event.version] as const] : [])))
  }
  const seqIn = async (): Promise<number> => Number(await server.admin.hget(names.state(PARTITION), 'n'))

  test.before(async () => {
    server = await RedisOnce.start()
  })
  test.before.each(async () => {
    await server.admin.flushall()
  })
  test.after.each(async () => {
    for (const writer of writers.splice(0)) await writer.close()
  })
  test.after(() => server.stop())

  test('are those answered, stored and told, where one host writes alone', async () => {
    const a = host(ORIGIN)
    const answered = [
      ...await a.write(a.make('x'), a.make('y', { codec: 3 }), a.make('x', { payload: 'later' })),
      ...await a.write(a.make('y', { op: 2 }), a.make('z', { payload: '' })),
    ]
    assert.deepEqual(answered.map(({ version }) => seqOf(version)), [1, 2, 3, 4, 5])
    await assertStored(...answered)
    assert.deepEqual(await told(), new Map([['x', answered[2]!.version], ['y', answered[3]!.version], ['z', answered[4]!.version]]))
  })

  test('give way to those that the partition has, where another host wrote in between', async () => {
    const a = host(ORIGIN)
    const b = host('other')
    const answered: Answered[] = []
    for (let round = 0; round < 20; round++) {
      const { make, write } = round % 2 === 0 ? a : b
      answered.push(...await write(make('both', { payload: `both ${round}` }), make(`k${round % 3}`, { payload: `${round}`, codec: round % 5 }), make('gone', { op: 2 })))
      await assertStored(...answered)
    }
    assert.deepEqual(answered.map(({ version }) => seqOf(version)), Array.from({ length: 60 }, (_, i) => i + 1))
    for (const [key, version] of await told()) assert.equal(version, Math.max(...answered.filter(({ record }) => record.key === key).map((one) => one.version)), key)
  })

  test('hold with three hosts at once, conditions, clears, FLUSHALL and a lost state in between', async () => {
    let state = seed >>> 0
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
    const hosts = ['h1', 'h2', 'h3'].map((origin) => host(origin))
    let nsEpoch = 0
    let answered: Answered[] = []
    let flushes = 0
    for (let round = 0; round < 150; round++) {
      switch (random(20)) {
        case 0:
          await server.admin.flushall()
          answered = []
          flushes++
          break
        case 1:
          await server.admin.del(names.state(PARTITION))
          break
        case 2:
          nsEpoch++
          break
      }
      const draw = ({ make }: typeof hosts[number]): WriteRecord => {
        const op = random(5) === 0 ? 2 : 1
        return make(`k${random(6)}`, { op, condition: random(8) === 0 ? 1 : 0, payload: op === 2 ? '' : `${round} ${random(1e6)}`, codec: random(5), nsEpoch })
      }
      const batches = await Promise.all(hosts.slice(0, 1 + random(3)).map((one) => one.write(...Array.from({ length: 1 + random(5) }, () => draw(one)))))
      answered.push(...batches.flat())
      // After a lost state no version is used twice either: the log is above them.
      assert.equal(new Set(answered.map(({ version }) => seqOf(version))).size, answered.length)
      await assertStored(...answered)
    }
    assert.ok(flushes > 0)
  })

  test('leave what is sent again as it is, and are those behind it for what is new', async () => {
    const a = host(ORIGIN)
    const first = [a.make('x', { payload: '1' }), a.make('y', { payload: '2' })]
    const before = await a.write(...first)
    const fresh = a.make('z', { payload: '3' })
    // Its floor is where the partition stands, as if nothing of the batch had been executed.
    const b = host(ORIGIN, { seqFloor: () => 2 })
    const again = await b.write(...first, fresh)
    assert.deepEqual(again.map(({ version }) => version).slice(0, 2), before.map(({ version }) => version))
    assert.equal(seqOf(again[2]!.version), 3)
    assert.equal(await seqIn(), 3)
    await assertStored(...again)
    assert.equal((await told()).get('z'), again[2]!.version)
  })

  test('are no obstacle to a lost answer: another leader sends the rest once, over what another host wrote', async () => {
    const a = host(ORIGIN)
    await a.write(a.make('x', { payload: '0' }))
    const sent = [a.make('x', { payload: 'a1' }), a.make('y', { payload: 'a2' })]
    await server.admin.call('CLIENT', 'PAUSE', '400', 'WRITE')
    const states = (await a.writer.write(sent, within(50))).flatMap(({ results }) => results.map(({ state }) => state))
    assert.deepEqual(states, ['unknown', 'unknown'])
    // Redis executes what was sent when the pause ends.
    await server.admin.call('CLIENT', 'UNPAUSE')
    const b = host('other')
    const theirs = await b.write(b.make('x', { payload: 'b' }))
    const successor = host(ORIGIN)
    const again = await successor.write(...sent.map((record) => ({ ...record, resendFloor: 1 })))
    const plain = await successor.write({ ...a.make('y', { payload: 'a3' }) })
    assert.equal(new Set([...theirs, ...again, ...plain].map(({ version }) => seqOf(version))).size, theirs.length + again.length + plain.length)
    await assertStored(...theirs, ...again, ...plain)
    assert.equal(await seqIn(), 5 - (2 - again.length))
  })

  test('of a former leader change nothing where its successor has sent the same already', async () => {
    const former = host(ORIGIN)
    await former.write(former.make('x', { payload: '0' }))
    const batch = [former.make('x', { payload: 'a1' }), former.make('y', { payload: 'a2' })]
    const further = former.make('y', { payload: 'a3' })
    const successor = host(ORIGIN, { seqFloor: () => 1 })
    const other = host('other')
    const answered = [
      ...await successor.write(...batch),
      ...await other.write(other.make('x', { payload: 'b' })),
      ...await successor.write(further),
    ]
    const bytes = (key: string) => server.admin.getBuffer(names.data(PARTITION, suffixOf('n', key)))
    const before = await Promise.all(['x', 'y'].map(bytes))
    // What was made under the former lead arrives now; it foresees what it was made with, or even where the partition stands.
    assert.deepEqual(await former.write(...batch), [])
    assert.deepEqual(await host(ORIGIN, { seqFloor: () => 5 }).write(...batch), [])
    assert.deepEqual(await Promise.all(['x', 'y'].map(bytes)), before)
    assert.equal(await seqIn(), 5)
    await assertStored(...answered)
  })

  test('begin above what the host knew when all was flushed', async () => {
    const a = host(ORIGIN)
    const before = await a.write(a.make('x'), a.make('y'), a.make('x'))
    const epoch = await server.admin.hget(names.state(PARTITION), 'e')
    await server.admin.flushall()
    const after = await a.write(a.make('x', { payload: 'after' }))
    assert.ok(after[0]!.version > before[2]!.version)
    assert.notEqual(await server.admin.hget(names.state(PARTITION), 'e'), epoch)
    await assertStored(...after)
  })

  test('are not believed by a partition that another host began anew, below or above them', async () => {
    const a = host(ORIGIN)
    for (let round = 0; round < 5; round++) await a.write(a.make('x'), a.make('y'))
    for (const floor of [0, 3, 9, 10, 11, 500]) {
      await server.admin.flushall()
      const b = host(`other${floor}`, { seqFloor: () => floor })
      const theirs = await b.write(b.make('x', { payload: 'theirs' }))
      assert.equal(seqOf(theirs[0]!.version), floor + 1)
      const ours = await a.write(a.make('y', { payload: 'ours' }), a.make('z', { payload: 'ours too' }))
      assert.deepEqual(ours.map(({ version }) => seqOf(version)), [floor + 2, floor + 3])
      await assertStored(...theirs, ...ours)
    }
  })

  test('are not believed by a lost state whose log is ahead of the host', async () => {
    const a = host(ORIGIN)
    await a.write(a.make('x'), a.make('y'), a.make('z'))
    await server.admin.del(names.state(PARTITION))
    const b = host('other')
    const theirs = await b.write(b.make('x', { payload: 'theirs' }))
    assert.equal(seqOf(theirs[0]!.version), 4)
    await assertStored(...theirs)
  })

  for (const skewMs of [-3_600_000, -60_000, -1_000, 1_000, 60_000, 3_600_000]) {
    test(`go with lives of Redis' clock, where the host's is off by ${skewMs} ms`, async () => {
      const { now } = Date
      const lives = async (origin: string, floor: number): Promise<void> => {
        // A new writer knows no better than the host's clock.
        const a = host(origin, { seqFloor: () => floor })
        const key = `of ${origin}`
        Date.now = () => now() + skewMs
        let answered: Answered[]
        try {
          answered = await a.write(a.make(key, { softMs: 20_000, hardMs: 40_000 }), a.make('for ever', { softMs: 0, hardMs: 0 }), a.make('over', { softMs: -500, hardMs: 40_000 }))
        } finally {
          Date.now = now
        }
        const [seconds, micros] = (await server.admin.time()).map(Number)
        const serverMs = seconds! * 1000 + micros! / 1000
        const stored = await assertStored(...answered)
        const isNear = (atMs: number, wantedMs: number): boolean => Math.abs(atMs - wantedMs) < 2_500
        const { softAtMs, hardAtMs, createdAtMs } = stored.get(key)!
        assert.ok(isNear(softAtMs, serverMs + 20_000) && isNear(hardAtMs, serverMs + 40_000) && isNear(createdAtMs, serverMs), `${softAtMs} ${hardAtMs} ${createdAtMs} at ${serverMs}`)
        assert.ok(stored.get('over')!.softAtMs <= serverMs)
        assert.deepEqual([stored.get('for ever')!.softAtMs, stored.get('for ever')!.hardAtMs], [0, 0])
        const suffix = suffixOf('n', key)
        assert.ok(isNear(await server.admin.pttl(names.data(PARTITION, suffix)), 40_000))
        assert.equal(await server.admin.pttl(names.data(PARTITION, suffixOf('n', 'for ever'))), -1)
      }
      await lives('foreseen', 0)
      await lives('unforeseen', 77)
    })
  }
})
