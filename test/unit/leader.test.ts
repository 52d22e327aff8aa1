// What the leader sends again, and under which conditions, on fakes of everything that speaks Redis.
import * as assert from 'node:assert/strict'
import { ProcessJournal } from '../../src/journal/process-journal'
import type { ProcessL1 } from '../../src/l1/process-table'
import type { EntryResult, WriteRecord } from '../../src/l2/contract'
import { CLEAR } from '../../src/sync/journal-words'
import { Write } from '../../src/sync/write'
import { CacheError } from '../../src/words/errors'
import { append, drained, elected, write } from '../contract/with-journal'
import { deferred } from '../helpers/deferred'
import { applied, PARTITION, SEQ, withLeader } from '../helpers/leader-stage'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const FOREVER = { ttlMs: 0, graceMs: 0 }
const error = new CacheError('ERR_CACHE_L2_UNAVAILABLE', 'gone')

/** Sends one record whose attempts are answered with `answers` in turn; resolves with the records as they were sent. */
async function attempts(answers: readonly EntryResult[], onSent?: (table: ProcessL1) => void): Promise<WriteRecord[]> {
  const sent: WriteRecord[] = []
  // The feed goes on while the record is under way.
  await withLeader({
    heard: () => SEQ + sent.length,
    answer: (batch, { table }) => {
      const result = answers[sent.length]!
      sent.push(...batch)
      onSent?.(table)
      return [result]
    },
  }, async (stage) => {
    await stage.lead()
    const mark = append(stage.journal, 1, write('k', 'value', { partition: PARTITION }))
    await until('the record is settled', () => stage.journal.isSettled(mark))
  })
  return sent
}

