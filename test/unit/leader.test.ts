// What the leader sends again, and under which conditions, on fakes of everything that speaks Redis.
import * as assert from 'node:assert/strict'
import { ProcessJournal } from '../../src/journal/process-journal'
import { ProcessL1 } from '../../src/l1/process-table'
import type { EntryResult, FarWriter, Feed, WriteRecord } from '../../src/l2/contract'
import { Applier } from '../../src/sync/applier'
import { CLEAR } from '../../src/sync/journal-words'
import { Leader } from '../../src/sync/leader'
import { Write } from '../../src/sync/write'
import { CacheError } from '../../src/words/errors'
import { append, drained, elected, write } from '../contract/with-journal'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const PARTITION = 7
const SEQ = 41

/** Sends one record whose attempts are answered with `answers` in turn; resolves with the records as they were sent. */
async function attempts(answers: readonly EntryResult[], onSent?: (table: ProcessL1) => void): Promise<WriteRecord[]> {
  const table = new ProcessL1({ memory: 1024 * 1024 })
  const journal = new ProcessJournal({ bytes: 1024 * 1024 })
  const sent: WriteRecord[] = []
  const writer: FarWriter = {
    write: async (batch) => {
      const result = answers[sent.length]!
      sent.push(...batch)
      onSent?.(table)
      return [{ partition: PARTITION, records: batch, results: [result], epoch: 1, lastSeq: SEQ, replicas: 0 }]
    },
    byNode: (records) => [[...records]], missingPermissions: async () => [], stats: () => ({}), close: async () => {},
  }
  // It goes on while the record is under way.
  const positions = () => ({ seqs: new Float64Array(257).fill(SEQ + sent.length), epochs: new Float64Array(257).fill(1), servers: new Float64Array(257) })
  const feed: Feed = { start() {}, stop: async () => {}, positions, link: 'connected', runId: '', stats: () => ({}) }
  const applier = new Applier(table, journal, { onReconnect: 'replay', onLink: () => {} })
  const leader = new Leader({ table, journal, writer, feed, applier }, { batchRecords: 10, batchBytes: 1_000, batchDelayMs: 0, writeTimeoutMs: 1_000, replicas: 0 })
  await elected(journal)
  leader.start()
  try {
    const mark = append(journal, 1, write('k', 'value', { partition: PARTITION }))
    await until('the record is settled', () => journal.isSettled(mark))
  } finally {
    await leader.stop()
    journal.close()
    table.close()
  }
  return sent
}

const error = new CacheError('ERR_CACHE_L2_UNAVAILABLE', 'gone')
const applied: EntryResult = { state: 'applied', version: 42_000 }

