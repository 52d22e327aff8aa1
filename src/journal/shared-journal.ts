/** `SharedJournal`: the journal in a file that every process and thread of the host maps. */
import { dirname, join } from 'node:path'
import type { NativeJournal } from '../l1/native-journal'
import { bytesOf } from '../wire/codec'
import { CacheError, misuse } from '../words/errors'
import type {
  DeadLetter, DrainedBatch, DrainedRecord, FeedPositions, Journal, JournalWrite, Mark, PendingWrite, RecordResult, Settled,
} from './contract'
import { type Drained, readBatch } from './drained'
import { type Room, Rooms } from './rooms'
import { SharedStatus } from './shared-status'
import { bytesNamed, IN_FILE, ValueFiles } from './value-files'
import { Waiters } from './waiters'
import { DEFAULT_MAX_VALUE_BYTES, PARTITIONS, lifeLeft, monotonicMs, numberOf, settledOf } from './words'

export interface SharedJournalOptions {
  /** Of the cache; the file is `<name>.journal.<layout>.<region's id>.<n>` beside the region. */
  name: string
  /** Whose entries name the records. One of a region that is gone is taken on, if nobody uses it any more. */
  regionId?: string
  /** Directory of the region; absent = the default one. */
  dir?: string
  /** Bytes of all lanes together, rounded down to a power of two for each lane. A journal that exists keeps its size. */
  bytes: number
  /** How many isolates can write at the same time. Default 32. */
  lanes?: number
  /** Bytes of the dead letters. Default 256 KiB. */
  letterBytes?: number
  /** Largest record. Default 64 MiB. */
  maxValueBytes?: number
}

// The mailbox (native/binding/journal_handle.h).
const OP = 0
const CODEC = 1
const CONDITION = 2
// Added to it.
const WANTS_REPLICA = 4
const PARTITION = 3
const TTL = 4
const GRACE = 5
const EXPECTED = 6
const SOURCE = 7
const OUT = 8

const BAD_KEY = -2
const CLOSED = -3

/** Batches of nothing but superseded records are settled without being returned; then the next one is looked for. */
const DRAINS = 16
/** For the files of records that were replaced or left behind. */
const SWEEP_MS = 5_000

interface Batch extends DrainedBatch {
  readonly records: readonly Drained[]
  readonly isAnswered: Uint8Array
  /** Some of its values lie in files. */
  readonly hasFiles: boolean
  /** Under which its records have their ids. */
  readonly term: number
  /** Where its records lie, until it is over. */
  readonly room: Room
}

const IN_THE_WAY = [undefined, 'write', 'clear'] as const

export class SharedJournal implements Journal {
  readonly kind = 'shared'
  readonly hostId: string
  readonly path: string
  /** One line per file that was refused on the way. */
  readonly warnings: readonly string[]
  readonly maxRecordBytes: number
  readonly status: SharedStatus
  readonly #native: NativeJournal
  readonly #box: Float64Array
  readonly #files: ValueFiles
  readonly #waiters = new Waiters()
  readonly #rooms = new Rooms()
  readonly #appendListeners = new Set<() => void>()
  #onElected: ((term: number) => void) | undefined
  #lastMark: Mark = 0
  /** Of the value that found no room in files. */
  #wantedBytes = 0
  #sweeping: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(native: NativeJournal, options: SharedJournalOptions) {
    const mailbox = new ArrayBuffer(native.numbers * 8)
    native.attach(mailbox)
    this.#native = native
    this.#box = new Float64Array(mailbox)
    this.hostId = native.hostId
    this.path = native.path
    this.warnings = native.warnings.split('\n').filter((line) => line !== '')
    this.maxRecordBytes = Math.max(native.maxRecordBytes, options.maxValueBytes ?? DEFAULT_MAX_VALUE_BYTES)
    this.#files = new ValueFiles(join(dirname(native.path), `${options.name}.values`), native.hostId, Math.max(options.bytes, this.maxRecordBytes), (mark) => native.isSettled(mark))
    this.status = new SharedStatus(native, this.#box.subarray(OUT))
    native.listen(() => this.#onEvent())
  }

  nowMs(): number {
    return monotonicMs()
  }

  prepare(write: JournalWrite): Mark {
    const mark = this.#prepare(write, write.codec, write.payload)
    return mark === -1 ? this.#prepareInFile(write) : mark
  }

  #prepare(write: JournalWrite, codec: number, payload: string | Uint8Array): Mark {
    const box = this.#box
    box[OP] = write.op
    box[CODEC] = codec
    box[CONDITION] = write.condition + (write.wantsReplica === true ? WANTS_REPLICA : 0)
    box[PARTITION] = write.partition
    box[TTL] = write.life.ttlMs
    box[GRACE] = write.life.graceMs
    box[EXPECTED] = write.expected
    box[SOURCE] = write.sourceVersion
    const mark = this.#native.prepare(write.namespace, write.key, payload)
    if (mark > 0) this.#lastMark = mark
    else if (mark < -1) throw this.#refusal(mark, write.key)
    return mark
  }