suite('leader', (test) => {
  test('a write that Redis got before a clear of another host, and that a read took from the journal after it, is not kept', () =>
    withLeader({
      answer: (batch, { table, journal }) => {
        const view = table.root.child('some')
        view.advanceFleetEpoch(view.fleetEpoch() + 1)
        for (const { key } of batch) {
          const acquired = view.acquire(key, { leaseMs: 1_000, force: false })
          assert.equal(acquired.state, 'granted')
          const fleet = { mark: journal.pending('some', key)!.mark, doubt: table.doubt() }
          assert.notEqual(view.publish(key, (acquired as { lease: number }).lease, 'value', FOREVER, fleet), 0)
        }
        return batch.map(() => applied)
      },
    }, async (stage) => {
      await stage.lead()
      const mark = append(stage.journal, 1, write('k', 'value', { namespace: 'some', partition: PARTITION }))
      await until('the record is settled', () => stage.journal.isSettled(mark))
      await until('nothing is served', () => stage.table.root.child('some').entry('k') === undefined)
    }))

  test('what may have been executed is sent again below what Redis has had since', async () => {
    const sent = await attempts([{ state: 'unsent', error }, { state: 'unknown', error }, { state: 'unknown', error }, applied])
    assert.deepEqual(sent.map(({ resendFloor }) => resendFloor), [undefined, undefined, SEQ + 1, SEQ + 1])
  })

  test('what the host has cleared since it was sent is not sent again', async () => {
    const sent = await attempts([{ state: 'unknown', error }, applied], (table) => table.root.clear())
    assert.equal(sent.length, 1)
  })

  test('nor by the next leader, also where the clear was under way with it', () => {
    const died = deferred<void>()
    const sent: string[] = []
    const noted = (batch: readonly WriteRecord[]): void => void sent.push(...batch.map(({ op, namespace, key }) => `${op} ${namespace}|${key}`))
    return withLeader({
      answer: async (batch) => {
        noted(batch)
        await died.promise
        return batch.map(() => ({ state: 'unknown', error }))
      },
    }, async (stage) => {
      const { journal, table } = stage
      const marks = ['', 'some'].map((namespace, i) => append(journal, i + 1, write('k', 'value', { namespace, partition: PARTITION })))
      await stage.lead()
      await until('both are under way', () => sent.length === 2)
      table.root.child('some').clear()
      marks.push(append(journal, 0, write('', '', { op: CLEAR, namespace: 'some', partition: 256 })))
      await until('the clear is, too', () => sent.length === 3)
      // Answers that come after the lead is lost change nothing.
      journal.resign()
      died.resolve()
      await stage.resign()
      sent.length = 0
      await stage.lead((batch) => (noted(batch), batch.map(() => applied)))
      await until('all are settled', () => marks.every((mark) => journal.isSettled(mark)))
      assert.deepEqual(sent, ['5 some|', '1 |k'])
    })
  })

  test('what was certainly not executed is sent as if for the first time, so no loaded value takes its place', async () => {
    const sent = await attempts([{ state: 'unsent', error }, { state: 'unsent', error }, applied])
    assert.deepEqual(sent.map(({ resendFloor }) => resendFloor), [undefined, undefined, undefined])
    assert.deepEqual(new Set(sent.map(({ opNumber }) => opNumber)).size, 1)
  })

  test('a slow Redis gets smaller batches, and larger ones again when it is quick', async () => {
    const sizes: number[] = []
    await withLeader({
      journalBytes: 4 * 2 ** 20, batchRecords: 1_024, batchBytes: 2 ** 20,
      answer: async (batch) => {
        sizes.push(batch.length)
        if (sizes.length === 1) await new Promise((resolve) => setTimeout(resolve, 600))
        return batch.map(() => applied)
      },
    }, async (stage) => {
      const marks = Array.from({ length: 1_024 + 512 + 1_024 }, (_, i) => append(stage.journal, i + 1, write(`k${i}`, 'value', { partition: PARTITION })))
      await stage.lead()
      await until('all are settled', () => marks.every((mark) => stage.journal.isSettled(mark)))
      assert.deepEqual(sizes.slice(0, 2), [1_024, 512])
      assert.equal(sizes.reduce((sum, size) => sum + size), marks.length)
    })
  })

  test('with a delay, a few writes share one batch that is sent when the first has waited for so long', async () => {
    const DELAY_MS = 400
    const batches: { keys: string[]; atMs: number }[] = []
    await withLeader({
      batchRecords: 1_000, batchBytes: 2 ** 20, batchDelayMs: DELAY_MS,
      answer: (batch) => {
        batches.push({ keys: batch.map(({ key }) => key), atMs: performance.now() })
        return batch.map(() => applied)
      },
    }, async (stage) => {
      await stage.lead()
      for (const round of [0, 1]) {
        const startMs = performance.now()
        // Each in a turn of the event loop of its own: without a delay the first would be sent before the last is there.
        const marks: number[] = []
        for (let i = 0; i < 5; i++) {
          marks.push(append(stage.journal, round * 5 + i + 1, write(`k${round}${i}`, 'value', { partition: PARTITION })))
          await new Promise((resolve) => setImmediate(resolve))
        }
        await until('all are settled', () => marks.every((mark) => stage.journal.isSettled(mark)))
        assert.equal(batches.length, round + 1)
        const { keys, atMs } = batches[round]!
        assert.deepEqual(keys, Array.from({ length: 5 }, (_, i) => `k${round}${i}`))
        // A timer of Node may be a millisecond early.
        assert.ok(atMs - startMs >= DELAY_MS - 2, `sent after ${atMs - startMs} ms`)
      }
    })
  })

  test('the wait for company ends when a batch is full, and when the leader stops', async () => {
    let sent = 0
    await withLeader({
      batchRecords: 1_000, batchBytes: 10_000, batchDelayMs: 3_600_000,
      answer: (batch) => {
        sent += batch.length
        return batch.map(() => applied)
      },
    }, async (stage) => {
      await stage.lead()
      append(stage.journal, 1, write('first', 'value', { partition: PARTITION }))
      for (let i = 2; i <= 12; i++) {
        await new Promise((resolve) => setImmediate(resolve))
        assert.equal(sent, 0)
        append(stage.journal, i, write(`k${i}`, 'v'.repeat(1_000), { partition: PARTITION }))
      }
      await until('the full batch is sent', () => sent >= 9)
      const last = append(stage.journal, 100, write('last', 'value', { partition: PARTITION }))
      await stage.resign()
      assert.ok(!stage.journal.isSettled(last), 'it is left to the next leader')
    })
  })

  for (const [change, expected] of [['flush', ['a', 'b', 'c']], ['clear', ['c']]] as const) {
    test(`what is pending at a ${change} of the table ${change === 'flush' ? 'reaches' : 'does not reach'} Redis`, async () => {
      const sent: string[] = []
      await withLeader({
        onReconnect: 'flush',
        answer: (batch) => {
          sent.push(...batch.map(({ key }) => key))
          return batch.map(() => applied)
        },
      }, async (stage) => {
        const { table, journal, applier } = stage
        const acknowledge = (key: string): number => {
          const mark = journal.prepare(write(key, key, { partition: PARTITION }))
          const version = table.root.set(key, key, FOREVER, undefined, { mark, doubt: table.doubt() })
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
        await stage.lead()
        await until('all are settled', () => marks.every((mark) => journal.isSettled(mark)))
        assert.deepEqual(sent, expected)
      })
    })
  }

  test('a clear whose answer comes late brings nothing back that another has ended meanwhile', () =>
    withLeader({
      answer: (_batch, { table, journal, applier }) => {
        // Redis has executed it, and another host's clear; both were told before the answer is here.
        applier.onClear('some', 6, 'clear', journal.hostId)
        table.root.child('some').set('k', 'between the two', FOREVER)
        applier.onClear('some', 7, 'clear', 'f00')
        return [{ state: 'applied', version: 6 }]
      },
    }, async (stage) => {
      const some = stage.table.root.child('some')
      const mark = append(stage.journal, 0, write('', '', { op: CLEAR, namespace: 'some', partition: 256 }))
      await stage.lead()
      await until('the clear is settled', () => stage.journal.isSettled(mark))
      assert.equal(some.fleetEpoch(), 7)
      assert.equal(some.get('k'), undefined)
    }))

  test('after a clear that Redis has had before, a write waits until the feed has told its epoch', async () => {
    let heard = SEQ - 1
    const epochs: number[] = []
    await withLeader({
      heard: () => heard,
      answer: (batch, { journal, applier }) => {
        if (batch[0]!.op !== CLEAR) {
          epochs.push(...batch.map(({ nsEpoch }) => nsEpoch))
          return batch.map(() => applied)
        }
        setTimeout(() => {
          heard = SEQ
          applier.onClear('some', 6, 'clear', journal.hostId)
        }, 20)
        return batch.map(() => ({ state: 'dup' }))
      },
    }, async (stage) => {
      append(stage.journal, 0, write('', '', { op: CLEAR, namespace: 'some', partition: 256 }))
      const mark = append(stage.journal, 1, write('k', 'value', { namespace: 'some', partition: PARTITION }))
      await stage.lead()
      await until('the write is settled', () => stage.journal.isSettled(mark))
    })
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
