/**
 * Which connection serves a partition: always the same one for a single server or Sentinel, the one
 * to the slot's primary on a cluster.
 *
 * On a cluster we route by ourselves, because the driver's pipelines cannot be retried in parts and
 * its queues have no deadline. The map of slots is asked for at the start, after every MOVED, after
 * the loss of a node, and every few seconds.
 */
import type { FarConfig, LinkState } from './contract'
import { Failure, unavailable } from './driver-errors'
import { Link, type Order } from './link'
import { hostOf, type Redis } from './redis'
import { Sentinels } from './sentinels'
import { partitionSlots, readSlotRanges, SLOTS } from './slots'

const REFRESH_MS = 5000
const REFRESH_PAUSE_MS = 100
const ASK_MS = 1000
export const DEFAULT_STUCK_MS = 2000

export interface NodesOptions {
  maxOwed?: number
  onState?: (state: LinkState, failure?: Failure) => void
  onOpen?: (redis: Redis) => void
}

export class Nodes {
  readonly isCluster: boolean
  readonly host: string
  readonly #config: FarConfig
  readonly #options: NodesOptions
  readonly #linkByAddress = new Map<string, Link>()
  readonly #addressBySlot: (string | undefined)[] = []
  readonly #slotByPartition: number[]
  readonly #sentinels: Sentinels | undefined
  #refreshing: Promise<boolean> | undefined
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(config: FarConfig, options: NodesOptions = {}) {
    this.#config = config
    this.#options = options
    this.isCluster = config.connection.kind === 'cluster'
    this.host = hostOf(config.connection)
    this.#slotByPartition = partitionSlots(config.cache)
    if (config.connection.kind === 'sentinel') {
      this.#sentinels = new Sentinels(config.connection, (primary) => {
        for (const link of this.#linkByAddress.values()) if (!link.isTo(primary)) link.drop()
      })
    }
  }

  /** Nothing was connected yet, and nothing has failed. */
  get isStarting(): boolean {
    const links = [...this.#linkByAddress.values()]
    return links.every(({ counts, lastFailure }) => counts.connections === 0 && lastFailure === undefined) && !this.#isClosed
  }

  /** Begins to connect. */
  open(): void {
    if (this.#isClosed) return
    this.#sentinels?.open()
    if (!this.isCluster) this.#single().open()
    else if (this.#timer === undefined) {
      this.#timer = setInterval(() => void this.refresh(), REFRESH_MS).unref()
      void this.refresh()
    }
  }

  /** True when the partition's node (default: every node) is ready. */
  async ready(deadlineMs: number, partition?: number): Promise<boolean> {
    this.open()
    if (!this.isCluster) return this.#single().ready(deadlineMs)
    while (!this.#isClosed) {
      const link = partition === undefined ? undefined : this.linkOf(partition)
      const links = partition === undefined ? this.links() : link === undefined ? [] : [link]
      if (links.length > 0 && this.#isCovered(partition)) {
        const all = await Promise.all(links.map((one) => one.ready(deadlineMs)))
        if (all.every(Boolean)) return true
      } else await Promise.race([this.refresh(), pause(deadlineMs)])
      if (performance.now() >= deadlineMs) return false
      await pause(Math.min(deadlineMs, performance.now() + REFRESH_PAUSE_MS))
    }
    return false
  }

  linkOf(partition: number): Link | undefined {
    if (!this.isCluster) return this.#single()
    const address = this.#addressBySlot[this.#slotByPartition[partition]!]
    return address === undefined ? undefined : this.#linkByAddress.get(address)
  }

  /** Tries the partitions' connections that are lost at once, as `Link.attempt`; undefined where none is. */
  attempt(partitions: Iterable<number>, deadlineMs: number): Promise<unknown> | undefined {
    const links = new Set([...partitions].map((partition) => this.linkOf(partition)))
    const lost = [...links].filter((link) => link !== undefined && !link.isReady) as Link[]
    return lost.length === 0 ? undefined : Promise.all(lost.map((link) => link.attempt(deadlineMs)))
  }

  /** Those that serve slots. */
  links(): Link[] {
    return this.isCluster ? [...new Set(this.#addressBySlot)].flatMap((address) => this.#linkByAddress.get(address ?? '') ?? []) : [this.#single()]
  }

  /** Each partition's requests, in one write per node; answers in the same shape. */
  async send(requests: ReadonlyMap<number, readonly Order[]>, deadlineMs: number): Promise<Map<number, unknown[]>> {
    if (!this.isCluster && requests.size === 1) {
      const [[partition, list]] = [...requests] as [[number, readonly Order[]]]
      return new Map([[partition, await this.#single().send(list, deadlineMs)]])
    }
    const partitionsByLink = new Map<Link | undefined, number[]>()
    for (const partition of requests.keys()) {
      const link = this.linkOf(partition)
      const partitions = partitionsByLink.get(link)
      if (partitions === undefined) partitionsByLink.set(link, [partition])
      else partitions.push(partition)
    }
    const answers = new Map<number, unknown[]>()
    await Promise.all([...partitionsByLink].map(async ([link, partitions]) => {
      const flat = partitions.flatMap((partition) => requests.get(partition)!)
      const got = link === undefined ? flat.map(() => unavailable(this.host, 'no node serves the slot')) : await link.send(flat, deadlineMs)
      let at = 0
      for (const partition of partitions) {
        const count = requests.get(partition)!.length
        answers.set(partition, got.slice(at, at + count))
        at += count
      }
    }))
    this.#notice(answers)
    return answers
  }

  /** Where ASK points to: one request to a node that takes the slot over, after what it needs first. */
  async sendAsking(redirect: { host: string; port: number }, request: Order, deadlineMs: number, before: readonly Order[] = []): Promise<unknown> {
    const link = this.#linkAt(redirect.host, redirect.port)
    if (!(await link.ready(deadlineMs))) return unavailable(this.host)
    return (await link.send([...before, ['ASKING'], request], deadlineMs)).at(-1)
  }

  /** Asks the cluster who serves what. True when somebody told. */
  refresh(): Promise<boolean> {
    if (!this.isCluster || this.#isClosed) return Promise.resolve(!this.isCluster)
    return this.#refreshing ??= this.#ask().finally(() => {
      this.#refreshing = undefined
    })
  }

  counts(): Record<string, number> {
    const sum: Record<string, number> = { connections: 0, drops: 0, timeouts: 0 }
    for (const link of this.#linkByAddress.values()) {
      for (const [name, count] of Object.entries(link.counts)) sum[name] = sum[name]! + count
    }
    return sum
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#timer)
    this.#sentinels?.close()
    for (const link of this.#linkByAddress.values()) link.close()
  }

  #single(): Link {
    return this.#linkByAddress.get('') ?? this.#add('', undefined)
  }

  #add(address: string, node: { host: string; port: number } | undefined): Link {
    const { connection, stuckMs = DEFAULT_STUCK_MS } = this.#config
    const link = new Link({
      spec: () => this.#sentinels?.spec ?? connection,
      ...(node === undefined ? {} : { address: node }),
      host: node === undefined ? this.host : `${node.host}:${node.port}`,
      stuckMs,
      ...(this.#options.maxOwed === undefined ? {} : { maxOwed: this.#options.maxOwed }),
      onState: (state, failure) => {
        this.#options.onState?.(state, failure)
        if (state === 'lost' && node !== undefined) this.#refreshSoon()
      },
      ...(this.#options.onOpen === undefined ? {} : { onOpen: this.#options.onOpen }),
    })
    this.#linkByAddress.set(address, link)
    if (this.#isClosed) link.close()
    return link
  }

  #linkAt(host: string, port: number): Link {
    const told = `${host}:${port}`
    const node = this.#config.connection.natMap?.[told] ?? { host, port }
    const address = `${node.host}:${node.port}`
    return this.#linkByAddress.get(address) ?? this.#add(address, node)
  }

  #isCovered(partition: number | undefined): boolean {
    return partition !== undefined || this.#slotByPartition.every((slot) => this.#addressBySlot[slot] !== undefined)
  }

  #notice(answers: ReadonlyMap<number, unknown[]>): void {
    if (!this.isCluster) return
    for (const [partition, got] of answers) {
      for (const answer of got) {
        if (!(answer instanceof Failure)) continue
        if (answer.reply === 'MOVED' && answer.redirect !== undefined) {
          const { host, port } = answer.redirect
          const link = this.#linkAt(host === '' ? this.linkOf(partition)?.host.replace(/:\d+$/, '') ?? host : host, port)
          this.#addressBySlot[answer.redirect.slot] = link.host
          link.open()
        }
        if (answer.class_ === 'elsewhere' || answer.reply === 'CLUSTERDOWN') this.#refreshSoon()
      }
    }
  }

  #refreshSoon(): void {
    if (this.#refreshing === undefined && !this.#isClosed) void this.refresh()
  }

  async #ask(): Promise<boolean> {
    const seeds = this.#config.connection.nodes.map(({ host, port }) => this.#linkAt(host, port))
    const links = [...new Set([...this.links(), ...seeds, ...this.#linkByAddress.values()])]
    // Those that are connected answer first; the others get a chance to connect.
    links.sort((a, b) => Number(b.isReady) - Number(a.isReady))
    for (const link of links) {
      const deadlineMs = performance.now() + ASK_MS
      if (!(await link.ready(deadlineMs))) continue
      const [reply] = await link.send([['CLUSTER', 'SLOTS']], deadlineMs)
      const ranges = readSlotRanges(reply, link.host.replace(/:\d+$/, ''))
      if (ranges === undefined || ranges.length === 0) continue
      this.#adopt(ranges)
      return true
    }
    return false
  }

  #adopt(ranges: { first: number; last: number; host: string; port: number }[]): void {
    this.#addressBySlot.length = 0
    this.#addressBySlot.length = SLOTS
    for (const { first, last, host, port } of ranges) {
      const link = this.#linkAt(host, port)
      link.open()
      this.#addressBySlot.fill(link.host, first, last + 1)
    }
    const used = new Set(this.#addressBySlot)
    const seeds = new Set(this.#config.connection.nodes.map(({ host, port }) => this.#linkAt(host, port).host))
    for (const [address, link] of this.#linkByAddress) {
      if (used.has(address) || seeds.has(address)) continue
      link.close()
      this.#linkByAddress.delete(address)
    }
  }
}

function pause(untilMs: number): Promise<boolean> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, untilMs - performance.now()), false))
}
