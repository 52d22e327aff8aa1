/**
 * The leader of a host: brings the journal to Redis and what Redis tells to the table. One per host and cache, by a file
 * lock; everything it must remember lies in the journal, so the next one goes on where it stopped.
 */
import type { DrainedBatch } from '../journal/contract'
import { Bell } from './bell'
import { Delivery, type LeaderParts, type LeaderSettings } from './delivery'

/** Above, the next batch is smaller. */
const SLOW_BATCH_MS = 500
const LEAST_RECORDS = 256
/**
 * A batch keeps the next one waiting until some of it is answered, so that what comes meanwhile shares one; no longer than
 * this, because a node of a cluster may stand still.
 */
const HOLD_MS = 25
/** As many of a window of the journal as leave others to be on their way at the same time. */
const MOST_RECORDS = 4_096
/** What Redis and this side copy before it has left their caches. */
const MOST_BYTES = 2 * 1024 * 1024
/** Half full, a batch shows that more is there: so many may be on their way together, which keeps Redis busy while the next one is made. */
const FULL_BATCHES = 3
/** Between two looks whether a batch is full before its delay is over. */
const FULL_LOOK_MS = 5

export class Leader {
  readonly #parts: LeaderParts
  readonly #settings: LeaderSettings
  readonly #delivery: Delivery
  readonly #bell = new Bell()
  readonly #underWay = new Set<Promise<void>>()
  /** Batches that keep the next one waiting, and those that are too full to do so alone. */
  #holding = 0
  #full = 0
  #isLeading = true
  #running: Promise<void> = Promise.resolve()
  /** Of one batch: fewer than the settings allow where Redis is slow, since room is made batch by batch. */
  #batchRecords: number
  /** Half a lane at most: its writer goes on with the other half meanwhile. */
  readonly #batchBytes: number

  constructor(parts: LeaderParts, settings: LeaderSettings) {
    this.#parts = parts
    this.#settings = settings
    this.#delivery = new Delivery(parts, settings)
    this.#batchRecords = settings.batchRecords
    this.#batchBytes = Math.min(settings.batchBytes, MOST_BYTES, (parts.journal.stats()['lane_bytes'] ?? Number.POSITIVE_INFINITY) / 2)
  }

  get counters(): Delivery['counters'] {
    return this.#delivery.counters
  }

  start(): void {
    const stopListening = this.#parts.journal.onAppend(() => this.#bell.ring())
    this.#parts.feed.start()
    this.#running = this.#run().finally(stopListening)
  }

  /** Resolves when nothing of this leader is under way; what was not answered is left to the next. */
  async stop(): Promise<void> {
    this.#yield()
    await this.#running
    await this.#parts.feed.stop()
    this.remember()
  }

  async #run(): Promise<void> {
    const { journal } = this.#parts
    while (this.#isLeading) {
      if (this.#holding > 0 || this.#full >= FULL_BATCHES) {
        await this.#bell.next()
        continue
      }
      const batch = journal.drain({ records: this.#limit, bytes: this.#batchBytes })
      if (batch === undefined) {
        this.remember()
        await this.#news()
      } else {
        this.#begin(batch)
      }
    }
    await Promise.all(this.#underWay)
  }

  #begin(batch: DrainedBatch): void {
    const startMs = performance.now()
    const isFull = batch.records.length > this.#limit / 2 || sum(batch) > this.#batchBytes / 2
    let holds = true
    let isAnswered = false
    if (isFull) this.#full++
    else this.#holding++
    const letGo = (): void => {
      if (holds && isFull) this.#full--
      else if (holds) this.#holding--
      holds = false
      clearTimeout(timer)
      this.#bell.ring()
    }
    const timer = setTimeout(letGo, HOLD_MS)
    const onAnswers = (): void => {
      if (!isAnswered) this.#adapt(performance.now() - startMs)
      isAnswered = true
      letGo()
    }
    const delivery = this.#delivery.deliver(batch, onAnswers).then((isLeading) => {
      if (!isLeading) this.#yield()
      this.remember()
      this.#underWay.delete(delivery)
      letGo()
    })
    this.#underWay.add(delivery)
  }

  get #limit(): number {
    return Math.min(this.#batchRecords, MOST_RECORDS)
  }

  #adapt(tookMs: number): void {
    if (tookMs > SLOW_BATCH_MS) this.#batchRecords = Math.max(Math.min(LEAST_RECORDS, this.#settings.batchRecords), this.#batchRecords >> 1)
    else if (tookMs < SLOW_BATCH_MS / 2) this.#batchRecords = Math.min(this.#settings.batchRecords, this.#batchRecords * 2)
  }

  /** Where the feed stands, for the next leader; not while a change is held back, which it has to hear again. */
  remember(): void {
    const { feed, journal, applier } = this.#parts
    if (!applier.isHoldingBack) journal.rememberPositions(feed.positions())
  }

  /** The lead is lost, or given up. */
  #yield(): void {
    this.#isLeading = false
    this.#delivery.stop()
    this.#bell.ring()
  }

  /** The feed's link changed. */
  onLink(): void {
    this.#delivery.onLink()
  }

  async #news(): Promise<void> {
    await this.#bell.next()
    const endMs = performance.now() + this.#settings.batchDelayMs
    // Who appends wakes a leader that sleeps, once: that a batch is full is looked for.
    while (this.#isLeading && performance.now() < endMs) {
      const pending = this.#parts.journal.stats()['pending_bytes'] ?? 0
      // The bell rings for answers too: company is waited for from the first write on.
      if (pending === 0 || pending >= this.#batchBytes) return
      await new Promise((resolve) => setTimeout(resolve, Math.min(FULL_LOOK_MS, endMs - performance.now())))
    }
  }
}

function sum({ records }: DrainedBatch): number {
  return records.reduce((bytes, record) => bytes + record.bytes, 0)
}
