/** `ProcessJournal`: the journal within one isolate, where no native binary loads. It ends with the process. */
import { randomBytes } from 'node:crypto'
import { bytesOf } from '../wire/codec'
import { CacheError, misuse } from '../words/errors'
import { partitionOf } from '../words/partition'
import {
  BY_KEY, CLEAR, type DeadLetter, type DrainedBatch, type DrainedRecord, type FeedPositions, type Journal, type JournalWrite, type Mark, type PendingWrite, type RecordResult, type Settled,
} from './contract'
import { coalesced } from './process-batch'
import { drained, inTheWayOf, newestOf, type ProcessRecord, inPlaceOf } from './process-record'
import { ProcessStatus } from './process-status'
import { Waiters } from './waiters'
import { DEFAULT_MAX_VALUE_BYTES, PARTITIONS, lifeLeft, monotonicMs, numberOf, settledOf } from './words'

export interface ProcessJournalOptions {
  /** Room for records that are not settled, in bytes. */
  bytes: number
  /** Largest record. Default 64 MiB. */
  maxValueBytes?: number
}

/** What a record costs beside its bytes. */
const RECORD_BYTES = 104
/** How long a writer may be between prepare and commit before it has to redo. */
const PREPARED_MS = 5
const MAX_LETTERS = 256

export class ProcessJournal implements Journal {
  readonly kind = 'process'
  readonly hostId = randomBytes(8).toString('hex')
  readonly maxRecordBytes: number
  readonly status: ProcessStatus
  readonly #bytes: number
  /** Not settled, by mark: in the order they were prepared. */
  readonly #records = new Map<Mark, ProcessRecord>()
  /** Answers nobody asked for yet; only the latest are kept. */
  readonly #answers = new Map<Mark, Settled>()
  readonly #waiters = new Waiters()
  readonly #appendListeners = new Set<() => void>()
  readonly #letters: DeadLetter[] = []
  readonly #nextOp = new Float64Array(PARTITIONS).fill(1)
  readonly #positions: FeedPositions = { seqs: new Float64Array(PARTITIONS), epochs: new Float64Array(PARTITIONS), servers: new Float64Array(PARTITIONS) }
  readonly #counters = { prepared: 0, committed: 0, cancelled: 0, redone: 0, full: 0, drained: 0, coalesced: 0, settled: 0, timed_out: 0, dead_letters: 0, letters_dropped: 0, batches: 0, terms: 0 }
  #usedBytes = 0
  /** Of records over half the journal, which have room of their own. */
  #largeBytes = 0
  #wantedBytes = 0
  #lastLetter = 0
  #lastMark: Mark = 0
  #settledMark: Mark = 1
  /** Those that are not answered, with their records. */
  readonly #batches = new Map<DrainedBatch, readonly ProcessRecord[]>()
  #superseded: ProcessRecord[] = []
  #term = 0
  #isWaking = false
  #isClosed = false

  constructor({ bytes, maxValueBytes = DEFAULT_MAX_VALUE_BYTES }: ProcessJournalOptions) {
    this.#bytes = bytes
    this.maxRecordBytes = Math.max(Math.floor(bytes / 2) - RECORD_BYTES, maxValueBytes)
    this.status = new ProcessStatus(() => this.#counters.terms, () => this.isLeading)
  }

  nowMs(): number {
    return monotonicMs()
  }

  prepare(given: JournalWrite): Mark {
    const write = given.partition === BY_KEY ? { ...given, partition: partitionOf(given.namespace, given.key) } : given
    if (this.#isClosed) throw new CacheError('ERR_CACHE_CLOSED', 'the journal must be open, it was closed')
    const keyBytes = Buffer.byteLength(write.key)
    if (write.op !== CLEAR && (keyBytes === 0 || keyBytes > 1024 || !write.key.isWellFormed())) {
      throw misuse('ERR_CACHE_KEY', 'key', 'a well-formed string of 1 to 1024 UTF-8 bytes', write.key)
    }
    const payload = Buffer.from(bytesOf(write.codec, write.payload))
    const bytes = Buffer.byteLength(write.namespace) + keyBytes + payload.length
    if (bytes > this.maxRecordBytes) return -1
    this.#wantedBytes = bytes + RECORD_BYTES
    if (!this.#isRoomy()) {
      this.#counters.full++
      return 0
    }
    this.#take(this.#wantedBytes)
    const nowMs = this.nowMs()
    const softAtMs = write.life.ttlMs > 0 ? nowMs + Math.max(1, write.life.ttlMs) : 0
    const mark = ++this.#lastMark
    this.#records.set(mark, {
      write, payload, mark, bytes: this.#wantedBytes, state: 'prepared', isUnderWay: false, preparedMs: nowMs, hostVersion: 0, nsEpoch: 0, opNumber: 0,
      softAtMs, hardAtMs: softAtMs === 0 ? 0 : softAtMs + Math.max(0, write.life.graceMs), by: undefined, version: 0, isShort: false,
    })
    this.#counters.prepared++
    return mark
  }