suite('leader', (test) => {
  test('a write that Redis got before a clear of another host, and that a read took from the journal after it, is not kept', async () => {
    const table = new ProcessL1({ memory: 1024 * 1024 })
    const journal = new ProcessJournal({ bytes: 1024 * 1024 })
    const view = table.root.child('some')
    const life = { ttlMs: 0, graceMs: 0 }
    const show = (key: string, mark: number): void => {
      const acquired = view.acquire(key, { leaseMs: 1_000, force: false })
      assert.equal(acquired.state, 'granted')
      assert.notEqual(view.publish(key, (acquired as { lease: number }).lease, 'value', life, { mark, doubt: table.doubt() }), 0)
    }
    const writer: FarWriter = {
      write: async (batch) => {
        view.advanceFleetEpoch(view.fleetEpoch() + 1)
        for (const { key } of batch) show(key, journal.pending('some', key)!.mark)
        return [{ partition: PARTITION, records: batch, results: batch.map(() => applied), epoch: 1, lastSeq: SEQ, replicas: 0 }]
      },
      byNode: (records) => [[...records]], missingPermissions: async () => [], stats: () => ({}), close: async () => {},
    }
    const positions = () => ({ seqs: new Float64Array(257), epochs: new Float64Array(257), servers: new Float64Array(257) })
    const feed: Feed = { start() {}, stop: async () => {}, positions, link: 'connected', runId: '', stats: () => ({}) }
    const applier = new Applier(table, journal, { onReconnect: 'replay', onLink: () => {} })
    const leader = new Leader({ table, journal, writer, feed, applier }, { batchRecords: 10, batchBytes: 1_000, batchDelayMs: 0, writeTimeoutMs: 1_000, replicas: 0 })
    await elected(journal)
    leader.start()
    try {
      const mark = append(journal, 1, write('k', 'value', { namespace: 'some', partition: PARTITION }))
      await until('the record is settled', () => journal.isSettled(mark))
      await until('nothing is served', () => view.entry('k') === undefined)
    } finally {
      await leader.stop()
      journal.close()
      table.close()
    }
  })

  test('what may have been executed is sent again below what Redis has had since', async () => {
    const sent = await attempts([{ state: 'unsent', error }, { state: 'unknown', error }, { state: 'unknown', error }, applied])
    assert.deepEqual(sent.map(({ resendFloor }) => resendFloor), [undefined, undefined, SEQ + 1, SEQ + 1])
  })

  test('what the host has cleared since it was sent is not sent again', async () => {
    const sent = await attempts([{ state: 'unknown', error }, applied], (table) => table.root.clear())
    assert.equal(sent.length, 1)
  })

  test('what was certainly not executed is sent as if for the first time, so no loaded value takes its place', async () => {
    const sent = await attempts([{ state: 'unsent', error }, { state: 'unsent', error }, applied])
    assert.deepEqual(sent.map(({ resendFloor }) => resendFloor), [undefined, undefined, undefined])
    assert.deepEqual(new Set(sent.map(({ opNumber }) => opNumber)).size, 1)
  })

  test('a slow Redis gets smaller batches, and larger ones again when it is quick', async () => {
    const table = new ProcessL1({ memory: 1024 * 1024 })
    const journal = new ProcessJournal({ bytes: 4 * 1024 * 1024 })
    const sizes: number[] = []
    const writer: FarWriter = {
      write: async (batch) => {
        sizes.push(batch.length)
        if (sizes.length === 1) await new Promise((resolve) => setTimeout(resolve, 600))
        return [{ partition: PARTITION, records: batch, results: batch.map(() => applied), epoch: 1, lastSeq: SEQ, replicas: 0 }]
      },
      byNode: (records) => [[...records]], missingPermissions: async () => [], stats: () => ({}), close: async () => {},
    }
    const positions = () => ({ seqs: new Float64Array(257), epochs: new Float64Array(257), servers: new Float64Array(257) })
    const feed: Feed = { start() {}, stop: async () => {}, positions, link: 'connected', runId: '', stats: () => ({}) }
    const applier = new Applier(table, journal, { onReconnect: 'replay', onLink: () => {} })
    const leader = new Leader({ table, journal, writer, feed, applier }, { batchRecords: 1_024, batchBytes: 2 ** 20, batchDelayMs: 0, writeTimeoutMs: 1_000, replicas: 0 })
    const marks = Array.from({ length: 1_024 + 512 + 1_024 }, (_, i) => append(journal, i + 1, write(`k${i}`, 'value', { partition: PARTITION })))
    await elected(journal)
    leader.start()
    try {
      await until('all are settled', () => marks.every((mark) => journal.isSettled(mark)))
    } finally {
      await leader.stop()
      journal.close()
      table.close()
    }
    assert.deepEqual(sizes.slice(0, 2), [1_024, 512])
    assert.equal(sizes.reduce((sum, size) => sum + size), marks.length)
  })

  test('with a delay, a few writes share one batch that is sent when the first has waited for so long', async () => {
    const DELAY_MS = 400
    const table = new ProcessL1({ memory: 1024 * 1024 })
    const journal = new ProcessJournal({ bytes: 1024 * 1024 })
    const batches: { keys: string[]; atMs: number }[] = []
    const writer: FarWriter = {
      write: async (batch) => {
        batches.push({ keys: batch.map(({ key }) => key), atMs: performance.now() })
        return [{ partition: PARTITION, records: batch, results: batch.map(() => applied), epoch: 1, lastSeq: SEQ, replicas: 0 }]
      },
      byNode: (records) => [[...records]], missingPermissions: async () => [], stats: () => ({}), close: async () => {},
    }
    const positions = () => ({ seqs: new Float64Array(257), epochs: new Float64Array(257), servers: new Float64Array(257) })
    const feed: Feed = { start() {}, stop: async () => {}, positions, link: 'connected', runId: '', stats: () => ({}) }
    const applier = new Applier(table, journal, { onReconnect: 'replay', onLink: () => {} })
    const leader = new Leader({ table, journal, writer, feed, applier }, { batchRecords: 1_000, batchBytes: 2 ** 20, batchDelayMs: DELAY_MS, writeTimeoutMs: 1_000, replicas: 0 })
    await elected(journal)
    leader.start()
    try {
      for (const round of [0, 1]) {
        const startMs = performance.now()
        // Each in a turn of the event loop of its own: without a delay the first would be sent before the last is there.
        const marks: number[] = []
        for (let i = 0; i < 5; i++) {
          marks.push(append(journal, round * 5 + i + 1, write(`k${round}${i}`, 'value', { partition: PARTITION })))
          await new Promise((resolve) => setImmediate(resolve))
        }
        await until('all are settled', () => marks.every((mark) => journal.isSettled(mark)))
        assert.equal(batches.length, round + 1)
        const { keys, atMs } = batches[round]!
        assert.deepEqual(keys, Array.from({ length: 5 }, (_, i) => `k${round}${i}`))
        // A timer of Node may be a millisecond early.
        assert.ok(atMs - startMs >= DELAY_MS - 2, `sent after ${atMs - startMs} ms`)
      }
    } finally {
      await leader.stop()
      journal.close()
      table.close()
    }
  })

  test('the wait for company ends when a batch is full, and when the leader stops', async () => {
    const table = new ProcessL1({ memory: 1024 * 1024 })
    const journal = new ProcessJournal({ bytes: 1024 * 1024 })
    let sent = 0
    const writer: FarWriter = {
      write: async (batch) => {
        sent += batch.length
        return [{ partition: PARTITION, records: batch, results: batch.map(() => applied), epoch: 1, lastSeq: SEQ, replicas: 0 }]
      },
      byNode: (records) => [[...records]], missingPermissions: async () => [], stats: () => ({}), close: async () => {},
    }
    const positions = () => ({ seqs: new Float64Array(257), epochs: new Float64Array(257), servers: new Float64Array(257) })
    const feed: Feed = { start() {}, stop: async () => {}, positions, link: 'connected', runId: '', stats: () => ({}) }
    const applier = new Applier(table, journal, { onReconnect: 'replay', onLink: () => {} })
    const leader = new Leader({ table, journal, writer, feed, applier }, { batchRecords: 1_000, batchBytes: 10_000, batchDelayMs: 3_600_000, writeTimeoutMs: 1_000, replicas: 0 })
    await elected(journal)
    leader.start()
    try {
      append(journal, 1, write('first', 'value', { partition: PARTITION }))
      for (let i = 2; i <= 12; i++) {
        await new Promise((resolve) => setImmediate(resolve))
        assert.equal(sent, 0)
        append(journal, i, write(`k${i}`, 'v'.repeat(1_000), { partition: PARTITION }))
      }
      await until('the full batch is sent', () => sent >= 10)
      const last = append(journal, 100, write('last', 'value', { partition: PARTITION }))
      await leader.stop()
      assert.ok(!journal.isSettled(last), 'it is left to the next leader')
    } finally {
      journal.close()
      table.close()
    }
  })

  test('what is pending when the table is flushed reaches Redis, what is pending when it is cleared does not', async () => {
    for (const [change, expected] of [['flush', ['a', 'b', 'c']], ['clear', ['c']]] as const) {
      const table = new ProcessL1({ memory: 1024 * 1024 })
      const journal = new ProcessJournal({ bytes: 1024 * 1024 })
      const sent: string[] = []
      const writer: FarWriter = {
        write: async (batch) => {
          sent.push(...batch.map(({ key }) => key))
          return [{ partition: PARTITION, records: batch, results: batch.map(() => applied), epoch: 1, lastSeq: SEQ, replicas: 0 }]
        },
        byNode: (records) => [[...records]], missingPermissions: async () => [], stats: () => ({}), close: async () => {},
      }
      const positions = () => ({ seqs: new Float64Array(257), epochs: new Float64Array(257), servers: new Float64Array(257) })
      const feed: Feed = { start() {}, stop: async () => {}, positions, link: 'connected', runId: '', stats: () => ({}) }
      const applier = new Applier(table, journal, { onReconnect: 'flush', onLink: () => {} })
      const leader = new Leader({ table, journal, writer, feed, applier }, { batchRecords: 10, batchBytes: 1_000, batchDelayMs: 0, writeTimeoutMs: 1_000, replicas: 0 })
      const acknowledge = (key: string): number => {
        const mark = journal.prepare(write(key, key, { partition: PARTITION }))
        const version = table.root.set(key, key, { ttlMs: 0, graceMs: 0 }, undefined, { mark, doubt: table.doubt() })
        assert.ok(journal.commit(mark, version * 2, table.root.epoch()))
        return mark
      }
      const marks = ['a', 'b'].map(acknowledge)
      if (change === 'clear') table.root.clear()
      else {
        applier.onLink('lost')
        applier.onLink('connected')
        applier.onDoubt(-1, 'range-gone')
      }
      assert.equal(table.root.get('a'), undefined)
      marks.push(acknowledge('c'))
      await elected(journal)
      leader.start()
      try {
        await until('all are settled', () => marks.every((mark) => journal.isSettled(mark)))
      } finally {
        await leader.stop()
        journal.close()
        table.close()
      }
      assert.deepEqual(sent, expected)
    }
  })

  test('a clear whose answer comes late brings nothing back that another has ended meanwhile', async () => {
    const table = new ProcessL1({ memory: 1024 * 1024 })
    const journal = new ProcessJournal({ bytes: 1024 * 1024 })
    const positions = () => ({ seqs: new Float64Array(257), epochs: new Float64Array(257), servers: new Float64Array(257) })
    const feed: Feed = { start() {}, stop: async () => {}, positions, link: 'connected', runId: '', stats: () => ({}) }
    const applier = new Applier(table, journal, { onReconnect: 'replay', onLink: () => {} })
    const some = table.root.child('some')
    const writer: FarWriter = {
      write: async (batch) => {
        // Redis has executed it, and another host's clear; both were told before the answer is here.
        applier.onClear('some', 6, 'clear', journal.hostId)
        some.set('k', 'between the two', { ttlMs: 0, graceMs: 0 })
        applier.onClear('some', 7, 'clear', 'f00')
        return [{ partition: 256, records: batch, results: [{ state: 'applied', version: 6 }], epoch: 1, lastSeq: SEQ, replicas: 0 }]
      },
      byNode: (records) => [[...records]], missingPermissions: async () => [], stats: () => ({}), close: async () => {},
    }
    const leader = new Leader({ table, journal, writer, feed, applier }, { batchRecords: 10, batchBytes: 1_000, batchDelayMs: 0, writeTimeoutMs: 1_000, replicas: 0 })
    const mark = append(journal, 0, write('', '', { op: CLEAR, namespace: 'some', partition: 256 }))
    await elected(journal)
    leader.start()
    try {
      await until('the clear is settled', () => journal.isSettled(mark))
      assert.equal(some.fleetEpoch(), 7)
      assert.equal(some.get('k'), undefined)
    } finally {
      await leader.stop()
      journal.close()
      table.close()
    }
  })

  test('after a clear that Redis has had before, a write waits until the feed has told its epoch', async () => {
    const table = new ProcessL1({ memory: 1024 * 1024 })
    const journal = new ProcessJournal({ bytes: 1024 * 1024 })
    let heard = SEQ - 1
    const positions = () => ({ seqs: new Float64Array(257).fill(heard), epochs: new Float64Array(257).fill(1), servers: new Float64Array(257) })
    const feed: Feed = { start() {}, stop: async () => {}, positions, link: 'connected', runId: '', stats: () => ({}) }
    const applier = new Applier(table, journal, { onReconnect: 'replay', onLink: () => {} })
    const epochs: number[] = []
    const writer: FarWriter = {
      write: async (batch) => {
        if (batch[0]!.op !== CLEAR) epochs.push(...batch.map(({ nsEpoch }) => nsEpoch))
        else setTimeout(() => {
          heard = SEQ
          applier.onClear('some', 6, 'clear', journal.hostId)
        }, 20)
        return [{ partition: batch[0]!.partition, records: batch, results: batch.map(({ op }) => (op === CLEAR ? { state: 'dup' } : applied)), epoch: 1, lastSeq: SEQ, replicas: 0 }]
      },
      byNode: (records) => [[...records]], missingPermissions: async () => [], stats: () => ({}), close: async () => {},
    }
    const leader = new Leader({ table, journal, writer, feed, applier }, { batchRecords: 10, batchBytes: 1_000, batchDelayMs: 0, writeTimeoutMs: 1_000, replicas: 0 })
    append(journal, 0, write('', '', { op: CLEAR, namespace: 'some', partition: 256 }))
    const mark = append(journal, 1, write('k', 'value', { namespace: 'some', partition: PARTITION }))
    await elected(journal)
    leader.start()
    try {
      await until('the write is settled', () => journal.isSettled(mark))
    } finally {
      await leader.stop()
      journal.close()
      table.close()
    }
    assert.deepEqual(epochs, [6])
  })

  test('the rest of a soft life goes in whole milliseconds, and is over rather than endless', async () => {
    const journal = new ProcessJournal({ bytes: 1024 * 1024 })
    try {
      append(journal, 1, write('k', 'value', { life: { ttlMs: 60_000, graceMs: 60_000 } }))
      await elected(journal)
      const [record] = drained(journal).records
      const softMsAt = (leftMs: number): number => new Write(record!, { nowMs: record!.softAtMs - leftMs, nsEpoch: 0, expected: 0, resendFloor: undefined }).softMs
      assert.deepEqual([1_500.25, 0.75, 0.25, 0, -0.25, -1_500.25].map(softMsAt), [1_500, 1, -1, -1, -1, -1_500])
    } finally {
      journal.close()
    }
  })
})
