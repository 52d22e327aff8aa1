/**
 * Writes to Redis: one call of the write script per partition, all partitions of a node in one write.
 *
 * A partition has at most one batch under way, because the script takes every number up to the last
 * one it has seen as done. So a batch is sent only when the one before it is answered.
 */
import type { EntryResult, FarConfig, FarWriter, PartitionOutcome, WriteOptions, WriteRecord } from './contract'
import { PARTITIONS, REPLICA_MS } from './contract'
import { type Batch, buildBatch, type BatchSettings, readAnswer, weightOf } from './batch'
import { ClockFloor } from './clock'
import { denied, Failure, garbled, isUnnamedDenial, timeout } from './driver-errors'
import type { Link, Order } from './link'
import { Names } from './names'
import { Nodes } from './nodes'
import { missingPermissions } from './permissions'
import { buildPlainBatch, isPlain } from './plain-batch'
import { RespBlock } from './resp'
import { WRITE } from './scripts'

export interface WriterOptions {
  /** This host, 16 hex digits. */
  origin: string
  /** The last sequence of a partition that this host knows: a lost partition begins above it. Default: what the writer itself was told. */
  seqFloor?: (partition: number) => number
  /** Entries of one call of the script. Default 512. */
  maxEntries?: number
  /** Bytes of one call of the script. Default 1 MiB; one entry may be larger. */
  maxBytes?: number
  /** Messages kept in the log of a partition; of those with many entries, the last four times as many sequences. Default 1024. */
  logCap?: number
  /** How long a delete is remembered against late fills. Default 60 s. */
  tombstoneMs?: number
}

const MAX_ENTRIES = 512
const MAX_BYTES = 1024 * 1024
/** Sent as soon as it is made, while the next one is made. */
const BLOCK_BYTES = 128 * 1024
/** On their way at the same time: enough to keep a server busy, few enough for each to be answered soon. */
const BLOCKS = 8
const REDIRECT_PAUSE_MS = 20
/** Heartbeats use the same connection. */
const MAX_SCRIPT_LOADS = 3

interface Job {
  outcome: PartitionOutcome
  /** Records answered. */
  at: number
  /** At most so many records next; smaller while a refused one is looked for. */
  limit: number
  scriptLoads: number
}

interface Sent {
  job: Job
  bytes: number
  records: readonly WriteRecord[]
  batch: Batch
}

interface Block {
  bytes: RespBlock
  sent: Map<number, Sent>
  askedMs: number
  answers: Promise<Map<number, unknown[]>>
}

export class Writer implements FarWriter {
  readonly #nodes: Nodes
  readonly #isOwner: boolean
  readonly #settings: BatchSettings
  readonly #options: WriterOptions
  readonly #known = new Float64Array(PARTITIONS + 1)
  readonly #clock = new ClockFloor()
  readonly #blocks: RespBlock[] = []
  #loadFailure: Failure | undefined
  /** Found out once for all partitions of a call. */
  #missing: Promise<string[]> | undefined
  readonly #counts = { batches: 0, entries: 0, duplicates: 0, refused: 0, unknown: 0, retries: 0 }

