/** The coordinator's thread: campaigns for the lead of the host, and leads, whatever the application's threads do. */
import { parentPort, workerData } from 'node:worker_threads'
import { watchCopies } from '../src/copies'
import { Coordination } from '../src/coordination'
import type { CoordinatorData } from '../src/coordinator-thread'
import { openJournal } from '../src/journal/open'
import { openShared } from '../src/l1/shared-table'

const { table: options, journal: journalOptions, settings, copies: place } = workerData as CoordinatorData
const table = openShared({ ...options, l0: false })
const copies = place === undefined ? undefined : watchCopies(place, table)
const journal = openJournal(table.kind, journalOptions)
const coordination = new Coordination(table, journal, settings, (event) => parentPort?.postMessage(event))
coordination.start()

parentPort?.on('message', () => {
  void coordination.close().finally(async () => {
    await copies?.close()
    journal.close()
    table.close()
    parentPort?.close()
  })
})
