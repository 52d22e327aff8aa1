// What becomes of writes whose process dies between the table and the journal, however long it takes to die.
import * as assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { guardChild } from '../../bench/process-guard'
import { Cache, createCache } from '../../src'
import type { DrainedBatch } from '../../src/journal/contract'
import { openSharedJournal } from '../../src/journal/shared-open'
import { uniqueName, withDirectory } from '../helpers/cache'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const LIMITS = { records: 100, bytes: 1_000_000 }

suite('unfinished writes', (test) => {
  test('what a leader could not wait for is brought to an end when its writer has died', () =>
    withDirectory(async (dir) => {
      const name = uniqueName()
      const cache = createCache({ name, dir, memory: '8mb', fallback: 'error' })
      const journal = openSharedJournal({ name, dir, bytes: 1024 * 1024 })
      const writer = fork(join(__dirname, '../helpers/unfinished-write.js'), [name, dir, 'k', 'seen'])
      guardChild(writer)
      try {
        await once(writer, 'message')
        journal.campaign(() => {})
        await until('this process leads', () => journal.isLeading)
        await until('the leader has given the write up', () => {
          assert.equal(journal.drain(LIMITS), undefined)
          return journal.stats()['timed_out'] === 1
        })
        assert.equal(await cache.get('k'), 'seen')
        const gone = once(writer, 'exit')
        writer.kill('SIGKILL')
        await gone
        let batch: DrainedBatch | undefined
        await until('the leader finds the write again', () => (batch = journal.drain(LIMITS)) !== undefined)
        const [record, ...rest] = batch!.records
        assert.equal(rest.length, 0)
        assert.equal(record!.isOrphan, true)
        assert.equal(Buffer.from(record!.payload!).toString(), 'seen')
        const entry = Cache.tableOf(cache).root.entry('k')
        assert.equal(entry?.fleet?.mark, record!.mark)
        assert.equal(journal.resolve(record!, entry!.version * 2, 0), true)
        assert.equal(journal.assign([record!]), true)
        assert.equal(journal.settle(batch!, [{ result: 'stored', version: 1 }]), true)
        assert.equal(journal.stats()['pending_bytes'], 0)
      } finally {
        writer.kill('SIGKILL')
        journal.close()
        await cache.close()
      }
    }))
})
