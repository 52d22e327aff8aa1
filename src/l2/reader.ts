/**
 * Reads of one process: everything asked for in one tick is one write per node. On a single server
 * that is one MGET for the values and a GETRANGE per envelope; on a cluster one MGET per slot group.
 */
import { Claims } from './claims'
import type { ClaimOwner, ClaimResult, FarConfig, FarFailure, FarKey, FarReader, FarSame, ReadResult } from './contract'
import { CONTROL_PARTITION } from './contract'
import { ServerClock } from './clock'
import { busy, Failure, garbled, timeout } from './driver-errors'
import { checkWhole, type Envelope, ENVELOPE_BYTES, payloadOf, readHeader } from './envelope'
import type { Request } from './link'
import { monotonicMs } from './clock'
import { Names, suffixOf } from './names'
import { Nodes } from './nodes'

export interface ReaderOptions {
  /** Keys of one MGET. Default 256. */
  maxKeys?: number
  /** Reads that may wait at the same time; more fail at once. Default 16384. */
  maxWaiting?: number
}

interface Read {
  key: FarKey
  suffix: string
  deadlineMs: number
  /** 0 = read the value. */
  version: number
  isAsked: boolean
  settle: ((result: FarSame | ReadResult) => void) | undefined
}

const MAX_KEYS = 256
const MAX_WAITING = 16_384
const DEFAULT_MAX_VALUE_BYTES = 64 * 1024 * 1024
const MAX_REDIRECTIONS = 3
const REDIRECT_PAUSE_MS = 5

export class Reader implements FarReader {
  readonly #nodes: Nodes
  readonly #isOwner: boolean
  readonly #names: Names
  readonly #claims: Claims
  readonly #clock: ServerClock
  readonly #maxKeys: number
  readonly #maxWaiting: number
  readonly #maxValueBytes: number
  #tick: Read[] = []
  readonly #waiting = new Set<Read>()
  #timer: NodeJS.Timeout | undefined
  #timerMs = Number.POSITIVE_INFINITY
  #isClosed = false
  readonly #counts = { reads: 0, batches: 0, hits: 0, misses: 0, failures: 0, corrupt: 0, foreign: 0, oversize: 0, same: 0 }

  /** `clock`: one that others keep right; by default the reader asks for the time itself. */
  constructor(config: FarConfig, options: ReaderOptions = {}, nodes?: Nodes, clock = new ServerClock()) {
    this.#isOwner = nodes === undefined
    this.#nodes = nodes ?? new Nodes(config)
    this.#clock = clock
    this.#names = new Names(config.cache, config.prefix)
    this.#claims = new Claims(this.#nodes, this.#names)
    this.#maxKeys = options.maxKeys ?? MAX_KEYS
    this.#maxWaiting = options.maxWaiting ?? MAX_WAITING
    this.#maxValueBytes = config.maxValueBytes ?? DEFAULT_MAX_VALUE_BYTES
    this.#nodes.open()
  }

  read(key: FarKey, deadlineMs: number): Promise<ReadResult> {
    return this.#enqueue(key, 0, deadlineMs) as Promise<ReadResult>
  }

  readMany(keys: readonly FarKey[], deadlineMs: number): Promise<ReadResult[]> {
    return Promise.all(keys.map((key) => this.read(key, deadlineMs)))
  }

  revalidate(key: FarKey, version: number, deadlineMs: number): Promise<FarSame | ReadResult> {
    return this.#enqueue(key, version, deadlineMs)
  }

  claim(key: FarKey, owner: ClaimOwner, ms: number, deadlineMs: number): Promise<ClaimResult> {
    return this.#claims.claim(key, owner, ms, deadlineMs)
  }

  release(key: FarKey, owner: ClaimOwner, deadlineMs: number): Promise<boolean> {
    return this.#claims.release(key, owner, deadlineMs)
  }

