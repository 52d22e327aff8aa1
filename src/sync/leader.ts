/**
 * The leader of a host: brings the journal to Redis and what Redis tells to the table. One per host and cache, by a file
 * lock; everything it must remember lies in the journal, so the next one goes on where it stopped.
 */
import type { DrainedBatch, DrainedRecord, Journal, RecordResult } from '../journal/contract'
import type { L1Table, TagState } from '../l1/table'
import { CONTROL_PARTITION, type EntryResult, type FarWriter, type Feed } from '../l2/contract'
import { Codec } from '../wire/codec'
import type { Applier } from './applier'
import { Backoff } from './backoff'
import { Denials } from './denials'
import { stateOfWrite } from './far-tags'
import { CLEAR, FILL, SET } from './journal-words'
import { isTagClear, tagClearOf } from './tag-words'
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

/** Above, the next batch is smaller. */
const SLOW_BATCH_MS = 500
const LEAST_RECORDS = 256
const SUPERSEDED: RecordResult = { result: 'superseded', version: 0 }

export class Leader {
  readonly counters = { batches: 0, records: 0, resent: 0, attempts: 0, dead: 0, dropped: 0 }
  readonly #parts: LeaderParts
  readonly #settings: LeaderSettings
  readonly #backoff = new Backoff(10, 1_000)
  readonly #denials: Denials
  #isLeading = true
  #wake: (() => void) | undefined
  #hasNews = false
  /** The last of the clears that Redis has answered and the feed may not have told yet. */
  #clearedSeq = 0
  /** One of them is of a namespace, and the answer did not say what its epoch is. */
  #isEpochUntold = false
  #running: Promise<void> = Promise.resolve()
  /** Of one batch: fewer than the settings allow where Redis is slow, since room is made batch by batch. */
  #batchRecords: number
  /** Half a lane at most: its writer goes on with the other half meanwhile. */
  readonly #batchBytes: number

  constructor(parts: LeaderParts, settings: LeaderSettings) {
    this.#parts = parts
    this.#settings = settings
    this.#denials = new Denials((reason) => parts.onDenied?.(reason))
    this.#batchRecords = settings.batchRecords
    this.#batchBytes = Math.min(settings.batchBytes, (parts.journal.stats()['lane_bytes'] ?? Number.POSITIVE_INFINITY) / 2)
  }

  start(): void {
    const stopListening = this.#parts.journal.onAppend(() => this.#signal())
    this.#parts.feed.start()
    this.#running = this.#run().finally(stopListening)
  }

  /** Resolves when nothing of this leader is under way; what was not answered is left to the next. */
  async stop(): Promise<void> {
    this.#isLeading = false
    this.#signal()
    await this.#running
    await this.#parts.feed.stop()
    this.remember()
  }

  async #run(): Promise<void> {
    const { journal } = this.#parts
    while (this.#isLeading) {
      const batch = journal.drain({ records: this.#batchRecords, bytes: this.#batchBytes })
      if (batch === undefined) {
        this.remember()
        await this.#news()
      } else {
        const startMs = performance.now()
        await this.#deliver(batch)
        this.#adapt(performance.now() - startMs)
      }
    }
  }

  #adapt(tookMs: number): void {
    if (tookMs > SLOW_BATCH_MS) this.#batchRecords = Math.max(Math.min(LEAST_RECORDS, this.#settings.batchRecords), this.#batchRecords >> 1)
    else if (tookMs < SLOW_BATCH_MS / 2) this.#batchRecords = Math.min(this.#settings.batchRecords, this.#batchRecords * 2)
  }

