import { ProcessJournal } from '../../src/journal/process-journal'
import { journalHost } from '../contract/journal-host'
import { journalRecords } from '../contract/journal-records'
import type { WithJournal } from '../contract/with-journal'
import { suite } from '../helpers/suite'

const withJournal: WithJournal = async (body) => {
  const journal = new ProcessJournal({ bytes: 1024 * 1024, maxValueBytes: 2 * 1024 * 1024 })
  try {
    await body(journal)
  } finally {
    journal.close()
  }
}

suite('ProcessJournal', (test) => {
  journalRecords(test, withJournal)
  journalHost(test, withJournal)
})
