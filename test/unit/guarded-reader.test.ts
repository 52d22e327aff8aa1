import * as assert from 'node:assert/strict'
import { openJournal } from '../../src/journal/open'
import type { FarKey, FarReader, ReadResult } from '../../src/l2/contract'
import { GuardedReader } from '../../src/sync/guarded-reader'
import { CacheError } from '../../src/words/errors'
import { type Deferred, deferred } from '../helpers/deferred'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const KEY: FarKey = { namespace: '', key: 'k', partition: 0, nsEpoch: 0 }
const FAILED: ReadResult = { state: 'failed', error: new CacheError('ERR_CACHE_L2_TIMEOUT', 'no answer in time') }
const MISS: ReadResult = { state: 'miss', base: 0, why: 'absent' }
const FAILURES = 5

/** Reads that end as the test says, in the order in which they were asked. */
function setup() {
  const asked: Deferred<ReadResult>[] = []
  const reader = { read: () => {
    const result = deferred<ReadResult>()
    asked.push(result)
    return result.promise
  } } as unknown as FarReader
  const journal = openJournal('process', { name: 'guarded', bytes: 1024 * 1024 })
  const { breaker } = journal.status
  breaker.limits = { failures: FAILURES, firstOpenMs: 1, maxOpenMs: 1 }
  const told: CacheError[] = []
  const guarded = new GuardedReader(reader, journal, (error) => told.push(error))
  const read = (): Promise<ReadResult> => guarded.read(KEY, performance.now() + 60_000)
  return { asked, breaker, journal, read, told }
}

async function opened() {
  const parts = setup()
  const early = Array.from({ length: FAILURES + 2 }, parts.read)
  for (let count = 0; count < FAILURES; count++) parts.asked[count]!.resolve(FAILED)
  await until('the breaker is open', () => parts.breaker.isOpen)
  return { ...parts, early }
}

/** Asks until one read gets through; it is the last that was asked. */
async function probe({ asked, read }: Awaited<ReturnType<typeof opened>>): Promise<void> {
  const before = asked.length
  await until('a probe is due', () => {
    if (asked.length === before) void read()
    return asked.length > before
  })
}

suite('guarded reader', (test) => {
  test('tells of each failure; while the breaker is open nobody asks', async () => {
    const { early, told, read, asked, breaker, journal } = await opened()
    assert.equal((await early[0]!).state, 'failed')
    assert.equal(told.length, FAILURES)
    // The right to probe is taken here, and kept.
    await until('a probe is due', () => breaker.mayTry() === 'probe')
    const before = asked.length
    const refused = await read()
    assert.equal(refused.state === 'failed' && refused.error.code, 'ERR_CACHE_L2_UNAVAILABLE')
    assert.equal(asked.length, before)
    journal.close()
  })

  test('a read from before the breaker opened that fails late does not end the probe; the answer of the probe closes it', async () => {
    const parts = await opened()
    await probe(parts)
    const { asked, breaker, early, read, journal } = parts
    asked[FAILURES]!.resolve(FAILED)
    await early[FAILURES]
    const count = asked.length
    assert.equal((await read()).state, 'failed', 'the probe is still under way')
    assert.equal(asked.length, count)
    asked.at(-1)!.resolve(MISS)
    await until('the breaker is closed', () => !breaker.isOpen)
    journal.close()
  })

  test('a read from before the breaker opened that is answered late closes it', async () => {
    const parts = await opened()
    await probe(parts)
    parts.asked[FAILURES]!.resolve(MISS)
    await until('the breaker is closed', () => !parts.breaker.isOpen)
    parts.journal.close()
  })

  test('a probe that fails leaves the breaker open, and the next one may come', async () => {
    const parts = await opened()
    await probe(parts)
    parts.asked.at(-1)!.resolve(FAILED)
    await probe(parts)
    assert.equal(parts.breaker.isOpen, true)
    parts.journal.close()
  })
})