  /** `nodes`: connections to share; otherwise the writer has its own. */
  constructor(config: FarConfig, options: WriterOptions, nodes?: Nodes) {
    this.#isOwner = nodes === undefined
    this.#nodes = nodes ?? new Nodes(config)
    this.#options = options
    this.#settings = {
      config,
      names: new Names(config.cache, config.prefix),
      origin: options.origin,
      logCap: options.logCap ?? 1024,
      tombstoneMs: options.tombstoneMs ?? 60_000,
    }
    this.#nodes.open()
  }

  async write(batch: readonly WriteRecord[], deadlineMs: number, options: WriteOptions = {}): Promise<PartitionOutcome[]> {
    const jobs = this.#jobsOf(batch)
    let open = jobs
    this.#missing = undefined
    if (open.length > 0) await this.#nodes.ready(Math.min(deadlineMs, performance.now() + 100), open[0]!.outcome.partition)
    while (open.length > 0) {
      const isPaused = await this.#round(open, deadlineMs)
      open = open.filter(({ at, outcome }) => at < outcome.records.length)
      if (open.length > 0 && isPaused) await pause(REDIRECT_PAUSE_MS)
    }
    if ((options.replicas ?? 0) > 0) await this.#wait(jobs, options.replicas!, deadlineMs)
    return jobs.map(({ outcome }) => outcome)
  }

  byNode<T extends { readonly partition: number }>(records: readonly T[]): T[][] {
    const groups = new Map<Link | undefined, T[]>()
    for (const record of records) {
      const link = this.#nodes.linkOf(record.partition)
      const group = groups.get(link)
      if (group === undefined) groups.set(link, [record])
      else group.push(record)
    }
    return [...groups.values()]
  }

  missingPermissions(deadlineMs: number): Promise<string[]> {
    return missingPermissions(this.#nodes, this.#settings.names, deadlineMs)
  }

  stats(): Record<string, number> {
    return { ...this.#counts, ...this.#nodes.counts() }
  }

  async close(): Promise<void> {
    if (this.#isOwner) this.#nodes.close()
  }

  #jobsOf(batch: readonly WriteRecord[]): Job[] {
    const byPartition = new Map<number, WriteRecord[]>()
    for (const record of batch) {
      const records = byPartition.get(record.partition)
      if (records === undefined) byPartition.set(record.partition, [record])
      else records.push(record)
    }
    return Array.from(byPartition, ([partition, records]) => ({
      outcome: { partition, records, results: [], epoch: 0, lastSeq: 0, replicas: 0 },
      at: 0,
      limit: this.#options.maxEntries ?? MAX_ENTRIES,
      scriptLoads: 0,
    }))
  }

  /** One batch of each partition, a few blocks at a time. True when some should be tried again after a pause. */
  async #round(open: readonly Job[], deadlineMs: number): Promise<boolean> {
    const under: Block[] = []
    const forgetful = new Set<number>()
    let isPaused = false
    const settle = async ({ bytes, sent, askedMs, answers }: Block): Promise<void> => {
      const got = await answers
      this.#reuse(bytes, got)
      const times = { askedMs, answeredMs: performance.now(), deadlineMs }
      for (const [partition, one] of sent) {
        const next = await this.#take(one, got.get(partition)![0], times)
        if (next === 'load') forgetful.add(partition)
        isPaused ||= next === 'pause'
      }
    }
    for (let at = 0; at < open.length;) {
      if (under.length >= BLOCKS) await settle(under.shift()!)
      if (performance.now() >= deadlineMs) {
        for (; at < open.length; at++) this.#leave(open[at]!)
        break
      }
      const sent = new Map<number, Sent>()
      const requests = new Map<number, Order[]>()
      const block = this.#blocks.pop() ?? new RespBlock(BLOCK_BYTES * 2)
      for (let bytes = 0; at < open.length && bytes < BLOCK_BYTES; at++) {
        const one = this.#next(open[at]!, block)
        bytes += one.bytes
        sent.set(one.job.outcome.partition, one)
        requests.set(one.job.outcome.partition, [one.batch.request])
      }
      under.push({ bytes: block, sent, askedMs: performance.now(), answers: this.#nodes.send(requests, deadlineMs) })
    }
    for (const block of under) await settle(block)
    if (isPaused) this.#counts.retries++
    if (forgetful.size > 0) await this.#load(forgetful, deadlineMs)
    return isPaused
  }

  /** A server that has answered all of it has all of it. The engine counts what lies outside its heap, and collects garbage for it. */
  #reuse(block: RespBlock, answers: ReadonlyMap<number, unknown[]>): void {
    if (this.#blocks.length > BLOCKS || block.bytes.length > 4 * BLOCK_BYTES) return
    for (const list of answers.values()) if (list.some((answer) => answer instanceof Failure)) return
    block.clear()
    this.#blocks.push(block)
  }

  /** What has to happen before the rest is sent. */
  async #take(one: Sent, given: unknown, times: { askedMs: number; answeredMs: number; deadlineMs: number }): Promise<'load' | 'pause' | undefined> {
    const { deadlineMs } = times
    let answer = given
    if (answer instanceof Failure && answer.reply === 'ASK' && answer.redirect !== undefined) {
      answer = await this.#nodes.sendAsking(answer.redirect, one.batch.request, deadlineMs, [['SCRIPT', 'LOAD', WRITE.text]])
    }
    if (answer instanceof Failure && isUnnamedDenial(answer)) answer = await this.#name(answer, deadlineMs)
    if (!(answer instanceof Failure)) {
      const denial = this.#accept(one, answer, times)
      if (denial !== undefined) this.#fail(one, isUnnamedDenial(denial) ? await this.#name(denial, deadlineMs) : denial)
    } else if (answer.reply === 'NOSCRIPT' && one.job.scriptLoads++ < MAX_SCRIPT_LOADS) return 'load'
    else if (isRedirected(answer) && performance.now() + REDIRECT_PAUSE_MS < deadlineMs) return 'pause'
    else this.#fail(one, answer.reply === 'NOSCRIPT' ? this.#loadFailure ?? answer : answer)
    return undefined
  }

  #next(job: Job, block: RespBlock): Sent {
    const { records, partition } = job.outcome
    const maxBytes = this.#options.maxBytes ?? MAX_BYTES
    const floor = records[job.at]!.resendFloor ?? -1
    let bytes = 0
    let end = job.at
    // What is sent again has a floor of its own, and the script knows one floor per batch.
    while (end < records.length && end - job.at < job.limit && (records[end]!.resendFloor ?? -1) === floor) {
      bytes += weightOf(records[end]!)
      if (end > job.at && bytes > maxBytes) break
      end++
    }
    const chosen = records.slice(job.at, end)
    const known = Math.max(this.#known[partition]!, this.#options.seqFloor?.(partition) ?? 0)
    const batch = isPlain(chosen)
      ? buildPlainBatch(partition, chosen, known, this.#settings, this.#clock.nowMs() ?? Date.now(), block)
      : buildBatch(partition, chosen, known, this.#settings)
    return { job, records: chosen, batch, bytes }
  }

  /** What stands in the way of the entries that are left. */
  #accept({ job, records, batch }: Sent, reply: unknown, { askedMs, answeredMs }: { askedMs: number; answeredMs: number }): Failure | undefined {
    const answer = readAnswer(reply, records, batch, this.#nodes.host)
    if (answer === undefined) return garbled(this.#nodes.host)
    if (answer.nowMs > 0) this.#clock.learn(askedMs, answer.nowMs, answeredMs)
    const { outcome } = job
    for (const result of answer.results) outcome.results.push(result)
    outcome.epoch = answer.epoch
    outcome.lastSeq = answer.lastSeq
    this.#known[outcome.partition] = answer.lastSeq
    job.at += answer.results.length
    job.limit = this.#options.maxEntries ?? MAX_ENTRIES
    this.#counts.batches++
    this.#counts.entries += answer.results.length
    for (const { state } of answer.results) {
      if (state === 'dup') this.#counts.duplicates++
      if (state === 'refused') this.#counts.refused++
    }
    return answer.denial
  }

  /** The time is up before it was sent. */
  #leave(job: Job): void {
    const { error } = timeout(this.#nodes.host)
    for (; job.at < job.outcome.records.length; job.at++) job.outcome.results.push({ state: 'unsent', error })
  }

  #fail({ job, records }: Sent, failure: Failure): void {
    const { error } = failure
    if (failure.class_ === 'permanent') {
      const isOfOneEntry = error.code === 'ERR_CACHE_L2_REFUSED' && failure.reply !== 'WRONGTYPE'
      if (isOfOneEntry && records.length > 1) {
        job.limit = Math.ceil(records.length / 2)
        return
      }
      this.#counts.refused += records.length
      job.at += records.length
      job.outcome.results.push(...records.map((): EntryResult => ({ state: 'refused', error })))
      return
    }
    const isUnknown = failure.class_ === 'unknown'
    if (isUnknown) this.#counts.unknown += records.length
    const rest = job.outcome.records.length - job.at
    for (let index = 0; index < rest; index++) {
      job.outcome.results.push({ state: isUnknown && index < records.length ? 'unknown' : 'unsent', error })
    }
    job.at += rest
  }

  async #name(failure: Failure, deadlineMs: number): Promise<Failure> {
    const missing = await (this.#missing ??= this.missingPermissions(deadlineMs))
    return missing.length === 0 ? failure : denied(failure, this.#nodes.host, missing)
  }

  async #load(partitions: ReadonlySet<number>, deadlineMs: number): Promise<void> {
    const links = new Set([...partitions].flatMap((partition) => this.#nodes.linkOf(partition) ?? []))
    const loaded = await Promise.all([...links].map((link) => link.send([['SCRIPT', 'LOAD', WRITE.text]], deadlineMs)))
    this.#loadFailure = loaded.flat().find((answer) => answer instanceof Failure) as Failure | undefined
  }

  async #wait(jobs: readonly Job[], replicas: number, deadlineMs: number): Promise<void> {
    const requests = new Map<number, Order[]>()
    const seen = new Map<unknown, number>()
    for (const { outcome } of jobs) {
      const link = this.#nodes.linkOf(outcome.partition)
      if (!seen.has(link)) {
        seen.set(link, outcome.partition)
        // WAIT blocks the connection: it ends soon, and in time for its answer to arrive.
        requests.set(outcome.partition, [['WAIT', replicas, Math.max(1, Math.min(REPLICA_MS, Math.floor((deadlineMs - performance.now()) * 0.9)))]])
      }
    }
    const answers = await this.#nodes.send(requests, deadlineMs)
    for (const { outcome } of jobs) {
      const answer = answers.get(seen.get(this.#nodes.linkOf(outcome.partition)) ?? -1)?.[0]
      outcome.replicas = typeof answer === 'number' ? answer : 0
    }
  }
}

/** Another node is responsible, or will be soon: worth trying again at once. */
function isRedirected({ reply }: Failure): boolean {
  return reply === 'MOVED' || reply === 'ASK' || reply === 'TRYAGAIN' || reply === 'CLUSTERDOWN'
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
