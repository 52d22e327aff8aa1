/** Takes invalidation messages away from one host while another writes, and measures how long the old values are served. */
import { decodeMessage } from '../../../src/l2/message'
import { partitionOf } from '../../../src/words/partition'
import { until } from '../until'
import { flood } from './flood'
import type { Write } from './host-worker'
import type { HostProcess } from './host-process'
import type { Host } from './hosts'
import type { FaultProxy } from './proxy'
import type { PubSubMessage } from './push-dropper'
import type { RedisServer } from './server'

/**
 * 'busy': the partitions' next messages arrive. 'quiet': only heartbeats do, until all is well. 'silent': not even those.
 * 'deep': as 'quiet', and one partition's log has forgotten where the gap begins.
 */
export type GapKind = 'busy' | 'quiet' | 'silent' | 'deep'

export interface Gap {
  kind: GapKind
  lost: number
  /** Of one partition, at least. */
  lostOfOne: number
  /** Of each key that was written: how long after an acknowledgement what was before it was still read, at most. */
  staleMs: number[]
}

const EVERY_MS = 4
const DEADLINE_MS = 20_000
/** Far more than a partition's log holds. */
export const DEEP_MESSAGES = 1_800

/** So many keys, all of different partitions, which all have this remainder. */
export function keysOfPartitions(count: number, remainder: number, of: number): string[] {
  const keyByPartition = new Map<number, string>()
  for (let i = 0; keyByPartition.size < count; i++) {
    const partition = partitionOf('', `k${i}`)
    if (partition % of === remainder && !keyByPartition.has(partition)) keyByPartition.set(partition, `k${i}`)
  }
  return [...keyByPartition.values()]
}

export class GapMaker {
  readonly #writer: HostProcess
  readonly #readers: readonly HostProcess[]
  readonly #proxy: FaultProxy
  readonly #server: RedisServer
  readonly #keys: readonly string[]
  readonly #partitions: ReadonlySet<number>
  readonly #cache: string
  /** By key and value. */
  readonly #acks = new Map<string, number[]>()
  readonly #values = new Map<string, number>()

  /** `keys`: their partitions are this receiver's alone. */
  constructor(writer: HostProcess, receiver: Host, proxy: FaultProxy, server: RedisServer, keys: readonly string[], cache: string) {
    this.#writer = writer
    this.#readers = receiver.processes
    this.#proxy = proxy
    this.#server = server
    this.#keys = keys
    this.#partitions = new Set(keys.map((key) => partitionOf('', key)))
    this.#cache = cache
  }

  /** All keys have a value, and the receiver reads them. */
  async start(): Promise<void> {
    await this.#write(this.#keys)
    for (const reader of this.#readers) await reader.ask('watch', this.#keys, EVERY_MS)
    await this.#converge(this.#keys)
    for (const reader of this.#readers) await reader.ask('seen')
  }

  /** `deep`: of a deep gap, so many messages more are of one partition. */
  async make(kind: GapKind, messages: number, random: () => number, deep = DEEP_MESSAGES): Promise<Gap> {
    const keys = [...this.#keys].sort(() => random() - 0.5).slice(0, messages)
    const rounds = Math.max(1, Math.round(messages / keys.length))
    const { dropped: before, connections } = this.#proxy.counts
    const lost = (): number => this.#proxy.counts.dropped - before
    this.#proxy.dropMessages(kind === 'silent' ? () => true : (message) => this.#isOurs(message))
    for (let round = 0; round < rounds; round++) await this.#write(keys)
    if (kind === 'deep') await flood(this.#server, this.#cache, partitionOf('', keys[0]!), deep)
    // What was published before the answer may still be on its way here. On a new connection it is no longer.
    const sent = keys.length * rounds + (kind === 'deep' ? deep : 0)
    await until(`${sent} messages are lost`, () => lost() >= sent || this.#proxy.counts.connections > connections, DEADLINE_MS)
    if (kind === 'busy') {
      this.#proxy.dropMessages(0)
      await this.#write(keys)
    }
    await this.#converge(keys)
    this.#proxy.dropMessages(0)
    return { kind, lost: lost(), lostOfOne: rounds + (kind === 'deep' ? deep : 0), staleMs: await this.#staleness(keys) }
  }

  async end(): Promise<void> {
    for (const reader of this.#readers) await reader.ask('unwatch')
  }

  async #write(keys: readonly string[]): Promise<void> {
    const writes = keys.map((key): Write => ({ key, value: (this.#values.get(key) ?? 0) + 1 }))
    const times = await this.#writer.ask('through', writes)
    writes.forEach(({ key, value }, index) => {
      this.#values.set(key, value)
      const acks = this.#acks.get(key)
      if (acks === undefined) this.#acks.set(key, [0, times[index]!])
      else acks[value] = times[index]!
    })
  }

  async #converge(keys: readonly string[]): Promise<void> {
    const wanted = keys.map((key): Write => ({ key, value: this.#values.get(key)! }))
    await Promise.all(this.#readers.map((reader) => reader.ask('watched', wanted, DEADLINE_MS)))
  }

  async #staleness(keys: readonly string[]): Promise<number[]> {
    const worst = new Map(keys.map((key) => [key, 0]))
    for (const reader of this.#readers) {
      const { sights, backwards } = await reader.ask('seen')
      if (backwards.length > 0) throw new Error(`${reader.name} went back: ${backwards.join('; ')}`)
      for (const { key, value, lastNs } of sights) {
        const ackNs = this.#acks.get(key)![value + 1]
        if (ackNs !== undefined && worst.has(key)) worst.set(key, Math.max(worst.get(key)!, (lastNs - ackNs) / 1e6))
      }
    }
    return [...worst.values()]
  }

  #isOurs({ payload }: PubSubMessage): boolean {
    const message = decodeMessage(payload)
    return message !== undefined && this.#partitions.has(message.partition)
  }
}
