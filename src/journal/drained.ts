/** Drained records out of the numbers and bytes the native side has filled. */
import type { DrainedRecord, JournalWrite } from './contract'
import { IN_FILE } from './value-files'

// Numbers of one record (native/binding/journal_lead.cc).
const OP = 0
const CODEC = 1
const CONDITION = 2
const PARTITION = 3
const NS_BYTES = 4
const KEY_BYTES = 5
const VALUE_BYTES = 6
const OFFSET = 7
const MARK = 8
const HOST_VERSION = 9
const NS_EPOCH = 10
const EXPECTED = 11
const SOURCE_VERSION = 12
const OP_NUMBER = 13
const SOFT_AT = 14
const HARD_AT = 15
const ID = 16
const FLAGS = 17
const CRC = 18

const IS_ORPHAN = 1
const HAS_ASCII_KEY = 2
const HAS_SAME_NAMESPACE = 4
const WAS_GIVEN_UP = 8

/** Above, the engine's own copying is faster than a loop. */
const SHORT = 48

/**
 * `width`: numbers per record. Payloads are parts of `body`; `meta` and `body` belong to the records from now on.
 * `fromFile` reads the value of one whose payload only names its file.
 */
export function readBatch(meta: Float64Array, body: Buffer, width: number, fromFile: (record: DrainedRecord) => Uint8Array | undefined): Drained[] {
  const records: Drained[] = []
  let namespace = ''
  for (let at = 0, index = 0; at < meta.length; at += width, index++) {
    const start = meta[at + OFFSET]!
    if ((meta[at + FLAGS]! & HAS_SAME_NAMESPACE) === 0) namespace = body.toString('utf8', start, start + meta[at + NS_BYTES]!)
    const record = new Drained(meta, body, at, index, namespace)
    if (record.isInFile) record.hold(fromFile(record))
    records.push(record)
  }
  return records
}

/**
 * A view of one record. Key and payload are made when they are asked for: a batch lives too long for thousands of
 * strings and Buffers to die young.
 */
export class Drained implements DrainedRecord {
  readonly index: number
  readonly namespace: string
  readonly #meta: Float64Array
  readonly #body: Buffer
  readonly #at: number
  /** In place of what the record's bytes name. */
  #value: Uint8Array | undefined
  #isHeld = false

  constructor(meta: Float64Array, body: Buffer, at: number, index: number, namespace: string) {
    this.#meta = meta
    this.#body = body
    this.#at = at
    this.index = index
    this.namespace = namespace
  }

  get key(): string {
    const start = this.#number(OFFSET) + this.#number(NS_BYTES)
    const end = start + this.#number(KEY_BYTES)
    return (this.#number(FLAGS) & HAS_ASCII_KEY) !== 0 ? this.#body.toString('latin1', start, end) : this.#body.toString('utf8', start, end)
  }

  /** To the native side, as long as it is not settled. */
  get id(): number {
    return this.#number(ID)
  }

  get isInFile(): boolean {
    return (this.#number(CODEC) & IN_FILE) !== 0
  }

  hold(value: Uint8Array | undefined): void {
    this.#value = value
    this.#isHeld = true
  }

  get payload(): Uint8Array | undefined {
    if (this.#isHeld) return this.#value
    const start = this.#number(OFFSET) + this.#number(NS_BYTES) + this.#number(KEY_BYTES)
    return this.#body.subarray(start, start + this.#number(VALUE_BYTES))
  }

  get isLost(): boolean {
    return this.#isHeld && this.#value === undefined
  }

  get bytes(): number {
    return this.#number(KEY_BYTES) + (this.#value?.length ?? this.#number(VALUE_BYTES))
  }

  get crc(): number | undefined {
    const crc = this.#number(CRC)
    return crc < 0 || this.#isHeld ? undefined : crc
  }

  get nameBytes(): number {
    return this.#number(NS_BYTES) + this.#number(KEY_BYTES)
  }

  putNames(target: Uint8Array, at: number, between: number): void {
    const body = this.#body
    const start = this.#number(OFFSET)
    const nsBytes = this.#number(NS_BYTES)
    const keyBytes = this.#number(KEY_BYTES)
    for (let i = 0; i < nsBytes; i++) target[at + i] = body[start + i]!
    target[at + nsBytes] = between
    const first = at + nsBytes + 1
    if (keyBytes > SHORT) target.set(body.subarray(start + nsBytes, start + nsBytes + keyBytes), first)
    else for (let i = 0; i < keyBytes; i++) target[first + i] = body[start + nsBytes + i]!
  }

  get mark(): number {
    return this.#number(MARK)
  }

  get op(): JournalWrite['op'] {
    return this.#number(OP) as JournalWrite['op']
  }

  get partition(): number {
    return this.#number(PARTITION)
  }

  get codec(): number {
    return this.#number(CODEC) & ~IN_FILE
  }

  get condition(): JournalWrite['condition'] {
    return this.#number(CONDITION) as JournalWrite['condition']
  }

  get expected(): number {
    return this.#number(EXPECTED)
  }

  get sourceVersion(): number {
    return this.#number(SOURCE_VERSION)
  }

  get hostVersion(): number {
    return this.#number(HOST_VERSION)
  }

  get nsEpoch(): number {
    return this.#number(NS_EPOCH)
  }

  get softAtMs(): number {
    return this.#number(SOFT_AT)
  }

  get hardAtMs(): number {
    return this.#number(HARD_AT)
  }

  get isOrphan(): boolean {
    return (this.#number(FLAGS) & IS_ORPHAN) !== 0
  }

  get wasGivenUp(): boolean {
    return (this.#number(FLAGS) & WAS_GIVEN_UP) !== 0
  }

  get opNumber(): number {
    return this.#number(OP_NUMBER)
  }

  set opNumber(value: number) {
    this.#meta[this.#at + OP_NUMBER] = value
  }

  #number(which: number): number {
    return this.#meta[this.#at + which]!
  }
}