  stats(): Record<string, number> {
    return { ...this.#counts, waiting: this.#waiting.size, ...this.#nodes.counts() }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#isOwner) this.#nodes.close()
    for (const read of [...this.#waiting]) this.#fail(read, timeout(this.#nodes.host))
    clearTimeout(this.#timer)
    this.#timerMs = Number.POSITIVE_INFINITY
  }

  #enqueue(key: FarKey, version: number, deadlineMs: number): Promise<FarSame | ReadResult> {
    this.#counts.reads++
    return new Promise((resolve) => {
      const read: Read = { key, suffix: suffixOf(key.namespace, key.key), deadlineMs, version, isAsked: false, settle: resolve }
      if (this.#isClosed || this.#waiting.size >= this.#maxWaiting) return this.#fail(read, busy(this.#nodes.host))
      const isFirst = this.#waiting.size === 0
      this.#waiting.add(read)
      this.#watch(deadlineMs)
      if (this.#tick.push(read) > 1) return
      // Where nothing is under way, what begins in this piece of work goes at once; then reads that several callers begin
      // in one turn of the loop go together.
      if (isFirst) process.nextTick(this.#flush)
      else setImmediate(this.#flush)
    })
  }

  readonly #flush = (): void => {
    const reads = this.#tick
    this.#tick = []
    // The first connection is worth waiting for; of a lost one, one attempt to have it back.
    if (this.#nodes.isStarting) void this.#nodes.ready(Math.max(...reads.map((read) => read.deadlineMs))).then(() => this.#ask(reads, 0))
    else if (reads.length === 1 && reads[0]!.version === 0 && !this.#nodes.isCluster && !this.#clock.isOld && this.#nodes.linkOf(0)!.isReady) this.#askOne(reads[0]!)
    else void this.#ask(reads, 0)
  }

  /** Sends reads and settles all of them, in the end. Never rejects. */
  async #ask(reads: readonly Read[], redirections: number): Promise<void> {
    const open = reads.filter(({ settle }) => settle !== undefined)
    if (open.length === 0) return
    this.#counts.batches++
    const requests = new Map<number, Request[]>()
    const asked = new Map<number, Read[][]>()
    const add = (partition: number, request: Request, group: Read[]): void => {
      const list = requests.get(partition)
      if (list === undefined) {
        requests.set(partition, [request])
        asked.set(partition, [group])
      } else {
        list.push(request)
        asked.get(partition)!.push(group)
      }
    }
    for (const [partition, group] of this.#groups(open, redirections > 0 ? 1 : this.#maxKeys)) add(partition, ['mget', ...group.map((read) => this.#nameOf(read))], group)
    for (const read of open) {
      if (read.version > 0) add(this.#routeOf(read), ['getrange', this.#nameOf(read), 0, ENVELOPE_BYTES - 1], [read])
    }
    const deadlineMs = Math.max(...open.map((read) => read.deadlineMs))
    const isTimed = this.#clock.isOld
    if (isTimed) add(requests.keys().next().value ?? CONTROL_PARTITION, ['TIME'], [])
    await this.#nodes.attempt(requests.keys(), deadlineMs)
    const askedMs = monotonicMs()
    const answers = await this.#nodes.send(requests, deadlineMs)
    if (isTimed) this.#learn(requests, answers, askedMs)
    const again: Read[] = []
    for (const [partition, got] of answers) {
      const ask = got.findIndex((answer) => answer instanceof Failure && answer.reply === 'ASK')
      if (ask >= 0 && redirections > 0) got[ask] = await this.#nodes.sendAsking((got[ask] as Failure).redirect!, requests.get(partition)![ask]!, deadlineMs)
      got.forEach((answer, index) => {
        const group = asked.get(partition)![index]!
        if (answer instanceof Failure) {
          if (canRetry(answer) && redirections < MAX_REDIRECTIONS) again.push(...group)
          else for (const read of group) this.#fail(read, answer)
        } else this.#answer(group, answer, again)
      })
    }
    if (again.length === 0) return
    if (redirections > 0) await new Promise((resolve) => setTimeout(resolve, REDIRECT_PAUSE_MS))
    await this.#ask(again, redirections + 1)
  }

  /** The commonest batch, without what only several need. */
  #askOne(read: Read): void {
    if (read.settle === undefined) return
    this.#counts.batches++
    void this.#nodes.linkOf(0)!.send([['mget', this.#nameOf(read)]], read.deadlineMs).then(([answer]) => {
      if (answer instanceof Failure) this.#fail(read, answer)
      else if (Array.isArray(answer) && answer.length === 1) this.#settle(read, this.#result(read, answer[0]))
      else this.#fail(read, garbled(this.#nodes.host))
    })
  }

  /** Values asked for, per MGET. */
  #groups(reads: readonly Read[], maxKeys: number): [partition: number, group: Read[]][] {
    const groups: [number, Read[]][] = []
    const current = new Map<number, Read[]>()
    for (const read of reads) {
      if (read.version > 0) continue
      const route = this.#routeOf(read)
      let group = current.get(route)
      if (group === undefined || group.length >= maxKeys) {
        group = []
        current.set(route, group)
        groups.push([route, group])
      }
      group.push(read)
    }
    return groups
  }

  /** Without a cluster all keys may stand in one command. */
  #routeOf({ key }: Read): number {
    return this.#nodes.isCluster ? key.partition : 0
  }

  #nameOf({ key, suffix }: Read): string {
    return this.#names.data(key.partition, suffix)
  }

  #learn(requests: ReadonlyMap<number, readonly Request[]>, answers: ReadonlyMap<number, unknown[]>, askedMs: number): void {
    for (const [partition, list] of requests) {
      const index = list.findIndex(([name]) => name === 'TIME')
      if (index >= 0) this.#clock.learnTime(askedMs, answers.get(partition)![index])
    }
  }

  #answer(group: readonly Read[], answer: unknown, again: Read[]): void {
    if (group.length === 0) return
    if (group[0]!.version > 0) {
      this.#settle(group[0]!, this.#revalidated(group[0]!, answer, again))
    } else if (Array.isArray(answer) && answer.length === group.length) {
      group.forEach((read, index) => this.#settle(read, this.#result(read, (answer as unknown[])[index])))
    } else for (const read of group) this.#fail(read, garbled(this.#nodes.host))
  }

  #revalidated(read: Read, answer: unknown, again: Read[]): FarSame | ReadResult | undefined {
    if (!Buffer.isBuffer(answer)) return { state: 'failed', error: garbled(this.#nodes.host).error }
    const envelope = readHeader(answer)
    if (envelope === undefined || envelope.isTombstone || envelope.nsEpoch !== read.key.nsEpoch) return this.#result(read, answer.length === 0 ? null : answer)
    if (envelope.version === read.version) {
      const left = this.#left(envelope)
      if (left.hardLeftMs > 0) return { state: 'same', version: read.version, ...left }
    }
    read.version = 0
    again.push(read)
    return undefined
  }

  #result(read: Read, value: unknown): ReadResult {
    if (value === null || value === undefined) return { state: 'miss', base: 0, why: 'absent' }
    if (!Buffer.isBuffer(value)) return { state: 'failed', error: garbled(this.#nodes.host).error }
    const envelope = readHeader(value)
    if (envelope === undefined) return { state: 'miss', base: 0, why: 'corrupt' }
    const base = envelope.version
    if (value.length > this.#maxValueBytes) return { state: 'miss', base, why: 'oversize' }
    if (envelope.isTombstone) return { state: 'miss', base, why: 'deleted' }
    if (envelope.nsEpoch !== read.key.nsEpoch) return { state: 'miss', base, why: 'cleared' }
    const verdict = checkWhole(value, envelope, read.suffix)
    if (verdict !== 'whole') return { state: 'miss', base, why: verdict }
    const { softLeftMs, hardLeftMs } = this.#left(envelope)
    if (hardLeftMs <= 0) return { state: 'miss', base, why: 'expired' }
    return {
      state: 'hit', codec: envelope.codec, payload: payloadOf(value, envelope), version: base,
      sourceVersion: envelope.sourceVersion, createdAtMs: envelope.createdAtMs, ageMs: Math.max(0, this.#clock.nowMs() - envelope.createdAtMs),
      softLeftMs, hardLeftMs,
    }
  }

  #left({ softAtMs, hardAtMs }: Envelope): { softLeftMs: number; hardLeftMs: number } {
    const nowMs = this.#clock.nowMs()
    return { softLeftMs: leftOf(softAtMs, nowMs), hardLeftMs: leftOf(hardAtMs, nowMs) }
  }

  #fail(read: Read, { error }: Failure): void {
    this.#settle(read, { state: 'failed', error } satisfies FarFailure)
  }

  #settle(read: Read, result: FarSame | ReadResult | undefined): void {
    if (result === undefined || read.settle === undefined) return
    if (result.state === 'hit') this.#counts.hits++
    else if (result.state === 'failed') this.#counts.failures++
    else if (result.state === 'same') this.#counts.same++
    else {
      this.#counts.misses++
      if (result.why === 'corrupt' || result.why === 'foreign' || result.why === 'oversize') this.#counts[result.why]++
    }
    this.#waiting.delete(read)
    // Kept for the next read; it holds no process.
    if (this.#waiting.size === 0) this.#timer?.unref()
    read.settle(result)
    read.settle = undefined
  }

  /** One timer for all reads, set for the one that ends first. */
  #watch(deadlineMs: number): void {
    if (deadlineMs >= this.#timerMs) {
      this.#timer?.ref()
      return
    }
    clearTimeout(this.#timer)
    this.#timerMs = deadlineMs
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#timerMs = Number.POSITIVE_INFINITY
      const nowMs = performance.now()
      let nextMs = Number.POSITIVE_INFINITY
      for (const read of [...this.#waiting]) {
        // A timer may fire a little early.
        if (read.deadlineMs <= nowMs + 1) this.#fail(read, timeout(this.#nodes.host))
        else nextMs = Math.min(nextMs, read.deadlineMs)
      }
      if (nextMs < Number.POSITIVE_INFINITY) this.#watch(nextMs)
    }, Math.max(0, deadlineMs - performance.now()))
  }
}

function leftOf(atMs: number, nowMs: number): number {
  return atMs === 0 ? Number.POSITIVE_INFINITY : Math.max(0, atMs - nowMs)
}

function canRetry({ reply }: Failure): boolean {
  return reply === 'MOVED' || reply === 'ASK' || reply === 'TRYAGAIN'
}
