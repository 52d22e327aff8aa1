/** Records of one partition as one call of the write script, and its reply as results. */
import type { EntryResult, FarConfig, WriteRecord } from './contract'
import { convertFailure, type Failure, leftAlone } from './driver-errors'
import { buildTail } from './envelope'
import type { Argument, Order } from './link'
import type { Names } from './names'
import { suffixOf } from './names'
import { WRITE } from './scripts'
import { randomEpoch, randomSalt, SALTS } from './version'

export interface BatchSettings {
  config: FarConfig
  names: Names
  origin: string
  /** Messages the log keeps. */
  logCap: number
  tombstoneMs: number
}

export interface Batch {
  request: Order
  salt: number
}

/** What an entry weighs on the way. */
export function weightOf(record: WriteRecord): number {
  return (record.bytes ?? record.payload.length + record.key.length * 2) + 160
}

/** No records: makes sure that the partition has a state. */
export function buildBatch(partition: number, records: readonly WriteRecord[], seqFloor: number, settings: BatchSettings): Batch {
  const { names } = settings
  const salt = randomSalt()
  const state = names.state(partition)
  const keys: Argument[] = [state, names.log(partition)]
  const args: Argument[] = [...commonArguments(partition, records, seqFloor, salt, settings), 0, '', '']
  for (const record of records) {
    args.push(metaOf(record))
    if (record.op === 5) {
      keys.push(state)
      args.push(record.namespace)
    } else {
      const suffix = suffixOf(record.namespace, record.key)
      keys.push(names.data(partition, suffix))
      args.push(buildTail(suffix, record.payload, record.sourceVersion, record.nsEpoch, record.hostOrder))
    }
  }
  return { request: ['evalsha', WRITE.sha, keys.length, ...keys, ...args], salt }
}

/** The first eleven. */
export function commonArguments(partition: number, records: readonly WriteRecord[], seqFloor: number, salt: number, settings: BatchSettings): (string | number)[] {
  const { names, origin, logCap, tombstoneMs } = settings
  return [
    names.channel, partition, origin, records[0]?.opNumber ?? 0, records.at(-1)?.opNumber ?? 0, records[0]?.resendFloor ?? -1,
    randomEpoch(), seqFloor, salt, logCap, tombstoneMs,
  ]
}

/** '>BBBxddddI4' of Redis' struct. */
function metaOf(record: WriteRecord): Buffer {
  const meta = Buffer.allocUnsafe(40)
  meta[0] = record.op
  meta[1] = record.condition
  meta[2] = record.codec
  meta[3] = 0
  meta.writeDoubleBE(Math.round(record.softMs), 4)
  meta.writeDoubleBE(record.hardMs === 0 ? 0 : Math.max(1, Math.ceil(record.hardMs)), 12)
  meta.writeDoubleBE(record.expected, 20)
  meta.writeDoubleBE(record.sourceVersion, 28)
  meta.writeUInt32BE(record.nsEpoch, 36)
  return meta
}

export interface BatchAnswer {
  epoch: number
  lastSeq: number
  /** Redis' clock when the script ran; 0 = not told. */
  nowMs: number
  /** Of the entries before the first that was denied. */
  results: EntryResult[]
  /** Why the entries behind them were left alone. */
  denial?: Failure
}

/** Undefined for a reply that the script cannot give. */
export function readAnswer(reply: unknown, records: readonly WriteRecord[], { salt }: Batch, host: string): BatchAnswer | undefined {
  if (!Array.isArray(reply) || reply.length < 8) return undefined
  const [epoch, lastSeq, marks, told, seconds, micros] = (reply as unknown[]).slice(0, 6).map(String) as [string, string, string, string, string, string]
  const clears = Array.isArray(reply[6]) ? (reply[6] as unknown[]).map(Number) : []
  if (marks !== '' && marks.length !== records.length) return undefined
  const answer: BatchAnswer = { epoch: Number(epoch), lastSeq: Number(lastSeq), nowMs: Number(seconds) * 1000 + Number(micros) / 1000, results: [] }
  if (!Number.isSafeInteger(answer.epoch) || !Number.isSafeInteger(answer.lastSeq)) return undefined
  const before = readTold(told)
  let seq = answer.lastSeq - records.length + 1
  for (let index = 0; index < records.length; index++) {
    const record = records[index]!
    const mark = marks === '' ? 'a' : marks[index]!
    if (mark === 'n') {
      answer.denial = leftAlone(String(reply[7]), host)
      break
    }
    if (mark === 'd') answer.results.push(duplicate(record, before))
    else {
      const version = record.op === 5 ? clears.shift() ?? 0 : seq * SALTS + salt
      answer.results.push(resultOf(mark, version, reply[7], host))
    }
    seq++
  }
  return answer
}

/** What the state says of the last batch of this host. */
interface Told {
  last: number
  count: number
  seqLast: number
  salt: number
  marks: string
}

function readTold(text: string): Told | undefined {
  const [last, count, seqLast, salt, , marks = ''] = text.split(' ')
  return text === '' ? undefined : { last: Number(last), count: Number(count), seqLast: Number(seqLast), salt: Number(salt), marks }
}

/** A duplicate from the last batch gets the very answer that was lost. */
function duplicate(record: WriteRecord, told: Told | undefined): EntryResult {
  const at = told === undefined ? -1 : record.opNumber - (told.last - told.count + 1)
  if (told === undefined || at < 0 || at >= told.count) return { state: 'dup' }
  const mark = told.marks === '' ? 'a' : told.marks[at] ?? ''
  if (record.op === 5 || !'axlo'.includes(mark)) return { state: 'dup' }
  return resultOf(mark, (told.seqLast - told.count + 1 + at) * SALTS + told.salt, '', '')
}

function resultOf(mark: string, version: number, error: unknown, host: string): EntryResult {
  if (mark === 'a') return { state: 'applied', version }
  if (mark === 'x') return { state: 'applied', version, isOther: true }
  if (mark === 'l') return { state: 'lost' }
  if (mark === 'o') return { state: 'older' }
  return { state: 'refused', error: convertFailure({ name: 'ReplyError', message: String(error) }, host).error }
}
