/**
 * Brings batches of the journal to Redis: decides what of each record still stands, sends it until there is an answer, and
 * tells the journal and the table. What goes to one node of a cluster does not wait for another.
 */
import type { DrainedBatch, DrainedRecord, Journal, RecordResult } from '../journal/contract'
import type { L1Table, TagState } from '../l1/table'
import { CONTROL_PARTITION, type EntryResult, type FarWriter, type Feed, type PartitionOutcome } from '../l2/contract'
import { Codec } from '../wire/codec'
import type { Applier } from './applier'
import { Backoff } from './backoff'
import { Bell } from './bell'
import { ByNamespace, ownFleetEpoch } from './by-namespace'
import { Denials } from './denials'
import { stateOfWrite } from './far-tags'
import { CLEAR, DELETE, EXPIRE, FILL, SET } from './journal-words'
import { OwnClears } from './own-clears'
import { isTagClear, tagClearOf } from './tag-words'
import { isOfMark, markOf } from './versions'
import { viewAt } from './views'
import { TaggedWrite, Write } from './write'

export interface LeaderSettings {
  batchRecords: number
  batchBytes: number
  /** How long a write may wait for others to share its batch. */
  batchDelayMs: number
  /** How long one attempt at a batch may take. */
  writeTimeoutMs: number
  /** Replicas that have to confirm every write. Of others one is asked for, once, where a caller waits for it. */
  replicas: number
}

export interface LeaderParts {
  table: L1Table
  journal: Journal
  writer: FarWriter
  feed: Feed
  applier: Applier
  /** A write was refused for good. */
  onDead?: (reason: string) => void
  /** Writes are held because a permission is missing; without a reason: no longer. */
  onDenied?: (reason: string | undefined) => void
}

const SUPERSEDED: RecordResult = { result: 'superseded', version: 0 }
const NO_FLOOR = -1
const UNSENT = -1
const WRITTEN_WITH_IT = -1

/** A batch on its way. */
interface Way {
  batch: DrainedBatch
  results: (RecordResult | undefined)[]
  /** By place in the batch: of what may have been executed the last sequence before it was sent. What certainly was not is sent as if for the first time. */
  floors: Float64Array
  /** By place in the batch: the sum of the namespace's fleet epochs under which it was sent first; NaN = not known. */
  nsEpochs: Float64Array
  onAnswers(): void
}

export class Delivery {
  readonly counters = { batches: 0, records: 0, resent: 0, attempts: 0, dead: 0, dropped: 0 }
  readonly #parts: LeaderParts
  readonly #settings: LeaderSettings
  readonly #denials: Denials
  readonly #clears: OwnClears
  readonly #linked = new Bell()
  #isStopped = false
  readonly #isLeading = (): boolean => !this.#isStopped

  constructor(parts: LeaderParts, settings: LeaderSettings) {
    this.#parts = parts
    this.#settings = settings
    this.#denials = new Denials((reason) => parts.onDenied?.(reason))
    this.#clears = new OwnClears(parts.table, parts.feed)
  }

  /** What is not answered is left to the next leader. */
  stop(): void {
    this.#isStopped = true
    this.#linked.ring()
  }

  /** The feed's link changed. */
  onLink(): void {
    this.#linked.ring()
  }

  /** Resolves when the whole batch is answered, or this is stopped; false when the lead is lost. `onAnswers` whenever some are. */
  async deliver(batch: DrainedBatch, onAnswers: () => void): Promise<boolean> {
    const { journal } = this.#parts
    const count = batch.records.length
    const way: Way = {
      batch, results: new Array<RecordResult | undefined>(count), floors: new Float64Array(count).fill(NO_FLOOR),
      nsEpochs: new Float64Array(count).fill(batch.isResend ? Number.NaN : UNSENT), onAnswers,
    }
    const live = this.#standing(way)
    if (!batch.isResend && !journal.assign(live)) return false
    if (live.length < batch.records.length) this.#tell(way, [])
    // Of what is sent again, clears first: what was written after them carries the epochs they bring.
    const [clears, others] = [live.filter(({ op }) => op === CLEAR), live.filter(({ op }) => op !== CLEAR)]
    await this.#send(clears, way)
    await this.#send(others, way)
    if (this.#isStopped) return true
    this.counters.batches++
    this.counters.records += live.length
    return true
  }

  /** What is to be sent; the rest has its answer. */
  #standing({ batch, results }: Way): DrainedRecord[] {
    const { journal, table } = this.#parts
    const epochs = new ByNamespace((namespace) => viewAt(table, namespace).epoch())
    return batch.records.filter((record) => {
      if (record.op === CLEAR && isTagClear(record.namespace)) {
        if (record.isOrphan) journal.resolve(record, 1, 0)
        this.#applyTagClear(record)
        return true
      }
      if (record.isOrphan) {
        // What has gone to Redis since, it ends there: so it does here.
        if (record.op === CLEAR && record.wasGivenUp) viewAt(table, record.namespace).clear()
        const order = this.#orderOfOrphan(record)
        journal.resolve(record, order, epochs.of(record.namespace))
        if (order === 0) {
          results[record.index] = SUPERSEDED
          return false
        }
      } else if (record.op !== CLEAR && record.nsEpoch !== epochs.of(record.namespace)) {
        // The namespace was cleared on this host after the write. What a former leader sent would go under the epoch that the clear brings.
        this.counters.dropped++
        results[record.index] = SUPERSEDED
        return false
      }
      if (record.op === SET && record.isLost) {
        this.counters.dead++
        results[record.index] = { result: 'dead', version: 0, reason: 'ERR_CACHE_PAYLOAD: the file of the value is gone or damaged' }
        return false
      }
      return true
    })
  }

