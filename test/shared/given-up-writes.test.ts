// Writes that have been seen, and that their leader gave up before they were acknowledged: a process stood still in between.
import * as assert from 'node:assert/strict'
import type { DrainedBatch, HostDisk, Journal } from '../../src/journal/contract'
import { openSharedJournal } from '../../src/journal/shared-open'
import { openShared, type SharedL1 } from '../../src/l1/shared-table'
import type { L1View } from '../../src/l1/table'
import { DEFAULT_TERMS } from '../../src/options/settings'
import { FarWrites } from '../../src/sync/far-writes'
import { stateOfWrite } from '../../src/sync/far-tags'
import { CLEAR, DELETE, hostOrder, SET } from '../../src/sync/journal-words'
import type { WriteTerms } from '../../src/sync/write-terms'
import { decode, EncodedValue } from '../../src/wire/codec'
import { slotOf, tagsOf } from '../../src/wire/tags'
import { uniqueName, withDirectory } from '../helpers/cache'
import { elected, settleAll, write } from '../contract/with-journal'
import { suite } from '../helpers/suite'

const LIMITS = { records: 100, bytes: 1_000_000 }
const TERMS: WriteTerms = { ...DEFAULT_TERMS, life: { ttlMs: 0, graceMs: 0 } }
const NO_DISK: HostDisk = { append: () => Promise.reject(new Error('nothing goes to the disk here')) }

/** What happens while a writer stands still between the table and the journal. */
interface Pause {
  table: SharedL1
  /** Of another process. */
  others: FarWrites
  journal: Journal
  /** Everything that is committed goes to Redis, which answers; who stands still is given up. */
  deliver(): string[]
}

interface Outcome {
  table: SharedL1
  /** What still comes to Redis after the pause. */
  sent: string[]
  journal: Journal
}

/** As the leader sends it: what was cleared after it was written stays here. */
function told({ records }: DrainedBatch, table: SharedL1): string[] {
  const epoch = table.root.epoch()
  return records.filter(({ op, nsEpoch }) => op === CLEAR || nsEpoch === epoch).map(({ op, codec, payload }) => {
    if (op !== SET) return `op ${op}`
    const isEnded = stateOfWrite(table, codec, payload!, TERMS.life) === 'gone'
    return `${decode(codec, payload!)}${isEnded ? ', ended by its tag' : ''}`
  })
}

type Methods<Name extends string> = Record<Name, (...given: never[]) => unknown>

/** The same object, but for one method, whose call `instead` makes. */
function around<T extends object & Methods<Name>, Name extends string>(object: T, name: Name, instead: (call: () => unknown) => unknown): T {
  return new Proxy(object, {
    get: (target, property) => {
      const value: unknown = Reflect.get(target, property, target)
      if (typeof value !== 'function') return value
      const method = value.bind(target) as (...given: unknown[]) => unknown
      return property === name ? (...given: unknown[]) => instead(() => method(...given)) : method
    },
  })
}

/** `first` is set, and its writer stands still after everybody can see it. */
async function stoppedIn(
  meanwhile: (pause: Pause) => void, after: (outcome: Outcome) => void, { at = 'commit', writeMode = 'behind', tag }: { at?: 'set' | 'commit'; writeMode?: WriteTerms['writeMode']; tag?: string } = {},
): Promise<void> {
  await withDirectory(async (dir) => {
    const name = uniqueName()
    const table = openShared({ name, dir, memory: 8 * 1024 * 1024, averageEntryBytes: 256, l0: false })
    const own = openSharedJournal({ name, dir, bytes: 1024 * 1024 })
    const journal = openSharedJournal({ name, dir, bytes: 1024 * 1024 })
    const settings = { softTimeoutMs: 10_000, hardTimeoutMs: 10_000, ttlMs: 0, partitionOf: () => 0 }
    const deliver = (): string[] => {
      const now: string[] = []
      for (let batch = journal.drain(LIMITS); batch !== undefined; batch = journal.drain(LIMITS)) {
        now.push(...told(batch, table))
        assert.ok(journal.assign(batch.records))
        settleAll(journal, batch)
      }
      return now
    }
    try {
      await elected(journal)
      let isPaused = false
      const pause = (): void => {
        if (isPaused) return
        isPaused = true
        assert.equal(table.root.get('k'), 'first')
        meanwhile({ table, others: new FarWrites(table, journal, settings, NO_DISK), journal, deliver })
      }
      const view = at === 'set' ? around<L1View, 'set'>(table.root, 'set', (set) => [set(), pause()][0]) : table.root
      const pausing = at === 'commit' ? around<Journal, 'commit'>(own, 'commit', (commit) => [pause(), commit()][1]!) : own
      const value = tag === undefined ? 'first' : EncodedValue.tagged('first', tagsOf('', [tag], table.tags.clock()))
      const outcome = new FarWrites(table, pausing, settings, NO_DISK).set(view, 'k', value, { ...TERMS, writeMode })
      assert.ok(isPaused)
      const later = deliver()
      await outcome
      after({ table, sent: later, journal })
      assert.equal(own.stats()['pending_bytes'], 0)
    } finally {
      own.close()
      journal.close()
      table.close()
    }
  })
}