  #prepareInFile(write: JournalWrite): Mark {
    const bytes = bytesOf(write.codec, write.payload)
    if (Buffer.byteLength(write.namespace) + Buffer.byteLength(write.key) + bytes.length > this.maxRecordBytes) return -1
    const mark = this.#files.place(bytes, (reference) => this.#prepare(write, write.codec | IN_FILE, reference), (given) => this.cancel(given))
    this.#wantedBytes = mark === 0 ? bytes.length : 0
    return mark
  }

  commit(mark: Mark, hostVersion: number, nsEpoch: number): boolean {
    return this.#native.commit(mark, hostVersion, nsEpoch)
  }

  heir(mark: Mark, namespace: string, key: string, hostVersion: number): Mark | undefined {
    const heir = this.#native.heir(namespace, key, mark, hostVersion)
    return heir < 0 ? undefined : heir
  }

  cancel(mark: Mark): void {
    this.#native.cancel(mark)
  }

  isSettled(mark: Mark): boolean {
    return this.#native.isSettled(mark)
  }

  settled(mark: Mark, deadlineMs: number): Promise<Settled | undefined> {
    if (this.#isClosed) return Promise.resolve({ result: 'unknown', version: 0 })
    if (this.#native.isSettled(mark)) {
      this.#native.answer(mark)
      return Promise.resolve(settledOf(this.#box[OUT]!, this.#box[OUT + 1]!))
    }
    const answer = this.#waiters.waitFor(mark, deadlineMs)
    this.#native.await(mark)
    // Announced first, then looked at: the answer is either seen now or heard of.
    this.#native.announce()
    this.#takeAnswers()
    return answer
  }

  answerOf(mark: Mark): Settled | undefined {
    if (this.#isClosed || !this.#native.isSettled(mark)) return undefined
    this.#native.answer(mark)
    return settledOf(this.#box[OUT]!, this.#box[OUT + 1]!)
  }

  ownSettling(): () => boolean {
    const mark = this.#lastMark
    return () => {
      if (this.#isClosed || mark === 0) return true
      // Announced first, as above.
      this.#native.announce()
      return this.#native.isPassed(mark)
    }
  }

  ownSettled(deadlineMs: number): Promise<boolean> {
    return this.#waiters.until(this.ownSettling(), deadlineMs)
  }

  roomy(deadlineMs: number): Promise<boolean> {
    return this.#waiters.until(this.#isRoomy, deadlineMs)
  }

  readonly #isRoomy = (): boolean => {
    if (this.#isClosed) return true
    this.#native.announce()
    return this.#native.isRoomy() && (this.#wantedBytes === 0 || this.#files.isRoomy(this.#wantedBytes))
  }

  pending(namespace: string, key: string): PendingWrite | undefined {
    const found = this.#native.pending(namespace, key)
    if (found === undefined) return undefined
    const box = this.#box
    const isInFile = (box[OUT + 1]! & IN_FILE) !== 0
    const mark = box[OUT + 2]!
    const payload = isInFile ? this.#files.read(mark, found) : found
    if (payload === undefined) return undefined
    return {
      op: box[OUT] as JournalWrite['op'], codec: box[OUT + 1]! & ~IN_FILE, payload, mark,
      life: lifeLeft(box[OUT + 3]!, box[OUT + 4]!, this.nowMs()), hostVersion: box[OUT + 5]!,
      condition: box[OUT + 6] as JournalWrite['condition'], sourceVersion: box[OUT + 7]!, nsEpoch: box[OUT + 8]!,
    }
  }

  inTheWay(namespace: string, key: string): 'write' | 'clear' | undefined {
    return IN_THE_WAY[this.#native.inTheWay(namespace, key)]
  }

  claimCoordinator(): boolean {
    return !this.#isClosed && this.#native.claimCoordinator()
  }

  campaign(onElected: (term: number) => void): void {
    this.#onElected = onElected
    this.#sweeping ??= setInterval(() => this.#sweep(), SWEEP_MS).unref()
    this.#native.campaign()
  }

  resign(): void {
    this.#onElected = undefined
    this.#native.resign()
  }

  get isLeading(): boolean {
    return this.#native.term() > 0
  }

  onAppend(listener: () => void): () => void {
    this.#appendListeners.add(listener)
    return () => this.#appendListeners.delete(listener)
  }

  drain(limits: { records: number; bytes: number }): DrainedBatch | undefined {
    for (let i = 0; i < DRAINS; i++) {
      const count = this.#native.drain(limits.records, limits.bytes)
      if (count > 0) return this.#readBatch(count)
      if (this.#native.sleep()) {
        this.#rooms.rest()
        return undefined
      }
    }
    setImmediate(() => this.#appended())
    return undefined
  }

  resolve(record: DrainedRecord, hostVersion: number, nsEpoch: number): boolean {
    return this.#native.resolve((record as Drained).id, hostVersion, nsEpoch)
  }

  assign(records: readonly DrainedRecord[]): boolean {
    const count = records.length
    const numbers = new Float64Array(count)
    for (let i = 0; i < count; i++) numbers[i] = (records[i] as Drained).id
    if (!this.#native.assign(numbers)) return false
    for (let i = 0; i < count; i++) records[i]!.opNumber = numbers[i]!
    return true
  }

  settle(batch: DrainedBatch, results: readonly (RecordResult | undefined)[]): boolean {
    const { records, isAnswered, hasFiles, term, room } = batch as Batch
    if (term !== this.#native.term()) return false
    const answers = new Float64Array(records.length * 3)
    const reasons: string[] = []
    let at = 0
    for (let i = 0; i < records.length; i++) {
      const answer = results[i]
      if (answer === undefined || isAnswered[i] === 1) continue
      isAnswered[i] = 1
      answers[at++] = records[i]!.id
      answers[at++] = numberOf(answer)
      answers[at++] = answer.version
      if (answer.result === 'dead') reasons.push(answer.reason ?? '')
    }
    const isOver = this.#native.settle(answers.subarray(0, at), reasons) && !isAnswered.includes(0)
    if (isOver && hasFiles) this.#sweep()
    if (at > 0 && !isAnswered.includes(0)) this.#rooms.give(room)
    return isOver
  }

  rememberPositions({ seqs, epochs, servers }: FeedPositions): void {
    this.#native.rememberPositions(seqs, epochs, servers)
  }

  knownPositions(): FeedPositions {
    const seqs = new Float64Array(PARTITIONS)
    const epochs = new Float64Array(PARTITIONS)
    const servers = new Float64Array(PARTITIONS)
    this.#native.positions(seqs, epochs, servers)
    return { seqs, epochs, servers }
  }

  deadLetters(): DeadLetter[] {
    return this.#native.deadLetters().map(({ payload, ...letter }) => {
      if ((letter.codec & IN_FILE) === 0) return payload === undefined ? letter : { ...letter, payload }
      return { ...letter, codec: letter.codec & ~IN_FILE, bytes: payload === undefined ? letter.bytes : bytesNamed(payload) }
    })
  }

  takeLetter(id: number): boolean {
    return this.#native.takeLetter(id)
  }

  stats(): Record<string, number> {
    return this.#native.stats()
  }

  close(options?: { unlink?: boolean }): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearInterval(this.#sweeping)
    this.#appendListeners.clear()
    this.#onElected = undefined
    this.#native.close(options?.unlink === true)
    this.#waiters.close()
  }

  #readBatch(count: number): Batch {
    const isResend = (this.#box[OUT + 1]! & 1) !== 0
    const wantsReplica = (this.#box[OUT + 1]! & 2) !== 0
    const room = this.#rooms.take(count * this.#native.recordNumbers, this.#box[OUT]!)
    const { meta, body } = room
    this.#native.fill(meta, body)
    let hasFiles = false
    const records = readBatch(meta, body, this.#native.recordNumbers, ({ mark, payload }) => {
      hasFiles = true
      return this.#files.read(mark, payload!)
    })
    return { records, isResend, wantsReplica, isAnswered: new Uint8Array(count), hasFiles, term: this.#native.term(), room }
  }

  /** Files that nobody waits for the room of: the leader removes them. */
  #sweep(): void {
    if (!this.#isClosed && this.isLeading) this.#files.sweep()
  }

  /** Elections, appends and answers come as one kind of event; each is looked for. */
  #onEvent(): void {
    if (this.#isClosed) return
    const term = this.#native.term()
    if (term > 0) {
      const onElected = this.#onElected
      this.#onElected = undefined
      onElected?.(term)
      this.#appended()
    }
    if (this.#waiters.isEmpty || this.#isClosed) return
    this.#waiters.look()
    this.#takeAnswers()
    if (this.#waiters.isEmpty) return
    this.#native.announce()
    this.#takeAnswers()
  }

  #appended(): void {
    for (const listener of [...this.#appendListeners]) listener()
  }

  #takeAnswers(): void {
    const box = this.#box
    const room = Math.floor((box.length - OUT) / 3)
    for (let count = room; count === room; ) {
      count = this.#native.takeAnswers()
      const answers = box.slice(OUT, OUT + count * 3)
      for (let i = 0; i < count; i++) this.#waiters.answer(answers[i * 3]!, settledOf(answers[i * 3 + 1]!, answers[i * 3 + 2]!))
    }
  }

  #refusal(code: number, key: string): CacheError {
    if (code === CLOSED) return new CacheError('ERR_CACHE_CLOSED', 'the journal must be open, it was closed')
    if (code === BAD_KEY) return misuse('ERR_CACHE_KEY', 'key', 'a well-formed string of 1 to 1024 UTF-8 bytes', key)
    return new CacheError('ERR_CACHE_REGION', `the journal refused the record with ${code}`)
  }
}
