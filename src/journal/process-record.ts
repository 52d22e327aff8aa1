/** One record of the journal within a process, and what is found among them. */
import { CLEAR, type DrainedRecord, type JournalWrite, type Mark } from './contract'

export interface ProcessRecord {
  readonly write: JournalWrite
  readonly payload: Buffer
  readonly mark: Mark
  readonly bytes: number
  readonly preparedMs: number
  readonly softAtMs: number
  readonly hardAtMs: number
  /** `done`: answered or cancelled. */
  state: 'prepared' | 'committed' | 'superseded' | 'done'
  /** Of a batch that is not answered, or replaced by a record of one. */
  isUnderWay: boolean
  hostVersion: number
  nsEpoch: number
  opNumber: number
  /** What goes in its place. */
  by: ProcessRecord | undefined
  /** What Redis gave it. */
  version: number
  /** Fewer replicas than were wanted have it. */
  isShort: boolean
}

/** The newest committed record of the key. */
export function newestOf(records: Iterable<ProcessRecord>, namespace: string, key: string): ProcessRecord | undefined {
  let newest: ProcessRecord | undefined
  for (const record of records) {
    const isIt = record.state === 'committed' && record.write.key === key && record.write.namespace === namespace
    if (isIt && (newest === undefined || record.hostVersion >= newest.hostVersion)) newest = record
  }
  return newest
}

/** See `Journal.inTheWay`. */
export function inTheWayOf(records: Iterable<ProcessRecord>, namespace: string, key: string): 'write' | 'clear' | undefined {
  let found: 'write' | undefined
  for (const { state, write } of records) {
    if (state !== 'prepared' && state !== 'committed') continue
    const isAbove = write.namespace === '' || namespace === write.namespace || namespace.startsWith(`${write.namespace}/`)
    if (write.op === CLEAR && isAbove) return 'clear'
    if (state === 'prepared' && write.key === key && write.namespace === namespace) found = 'write'
  }
  return found
}

/** What replaced a record may have been replaced itself. */
export function inPlaceOf(record: ProcessRecord): ProcessRecord {
  let last = record
  while (last.by !== undefined) last = last.by
  return last
}

export function drained({ write, payload, mark, hostVersion, nsEpoch, softAtMs, hardAtMs, opNumber }: ProcessRecord, index: number): DrainedRecord {
  const { op, namespace, key, partition, codec, condition, expected, sourceVersion } = write
  return {
    mark, op, namespace, key, partition, codec, payload, bytes: payload.length + Buffer.byteLength(key), condition, expected, sourceVersion, hostVersion, nsEpoch, softAtMs, hardAtMs,
    opNumber, isLost: false, isOrphan: false, wasGivenUp: false, index,
  }
}
