import { openSharedJournal } from '../../src/journal/shared-open'
import { journalHost } from '../contract/journal-host'
import { journalRecords } from '../contract/journal-records'
import type { WithJournal } from '../contract/with-journal'
import { uniqueName, withDirectory } from '../helpers/cache'
import { suite } from '../helpers/suite'

const withJournal: WithJournal = (body) =>
  withDirectory(async (dir) => {
    const journal = openSharedJournal({ name: uniqueName(), dir, bytes: 1024 * 1024, lanes: 4, maxValueBytes: 2 * 1024 * 1024 })
    try {
      await body(journal)
    } finally {
      journal.close()
    }
  })

suite('SharedJournal', (test) => {
  journalRecords(test, withJournal)
  journalHost(test, withJournal)
})
