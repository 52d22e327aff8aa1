// Which claims are given back: what may be in Redis, and nothing that was never sent there; and when.
import * as assert from 'node:assert/strict'
import type { Journal } from '../../src/journal/contract'
import { openJournal } from '../../src/journal/open'
import type { FarKey, FarReader } from '../../src/l2/contract'
import type { TimedWish } from '../../src/sync/below'
import { Claimer } from '../../src/sync/fleet-claims'
import { GuardedReader } from '../../src/sync/guarded-reader'
import { CacheError } from '../../src/words/errors'
import { append, drained, elected, settleAll, write } from '../contract/with-journal'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

suite('fleet claims', (test) => {
  /** `claims` of an isolate with `reader`, whose waits for Redis are `waitMs` long. */
  async function withClaims(reader: Partial<FarReader>, waitMs: number, body: (claims: { claim: (key: string, lease: number) => Promise<object>; release: (lease: number) => void }, journal: Journal) => Promise<void>): Promise<void> {
    const journal = openJournal('process', { name: `fleet-claims-${process.pid}`, bytes: 1024 * 1024 })
    const claimer = new Claimer(journal, new GuardedReader(reader as FarReader, journal), waitMs, ({ key }) => ({ namespace: '', key, partition: 0, nsEpoch: 0 }))
    try {
      await body({
        claim: (key, lease) => claimer.claim({ key, startMs: performance.now() } as TimedWish, lease, 60_000),
        release: (lease) => claimer.release(lease),
      }, journal)
    } finally {
      journal.close()
    }
  }

  const unanswered = { state: 'failed', error: new CacheError('ERR_CACHE_L2_TIMEOUT', 'no answer in time') } as const

  test('a claim without an answer is given back, one that the open breaker kept from being sent is not', () => {
    const released: string[] = []
    const reader: Partial<FarReader> = { claim: async () => unanswered, release: async ({ key }: FarKey) => (released.push(key), true) }
    return withClaims(reader, 1_000, async ({ claim, release }, journal) => {
      assert.deepEqual(await claim('asked', 1), { state: 'alone' })
      while (!journal.status.breaker.isOpen) journal.status.breaker.report(false)
      assert.deepEqual(await claim('kept back', 2), { state: 'alone' })
      release(2)
      release(1)
      await until('a claim is given back', () => released.length > 0)
      assert.deepEqual(released, ['asked'])
    })
  })

  test('where Redis answers the process before the leader, the claim goes after the value', () => {
    const calls: string[] = []
    const reader: Partial<FarReader> = {
      claim: async () => ({ state: 'won' }),
      read: async () => (calls.push('read'), { state: 'miss', base: 0, why: 'absent' }),
      release: async () => (calls.push('release'), true),
    }
    return withClaims(reader, 10, async ({ claim, release }, journal) => {
      await claim('k', 1)
      append(journal, 1, write('k', 'v'))
      release(1)
      await until('Redis has answered twice', () => calls.length >= 2)
      assert.deepEqual(new Set(calls), new Set(['read']))
      await elected(journal)
      settleAll(journal, drained(journal))
      await until('the claim is given back', () => calls.at(-1) === 'release')
    })
  })
})
