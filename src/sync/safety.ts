/** When a write is as safe as its terms ask for: on the disk, in Redis, on a replica. */
import type { HostDisk, Journal, JournalWrite, Settled } from '../journal/contract'
import type { L1View } from '../l1/table'
import { CONTROL_PARTITION, REPLICA_MS } from '../l2/contract'
import { bytesOf, Codec } from '../wire/codec'
import { restamped } from '../wire/tags'
import { CacheError } from '../words/errors'
import { heardUpTo, versionOfMark } from './versions'
import { isReplicated, needsRedis, type WriteTerms } from './write-terms'

/** A write that the journal has taken. */
export interface Accepted<T> {
  mark: number
  order: number
  result: T
  /** Of the write that came after it before it was acknowledged, as long as that is not settled. */
  heir: number | undefined
  /** When the call has to end, if part of its time went by before the journal took the record. */
  deadlineMs: number | undefined
}

export class Safety {
  readonly #journal: Journal
  readonly #hardTimeoutMs: number
  readonly #disk: HostDisk

  constructor(journal: Journal, hardTimeoutMs: number, disk: HostDisk) {
    this.#journal = journal
    this.#hardTimeoutMs = hardTimeoutMs
    this.#disk = disk
  }

  /** When it is as safe as `terms` ask for. */
  async acknowledged<T>(view: L1View, record: JournalWrite, accepted: Accepted<T>, terms: WriteTerms): Promise<number> {
    const { mark } = accepted
    const kept = terms.durability === 'disk' && mark > 0 ? this.#keepOnDisk(view, record, accepted) : undefined
    if (!needsRedis(terms)) {
      await kept
      return versionOfMark(mark)
    }
    const [version] = await Promise.all([this.confirmed(accepted, terms), kept])
    return version
  }

  #keepOnDisk(view: L1View, { op, namespace, key, partition, codec, payload, life }: JournalWrite, { mark, heir, order, deadlineMs }: Accepted<unknown>): Promise<void> {
    const positions = this.#journal.knownPositions()
    const epoch = positions.epochs[partition]!
    const atMs = Date.now()
    const softAtMs = life.ttlMs === 0 ? 0 : atMs + life.ttlMs
    const bytes = bytesOf(codec, payload)
    // In another life of the host its tags are judged by what Redis knows to be cleared since.
    const lasting = codec === Codec.tagged ? restamped(bytes, 0, positions.seqs[CONTROL_PARTITION]!) : bytes
    return this.#disk.append({
      op, namespace, key, partition, codec, payload: lasting, softAtMs, hardAtMs: softAtMs === 0 ? 0 : softAtMs + life.graceMs,
      // Kept for as long as it may be needed: until what came after it is in Redis.
      order, mark: heir || mark, atMs, epoch, floor: heardUpTo(positions, partition),
      controlEpoch: positions.epochs[CONTROL_PARTITION]!, fleetEpoch: view.fleetEpoch(),
    }, deadlineMs ?? performance.now() + this.#hardTimeoutMs)
  }

  /** What Redis made of the record: a version, or 0 where a condition did not hold. */
  async confirmed({ mark, heir, deadlineMs = performance.now() + this.#hardTimeoutMs }: Accepted<unknown>, terms: WriteTerms, isConditional = false): Promise<number> {
    if (mark === 0) return 0
    const hardTimeoutMs = this.#hardTimeoutMs
    const settled = await this.#journal.settled(heir || mark, deadlineMs)
    if (settled !== undefined && isReplicated(terms) && (settled.isShort === true || settled.result === 'unknown')) {
      throw new CacheError('ERR_CACHE_L2_TIMEOUT', `a replica must confirm the write within ${REPLICA_MS} ms, none did. The primary has it.`)
    }
    if (settled === undefined) {
      throw new CacheError('ERR_CACHE_L2_TIMEOUT', `Redis must confirm the write within ${hardTimeoutMs} ms, it did not. The write stays in the journal and is sent until there is an answer.`)
    }
    if (isConditional && (settled.result === 'dup' || settled.result === 'unknown')) {
      throw new CacheError('ERR_CACHE_L2_TIMEOUT', 'Redis has decided about the write, its answer was lost')
    }
    return heir === undefined ? versionOf(settled, mark) : versionOfMark(mark)
  }

  /** The version that Redis gave a write which somebody wants to replace; 0 = it did not take it. */
  async answered(mark: number, deadlineMs: number): Promise<number> {
    const hardTimeoutMs = this.#hardTimeoutMs
    if ((await this.#journal.settled(mark, deadlineMs)) === undefined) {
      throw new CacheError('ERR_CACHE_L2_TIMEOUT', `the write that ifVersion names must be answered by Redis within ${hardTimeoutMs} ms, it was not. Nothing was written.`)
    }
    const answer = this.#journal.answerOf(mark)
    if (answer === undefined || answer.result === 'unknown' || answer.result === 'dup') {
      throw new CacheError('ERR_CACHE_L2_TIMEOUT', 'what Redis made of the write that ifVersion names is no longer known: ask getEntry again. Nothing was written.')
    }
    return answer.result === 'stored' ? answer.version : 0
  }
}

function versionOf(settled: Settled, mark: number): number {
  switch (settled.result) {
    case 'stored':
      return settled.version
    case 'lost':
    case 'older':
      return 0
    case 'dead':
      throw new CacheError('ERR_CACHE_L2_REFUSED', 'Redis must take the write, it refused it; deadLetters() tells why')
    default:
      // Answered under another record, or replaced by a later write of this host before it was sent.
      return versionOfMark(mark)
  }
}
