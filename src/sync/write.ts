/** A drained record in the words of Redis' side. */
import type { DrainedRecord } from '../journal/contract'
import type { TagState } from '../l1/table'
import { CONTROL_PARTITION, type FarCondition, type FarOp, type WriteRecord } from '../l2/contract'
import { restamped } from '../wire/tags'
import { CLEAR, DELETE, EXPIRE } from './journal-words'

const NOTHING = new Uint8Array()
/** '|' */
const BAR = 124

export interface Moment {
  nowMs: number
  nsEpoch: number
  expected: number
  resendFloor: number | undefined
}

/** As it is sent at one moment; the record says the rest, so that thousands of them cost little. */
export class Write implements WriteRecord {
  readonly source: DrainedRecord
  readonly nsEpoch: number
  readonly expected: number
  readonly resendFloor: number | undefined
  readonly #nowMs: number

  constructor(source: DrainedRecord, at: Moment) {
    this.source = source
    this.#nowMs = at.nowMs
    this.nsEpoch = at.nsEpoch
    this.expected = at.expected
    this.resendFloor = at.resendFloor
  }

  get op(): FarOp {
    return this.source.op as FarOp
  }

  get namespace(): string {
    return this.source.namespace
  }

  get key(): string {
    return this.source.key
  }

  get partition(): number {
    return this.source.op === CLEAR ? CONTROL_PARTITION : this.source.partition
  }

  get codec(): number {
    return this.source.codec
  }

  get payload(): Uint8Array {
    return this.source.op === EXPIRE ? NOTHING : this.source.payload ?? NOTHING
  }

  get crc(): number | undefined {
    return this.source.op === EXPIRE ? undefined : this.source.crc
  }

  get hostOrder(): number {
    return this.source.hostVersion
  }

  get bytes(): number {
    return this.source.bytes
  }

  get suffixBytes(): number | undefined {
    const { nameBytes } = this.source
    return nameBytes === undefined ? undefined : nameBytes + 1
  }

  putSuffix(target: Uint8Array, at: number): void {
    this.source.putNames!(target, at, BAR)
  }

  get condition(): FarCondition {
    return this.source.condition
  }

  get sourceVersion(): number {
    return this.source.sourceVersion
  }

  get opNumber(): number {
    return this.source.opNumber
  }

  get softMs(): number {
    const { softAtMs } = this.source
    return softAtMs === 0 ? 0 : leftOf(softAtMs, this.#nowMs)
  }

  get hardMs(): number {
    const { hardAtMs } = this.source
    return hardAtMs === 0 ? 0 : Math.max(1, hardAtMs - this.#nowMs)
  }
}

/** With tags, which stand as `state` says: what they have ended replaces what is there, and is not served. */
export class TaggedWrite extends Write {
  readonly #state: TagState
  readonly #payload: Uint8Array

  /** `controlSeq`: of the control partition, up to which all clears were heard when the state was looked at. */
  constructor(source: DrainedRecord, at: Moment, state: TagState, controlSeq: number) {
    super(source, at)
    this.#state = state
    this.#payload = state === 'gone' ? NOTHING : restamped(source.payload!, 0, controlSeq)
  }

  override get op(): FarOp {
    return this.#state === 'gone' ? DELETE : super.op
  }

  override get codec(): number {
    return this.#state === 'gone' ? 0 : super.codec
  }

  override get payload(): Uint8Array {
    return this.#payload
  }

  override get crc(): undefined {
    return undefined
  }

  override get softMs(): number {
    if (this.#state === 'gone') return 0
    return this.#state === 'expired' ? Math.min(-1, super.softMs) : super.softMs
  }

  override get hardMs(): number {
    return this.#state === 'gone' ? 0 : super.hardMs
  }
}

/** Whole; below 0 when the soft life is over; never 0, which would be for ever. */
function leftOf(atMs: number, nowMs: number): number {
  const leftMs = Math.round(atMs - nowMs)
  return leftMs > 0 ? leftMs : Math.min(-1, leftMs)
}
