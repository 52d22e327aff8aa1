// What getEntry tells of a key below the table, and how long it may wait for that.
import * as assert from 'node:assert/strict'
import { openJournal } from '../../src/journal/open'
import { ProcessL1 } from '../../src/l1/process-table'
import type { L1Entry } from '../../src/l1/table'
import type { FarReader, ReadResult } from '../../src/l2/contract'
import { DEFAULT_TERMS } from '../../src/options/settings'
import { FarTier } from '../../src/sync/far-tier'
import { CLEAR } from '../../src/sync/journal-words'
import { FIRST_PENDING_VERSION } from '../../src/sync/versions'
import { append, write } from '../contract/with-journal'
import { suite } from '../helpers/suite'

const SOFT_MS = 1_000
const HARD_MS = 5_000

/** A tier on a Redis that has nothing, and the deadlines it was asked under. */
function setup() {
  const table = new ProcessL1({ memory: 1024 * 1024 })
  const journal = openJournal('process', { name: `far-tier-entry-${process.pid}`, bytes: 1024 * 1024 })
  const deadlines: number[] = []
  const reader = {
    read: async (_key: unknown, deadlineMs: number): Promise<ReadResult> => {
      deadlines.push(deadlineMs)
      return { state: 'miss', base: 0, why: 'absent' }
    },
  } as Partial<FarReader> as FarReader
  const tier = new FarTier(table, journal, reader, { softTimeoutMs: SOFT_MS, hardTimeoutMs: HARD_MS, ttlMs: 0, partitionOf: () => 0 })
  const entry = (startMs: number, held?: L1Entry) => tier.entry({ view: table.root, key: 'k', terms: { ...DEFAULT_TERMS, leaseMs: 30_000 }, startMs }, held)
  return { journal, deadlines, entry }
}

suite('the entry of a key below the table', (test) => {
  test('is not waited for beyond the deadline of the call, whatever the call has waited for before', async () => {
    const { deadlines, entry } = setup()
    const startMs = performance.now() - HARD_MS + 10
    await entry(startMs)
    assert.deepEqual(deadlines, [startMs + HARD_MS])
    await entry(performance.now() - HARD_MS)
    assert.equal(deadlines.length, 1, 'no time is left: nobody is asked')
  })

  test('is waited for no longer than the soft timeout', async () => {
    const { deadlines, entry } = setup()
    const beforeMs = performance.now()
    await entry(beforeMs)
    assert.ok(deadlines[0]! >= beforeMs + SOFT_MS && deadlines[0]! <= performance.now() + SOFT_MS)
  })

  test('of a write that is still on its way, and no longer in the table, is the write', async () => {
    const { journal, deadlines, entry } = setup()
    const mark = append(journal, 1, write('k', 'value'))
    assert.deepEqual(await entry(performance.now()), {
      value: 'value', version: FIRST_PENDING_VERSION + mark, ageMs: 0, isStale: false, ttlLeftMs: Number.POSITIVE_INFINITY, tier: 'l1',
    })
    assert.deepEqual(deadlines, [])
  })

  test('beside a clear on its way has no version that others could take for one of the fleet', async () => {
    const { journal, deadlines, entry } = setup()
    append(journal, 0, write('', '', { op: CLEAR }))
    const held: L1Entry = {
      value: 'value', version: 77, isStale: false, ageMs: 0, ttlLeftMs: 5, hardLeftMs: 5, tier: 'l1', fleet: { version: 0, mark: 0, isDoubtful: true },
    }
    assert.equal((await entry(performance.now(), held))?.version, 0)
    assert.equal(await entry(performance.now()), undefined)
    assert.deepEqual(deadlines, [])
  })
})
