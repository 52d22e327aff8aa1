import type { DrainedBatch, Journal, JournalWrite, Mark } from '../../src/journal/contract'
import { until } from '../helpers/until'

/** Opens an empty journal of its own for one test and closes it afterwards. */
export type WithJournal = (body: (journal: Journal) => void | Promise<void>) => Promise<void>

/** A record under contract; what a test does not name is plain. */
export function write(key: string, payload: string | Uint8Array = 'value', rest: Partial<JournalWrite> = {}): JournalWrite {
  return {
    op: 1, namespace: '', key, partition: 7, codec: 0, payload, life: { ttlMs: 0, graceMs: 0 }, condition: 0, expected: 0, sourceVersion: 0,
    ...rest,
  }
}

/** Prepared and committed under a host version. */
export function append(journal: Journal, version: number, record: JournalWrite): Mark {
  const mark = journal.prepare(record)
  if (mark <= 0 || !journal.commit(mark, version, 0)) throw new Error(`not appended: ${mark}`)
  return mark
}

export async function elected(journal: Journal): Promise<number> {
  let term = 0
  journal.campaign((won) => (term = won))
  await until('the journal has a leader', () => term > 0)
  return term
}

export const LIMITS = { records: 1000, bytes: 1024 * 1024 }

/** The next batch; fails when there is none. */
export function drained(journal: Journal, limits = LIMITS): DrainedBatch {
  const batch = journal.drain(limits)
  if (batch === undefined) throw new Error('nothing to drain')
  return batch
}

/** Answers every record of the batch with `stored` and versions from `first` on. */
export function settleAll(journal: Journal, batch: DrainedBatch, first = 100): boolean {
  return journal.settle(batch, batch.records.map((_, i) => ({ result: 'stored', version: first + i })))
}