  async #deliver(batch: DrainedBatch): Promise<void> {
    const { journal, table } = this.#parts
    const live: DrainedRecord[] = []
    const clears: DrainedRecord[] = []
    const others: DrainedRecord[] = []
    const results = new Array<RecordResult | undefined>(batch.records.length)
    const epochs = new ByNamespace((namespace) => viewAt(table, namespace).epoch())
    for (const record of batch.records) {
      if (record.op === CLEAR && isTagClear(record.namespace)) {
        if (record.isOrphan) journal.resolve(record, 1, 0)
        this.#applyTagClear(record)
        live.push(record)
        clears.push(record)
        continue
      }
      if (record.isOrphan) {
        const order = this.#orderOfOrphan(record)
        journal.resolve(record, order, epochs.of(record.namespace))
        if (order === 0) {
          results[record.index] = SUPERSEDED
          continue
        }
      } else if (!batch.isResend && record.op !== CLEAR && record.nsEpoch !== epochs.of(record.namespace)) {
        // The namespace was cleared on this host after the write.
        this.counters.dropped++
        results[record.index] = SUPERSEDED
        continue
      }
      if (record.op === SET && record.payload === undefined) {
        this.counters.dead++
        results[record.index] = { result: 'dead', version: 0, reason: 'ERR_CACHE_PAYLOAD: the file of the value is gone or damaged' }
        continue
      }
      live.push(record)
      if (record.op === CLEAR) clears.push(record)
      else others.push(record)
    }
    if (!batch.isResend && !journal.assign(live)) return this.#yield()
    // Clears first: what was written after them carries the epochs they bring.
    await this.#send(clears, results, batch)
    await this.#send(others, results, batch)
    if (!journal.settle(batch, results)) return
    this.#review(others, results)
    this.counters.batches++
    this.counters.records += live.length
    this.remember()
  }

  /** Until every record is answered, or this leader stops. */
  async #send(records: DrainedRecord[], results: (RecordResult | undefined)[], { isResend, wantsReplica }: DrainedBatch): Promise<void> {
    const { writer, feed } = this.#parts
    const wanted = Math.max(this.#settings.replicas, wantsReplica ? 1 : 0)
    // Of what may have been executed: the last sequence before it was sent. What certainly was not is sent as if for the first time.
    const floors = new Float64Array(results.length).fill(NO_FLOOR)
    let todo = records
    let isDenied = false
    while (todo.length > 0 && this.#isLeading) {
      // Before the feed has heard what the epochs are, a value could go under one that has ended.
      if (feed.link !== 'connected') {
        await this.#untilSignal()
        continue
      }
      // Of what a former leader sent first, this one does not know.
      const seqs = isResend ? undefined : feed.positions().seqs
      if (this.#clearedSeq > 0 && todo.some(({ op, codec }) => codec === Codec.tagged || (this.#isEpochUntold && op !== CLEAR))) await this.#untilCleared()
      this.counters.attempts++
      const outcomes = await writer.write(this.#toWrites(todo, floors), performance.now() + this.#settings.writeTimeoutMs, { replicas: wanted })
      isDenied = this.#denials.hear(outcomes) || isDenied
      for (const { records: writes, results: entries, replicas, lastSeq } of outcomes) {
        // Sent again, it is answered as before, and the replicas are waited for again.
        const isHeld = replicas < this.#settings.replicas && entries.some(isStored)
        for (let i = 0; i < writes.length; i++) {
          const write = writes[i] as Write
          const { index, partition } = write.source
          if (write.op === CLEAR) this.#noteClear(write.namespace, entries[i]!, lastSeq)
          const result = isHeld ? undefined : this.#resultOf(entries[i]!)
          if (result !== undefined) results[index] = replicas < wanted && isStored(entries[i]!) ? { ...result, isShort: true } : result
          else if ((isHeld || entries[i]!.state === 'unknown') && seqs !== undefined && floors[index] === NO_FLOOR) floors[index] = seqs[partition]!
        }
      }
      const left = todo.filter(({ index }) => results[index] === undefined)
      if (left.length < todo.length) this.#backoff.reset()
      if (left.length > 0) {
        this.counters.resent += left.length
        await this.#pause(this.#backoff.next())
      }
      todo = left
    }
    if (records.length > 0 && todo.length === 0 && !isDenied) this.#denials.end()
  }

  #toWrites(records: readonly DrainedRecord[], floors: Float64Array): Write[] {
    const { table, journal } = this.#parts
    const nowMs = journal.nowMs()
    // Before the tags are judged: what is told after it, the writes do not know.
    const controlSeq = records.some(({ codec }) => codec === Codec.tagged) ? this.#parts.feed.positions().seqs[CONTROL_PARTITION]! : 0
    const fleetEpochs = new ByNamespace((namespace) => viewAt(table, namespace).fleetEpoch())
    return records.map((record) => {
      const isTag = record.op === CLEAR && isTagClear(record.namespace)
      const at = {
        nowMs, nsEpoch: isTag ? 0 : fleetEpochs.of(record.namespace), resendFloor: floors[record.index] === NO_FLOOR ? undefined : floors[record.index],
        expected: record.op !== CLEAR ? record.expected : isTag ? 0 : ownFleetEpoch(table, record.namespace),
      }
      return record.op === SET && record.codec === Codec.tagged ? new TaggedWrite(record, at, this.#stateOf(record), controlSeq) : new Write(record, at)
    })
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

  /** What has ended at which epoch, or at which sequence: where that is not told, it is taken for the last one. */
  #noteClear(namespace: string, entry: EntryResult, lastSeq: number): void {
    if (entry.state !== 'applied' && entry.state !== 'dup') return
    const { table } = this.#parts
    const clear = tagClearOf(namespace)
    const sequence = clear !== undefined && entry.state === 'applied' ? entry.version : lastSeq
    if (clear !== undefined) table.tags.noteFleetClear(clear.slot, clear.kind, sequence)
    else if (entry.state === 'applied') return viewAt(table, namespace).advanceFleetEpoch(entry.version)
    else this.#isEpochUntold = true
    this.#clearedSeq = Math.max(this.#clearedSeq, sequence)
  }

  /** Until the feed has told our own clears: before that, what was written after them would go as of before them. */
  async #untilCleared(): Promise<void> {
    const deadlineMs = performance.now() + OWN_CLEARS_MS
    while (this.#isLeading && this.#parts.feed.positions().seqs[CONTROL_PARTITION]! < this.#clearedSeq) {
      // Late, they cost a miss in Redis and nothing else.
      if (performance.now() >= deadlineMs) break
      await this.#pause(2)
    }
    this.#clearedSeq = 0
    this.#isEpochUntold = false
  }

  #resultOf(entry: EntryResult): RecordResult | undefined {
    switch (entry.state) {
      case 'applied':
        return { result: 'stored', version: entry.version }
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

  /** What the answers mean for the table: a write that lost must not be served, a change held back can be judged. */
  #review(records: DrainedRecord[], results: (RecordResult | undefined)[]): void {
    const { table, applier } = this.#parts
    for (const record of records) {
      const { result, version } = results[record.index]!
      const hasLost = result === 'lost' || result === 'older'
      if (hasLost && (record.condition === FILL || record.sourceVersion > 0)) {
        // Only what still is this very write: version 0 is above no other entry.
        viewAt(table, record.namespace).invalidate(record.key, 0, (mark) => mark === record.mark)
      }
      applier.onOwnAnswer(record.namespace, record.key, version)
    }
  }

  /**
   * The place of a record whose writer died before it was acknowledged: 0 unless the table shows its value. A clear may
   * have ended acknowledged writes on this host, so it is carried through.
   */
  #orderOfOrphan(record: DrainedRecord): number {
    if (record.op === CLEAR) return 1
    if (record.op !== SET) return 0
    const entry = viewAt(this.#parts.table, record.namespace).entry(record.key, { doubtful: true })
    return entry?.fleet?.mark === record.mark ? entry.version * 2 : 0
  }

  /** Where the feed stands, for the next leader; not while a change is held back, which it has to hear again. */
  remember(): void {
    const { feed, journal, applier } = this.#parts
    if (!applier.isHoldingBack) journal.rememberPositions(feed.positions())
  }

  /** The lead is lost. */
  #yield(): void {
    this.#isLeading = false
  }

  #signal(): void {
    this.#hasNews = true
    this.#wake?.()
  }

  /** The feed's link changed. */
  onLink(): void {
    this.#signal()
  }

  async #untilSignal(): Promise<void> {
    if (!this.#hasNews) await new Promise<void>((resolve) => (this.#wake = resolve))
    this.#wake = undefined
    this.#hasNews = false
  }

  async #news(): Promise<void> {
    await this.#untilSignal()
    const endMs = performance.now() + this.#settings.batchDelayMs
    // Who appends wakes a leader that sleeps, once: that a batch is full is looked for.
    while (this.#isLeading && performance.now() < endMs && (this.#parts.journal.stats()['pending_bytes'] ?? 0) < this.#batchBytes) {
      await this.#pause(Math.min(FULL_LOOK_MS, endMs - performance.now()))
    }
    // What was told meanwhile is drained now; the next write waits as long as this one.
    this.#hasNews = false
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms))
  }
}

const NO_FLOOR = -1
/** Between two looks whether a batch is full before its delay is over. */
const FULL_LOOK_MS = 5
const OWN_CLEARS_MS = 1_000
/** What is read once for each namespace of a batch. */
class ByNamespace {
  readonly #read: (namespace: string) => number
  readonly #values = new Map<string, number>()
  #last: string | undefined
  #lastValue = 0

  constructor(read: (namespace: string) => number) {
    this.#read = read
  }

  of(namespace: string): number {
    if (namespace === this.#last) return this.#lastValue
    let value = this.#values.get(namespace)
    if (value === undefined) this.#values.set(namespace, value = this.#read(namespace))
    this.#last = namespace
    return (this.#lastValue = value)
  }
}

function isStored({ state }: EntryResult): boolean {
  return state === 'applied' || state === 'dup'
}

/** Of the namespace alone, without those above it. */
function ownFleetEpoch(table: L1Table, namespace: string): number {
  const sum = viewAt(table, namespace).fleetEpoch()
  if (namespace === '') return sum
  return (sum - viewAt(table, namespace.slice(0, Math.max(0, namespace.lastIndexOf('/')))).fleetEpoch()) >>> 0
}
