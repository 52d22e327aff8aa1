// What a read returns without storing it: nobody on the host may be given anything older afterwards.
import * as assert from 'node:assert/strict'
import { openJournal } from '../../src/journal/open'
import { ProcessL1 } from '../../src/l1/process-table'
import type { FarHit, FarReader, ReadResult } from '../../src/l2/contract'
import { DEFAULT_TERMS } from '../../src/options/settings'
import { EncodedValue } from '../../src/wire/codec'
import { FarTier } from '../../src/sync/far-tier'
import { CLEAR, DELETE, hostOrder, IF_ABSENT, SET } from '../../src/sync/journal-words'
import { Flights } from '../../src/sync/flights'
import { type Deferred, deferred } from '../helpers/deferred'
import { append, drained, elected, settleAll, write } from '../contract/with-journal'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const hit = (value: string, version: number): FarHit => {
  const { codec, payload } = EncodedValue.of(value)
  return { state: 'hit', codec, payload: Buffer.from(payload), version, sourceVersion: 0, softLeftMs: Infinity, hardLeftMs: Infinity, createdAtMs: 0, ageMs: 0 }
}

/** Two isolates of one host, and a Redis that answers when the test says so. */
function setup() {
  const table = new ProcessL1({ memory: 1024 * 1024 })
  const journal = openJournal('process', { name: `far-tier-${process.pid}`, bytes: 1024 * 1024 })
  const asked: Deferred<ReadResult>[] = []
  const reader = {
    read: () => {
      const answer = deferred<ReadResult>()
      asked.push(answer)
      return answer.promise
    },
  } as Partial<FarReader> as FarReader
  const settings = { softTimeoutMs: 10_000, hardTimeoutMs: 10_000, ttlMs: 0, partitionOf: () => 0 }
  const isolate = (): Flights => new Flights(table, new FarTier(table, journal, reader, settings))
  const terms = { ...DEFAULT_TERMS, leaseMs: 30_000 }
  const read = (flights: Flights, patienceMs: number): Promise<unknown> => flights.read({ view: table.root, key: 'k', terms }, patienceMs)
  return { table, journal, asked, here: isolate(), there: isolate(), read }
}

