// A process that has put a value into the table, and stands still before it has told the journal.
import { Cache, createCache } from '../../src'
import { openSharedJournal } from '../../src/journal/shared-open'

const [name, dir, key, value] = process.argv.slice(2) as [string, string, string, string]
const table = Cache.tableOf(createCache({ name, dir, memory: '8mb', fallback: 'error' }))
const journal = openSharedJournal({ name, dir, bytes: 1024 * 1024 })
const mark = journal.prepare({
  op: 1, namespace: '', key, partition: 0, codec: 0, payload: value, life: { ttlMs: 0, graceMs: 0 }, condition: 0, expected: 0, sourceVersion: 0,
})
table.root.set(key, value, { ttlMs: 0, graceMs: 0 }, undefined, { mark, doubt: table.doubt() })
process.send!('visible', () => process.kill(process.pid, 'SIGSTOP'))