  commit(mark: Mark, hostVersion: number, nsEpoch: number): boolean {
    const record = this.#records.get(mark)
    if (record === undefined || record.state !== 'prepared') {
      this.#counters.redone++
      return false
    }
    Object.assign(record, { state: 'committed', hostVersion, nsEpoch })
    this.#counters.committed++
    this.#wakeLeader()
    return true
  }

  /** Nobody else writes between an isolate's own steps. */
  heir(_mark: Mark, namespace: string, key: string, hostVersion: number): Mark | undefined {
    const newest = newestOf(this.#records.values(), namespace, key)
    return newest !== undefined && newest.hostVersion > hostVersion ? newest.mark : undefined
  }

  cancel(mark: Mark): void {
    const record = this.#records.get(mark)
    if (record?.state !== 'prepared') return
    record.state = 'done'
    this.#counters.cancelled++
    this.#release()
  }

  isSettled(mark: Mark): boolean {
    return mark < this.#settledMark || this.#records.get(mark)?.state === 'done'
  }

  settled(mark: Mark, deadlineMs: number): Promise<Settled | undefined> {
    if (this.isSettled(mark) || this.#isClosed) return Promise.resolve(this.#answers.get(mark) ?? { result: 'unknown', version: 0 })
    return this.#waiters.waitFor(mark, deadlineMs)
  }

  answerOf(mark: Mark): Settled | undefined {
    return this.isSettled(mark) ? this.#answers.get(mark) ?? { result: 'unknown', version: 0 } : undefined
  }

  ownSettling(): () => boolean {
    const mark = this.#lastMark
    return () => this.#isClosed || mark < this.#settledMark
  }

  ownSettled(deadlineMs: number): Promise<boolean> {
    return this.#waiters.until(this.ownSettling(), deadlineMs)
  }

  roomy(deadlineMs: number): Promise<boolean> {
    return this.#waiters.until(this.#isRoomyNow, deadlineMs)
  }

  pending(namespace: string, key: string): PendingWrite | undefined {
    const newest = newestOf(this.#records.values(), namespace, key)
    if (newest === undefined) return undefined
    const { write, payload, softAtMs, hardAtMs, mark, hostVersion, nsEpoch } = newest
    return { op: write.op, codec: write.codec, payload: Buffer.from(payload), life: lifeLeft(softAtMs, hardAtMs, this.nowMs()), mark, hostVersion, nsEpoch, condition: write.condition, sourceVersion: write.sourceVersion }
  }

  inTheWay(namespace: string, key: string): 'write' | 'clear' | undefined {
    return inTheWayOf(this.#records.values(), namespace, key)
  }

  claimCoordinator(): boolean {
    return true
  }

  campaign(onElected: (term: number) => void): void {
    if (this.#term > 0 || this.#isClosed) return
    const term = ++this.#counters.terms
    this.#term = term
    setImmediate(() => {
      if (this.#term !== term) return
      onElected(term)
      this.#wakeLeader()
    })
  }

  resign(): void {
    this.#term = 0
    this.#batches.clear()
    for (const record of this.#records.values()) record.isUnderWay = record.state === 'superseded'
  }

  get isLeading(): boolean {
    return this.#term > 0
  }

  onAppend(listener: () => void): () => void {
    this.#appendListeners.add(listener)
    return () => this.#appendListeners.delete(listener)
  }

  drain(limits: { records: number; bytes: number }): DrainedBatch | undefined {
    if (!this.isLeading) return undefined
    const underWay = [...this.#batches.values()].flat()
    if (underWay.some(({ write, state }) => write.op === CLEAR && state !== 'done')) return undefined
    const due = [...this.#records.values()].filter(({ state, isUnderWay }) => state === 'committed' && !isUnderWay)
    const resends = due.filter(({ opNumber }) => opNumber > 0).sort((a, b) => a.write.partition - b.write.partition || a.opNumber - b.opNumber)
    const isResend = resends.length > 0
    const clears = due.filter(({ write }) => write.op === CLEAR)
    const busy = new Set(underWay.filter(({ state }) => state !== 'done').map(({ write }) => write.partition))
    const records = isResend ? resends : clears.length > 0 ? clears : this.#coalesced(this.#choose(limits, busy))
    if (records.length === 0) return undefined
    for (const record of records) record.isUnderWay = true
    this.#counters.batches++
    this.#counters.drained += records.length
    const sent = new Set(records)
    const wantsReplica = records.some(({ write }) => write.wantsReplica) || this.#superseded.some((record) => record.write.wantsReplica && sent.has(inPlaceOf(record)))
    const batch: DrainedBatch = { records: records.map(drained), isResend, wantsReplica }
    this.#batches.set(batch, records)
    return batch
  }

  /** No process dies here without its journal: there are no orphans. */
  resolve(): boolean {
    return false
  }

  assign(records: readonly DrainedRecord[]): boolean {
    if (!this.isLeading) return false
    for (const drainedRecord of records) {
      const record = this.#records.get(drainedRecord.mark)
      if (record === undefined) continue
      if (record.opNumber === 0) record.opNumber = this.#nextOp[record.write.partition]!++
      drainedRecord.opNumber = record.opNumber
    }
    return true
  }

  settle(batch: DrainedBatch, results: readonly (RecordResult | undefined)[]): boolean {
    const records = this.#batches.get(batch)
    if (records === undefined) return false
    for (const [i, record] of records.entries()) {
      const answer = results[i]
      if (answer === undefined || record.state !== 'committed') continue
      if (answer.result === 'dead') this.#bury(record, answer.reason ?? '')
      record.version = answer.version
      record.isShort = answer.isShort === true
      this.#answer(record, settledOf(numberOf(answer), answer.version))
    }
    this.#superseded = this.#superseded.filter((record) => {
      const inPlace = inPlaceOf(record)
      if (inPlace.state !== 'done') return true
      this.#answer(record, settledOf(numberOf({ result: 'superseded', isShort: inPlace.isShort }), inPlace.version))
      return false
    })
    this.#release()
    if (records.some(({ state }) => state !== 'done')) return false
    this.#batches.delete(batch)
    return true
  }

  rememberPositions({ seqs, epochs, servers }: FeedPositions): void {
    if (!this.isLeading) return
    this.#positions.seqs.set(seqs)
    this.#positions.epochs.set(epochs)
    this.#positions.servers.set(servers)
  }

  knownPositions(): FeedPositions {
    const { seqs, epochs, servers } = this.#positions
    return { seqs: seqs.slice(), epochs: epochs.slice(), servers: servers.slice() }
  }

  deadLetters(): DeadLetter[] {
    return [...this.#letters]
  }

  takeLetter(id: number): boolean {
    const index = this.#letters.findIndex((letter) => letter.id === id)
    if (index >= 0) this.#letters.splice(index, 1)
    return index >= 0
  }

  stats(): Record<string, number> {
    return { ...this.#counters, pending_bytes: this.#usedBytes + this.#largeBytes, pending_records: this.#records.size }
  }

  close(): void {
    if (this.#isClosed) return
    this.resign()
    this.#isClosed = true
    this.#appendListeners.clear()
    this.#waiters.close()
  }

  readonly #isRoomyNow = (): boolean => this.#isClosed || this.#isRoomy()

  #isRoomy(): boolean {
    if (this.#isLarge(this.#wantedBytes)) return this.#largeBytes === 0 || this.#largeBytes + this.#wantedBytes <= Math.max(this.#bytes, this.maxRecordBytes)
    return this.#usedBytes + this.#wantedBytes <= this.#bytes
  }

  #isLarge(bytes: number): boolean {
    return bytes > this.#bytes / 2
  }

  #take(bytes: number): void {
    if (this.#isLarge(Math.abs(bytes))) this.#largeBytes += bytes
    else this.#usedBytes += bytes
  }

  /** From the oldest on, up to a record that a writer still holds; nothing of a partition that is busy. */
  #choose({ records, bytes }: { records: number; bytes: number }, busy: ReadonlySet<number>): ProcessRecord[] {
    const chosen: ProcessRecord[] = []
    const keys = new Set<string>()
    let sum = 0
    for (const record of this.#records.values()) {
      if (record.state === 'prepared') {
        if (this.nowMs() - record.preparedMs < PREPARED_MS) {
          setTimeout(() => this.#wakeLeader(), PREPARED_MS)
          break
        }
        record.state = 'done'
        this.#counters.timed_out++
        this.#release()
      }
      if (record.state !== 'committed' || record.isUnderWay || busy.has(record.write.partition)) continue
      const id = `${record.write.namespace}|${record.write.key}`
      if (keys.size > 0 && (keys.size >= records || sum + record.bytes > bytes)) break
      sum += keys.has(id) ? 0 : record.bytes
      keys.add(id)
      chosen.push(record)
    }
    return chosen
  }

  #coalesced(chosen: readonly ProcessRecord[]): ProcessRecord[] {
    const batch = coalesced(chosen)
    const replaced = chosen.filter(({ state }) => state === 'superseded')
    for (const record of replaced) record.isUnderWay = true
    this.#superseded.push(...replaced)
    this.#counters.coalesced += replaced.length
    return batch
  }

  #answer(record: ProcessRecord, settled: Settled): void {
    record.state = 'done'
    this.#counters.settled++
    this.#answers.set(record.mark, settled)
    // As many as a ring would still show.
    if (this.#answers.size > 4096) this.#answers.delete(this.#answers.keys().next().value!)
    this.#waiters.answer(record.mark, settled)
  }

  /** Forgets what is done from the oldest on, and tells who waits. */
  #release(): void {
    let next = this.#lastMark + 1
    for (const record of this.#records.values()) {
      if (record.state !== 'done') {
        next = record.mark
        break
      }
      this.#records.delete(record.mark)
      this.#take(-record.bytes)
    }
    for (let mark = this.#settledMark; mark < next; mark++) {
      this.#waiters.answer(mark, this.#answers.get(mark) ?? { result: 'superseded', version: 0 })
    }
    this.#settledMark = next
    this.#waiters.look()
  }

  #bury({ write, payload, softAtMs, hardAtMs }: ProcessRecord, reason: string): void {
    const { op, codec, namespace, key, partition } = write
    this.#letters.push({ id: this.#lastLetter++, timeMs: Date.now(), op, codec, partition, softAtMs, hardAtMs, namespace, key, reason, bytes: payload.length, payload })
    this.#counters.dead_letters++
    if (this.#letters.length <= MAX_LETTERS) return
    this.#letters.shift()
    this.#counters.letters_dropped++
  }

  #wakeLeader(): void {
    if (this.#isWaking || !this.isLeading) return
    this.#isWaking = true
    setImmediate(() => {
      this.#isWaking = false
      for (const listener of [...this.#appendListeners]) listener()
    })
  }
}