  async #send(records: readonly DrainedRecord[], way: Way): Promise<void> {
    if (records.length === 0) return
    await Promise.all(this.#parts.writer.byNode(records).map((group) => this.#sendGroup(group, way)))
  }

  /** Until every record is answered, or this is stopped. */
  async #sendGroup(records: DrainedRecord[], way: Way): Promise<void> {
    const { writer, feed } = this.#parts
    const { results, batch } = way
    const wanted = Math.max(this.#settings.replicas, batch.wantsReplica ? 1 : 0)
    const backoff = new Backoff(10, 1_000)
    const hasTags = records.some(({ codec }) => codec === Codec.tagged)
    const areClears = records[0]!.op === CLEAR
    let todo = records
    let isDenied = false
    while (todo.length > 0 && !this.#isStopped) {
      // Before the feed has heard what the epochs are, a value could go under one that has ended.
      if (feed.link !== 'connected') {
        await this.#linked.next()
        continue
      }
      // Of what a former leader sent first, this one does not know.
      const seqs = batch.isResend ? undefined : feed.positions().seqs
      if (!areClears && this.#clears.matterTo(hasTags)) await this.#clears.told(this.#isLeading)
      this.counters.attempts++
      const outcomes = await writer.write(this.#toWrites(todo, way), performance.now() + this.#settings.writeTimeoutMs, { replicas: wanted })
      isDenied = this.#denials.hear(outcomes, isDenied) || isDenied
      for (const outcome of outcomes) this.#take(outcome, way, wanted, seqs)
      const left = todo.filter(({ index }) => results[index] === undefined)
      if (left.length < todo.length) {
        backoff.reset()
        this.#tell(way, todo.filter(({ index }) => results[index] !== undefined))
        way.onAnswers()
      }
      if (left.length > 0) {
        this.counters.resent += left.length
        await pause(backoff.next())
      }
      todo = areClears ? left : this.#notCleared(left, way)
    }
    this.#denials.over(isDenied, todo.length === 0)
  }

  /** What this host has cleared since it was sent is not sent again: it would go under the epoch that the clear brought. */
  #notCleared(records: DrainedRecord[], way: Way): DrainedRecord[] {
    const epochs = new ByNamespace((namespace) => viewAt(this.#parts.table, namespace).epoch())
    const kept = records.filter((record) => {
      const isKept = record.isOrphan || record.nsEpoch === epochs.of(record.namespace)
      if (!isKept) way.results[record.index] = SUPERSEDED
      return isKept
    })
    if (kept.length === records.length) return records
    this.counters.dropped += records.length - kept.length
    this.#tell(way, [])
    way.onAnswers()
    return kept
  }

  #take({ records, results: entries, replicas, lastSeq }: PartitionOutcome, { results, floors }: Way, wanted: number, seqs: Float64Array | undefined): void {
    // Sent again, it is answered as before, and the replicas are waited for again.
    const isHeld = replicas < this.#settings.replicas && entries.some(isStored)
    for (let i = 0; i < records.length; i++) {
      const write = records[i] as Write
      const { index, partition } = write.source
      if (write.op === CLEAR) this.#clears.note(write.namespace, entries[i]!, lastSeq)
      const result = isHeld ? undefined : this.#resultOf(entries[i]!)
      if (result !== undefined) results[index] = replicas < wanted && isStored(entries[i]!) ? { ...result, isShort: true } : result
      else if ((isHeld || entries[i]!.state === 'unknown') && seqs !== undefined && floors[index] === NO_FLOOR) floors[index] = seqs[partition]!
    }
  }

  /** What is answered so far, `answered` of it just now. */
  #tell(way: Way, answered: readonly DrainedRecord[]): void {
    this.#parts.journal.settle(way.batch, way.results)
    if (this.#parts.journal.isLeading) this.#review(answered, way)
  }

  #toWrites(records: readonly DrainedRecord[], { floors, nsEpochs }: Way): Write[] {
    const { table, journal } = this.#parts
    const nowMs = journal.nowMs()
    // Before the tags are judged: what is told after it, the writes do not know.
    const controlSeq = records.some(({ codec }) => codec === Codec.tagged) ? this.#parts.feed.positions().seqs[CONTROL_PARTITION]! : 0
    const fleetEpochs = new ByNamespace((namespace) => viewAt(table, namespace).fleetEpoch())
    return records.map((record) => {
      const isTag = record.op === CLEAR && isTagClear(record.namespace)
      const at = {
        nowMs, nsEpoch: isTag ? 0 : fleetEpochs.of(record.namespace), resendFloor: floors[record.index] === NO_FLOOR ? undefined : floors[record.index],
        expected: record.op !== CLEAR ? this.#expectedOf(record) : isTag ? 0 : ownFleetEpoch(table, record.namespace),
      }
      if (nsEpochs[record.index] === UNSENT) nsEpochs[record.index] = at.nsEpoch
      return record.op === SET && record.codec === Codec.tagged ? new TaggedWrite(record, at, this.#stateOf(record), controlSeq) : new Write(record, at)
    })
  }

  /** A write of this host that is named by its mark is answered by now, or goes in the same call. */
  #expectedOf({ expected }: DrainedRecord): number {
    if (!isOfMark(expected)) return expected
    const answer = this.#parts.journal.answerOf(markOf(expected))
    return answer === undefined ? WRITTEN_WITH_IT : answer.version
  }

  #stateOf({ codec, payload, softAtMs, hardAtMs }: DrainedRecord): TagState {
    return stateOfWrite(this.#parts.table, codec, payload!, { ttlMs: softAtMs, graceMs: hardAtMs - softAtMs })
  }

  /** Carries through what its writer may not have done, or this table has not had. */
  #applyTagClear({ namespace, expected, isOrphan }: DrainedRecord): void {
    const clear = tagClearOf(namespace)
    const { tags } = this.#parts.table
    if (clear !== undefined && (isOrphan || tags.since(Uint16Array.of(clear.slot), expected) === 'current')) tags.clear(clear.slot, clear.kind)
  }