suite('order of what is read from Redis', (test) => {
  const late = async (newer: ReadResult): Promise<unknown> => {
    const { table, asked, here, there, read } = setup()
    const slow = read(there, 10_000)
    await until('the first has asked', () => asked.length === 1)
    // Tired of waiting for the first.
    const quick = read(here, 0)
    await until('the second has asked', () => asked.length === 2)
    asked[1]!.resolve(newer)
    await quick
    asked[0]!.resolve(hit('old', 8 * 1024))
    assert.equal(await slow, 'old')
    return table.root.get('k')
  }

  test('an older answer that comes later is not stored', async () => assert.equal(await late(hit('new', 9 * 1024)), undefined))
  test('nor after a delete was seen', async () => assert.equal(await late({ state: 'miss', base: 9 * 1024, why: 'deleted' }), undefined))
  test('nor where the newer answer could not be stored, its lease having ended', async () => {
    const { table, asked, here, there, read } = setup()
    const slow = read(here, 10_000)
    await until('the first has asked', () => asked.length === 1)
    table.root.invalidate('k', 7 * 1024, () => true)
    const quick = read(there, 10_000)
    await until('the second has asked', () => asked.length === 2)
    // The first was asked earlier, and Redis answered it later.
    asked[0]!.resolve(hit('new', 9 * 1024))
    assert.equal(await slow, 'new')
    asked[1]!.resolve(hit('old', 8 * 1024))
    assert.equal(await quick, 'old')
    assert.equal(table.root.get('k'), undefined)
  })
  test('what is the very write that the table shows does not remove it, however stale', async () => {
    const { table, journal, asked, here, read } = setup()
    const mark = append(journal, 2, write('k', 'own'))
    await elected(journal)
    table.root.set('k', 'own', { ttlMs: 1, graceMs: 60_000 }, undefined, { mark, doubt: table.doubt() })
    settleAll(journal, drained(journal), 9 * 1024)
    await until('it is stale', () => table.root.get('k') === undefined)
    // Somebody else loads, so nothing is stored.
    table.root.acquire('k', { leaseMs: 30_000, force: true })
    const once = async (version: number, value = 'own'): Promise<unknown> => {
      const quick = read(here, 0)
      await until('Redis is asked', () => asked.length === 1)
      asked.pop()!.resolve({ ...hit(value, version), softLeftMs: 0, hardLeftMs: 60_000 })
      await quick
      return table.root.entry('k')?.value
    }
    assert.equal(await once(9 * 1024), 'own')
    assert.equal(await once(10 * 1024, 'newer'), undefined, 'but what is newer does')
  })
  test('nor does its value, when what Redis gave it is forgotten', async () => {
    const { table, journal, asked, here, read } = setup()
    const mark = append(journal, 2, write('k', 'own'))
    await elected(journal)
    table.root.set('k', 'own', { ttlMs: 1, graceMs: 60_000 }, undefined, { mark, doubt: table.doubt() })
    const batch = drained(journal)
    journal.settle(batch, batch.records.map(() => ({ result: 'dup' as const, version: 0 })))
    await until('it is stale', () => table.root.get('k') === undefined)
    const once = async (version: number, value = 'own'): Promise<unknown> => {
      // Somebody else loads, so nothing is stored.
      table.root.acquire('k', { leaseMs: 30_000, force: true })
      const quick = read(here, 0)
      await until('Redis is asked', () => asked.length === 1)
      asked.pop()!.resolve({ ...hit(value, version), softLeftMs: 0, hardLeftMs: 60_000 })
      await quick
      return table.root.entry('k')?.value
    }
    assert.equal(await once(9 * 1024), 'own')
    assert.equal(await once(10 * 1024, 'newer'), undefined, 'but another value does')
  })
  test('nothing has changed: the answer is stored', async () => assert.equal(await late({ state: 'miss', base: 0, why: 'absent' }), 'old'))

  test('what Redis has is not stored while a delete has begun and is not in the journal yet', async () => {
    const { table, journal, asked, here, read } = setup()
    table.root.set('k', 'old', { ttlMs: 0, graceMs: 0 }, undefined, { version: 8 * 1024, doubt: table.doubt() })
    const mark = journal.prepare({ ...write('k', ''), op: DELETE })
    const { version } = table.root.remove('k')
    const between = read(here, 10_000)
    await until('Redis is asked', () => asked.length === 1)
    assert.equal(journal.commit(mark, hostOrder(version, DELETE), table.root.epoch()), true)
    asked[0]!.resolve(hit('old', 8 * 1024))
    assert.equal(await between, 'old', 'a read beside the delete may see either')
    assert.equal(await read(here, 10_000), undefined)
    assert.equal(asked.length, 1, 'the journal tells of the delete')
  })

  test('a clear on its way lets nobody ask Redis, though Redis has to decide about a write after it', async () => {
    const { table, journal, asked, here, read } = setup()
    const clear = journal.prepare({ ...write('', ''), namespace: '', op: CLEAR })
    table.root.clear()
    assert.equal(journal.commit(clear, 0, table.root.epoch()), true)
    const undecided = journal.prepare({ ...write('k', 'new'), condition: IF_ABSENT })
    assert.equal(journal.commit(undecided, hostOrder(table.root.remove('k').version, DELETE), table.root.epoch()), true)
    assert.equal(await read(here, 10_000), undefined)
    assert.equal(asked.length, 0)
  })

  test('a clear on its way brings back neither what the journal nor what Redis has of before', async () => {
    const { table, journal, asked, here, read } = setup()
    const before = journal.prepare(write('k', 'old'))
    assert.equal(journal.commit(before, 2, table.root.epoch()), true)
    const clear = journal.prepare({ ...write('', ''), namespace: '', op: CLEAR })
    table.root.clear()
    assert.equal(await read(here, 10_000), undefined, 'as the clear begins')
    assert.equal(journal.commit(clear, 0, table.root.epoch()), true)
    assert.equal(await read(here, 10_000), undefined)
    const after = journal.prepare(write('k', 'new'))
    assert.equal(journal.commit(after, 4, table.root.epoch()), true)
    assert.equal(await read(here, 10_000), 'new')
    assert.equal(asked.length, 0)
  })

  test('a read that Redis answers late tells what this host has written meanwhile, and not what the write comes after', async () => {
    const { table, journal, asked, here, there, read } = setup()
    const slow = read(here, 10_000)
    await until('Redis is asked', () => asked.length === 1)
    const impatient = read(there, 0)
    await until('Redis is asked twice', () => asked.length === 2)
    const mark = journal.prepare(write('k', 'own'))
    const version = table.root.set('k', 'own', { ttlMs: 0, graceMs: 0 }, undefined, { mark, doubt: table.doubt() })
    journal.commit(mark, hostOrder(version, SET), table.root.epoch())
    assert.equal(await read(there, 10_000), 'own')
    for (const answer of asked) answer.resolve(hit('of another host', 9 * 1024))
    assert.deepEqual(await Promise.all([slow, impatient]), ['own', 'own'])
    assert.equal(table.root.get('k'), 'own')
  })
})
