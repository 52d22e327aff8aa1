// Which claims are given back: what may be in Redis, and nothing that was never sent there.
import * as assert from 'node:assert/strict'
import { openJournal } from '../../src/journal/open'
import type { FarKey, FarReader } from '../../src/l2/contract'
import type { TimedWish } from '../../src/sync/below'
import { Claimer } from '../../src/sync/fleet-claims'
import { GuardedReader } from '../../src/sync/guarded-reader'
import { CacheError } from '../../src/words/errors'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

suite('fleet claims', (test) => {
  test('a claim without an answer is given back, one that the open breaker kept from being sent is not', async () => {
    const released: string[] = []
    const reader = {
      claim: async () => ({ state: 'failed', error: new CacheError('ERR_CACHE_L2_TIMEOUT', 'no answer in time') }),
      release: async ({ key }: FarKey) => (released.push(key), true),
    } as Partial<FarReader> as FarReader
    const journal = openJournal('process', { name: `fleet-claims-${process.pid}`, bytes: 1024 * 1024 })
    const claimer = new Claimer(journal, new GuardedReader(reader, journal), 1_000, ({ key }) => ({ namespace: '', key, partition: 0, nsEpoch: 0 }))
    const claim = (key: string, lease: number) => claimer.claim({ key, startMs: performance.now() } as TimedWish, lease, 60_000)
    assert.deepEqual(await claim('asked', 1), { state: 'alone' })
    while (!journal.status.breaker.isOpen) journal.status.breaker.report(false)
    assert.deepEqual(await claim('kept back', 2), { state: 'alone' })
    claimer.release(2)
    claimer.release(1)
    await until('a claim is given back', () => released.length > 0)
    assert.deepEqual(released, ['asked'])
    journal.close()
  })
})