  #resultOf(entry: EntryResult): RecordResult | undefined {
    switch (entry.state) {
      case 'applied':
        return { result: 'stored', version: entry.version, isOther: entry.isOther === true }
      case 'lost':
      case 'older':
      case 'dup':
        return { result: entry.state, version: 0 }
      case 'refused': {
        const reason = `${entry.error.code}: ${entry.error.message}`
        this.counters.dead++
        this.#parts.onDead?.(reason)
        return { result: 'dead', version: 0, reason }
      }
      case 'unknown':
      case 'unsent':
        return undefined
    }
  }

  /**
   * What the answers mean for the table: a write that lost must not be served, nor one that Redis has from before a clear that was
   * heard of since, which a read may have taken from the journal; a change held back can be judged.
   */
  #review(records: readonly DrainedRecord[], { results, nsEpochs }: Way): void {
    const { table, applier } = this.#parts
    const fleetEpochs = new ByNamespace((namespace) => viewAt(table, namespace).fleetEpoch())
    for (const record of records) {
      if (record.op === CLEAR) continue
      const { result, version, isOther } = results[record.index]!
      const hasLost = (result === 'lost' || result === 'older') && record.op !== EXPIRE
      const isOfBefore = nsEpochs[record.index] !== fleetEpochs.of(record.namespace)
      if (isOther || isOfBefore || (hasLost && (record.condition === FILL || record.sourceVersion > 0))) {
        // Only what still is this very write: version 0 is above no other entry.
        viewAt(table, record.namespace).invalidate(record.key, 0, (mark) => mark === record.mark)
      }
      applier.onOwnAnswer(record, version)
    }
  }

  /**
   * The place of a record whose writer died before it was acknowledged: 0 unless the table shows its value. A clear may
   * have ended acknowledged writes on this host, so it is carried through.
   */
  #orderOfOrphan(record: DrainedRecord): number {
    if (record.op === CLEAR) return 1
    if (record.op === DELETE) return 0
    const entry = viewAt(this.#parts.table, record.namespace).entry(record.key, { doubtful: true })
    return entry?.fleet?.mark === record.mark ? entry.version * 2 : 0
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function isStored({ state }: EntryResult): boolean {
  return state === 'applied' || state === 'dup'
}
