/** What the feed reads from Redis: states of partitions, logs, namespaces, the server's id and time. */
import { buildBatch, type BatchSettings } from './batch'
import { CONTROL_PARTITION, PARTITIONS } from './contract'
import { Failure } from './driver-errors'
import { ENVELOPE_BYTES } from './envelope'
import type { Order, Request } from './link'
import { decodeMessage, type Message } from './message'
import type { Nodes } from './nodes'
import { WRITE } from './scripts'
import type { PartitionState } from './sequencer'
import { MAX_SEQ } from './version'

export const ALL_PARTITIONS: readonly number[] = Array.from({ length: PARTITIONS + 1 }, (_, partition) => partition)

export interface Told {
  /** Missing: the partition could not be asked. A value of undefined: it has no state. */
  states: Map<number, PartitionState | undefined>
  /** Of the node that told. '' where it is denied. */
  runIds: Map<number, string>
  /** Reply of TIME. */
  time: unknown
  failure: Failure | undefined
}

export class CatchUp {
  readonly #nodes: Nodes
  readonly #settings: BatchSettings

  constructor(nodes: Nodes, settings: BatchSettings) {
    this.#nodes = nodes
    this.#settings = settings
  }

  /** `last`: a request that a single server executes after the states were read. */
  async states(partitions: readonly number[], deadlineMs: number, last?: Request): Promise<Told> {
    const { names } = this.#settings
    const requests = new Map<number, Request[]>()
    const asked = new Set<unknown>()
    for (const partition of partitions) {
      const list: Request[] = [['HMGET', names.state(partition), 'n', 'e']]
      // Once per node.
      const link = this.#nodes.linkOf(partition)
      if (!asked.has(link)) list.push(['INFO', 'server'], ['TIME'])
      asked.add(link)
      requests.set(partition, list)
    }
    if (last !== undefined) requests.get(partitions.at(-1)!)!.push(last)
    const answers = await this.#nodes.send(requests, deadlineMs)
    const told: Told = { states: new Map(), runIds: new Map(), time: undefined, failure: undefined }
    const lastAnswer = last === undefined ? undefined : answers.get(partitions.at(-1)!)!.at(-1)
    if (lastAnswer instanceof Failure) told.failure = lastAnswer
    const runIdByLink = new Map<unknown, string>()
    for (const [partition, got] of answers) {
      if (requests.get(partition)!.length >= 3) {
        runIdByLink.set(this.#nodes.linkOf(partition), readRunId(got[1]))
        told.time ??= got[2]
      }
      const failed = got.find((answer) => answer instanceof Failure && answer.error.code !== 'ERR_CACHE_L2_DENIED')
      const state = readState(got[0])
      if (failed !== undefined || state === 'garbled') told.failure ??= (failed ?? got[0]) as Failure
      else told.states.set(partition, state)
    }
    for (const partition of told.states.keys()) told.runIds.set(partition, runIdByLink.get(this.#nodes.linkOf(partition)) ?? '')
    return told
  }

  /** Messages from the sequence on, at most `count` per partition. A partition that cannot be asked is missing. */
  async logs(fromByPartition: ReadonlyMap<number, number>, count: number, deadlineMs: number): Promise<Map<number, Message[]>> {
    const { names } = this.#settings
    const requests = new Map<number, Request[]>()
    for (const [partition, from] of fromByPartition) requests.set(partition, [['XRANGE', names.log(partition), `${from}-0`, '+', 'COUNT', count]])
    const answers = await this.#nodes.send(requests, deadlineMs)
    const logs = new Map<number, Message[]>()
    for (const [partition, [rows]] of answers) if (Array.isArray(rows)) logs.set(partition, rows.flatMap(readRow))
    return logs
  }

  /** Heads of values of one partition, a Failure where it cannot be asked. */
  async heads(partition: number, suffixes: readonly string[], deadlineMs: number): Promise<unknown[]> {
    const { names } = this.#settings
    const requests = suffixes.map((suffix): Request => ['GETRANGE', names.data(partition, suffix), 0, ENVELOPE_BYTES - 1])
    return (await this.#nodes.send(new Map([[partition, requests]]), deadlineMs)).get(partition)!
  }

  /** Fleet epochs of all namespaces that have one. Creates the control partition where it is missing. Undefined: no sense in the answers. */
  async namespaces(seqFloor: number, deadlineMs: number): Promise<{ state: PartitionState; epochs: Map<string, number> } | Failure | undefined> {
    const key = this.#settings.names.state(CONTROL_PARTITION)
    const make = buildBatch(CONTROL_PARTITION, [], seqFloor, this.#settings).request
    const requests: Order[] = [['SCRIPT', 'LOAD', WRITE.text], make, ['HGETALL', key]]
    const answers = (await this.#nodes.send(new Map([[CONTROL_PARTITION, requests]]), deadlineMs)).get(CONTROL_PARTITION)!
    const fields = answers[2]
    const failed = answers.find((answer) => answer instanceof Failure) as Failure | undefined
    if (!Array.isArray(fields)) return failed
    const epochs = new Map<string, number>()
    const own: Record<string, unknown> = Object.create(null)
    for (let index = 0; index + 1 < fields.length; index += 2) {
      const name = String(fields[index])
      if (name.startsWith('|#')) epochs.set(name.slice(1), Number(fields[index + 1]))
      else if (name.startsWith('|')) epochs.set(name.slice(1), Number(fields[index + 1]) >>> 0)
      else own[name] = fields[index + 1]
    }
    const state = readState([own['n'] ?? null, own['e'] ?? null])
    return state === undefined || state === 'garbled' ? failed : { state, epochs }
  }
}

function readState(answer: unknown): PartitionState | undefined | 'garbled' {
  if (!Array.isArray(answer) || answer.length !== 2) return 'garbled'
  if (answer[0] === null || answer[1] === null) return undefined
  const seq = Number(String(answer[0]))
  const epoch = Number(String(answer[1]))
  const isSound = Number.isInteger(seq) && seq >= 0 && seq <= MAX_SEQ && Number.isInteger(epoch) && epoch > 0 && epoch < 2 ** 48
  return isSound ? { seq, epoch } : undefined
}

function readRow(row: unknown): Message[] {
  const bytes = Array.isArray(row) && Array.isArray(row[1]) ? (row[1] as unknown[])[1] : undefined
  const message = Buffer.isBuffer(bytes) ? decodeMessage(bytes) : undefined
  return message === undefined || message.partition === -1 ? [] : [message as Message]
}

function readRunId(answer: unknown): string {
  return Buffer.isBuffer(answer) ? /^run_id:([0-9a-f]{1,64})/m.exec(answer.toString('latin1'))?.[1] ?? '' : ''
}
