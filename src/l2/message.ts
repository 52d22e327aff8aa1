/**
 * What travels on the channel and lies in the log: msgpack arrays, made by the write script.
 *
 *   [partition, epoch, first seq, last seq, origin, salt, begins, (kind, suffix)...]   one pair per sequence
 *   begins = 1: the first message of this epoch, nothing came before it
 *   a clear is (5, namespace, new epoch); (0, '') is an operation that changed nothing
 *   [-1, origin, counter]                                                      a heartbeat
 *   [-2, origin, suffix]                         a load for all hosts has ended (not in the log)
 *
 * Bytes come from a server that is not trusted: what is not exactly such an array is undefined.
 */
import { Codec, decode, encode } from '../wire/codec'
import { type ChangeKind, CONTROL_PARTITION } from './contract'
import { splitSuffix } from './names'
import { MAX_SEQ, SALTS, versionOf } from './version'

/** Far above what a batch needs. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024

export type Event =
  | { kind: ChangeKind; version: number; namespace: string; key: string }
  | { kind: 5; namespace: string; nsEpoch: number }
  | { kind: 0 }

export interface Message {
  partition: number
  epoch: number
  seqFirst: number
  seqLast: number
  origin: string
  isFirst: boolean
  events: Event[]
}

export interface Heartbeat {
  partition: -1
  origin: string
  counter: number
}

export interface Release {
  partition: -2
  origin: string
  namespace: string
  key: string
}

export function encodeRelease(origin: string, suffix: string): Buffer {
  return Buffer.from(encode([-2, origin, suffix]).payload as Uint8Array)
}

export function encodeHeartbeat(origin: string, counter: number): Buffer {
  return Buffer.from(encode([-1, origin, counter]).payload as Uint8Array)
}

/** Never throws. Of what `own` wrote to partitions of keys only the head is read: such messages have no events. */
export function decodeMessage(bytes: Uint8Array, own?: string): Message | Heartbeat | Release | undefined {
  if (bytes.length > MAX_MESSAGE_BYTES) return undefined
  const head = own === undefined ? undefined : ownHead(bytes, own)
  if (head !== undefined) return head
  try {
    const parts = decode(Codec.msgpack, bytes)
    if (!Array.isArray(parts)) return undefined
    return parts[0] === -1 ? heartbeat(parts) : parts[0] === -2 ? release(parts) : message(parts)
  } catch {
    return undefined
  }
}

/** The places of a message's numbers, read without making anything of what follows. Undefined: not of `own`, or to be looked at as a whole. */
function ownHead(bytes: Uint8Array, own: string): Message | undefined {
  const head = new HeadReader(bytes)
  const count = head.array()
  const partition = head.number()
  const epoch = Number(head.text())
  const seqFirst = head.number()
  const seqLast = head.number()
  const origin = head.text()
  const salt = head.number()
  const begins = head.number()
  if (!head.isGood || origin !== own || partition >= CONTROL_PARTITION || salt >= SALTS) return undefined
  const isWhole = seqFirst > 0 && seqLast >= seqFirst && seqLast <= MAX_SEQ && epoch > 0 && count === 7 + 2 * (seqLast - seqFirst + 1)
  return isWhole ? { partition, epoch, seqFirst, seqLast, origin, isFirst: begins === 1, events: [] } : undefined
}

/** Reads the few kinds of msgpack values that a message begins with. */
class HeadReader {
  isGood = true
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  array(): number {
    const kind = this.#byte()
    if (kind >= 0x90 && kind <= 0x9f) return kind - 0x90
    return kind === 0xdc ? this.#unsigned(2) : kind === 0xdd ? this.#unsigned(4) : this.#bad()
  }

  number(): number {
    const kind = this.#byte()
    if (kind <= 0x7f) return kind
    return kind >= 0xcc && kind <= 0xcf ? this.#unsigned(1 << (kind - 0xcc)) : this.#bad()
  }

  text(): string {
    const kind = this.#byte()
    if (kind < 0xa0 || kind > 0xbf) return String(this.#bad())
    let text = ''
    for (let left = kind - 0xa0; left > 0; left--) text += String.fromCharCode(this.#byte())
    return text
  }

  #unsigned(bytes: number): number {
    let value = 0
    for (let i = 0; i < bytes; i++) value = value * 256 + this.#byte()
    return value
  }

  #byte(): number {
    return this.#bytes[this.#at++] ?? this.#bad()
  }

  #bad(): number {
    this.isGood = false
    return 0
  }
}

function heartbeat([, origin, counter]: unknown[]): Heartbeat | undefined {
  return typeof origin === 'string' && typeof counter === 'number' ? { partition: -1, origin, counter } : undefined
}

function release([, origin, suffix]: unknown[]): Release | undefined {
  const names = typeof suffix === 'string' ? splitSuffix(suffix) : undefined
  return typeof origin === 'string' && names !== undefined ? { partition: -2, origin, ...names } : undefined
}

function message(parts: unknown[]): Message | undefined {
  const partition = whole(parts[0], CONTROL_PARTITION)
  const epoch = whole(typeof parts[1] === 'string' ? Number(parts[1]) : parts[1], 2 ** 48)
  const seqFirst = whole(parts[2], MAX_SEQ)
  const seqLast = whole(parts[3], MAX_SEQ)
  const origin = parts[4]
  const salt = whole(parts[5], SALTS - 1)
  if (partition < 0 || epoch <= 0 || seqFirst <= 0 || seqLast < seqFirst - 1 || salt < 0) return undefined
  if (typeof origin !== 'string') return undefined
  const events: Event[] = []
  let at = 7
  for (let seq = seqFirst; seq <= seqLast; seq++) {
    const kind = parts[at]
    const suffix = parts[at + 1]
    if (typeof suffix !== 'string') return undefined
    if (kind === 5) {
      const nsEpoch = whole(parts[at + 2], suffix.startsWith('#') ? MAX_SEQ : 2 ** 32 - 1)
      if (nsEpoch < 0) return undefined
      events.push({ kind, namespace: suffix, nsEpoch })
    } else if (kind === 1 || kind === 2 || kind === 3) {
      const names = splitSuffix(suffix)
      if (names === undefined) return undefined
      events.push({ kind, version: versionOf(seq, salt), ...names })
    } else if (kind === 0) events.push({ kind })
    else return undefined
    at += kind === 5 ? 3 : 2
  }
  return at === parts.length ? { partition, epoch, seqFirst, seqLast, origin, isFirst: parts[6] === 1, events } : undefined
}

/** A whole number from 0 to `max`, or -1. */
function whole(given: unknown, max: number): number {
  const value = typeof given === 'bigint' ? Number(given) : given
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max ? value : -1
}
