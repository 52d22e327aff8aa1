// What every journal promises beside its records: leadership, status, breaker, dead letters.
import * as assert from 'node:assert/strict'
import type { Test } from 'uvu'
import { until } from '../helpers/until'
import { type WithJournal, append, drained, elected, write } from './with-journal'

export function journalHost(test: Test, withJournal: WithJournal): void {
  test('the origin is 16 hex digits', () => withJournal(({ hostId }) => assert.match(hostId, /^[0-9a-f]{16}$/)))

  test('terms rise, and a leader hears of what is appended', () =>
    withJournal(async (journal) => {
      const first = await elected(journal)
      assert.equal(journal.isLeading, true)
      let heard = 0
      const stop = journal.onAppend(() => heard++)
      assert.equal(journal.drain({ records: 10, bytes: 1000 }), undefined)
      append(journal, 1, write('k'))
      await until('the leader hears of an append', () => heard > 0)
      stop()
      journal.resign()
      assert.ok((await elected(journal)) > first)
      assert.ok(journal.status.term > first)
    }))

  test('status words are set by the leader alone', () =>
    withJournal(async (journal) => {
      const { status } = journal
      assert.deepEqual([status.link, status.lastHeardMs, status.clockOffsetMs], ['never', 0, 0])
      status.link = 'connected'
      assert.equal(status.link, 'never')
      await elected(journal)
      status.link = 'connected'
      status.lastHeardMs = 123_456
      status.clockOffsetMs = -1_700_000_000_000
      assert.deepEqual([status.link, status.lastHeardMs, status.clockOffsetMs], ['connected', 123_456, -1_700_000_000_000])
      assert.equal(status.leaderPid, process.pid)
    }))

  test('a batch tells that a replica is wanted, by a record that was replaced as well; so does its result that none has it', () =>
    withJournal(async (journal) => {
      await elected(journal)
      const first = append(journal, 1, write('k', 'one', { wantsReplica: true }))
      const second = append(journal, 2, write('k', 'two'))
      const batch = journal.drain({ records: 10, bytes: 1000 })!
      assert.equal(batch.wantsReplica, true)
      journal.assign(batch.records)
      const answers = [first, second].map((mark) => journal.settled(mark, performance.now() + 20_000))
      assert.equal(journal.settle(batch, batch.records.map(() => ({ result: 'stored', version: 7, isShort: true }))), true)
      assert.deepEqual(await Promise.all(answers), [{ result: 'superseded', version: 7, isShort: true }, { result: 'stored', version: 7, isShort: true }])
    }))

  test('positions of the feed are kept for the next leader', () =>
    withJournal(async (journal) => {
      const seqs = Float64Array.from({ length: 257 }, (_, i) => i * 1000)
      const epochs = Float64Array.from({ length: 257 }, (_, i) => 2 ** 40 + i)
      const servers = Float64Array.from({ length: 257 }, (_, i) => 2 ** 47 + i)
      journal.rememberPositions({ seqs, epochs, servers })
      assert.equal(journal.knownPositions().seqs[3], 0)
      await elected(journal)
      journal.rememberPositions({ seqs, epochs, servers })
      journal.resign()
      assert.deepEqual(journal.knownPositions(), { seqs, epochs, servers })
    }))

  test('the breaker opens after failures in a row, and one probe closes it', () =>
    withJournal(async ({ status: { breaker } }) => {
      breaker.limits = { failures: 3, firstOpenMs: 20, maxOpenMs: 50 }
      breaker.report(false)
      breaker.report(false)
      breaker.report(true)
      breaker.report(false)
      breaker.report(false)
      assert.equal(breaker.mayTry(), 'closed')
      breaker.report(false)
      assert.deepEqual([breaker.mayTry(), breaker.isOpen], ['open', true])
      breaker.report(true) // of a try that began before
      assert.equal(breaker.isOpen, true)
      await until('a probe is due', () => breaker.mayTry() === 'probe')
      assert.equal(breaker.mayTry(), 'open')
      breaker.report(false)
      assert.equal(breaker.mayTry(), 'open')
      await until('another probe is due', () => breaker.mayTry() === 'probe')
      breaker.report(true)
      assert.deepEqual([breaker.mayTry(), breaker.isOpen], ['closed', false])
    }))

  test('dead letters say what was refused and why', () =>
    withJournal(async (journal) => {
      await elected(journal)
      const mark = append(journal, 1, write('k', 'refused', { namespace: 'n', life: { ttlMs: 1000, graceMs: 500 } }))
      const before = Date.now()
      const batch = drained(journal)
      journal.settle(batch, [{ result: 'dead', version: 0, reason: 'WRONGTYPE: größer' }])
      assert.deepEqual(await journal.settled(mark, performance.now() + 1000), { result: 'dead', version: 0 })
      const [letter, ...rest] = journal.deadLetters()
      assert.equal(rest.length, 0)
      assert.ok(letter!.timeMs >= before - 1 && letter!.timeMs <= Date.now())
      assert.equal(letter!.hardAtMs - letter!.softAtMs, 500)
      assert.deepEqual({ ...letter, id: 0, timeMs: 0, softAtMs: 0, hardAtMs: 0, payload: letter!.payload?.toString() }, {
        id: 0, timeMs: 0, op: 1, codec: 0, partition: 7, softAtMs: 0, hardAtMs: 0, namespace: 'n', key: 'k', reason: 'WRONGTYPE: größer', bytes: 7, payload: 'refused',
      })
    }))

  test('a dead letter can be taken once', () =>
    withJournal(async (journal) => {
      await elected(journal)
      for (const [i, key] of ['a', 'b', 'c'].entries()) {
        append(journal, i + 1, write(key, 'refused'))
        journal.settle(drained(journal), [{ result: 'dead', version: 0, reason: key }])
      }
      const [, second] = journal.deadLetters()
      assert.equal(journal.takeLetter(second!.id), true)
      assert.equal(journal.takeLetter(second!.id), false)
      assert.equal(journal.takeLetter(2 ** 40), false)
      assert.deepEqual(journal.deadLetters().map(({ key }) => key), ['a', 'c'])
    }))

  test('after close writing throws and waiting ends', () =>
    withJournal(async (journal) => {
      const mark = append(journal, 1, write('k'))
      const waiting = journal.settled(mark, performance.now() + 20_000)
      journal.close()
      assert.deepEqual(await waiting, { result: 'unknown', version: 0 })
      assert.throws(() => journal.prepare(write('k')), { code: 'ERR_CACHE_CLOSED' })
      journal.close()
    }))

  test('a key that is none is refused', () =>
    withJournal((journal) => {
      for (const key of ['', 'x'.repeat(1025), '\ud800']) assert.throws(() => journal.prepare(write(key)), { code: 'ERR_CACHE_KEY' })
    }))
}
