// What every journal promises of its records: drained in order, coalesced, settled, back-pressure instead of loss.
import * as assert from 'node:assert/strict'
import { crc32 } from 'node:zlib'
import type { Test } from 'uvu'
import { BY_KEY, type DrainedRecord, type PendingWrite } from '../../src/journal/contract'
import { partitionOf } from '../../src/words/partition'
import { until } from '../helpers/until'
import { type WithJournal, LIMITS, append, drained, elected, settleAll, write } from './with-journal'

const WIDE = { ...LIMITS, bytes: 16 * 1024 * 1024 }
const soon = (): number => performance.now() + 20_000
const keysOf = (batch: { records: readonly { key: string; hostVersion: number }[] }): string[] =>
  batch.records.map(({ key, hostVersion }) => `${key}@${hostVersion}`)

export function journalRecords(test: Test, withJournal: WithJournal): void {
  test('what was committed is drained with everything it said', () =>
    withJournal(async (journal) => {
      const before = journal.nowMs()
      const mark = append(journal, 9, write('clé', 'välue', {
        namespace: 'a:b', partition: 200, codec: 1, life: { ttlMs: 60_000, graceMs: 5_000 }, condition: 3, expected: 2 ** 51 + 1, sourceVersion: 0,
      }))
      await elected(journal)
      const [record] = drained(journal).records
      const { op, namespace, key, partition, codec, condition, expected, sourceVersion, hostVersion, nsEpoch, opNumber, isOrphan, index, bytes } = record!
      assert.deepEqual({ mark: record!.mark, op, namespace, key, partition, codec, condition, expected, sourceVersion, hostVersion, nsEpoch, opNumber, isOrphan, index, bytes }, {
        mark, op: 1, namespace: 'a:b', key: 'clé', partition: 200, codec: 1, condition: 3, expected: 2 ** 51 + 1, sourceVersion: 0, hostVersion: 9,
        nsEpoch: 0, opNumber: 0, isOrphan: false, index: 0, bytes: Buffer.byteLength('clé') + Buffer.byteLength('välue'),
      })
      assert.equal(Buffer.from(record!.payload!).toString('utf8'), 'välue')
      assert.ok(record!.softAtMs >= before + 60_000 && record!.softAtMs <= journal.nowMs() + 60_000)
      assert.equal(record!.hardAtMs, record!.softAtMs + 5_000)
    }))

  test('payloads of every codec arrive byte for byte', () =>
    withJournal(async (journal) => {
      const payloads: [number, string | Uint8Array, Buffer][] = [
        [0, 'plain', Buffer.from('plain')],
        [0, 'caf\xe9', Buffer.from('caf\xe9', 'latin1')],
        [1, '日本語', Buffer.from('日本語')],
        [2, 'odd\ud800', Buffer.from('odd\ud800', 'utf16le')],
        [3, Uint8Array.of(0, 1, 255), Buffer.from([0, 1, 255])],
        [4, new Uint8Array(0), Buffer.alloc(0)],
        [0, '', Buffer.alloc(0)],
      ]
      for (const [i, [codec, payload]] of payloads.entries()) append(journal, i + 1, write(`k${i}`, payload, { codec }))
      await elected(journal)
      const { records } = drained(journal)
      assert.deepEqual(records.map(({ payload }) => Buffer.from(payload!)), payloads.map(([, , bytes]) => bytes))
    }))

  test('what was drained stays as it is until it is settled, whatever takes its place in the journal', () =>
    withJournal(async (journal) => {
      await elected(journal)
      const texts = Array.from({ length: 8 }, (_, i) => `value ${i} `.repeat(40))
      for (const [i, text] of texts.entries()) append(journal, i + 1, write(`k${i}`, text, { condition: 3, expected: i }))
      const batch = drained(journal)
      assert.ok(journal.assign(batch.records))
      const sent = (): unknown[] => batch.records.map(({ op, key, payload, mark, codec, condition, expected, hostVersion, opNumber, bytes }) =>
        [op, key, Buffer.from(payload!).toString(), mark, codec, condition, expected, hostVersion, opNumber, bytes])
      const before = sent()
      assert.deepEqual(batch.records.map(({ payload }) => Buffer.from(payload!).toString()), texts)
      // The same keys again, while those before them are under way.
      for (const [i] of texts.entries()) append(journal, 100 + i, write(`k${i}`, 'other '.repeat(60), { codec: 4 }))
      assert.deepEqual(sent(), before)
      // Batches of other partitions come and go, all but once round the lane.
      for (let version = 1_000; version < 1_064; version++) {
        append(journal, version, write(`n${version % 16}`, `${version} `.repeat(200), { codec: 4, partition: 1 + (version % 16) }))
        if (version % 16 === 15) settleAll(journal, drained(journal, WIDE))
      }
      assert.deepEqual(sent(), before)
      settleAll(journal, batch)
    }))

  test('a partition that follows from namespace and key is the one of the wire format, and so is a checksum', () =>
    withJournal(async (journal) => {
      const keys = ['k', 'user:1:profile', 'clé', '日本語', '😀'.repeat(9), 'k'.repeat(300), ...Array.from({ length: 40 }, (_, i) => `key ${i}`)]
      const namespaces = ['', 'a', 'shop/größe']
      await elected(journal)
      let version = 0
      for (const namespace of namespaces) {
        for (const key of keys) append(journal, ++version, write(key, 'v'.repeat(version), { namespace, partition: BY_KEY }))
      }
      const seen = new Set<string>()
      for (let batch = journal.drain(WIDE); batch !== undefined; batch = journal.drain(WIDE)) {
        for (const { namespace, key, partition, payload, crc: told } of batch.records) {
          seen.add(`${namespace}|${key}`)
          assert.equal(partition, partitionOf(namespace, key), `${namespace}|${key}`)
          const whole = Buffer.concat([Buffer.from(`${namespace}|${key}`), payload!])
          if (journal.kind === 'shared' && whole.length < 400) assert.ok(told !== undefined)
          if (told !== undefined) assert.equal(told, crc32(whole))
        }
        settleAll(journal, batch)
      }
      assert.equal(seen.size, namespaces.length * keys.length)
    }))

  test('nothing is drained before it is committed, or without the leadership', () =>
    withJournal(async (journal) => {
      append(journal, 1, write('a'))
      assert.equal(journal.drain(LIMITS), undefined)
      await elected(journal)
      settleAll(journal, drained(journal))
      const mark = journal.prepare(write('b'))
      journal.cancel(mark)
      assert.equal(journal.drain(LIMITS), undefined)
      assert.equal(journal.commit(mark, 2, 0), false)
    }))

  test('a record that was given up is done with once its writer cancels it, and then everything of the isolate is settled', () =>
    withJournal(async (journal) => {
      await elected(journal)
      const mark = journal.prepare(write('slow'))
      await until('the leader gives it up', () => journal.drain(LIMITS) === undefined && journal.stats()['timed_out'] === 1)
      assert.equal(journal.commit(mark, 2, 0), false)
      journal.cancel(mark)
      assert.equal(journal.drain(LIMITS), undefined)
      assert.ok(journal.isSettled(mark))
      assert.equal(await journal.ownSettled(soon()), true)
    }))

  test('of several writes of a key the one with the highest host version is sent', () =>
    withJournal(async (journal) => {
      await elected(journal)
      const marks = [append(journal, 1, write('k', 'one')), append(journal, 3, write('k', 'three')), append(journal, 2, write('k', 'two')), append(journal, 1, write('other'))]
      const batch = drained(journal)
      assert.deepEqual(keysOf(batch), ['k@3', 'other@1'])
      settleAll(journal, batch, 50)
      const settled = await Promise.all(marks.map((mark) => journal.settled(mark, soon())))
      assert.deepEqual(settled, [
        { result: 'superseded', version: 50 }, { result: 'stored', version: 50 }, { result: 'superseded', version: 50 }, { result: 'stored', version: 51 },
      ])
    }))

  test('a record with a condition keeps its place among those of its key', () =>
    withJournal(async (journal) => {
      await elected(journal)
      append(journal, 1, write('k', 'fill', { condition: 3 }))
      append(journal, 2, write('k', 'set'))
      append(journal, 3, write('k', 'touch', { op: 3 }))
      append(journal, 4, write('k', 'add', { condition: 1 }))
      append(journal, 5, write('k', 'set'))
      append(journal, 6, write('k', 'fill', { condition: 3 }))
      append(journal, 7, write('k', '', { op: 2 }))
      append(journal, 8, write('k', 'sourced', { sourceVersion: 4 }))
      assert.deepEqual(keysOf(drained(journal)), ['k@2', 'k@3', 'k@4', 'k@7', 'k@8'])
    }))

  test('clears come first and are all sent', () =>
    withJournal(async (journal) => {
      await elected(journal)
      append(journal, 1, write('k'))
      append(journal, 0, write('', '', { op: 5, namespace: 'n', partition: 256 }))
      append(journal, 0, write('', '', { op: 5, namespace: 'n', partition: 256 }))
      const clears = drained(journal)
      assert.deepEqual(clears.records.map(({ op }) => op), [5, 5])
      assert.equal(journal.drain(LIMITS), undefined)
      settleAll(journal, clears)
      assert.deepEqual(drained(journal).records.map(({ op }) => op), [1])
    }))

  test('what is in other partitions does not wait for a batch that is under way', () =>
    withJournal(async (journal) => {
      await elected(journal)
      append(journal, 1, write('a', 'v', { partition: 1 }))
      const first = drained(journal)
      append(journal, 2, write('a', 'w', { partition: 1 }))
      append(journal, 1, write('b', 'v', { partition: 2 }))
      const second = drained(journal)
      assert.deepEqual(keysOf(second), ['b@1'])
      assert.equal(journal.drain(LIMITS), undefined)
      settleAll(journal, second)
      assert.equal(journal.drain(LIMITS), undefined)
      settleAll(journal, first)
      assert.deepEqual(keysOf(drained(journal)), ['a@2'])
    }))

  test('the next batch of a partition comes when the last one is settled', () =>
    withJournal(async (journal) => {
      await elected(journal)
      for (let i = 0; i < 5; i++) append(journal, 1, write(`k${i}`))
      const first = drained(journal, { records: 2, bytes: 1024 * 1024 })
      assert.equal(first.records.length, 2)
      assert.equal(journal.drain(LIMITS), undefined)
      assert.equal(journal.settle(first, [{ result: 'stored', version: 1 }, undefined]), false)
      assert.equal(journal.drain(LIMITS), undefined)
      assert.equal(journal.settle(first, [undefined, { result: 'lost', version: 0 }]), true)
      assert.equal(drained(journal).records.length, 3)
    }))

  test('a batch holds no more bytes than it may, but one record at least', () =>
    withJournal(async (journal) => {
      await elected(journal)
      for (let i = 0; i < 4; i++) append(journal, 1, write(`k${i}`, 'v'.repeat(1000)))
      const small = drained(journal, { records: 100, bytes: 10 })
      assert.equal(small.records.length, 1)
      settleAll(journal, small)
      assert.equal(drained(journal, { records: 100, bytes: 2500 }).records.length, 2)
    }))

  test('op numbers rise by one within a partition and are kept by a record', () =>
    withJournal(async (journal) => {
      await elected(journal)
      for (const [key, partition] of [['a', 1], ['b', 2], ['c', 1]] as const) append(journal, 1, write(key, 'v', { partition }))
      const batch = drained(journal)
      const [a, b, c] = batch.records
      assert.ok(journal.assign(batch.records))
      assert.equal(c!.opNumber, a!.opNumber + 1)
      const given = [a!.opNumber, b!.opNumber, c!.opNumber]
      assert.ok(journal.assign(batch.records))
      assert.deepEqual(batch.records.map(({ opNumber }) => opNumber), given)
      settleAll(journal, batch)
      append(journal, 2, write('a', 'v', { partition: 1 }))
      const next = drained(journal)
      journal.assign(next.records)
      assert.equal(next.records[0]!.opNumber, c!.opNumber + 1)
    }))

  test('what the last leader sent without an answer is sent again, alone, under the same numbers', () =>
    withJournal(async (journal) => {
      await elected(journal)
      append(journal, 1, write('k', 'old'))
      append(journal, 2, write('k', 'new'))
      append(journal, 1, write('l'))
      const batch = drained(journal)
      journal.assign(batch.records)
      const numbers = batch.records.map(({ key, opNumber }) => [key, opNumber])
      journal.resign()
      append(journal, 3, write('k', 'newer'))
      await elected(journal)
      const again = drained(journal)
      assert.equal(again.isResend, true)
      assert.deepEqual(again.records.map(({ key, opNumber }) => [key, opNumber]), numbers)
      settleAll(journal, again)
      const next = drained(journal)
      assert.deepEqual([next.isResend, keysOf(next)], [false, ['k@3']])
    }))

  test('a leader that has resigned changes nothing', () =>
    withJournal(async (journal) => {
      const term = await elected(journal)
      const mark = append(journal, 1, write('k'))
      const batch = drained(journal)
      journal.resign()
      assert.equal(journal.isLeading, false)
      assert.equal(journal.assign(batch.records), false)
      assert.equal(settleAll(journal, batch), false)
      assert.equal(journal.isSettled(mark), false)
      assert.ok(await elected(journal) > term)
      assert.deepEqual(keysOf(drained(journal)), ['k@1'])
    }))

  test('a full journal refuses, loses nothing, and says when there is room', () =>
    withJournal(async (journal) => {
      await elected(journal)
      const payload = 'v'.repeat(2000)
      let count = 0
      while (journal.prepare(write(`k${count}`, payload)) > 0) {
        assert.ok(++count < 100_000)
      }
      assert.equal(await journal.roomy(performance.now() + 30), false)
    }))

  test('room is made by settling', () =>
    withJournal(async (journal) => {
      await elected(journal)
      const payload = 'v'.repeat(2000)
      let count = 0
      for (let mark = 1; mark > 0; ) {
        mark = journal.prepare(write(`k${count}`, payload))
        if (mark > 0) journal.commit(mark, ++count, 0)
      }
      const waiting = journal.roomy(soon())
      let sent = 0
      for (let batch = journal.drain(LIMITS); batch !== undefined; batch = journal.drain(LIMITS)) {
        sent += batch.records.length
        settleAll(journal, batch)
      }
      assert.equal(await waiting, true)
      assert.equal(sent, count)
      assert.ok(journal.prepare(write('more', payload)) > 0)
    }))

  test('a record that could never fit is refused as too large', () =>
    withJournal((journal) => {
      assert.equal(journal.prepare(write('k', 'v'.repeat(journal.maxRecordBytes + 8))), -1)
      assert.ok(journal.prepare(write('k', 'v'.repeat(journal.maxRecordBytes - 100))) > 0)
    }))

  test('records of any size up to the largest arrive byte for byte, in their place among those of their key', () =>
    withJournal(async (journal) => {
      await elected(journal)
      const large = Buffer.alloc(journal.maxRecordBytes - 1, 'large')
      const text = 'ä€'.repeat(300_000)
      const isSame = (record: DrainedRecord | PendingWrite, bytes: Buffer): boolean => bytes.equals(Buffer.from(record.payload!))
      append(journal, 1, write('a', large, { codec: 3 }))
      assert.ok(isSame(journal.pending('', 'a')!, large))
      assert.equal(journal.pending('', 'a')!.codec, 3)
      const first = drained(journal, WIDE)
      assert.ok(first.records[0]!.codec === 3 && isSame(first.records[0]!, large))
      assert.ok(settleAll(journal, first))
      assert.equal(journal.pending('', 'a'), undefined)
      append(journal, 1, write('b', text, { codec: 1 }))
      append(journal, 2, write('b', 'small'))
      const second = drained(journal, WIDE)
      assert.deepEqual(keysOf(second), ['b@2'])
      assert.ok(settleAll(journal, second))
      append(journal, 3, write('b', 'small'))
      append(journal, 4, write('b', text, { codec: 1 }))
      const third = drained(journal, WIDE)
      assert.deepEqual(keysOf(third), ['b@4'])
      assert.ok(isSame(third.records[0]!, Buffer.from(text)))
    }))

  test('large records have bounded room, too, and wait for it', () =>
    withJournal(async (journal) => {
      await elected(journal)
      const large = Buffer.alloc(700_000, 1)
      let count = 0
      while (true) {
        const mark = journal.prepare(write(`k${count}`, large, { codec: 3 }))
        if (mark === 0) break
        journal.commit(mark, 1, 0)
        assert.ok(++count < 10)
      }
      assert.ok(count >= 2)
      assert.equal(await journal.roomy(performance.now() + 60), false)
      const waiting = journal.roomy(soon())
      for (let batch = journal.drain(LIMITS); batch !== undefined; batch = journal.drain(LIMITS)) settleAll(journal, batch)
      assert.equal(await waiting, true)
      assert.ok(journal.prepare(write('more', large, { codec: 3 })) > 0)
    }))

  test('what became of a record is told while it is known', () =>
    withJournal(async (journal) => {
      await elected(journal)
      const first = append(journal, 1, write('k', 'one'))
      const second = append(journal, 2, write('k', 'two'))
      assert.equal(journal.answerOf(second), undefined)
      settleAll(journal, drained(journal), 4096)
      assert.deepEqual(journal.answerOf(second), { result: 'stored', version: 4096 })
      assert.deepEqual(journal.answerOf(first), { result: 'superseded', version: 4096 })
    }))

  test('a mark tells what is settled, whatever lies in front of it', () =>
    withJournal(async (journal) => {
      await elected(journal)
      const [first, second] = [append(journal, 1, write('a', 'v', { partition: 1 })), append(journal, 1, write('b', 'v', { partition: 2 }))]
      const batch = drained(journal)
      const waiting = [journal.settled(second, soon()), journal.ownSettled(soon())] as const
      assert.equal(journal.settle(batch, batch.records.map(({ mark }) => (mark === second ? { result: 'stored', version: 7 } : undefined))), false)
      assert.deepEqual(await waiting[0], { result: 'stored', version: 7 })
      assert.deepEqual([journal.isSettled(first), journal.isSettled(second)], [false, true])
      assert.deepEqual(journal.answerOf(second), { result: 'stored', version: 7 })
      assert.equal(journal.pending('', 'b'), undefined)
      assert.equal(await journal.ownSettled(performance.now() + 10), false)
      assert.equal(journal.settle(batch, batch.records.map(() => ({ result: 'stored', version: 8 }))), true)
      assert.deepEqual([journal.isSettled(first), await waiting[1], journal.answerOf(second)], [true, true, { result: 'stored', version: 7 }])
      assert.equal(journal.isSettled(append(journal, 1, write('c'))), false)
    }))

  test('waiting for a record ends at its deadline', () =>
    withJournal(async (journal) => {
      const mark = append(journal, 1, write('a'))
      assert.equal(await journal.settled(mark, performance.now() + 10), undefined)
      assert.equal(await journal.ownSettled(performance.now() + 10), false)
      await elected(journal)
      const all = journal.ownSettled(soon())
      settleAll(journal, drained(journal))
      assert.equal(await all, true)
    }))

  test('the newest pending write of a key is found until it is settled', () =>
    withJournal(async (journal) => {
      await elected(journal)
      assert.equal(journal.pending('n', 'k'), undefined)
      append(journal, 4, write('k', 'four', { namespace: 'n' }))
      append(journal, 3, write('k', 'three', { namespace: 'n', life: { ttlMs: 50_000, graceMs: 7 } }))
      append(journal, 9, write('k', 'elsewhere'))
      journal.prepare(write('k', 'not yet', { namespace: 'n' }))
      const found = journal.pending('n', 'k')
      assert.equal(Buffer.from(found!.payload).toString(), 'four')
      assert.deepEqual([found!.op, found!.codec, found!.hostVersion, found!.life], [1, 0, 4, { ttlMs: 0, graceMs: 0 }])
      assert.equal(journal.pending('n', 'other'), undefined)
      settleAll(journal, drained(journal))
      assert.equal(journal.pending('n', 'k'), undefined)
    }))

  test('what a reader of Redis must not believe or store is told until it is decided, or settled', () =>
    withJournal(async (journal) => {
      await elected(journal)
      assert.equal(journal.inTheWay('n', 'k'), undefined)
      const taken = journal.prepare(write('k', 'v', { namespace: 'n' }))
      assert.equal(journal.inTheWay('n', 'k'), 'write')
      assert.equal(journal.inTheWay('', 'k'), undefined)
      assert.equal(journal.inTheWay('n', 'other'), undefined)
      journal.commit(taken, 4, 7)
      assert.equal(journal.inTheWay('n', 'k'), undefined)
      assert.equal(journal.pending('n', 'k')!.nsEpoch, 7)
      journal.cancel(journal.prepare(write('k', 'w', { namespace: 'n' })))
      assert.equal(journal.inTheWay('n', 'k'), undefined)
      const clear = journal.prepare(write('', '', { namespace: 'n', op: 5, partition: 256 }))
      assert.equal(journal.inTheWay('n', 'k'), 'clear')
      journal.commit(clear, 1, 7)
      assert.deepEqual([journal.inTheWay('n', 'k'), journal.inTheWay('n/below', 'k'), journal.inTheWay('nn', 'k'), journal.inTheWay('', 'k')], ['clear', 'clear', undefined, undefined])
      settleAll(journal, drained(journal))
      assert.equal(journal.inTheWay('n', 'k'), undefined)
      // Clears of tags have names of their own.
      const ofTag = journal.prepare(write('', '', { namespace: '#d7', op: 5, partition: 256 }))
      assert.deepEqual([journal.inTheWay('#d7', ''), journal.inTheWay('#d70', ''), journal.inTheWay('#x7', ''), journal.inTheWay('', '')], ['clear', undefined, undefined, undefined])
      journal.commit(ofTag, 1, 7)
      assert.equal(journal.inTheWay('#d7', ''), 'clear')
      settleAll(journal, drained(journal))
      assert.equal(journal.inTheWay('#d7', ''), undefined)
    }))
}