suite('writes that were given up', (test) => {
  const isOver = ({ table, sent }: Outcome): void => {
    assert.equal(table.root.get('k'), 'second')
    assert.deepEqual(sent, [])
  }

  test('what nobody replaced is made anew and sent once', () =>
    stoppedIn(
      ({ journal }) => {
        assert.equal(journal.drain(LIMITS), undefined)
        assert.equal(journal.stats()['timed_out'], 1)
      },
      ({ table, sent }) => {
        assert.equal(table.root.get('k'), 'first')
        assert.deepEqual(sent, ['first'])
      },
    ))

  test('nothing comes back over a write that Redis has by now', () =>
    stoppedIn(
      ({ others, table, deliver }) => {
        void others.set(table.root, 'k', 'second', TERMS)
        assert.deepEqual(deliver(), ['second'])
      },
      isOver,
    ))

  test('nor over one that is on its way', () =>
    stoppedIn(
      ({ others, table, journal }) => {
        journal.drain(LIMITS)
        void others.set(table.root, 'k', 'second', TERMS)
      },
      ({ table, sent }) => {
        assert.equal(table.root.get('k'), 'second')
        assert.deepEqual(sent, ['second'])
      },
    ))

  test('nor after a delete that Redis has by now', () =>
    stoppedIn(
      ({ others, table, deliver }) => {
        void others.delete(table.root, 'k', TERMS)
        assert.deepEqual(deliver(), ['op 2'])
      },
      ({ table, sent }) => {
        assert.equal(table.root.get('k'), undefined)
        assert.deepEqual(sent, [])
      },
    ))

  test('nor after a delete and a write around the table', () =>
    stoppedIn(
      ({ others, table, deliver }) => {
        void others.delete(table.root, 'k', TERMS)
        void others.set(table.root, 'k', 'second', { ...TERMS, writeMode: 'around' })
        assert.deepEqual(deliver(), ['second'])
      },
      ({ table, sent }) => {
        assert.equal(table.root.get('k'), undefined)
        assert.deepEqual(sent, [])
      },
    ))

  test('nor beside a delete whose process stands still as well', () => {
    let deleted = 0
    let version = 0
    return stoppedIn(
      ({ table, journal, deliver }) => {
        deleted = journal.prepare(write('k', '', { op: 2 }))
        ;({ version } = table.root.remove('k'))
        // Both are given up, or still waited for.
        deliver()
      },
      ({ table, sent, journal }) => {
        assert.equal(table.root.get('k'), undefined)
        assert.deepEqual(sent, [])
        if (!journal.commit(deleted, hostOrder(version, DELETE), table.root.epoch())) journal.cancel(deleted)
        journal.drain(LIMITS)
      },
    )
  })

  test('nor after a clear', () =>
    stoppedIn(
      ({ others, table, deliver }) => {
        void others.clear(table.root, TERMS)
        assert.deepEqual(deliver(), ['op 5'])
      },
      ({ table, sent }) => {
        assert.equal(table.root.get('k'), undefined)
        assert.deepEqual(sent, [])
      },
    ))

  for (const at of ['set', 'commit'] as const) {
    test(`nor after a clear where it was not given up: right after the ${at === 'set' ? 'value was seen' : 'place of the value was known'}`, () =>
      stoppedIn(
        ({ others, table }) => void others.clear(table.root, TERMS),
        ({ table, sent }) => {
          assert.equal(table.root.get('k'), undefined)
          assert.deepEqual(sent, ['op 5'])
        },
        { at },
      ))
  }

  for (const isGivenUp of [true, false]) {
    test(`what its tag has ended meanwhile stays so, and goes to Redis as that: ${isGivenUp ? 'given up' : 'in time'}`, () =>
      stoppedIn(
        ({ others, table, deliver }) => {
          void others.clearTag(table.root, slotOf('', 'x'), 'delete', TERMS)
          if (isGivenUp) assert.deepEqual(deliver(), ['op 5'])
        },
        ({ table, sent }) => {
          assert.equal(table.root.get('k'), undefined)
          assert.deepEqual(sent, [...(isGivenUp ? [] : ['op 5']), 'first, ended by its tag'])
        },
        { tag: 'x' },
      ))
  }

  test('nor does what its tag has ended come over what was written after that', () =>
    stoppedIn(
      ({ others, table, deliver }) => {
        void others.clearTag(table.root, slotOf('', 'x'), 'delete', TERMS)
        void others.set(table.root, 'k', 'second', TERMS)
        assert.deepEqual(deliver(), ['op 5', 'second'])
      },
      isOver,
      { tag: 'x' },
    ))

  test('what the table has lost by itself is put there again', () =>
    stoppedIn(
      ({ table, journal }) => {
        table.flush()
        assert.equal(journal.drain(LIMITS), undefined)
      },
      ({ table, sent }) => {
        assert.equal(table.root.get('k'), 'first')
        assert.deepEqual(sent, ['first'])
      },
    ))

  test('so is what a conditional write took out of the table, about which Redis decides', () =>
    stoppedIn(
      ({ others, table, deliver }) => {
        void others.set(table.root, 'k', 'second', { ...TERMS, condition: { if: 'absent' } })
        assert.deepEqual(deliver(), ['second'])
      },
      ({ sent }) => assert.deepEqual(sent, ['first']),
    ))

  test('who waits for Redis is not told before what replaced his write is there', () => {
    let isDone = false
    return stoppedIn(
      ({ others, table, journal }) => {
        journal.drain(LIMITS)
        void others.set(table.root, 'k', 'second', TERMS).then(() => (isDone = true))
      },
      ({ table, sent }) => {
        assert.ok(isDone)
        assert.equal(table.root.get('k'), 'second')
        assert.deepEqual(sent, ['second'])
      },
      { writeMode: 'through' },
    )
  })
})
