// What the changes of other hosts do to what this host has written itself.
import * as assert from 'node:assert/strict'
import { ProcessJournal } from '../../src/journal/process-journal'
import { ProcessL1 } from '../../src/l1/process-table'
import { Applier } from '../../src/sync/applier'
import { append, drained, elected, settleAll, write } from '../contract/with-journal'
import { suite } from '../helpers/suite'

const ANSWER = 100

suite('applier', (test) => {
  for (const [version, expected] of [[ANSWER - 1, 'mine'], [ANSWER + 1, undefined]] as const) {
    test(`a change heard after the answer to an own write ${expected ? 'leaves' : 'ends'} it, where Redis executed it ${expected ? 'before' : 'after'} the write`, async () => {
      const table = new ProcessL1({ memory: 1024 * 1024 })
      const journal = new ProcessJournal({ bytes: 1024 * 1024 })
      const applier = new Applier(table, journal, { onReconnect: 'replay', onLink: () => {} })
      try {
        const mark = append(journal, 1, write('k', 'mine'))
        table.root.set('k', 'mine', { ttlMs: 0, graceMs: 0 }, undefined, { mark, doubt: table.doubt() })
        await elected(journal)
        assert.equal(settleAll(journal, drained(journal), ANSWER), true)
        assert.equal(journal.answerOf(mark)?.version, ANSWER)
        applier.onChange({ partition: 7, kind: 1, namespace: '', key: 'k', version, origin: 'f00' })
        assert.equal(table.root.get('k'), expected)
      } finally {
        journal.close()
        table.close()
      }
    })
  }
})
