/**
 * Puts the messages of all partitions in order: what is new is delivered once, what is early is
 * kept back until what is missing has come, what is late is ignored. Knows nothing of connections.
 */
import type { DoubtReason, FeedListener, Positions } from './contract'
import { CONTROL_PARTITION, PARTITIONS } from './contract'
import type { Message } from './message'

/** What Redis says of a partition; undefined = it has no state. */
export interface PartitionState {
  seq: number
  epoch: number
}

export const NO_STATE = -1
const MAX_HELD = 4096

export class Sequencer {
  readonly #listener: FeedListener
  readonly #seqs = new Float64Array(PARTITIONS + 1)
  readonly #epochs = new Float64Array(PARTITIONS + 1)
  readonly #held = new Map<number, Message[]>()
  readonly counts = { messages: 0, duplicates: 0, gaps: 0, heldBack: 0, doubts: 0, replayed: 0 }

  constructor(listener: FeedListener, from?: Omit<Positions, 'servers'>) {
    this.#listener = listener
    if (from !== undefined) {
      this.#seqs.set(from.seqs)
      this.#epochs.set(from.epochs)
    }
  }

  positions(): Omit<Positions, 'servers'> {
    return { seqs: this.#seqs.slice(), epochs: this.#epochs.slice() }
  }

  seqOf(partition: number): number {
    return this.#seqs[partition]!
  }

  /** False when something is missing before it: the message is kept back until `adopt` or `replay`. */
  accept(message: Message): boolean {
    const { partition, epoch, seqFirst, seqLast } = message
    this.#begin(message)
    const seq = this.#seqs[partition]!
    if (epoch !== this.#epochs[partition] || seqFirst > seq + 1) {
      this.counts.gaps++
      this.#hold(message)
      return false
    }
    if (seqLast <= seq) {
      this.counts.duplicates++
      return true
    }
    this.#deliver(message)
    this.#deliverHeld(partition)
    return true
  }

  /** Whether all that Redis has published of the partition was delivered. */
  isCurrent(partition: number, state: PartitionState | undefined): boolean {
    const epoch = this.#epochs[partition]!
    return state === undefined ? epoch === NO_STATE : epoch === state.epoch && this.#seqs[partition]! >= state.seq
  }

  /**
   * What `state` demands: nothing, a replay of the log (from its start, where a history has begun
   * since there was none), or to begin anew. A sequence that is below `askedSeq`, the one that was delivered when the state
   * was asked for, is a history that was lost (an older snapshot, a replica that lagged behind): messages may overtake an
   * answer.
   */
  judge(partition: number, state: PartitionState | undefined, askedSeq = this.#seqs[partition]!): 'current' | 'replay' | 'begun' | 'epoch' | 'first' {
    const epoch = this.#epochs[partition]!
    const seq = this.#seqs[partition]!
    if (epoch === 0 && seq === 0) return 'first'
    if (state === undefined) return epoch === NO_STATE ? 'current' : 'epoch'
    if (epoch === NO_STATE && partition !== CONTROL_PARTITION) return 'begun'
    if (epoch !== state.epoch || state.seq < askedSeq) return 'epoch'
    return state.seq <= seq ? 'current' : 'replay'
  }

  /** Goes on from `state`. With a reason, all that was known before is doubted. */
  adopt(partition: number, state: PartitionState | undefined, reason?: DoubtReason): void {
    if (reason !== undefined) this.#doubt(partition, reason)
    this.#epochs[partition] = state?.epoch ?? NO_STATE
    // Without a state the sequence stays: a new history has to begin above it.
    if (state !== undefined) this.#seqs[partition] = state.seq
    this.#deliverHeld(partition)
  }

  /** The log from the first message that was missed on. False: it does not reach back that far. */
  replay(partition: number, messages: readonly Message[], state: PartitionState): boolean {
    for (const message of messages) {
      if (message.partition !== partition) continue
      this.#begin(message)
      if (message.epoch !== this.#epochs[partition]) continue
      if (message.seqLast <= this.#seqs[partition]!) continue
      if (message.seqFirst > this.#seqs[partition]! + 1) return false
      this.counts.replayed++
      this.#deliver(message)
    }
    if (this.#epochs[partition] !== state.epoch || this.#seqs[partition]! < state.seq) return false
    this.#deliverHeld(partition)
    return true
  }

  /** The first message of a history where there was none: nothing can have been missed. */
  #begin({ partition, epoch, seqFirst, isFirst }: Message): void {
    if (!isFirst || this.#epochs[partition] !== NO_STATE || partition === CONTROL_PARTITION) return
    this.#epochs[partition] = epoch
    this.#seqs[partition] = seqFirst - 1
  }

  #doubt(partition: number, reason: DoubtReason): void {
    this.counts.doubts++
    this.#listener.onDoubt(partition, reason)
  }

  #deliver({ partition, seqFirst, seqLast, events, origin }: Message): void {
    this.counts.messages++
    const from = Math.max(0, this.#seqs[partition]! + 1 - seqFirst)
    // The number goes up first: a listener that asks for positions sees what it is being told.
    this.#seqs[partition] = seqLast
    for (let index = from; index < events.length; index++) {
      const event = events[index]!
      if (event.kind === 0) continue
      if (event.kind === 5) {
        if (partition === CONTROL_PARTITION) this.#listener.onClear(event.namespace, event.nsEpoch, 'clear', origin)
      } else {
        const { version, kind, namespace, key } = event
        this.#listener.onChange({ partition, version, kind, namespace, key, origin })
      }
    }
  }

  #hold(message: Message): void {
    const held = this.#held.get(message.partition)
    if (held === undefined) this.#held.set(message.partition, [message])
    // What does not fit comes from the log.
    else if (held.length < MAX_HELD) held.push(message)
    this.counts.heldBack++
  }

  #deliverHeld(partition: number): void {
    const held = this.#held.get(partition)
    if (held === undefined) return
    const early: Message[] = []
    held.sort((a, b) => a.seqFirst - b.seqFirst)
    for (const message of held) {
      // Of another history: it is over, or the state that is read next tells of it.
      if (message.epoch !== this.#epochs[partition] || message.seqLast <= this.#seqs[partition]!) continue
      if (message.seqFirst > this.#seqs[partition]! + 1) early.push(message)
      else this.#deliver(message)
    }
    if (early.length > 0) this.#held.set(partition, early)
    else this.#held.delete(partition)
  }
}
