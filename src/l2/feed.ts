/**
 * Hears every change of the cache, in order, and notices what it did not hear.
 *
 * Three things together: a hole in a partition's sequence (messages after it are kept back until
 * the log has filled it), the states of all partitions after each new subscription, and a
 * heartbeat that goes through Redis: the states are read, then a message is published; when that
 * message has come back, everything up to those states must have come before it. So what is lost
 * on a quiet partition, on a dead connection, or in a server that began anew is known after a
 * heartbeat or two. A message that stays away is not waited for: the states alone tell what is
 * missing, and after two such heartbeats the connections are made anew. (On a cluster messages of
 * other nodes may overtake the heartbeat: it gets a little grace.)
 */
import type { BatchSettings } from './batch'
import { ALL_PARTITIONS, CatchUp, type Told } from './catch-up'
import { monotonicMs, ServerClock } from './clock'
import type { FarConfig, Feed, FeedListener, FeedOptions, LinkState, Positions } from './contract'
import { CONTROL_PARTITION } from './contract'
import { denied, Failure, isDenial, isUnnamedDenial } from './driver-errors'
import { decodeMessage, encodeHeartbeat, type Release } from './message'
import { Names } from './names'
import { Nodes } from './nodes'
import { missingPermissions } from './permissions'
import { type PartitionState, Sequencer } from './sequencer'
import { Subscriber } from './subscriber'

const HEARTBEAT_MS = 500
const MISSED = 2
const REPLAY_MESSAGES = 4096
const CLUSTER_GRACE_MS = 100
const LATE_MS = 100
const CATCH_UP_MS = 1500
const CATCH_UP_PAUSE_MS = 50
/** What a permission is missing for is not tried again at once: logs fill. */
const DENIED_PAUSE_MS = 5000
const LOG_CAP = 1024

interface Beat {
  counter: number
  sentMs: number
  states: Map<number, PartitionState | undefined> | undefined
  isBack: boolean
}

export class RedisFeed implements Feed {
  readonly #nodes: Nodes
  readonly #isOwner: boolean
  readonly #catchUp: CatchUp
  readonly #sequencer: Sequencer
  readonly #subscriber: Subscriber
  readonly #listener: FeedListener
  readonly #options: FeedOptions
  readonly #names: Names
  readonly #clock: ServerClock
  readonly #runIds = new Map<number, string>()
  readonly #servers: Float64Array
  readonly #behind = new Set<number>()
  readonly #counts = { heartbeats: 0, missedHeartbeats: 0, resubscriptions: 0, catchUps: 0, garbled: 0 }
  #beat: Beat | undefined
  #lastCounter = 0
  #missed = 0
  #timer: NodeJS.Timeout | undefined
  /** A permission is missing; 0 = none that we know of. */
  #deniedUntilMs = 0
  #isCatchingUp = false
  #isSynced = false
  #isStopped = false
  #isDelivering = false
  #heardMs = Number.NaN
  #link: LinkState = 'connecting'

  /** `nodes`, `clock`: to share; connections that were given are not closed by `stop`. The command connection is also what heartbeats travel through. */
  constructor(config: FarConfig, listener: FeedListener, options: FeedOptions, nodes?: Nodes, clock = new ServerClock()) {
    this.#isOwner = nodes === undefined
    this.#nodes = nodes ?? new Nodes(config)
    this.#clock = clock
    this.#listener = listener
    this.#options = options
    this.#names = new Names(config.cache, config.prefix)
    const settings: BatchSettings = { config, names: this.#names, origin: options.origin, logCap: LOG_CAP, tombstoneMs: 0 }
    this.#catchUp = new CatchUp(this.#nodes, settings)
    this.#sequencer = new Sequencer(listener, options.from)
    this.#servers = options.from?.servers.slice() ?? new Float64Array(ALL_PARTITIONS.length)
    this.#subscriber = new Subscriber(config, this.#names.channel, this.#nodes, {
      onMessage: (bytes) => this.#hear(bytes),
      onSubscribed: () => {
        this.#counts.resubscriptions++
        this.#mark(ALL_PARTITIONS)
      },
      onLost: (failure) => this.#lost(failure),
    })
  }

  get link(): LinkState {
    return this.#link
  }

  get runId(): string {
    return this.#nodes.isCluster ? [...new Set(this.#runIds.values())].sort().join(' ') : this.#runIds.get(CONTROL_PARTITION) ?? ''
  }

  start(): void {
    this.#nodes.open()
    this.#listener.onLink('connecting')
    this.#subscriber.open()
    this.#timer = setInterval(() => void this.#heartbeat(), this.#options.heartbeatMs ?? HEARTBEAT_MS)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearInterval(this.#timer)
    this.#subscriber.close()
    if (this.#isOwner) this.#nodes.close()
  }

  /** The last sequence of the partition that was delivered. */
  seqOf(partition: number): number {
    return this.#sequencer.seqOf(partition)
  }

  positions(): Positions {
    return { ...this.#sequencer.positions(), servers: this.#servers.slice() }
  }

  stats(): Record<string, number> {
    return { ...this.#counts, ...this.#sequencer.counts, behind: this.#behind.size }
  }

  #lost(failure: Failure | undefined): void {
    if (this.#isStopped) return
    this.#beat = undefined
    this.#isSynced = false
    this.#setLink('lost', failure)
  }

  #setLink(state: LinkState, failure?: Failure): void {
    if (this.#isStopped || (state === this.#link && failure === undefined)) return
    this.#link = state
    this.#listener.onLink(state, failure?.error)
  }

  #hear(bytes: Buffer): void {
    if (this.#isStopped) return
    const message = decodeMessage(bytes, this.#options.skipsOwn === true ? this.#options.origin : undefined)
    if (message === undefined) this.#counts.garbled++
    else if (message.partition === -1) this.#heartbeatIsBack(message as { origin: string; counter: number })
    else if (message.partition === -2) this.#released(message as Release)
    else {
      if (!this.#sequencer.accept(message as Parameters<Sequencer['accept']>[0])) this.#mark([message.partition])
      this.#deliveredSoon()
    }
  }

  /** Once for all messages that came together. */
  #deliveredSoon(): void {
    if (this.#isDelivering) return
    this.#isDelivering = true
    queueMicrotask(() => {
      this.#isDelivering = false
      if (!this.#isStopped) this.#listener.onDelivered?.()
    })
  }

  #released({ namespace, key, origin }: Release): void {
    this.#listener.onRelease?.(namespace, key, origin)
  }

  // ---- heartbeat

  async #heartbeat(): Promise<void> {
    if (!this.#subscriber.isSubscribed || this.#isStopped || performance.now() < this.#deniedUntilMs) return
    if (this.#beat !== undefined && !this.#beat.isBack) {
      this.#counts.missedHeartbeats++
      if (++this.#missed >= (this.#options.missedHeartbeats ?? MISSED)) return this.#giveUp()
    }
    if (this.#behind.size > 0) void this.#runCatchUp()
    const beat: Beat = { counter: ++this.#lastCounter, sentMs: monotonicMs(), states: undefined, isBack: false }
    this.#beat = beat
    this.#counts.heartbeats++
    const publish = ['PUBLISH', this.#names.channel, encodeHeartbeat(this.#options.origin, beat.counter)] as const
    // Where the server is slow, the next beat comes before the answer: what it tells is no less true.
    const deadlineMs = performance.now() + MISSED * (this.#options.heartbeatMs ?? HEARTBEAT_MS)
    const told = await this.#catchUp.states(ALL_PARTITIONS, deadlineMs, this.#nodes.isCluster ? undefined : publish)
    if (this.#isStopped || this.#beat === undefined) return
    if (told.failure !== undefined) return this.#noteDenial(told.failure)
    if (beat !== this.#beat) return this.#compare({ ...beat, states: told.states })
    if (this.#deniedUntilMs > 0 && !this.#nodes.isCluster) this.#mark(ALL_PARTITIONS)
    if (this.#clock.learnTime(beat.sentMs, told.time)) this.#listener.onClock(this.#clock.offsetMs)
    this.#checkServers(told)
    beat.states = told.states
    if (this.#nodes.isCluster) {
      await new Promise((resolve) => setTimeout(resolve, CLUSTER_GRACE_MS))
      if (this.#isStopped || beat !== this.#beat) return
      const sent = await this.#nodes.send(new Map([[CONTROL_PARTITION, [publish]]]), performance.now() + (this.#options.heartbeatMs ?? HEARTBEAT_MS))
      const answer = sent.get(CONTROL_PARTITION)![0]
      if (answer instanceof Failure) this.#noteDenial(answer)
      else if (this.#deniedUntilMs > 0) this.#mark(ALL_PARTITIONS)
    } else if (beat.isBack) return this.#compare(beat)
    // A message that is late may be lost, and others with it: what the states tell is true all the same.
    setTimeout(() => {
      if (!this.#isStopped && beat === this.#beat && !beat.isBack) this.#compare(beat)
    }, LATE_MS)
  }

  #heartbeatIsBack({ origin, counter }: { origin: string; counter: number }): void {
    const beat = this.#beat
    if (origin !== this.#options.origin || beat === undefined) return
    // Late is not lost: connections that are made anew are later still.
    this.#missed = 0
    if (counter !== beat.counter) return
    beat.isBack = true
    // The answers come on another connection than the message, and may be later.
    if (beat.states !== undefined) this.#compare(beat)
  }

  #compare({ states, sentMs }: Beat): void {
    const behind = [...states!].filter(([partition, state]) => !this.#sequencer.isCurrent(partition, state)).map(([partition]) => partition)
    this.#heardMs = sentMs
    if (behind.length > 0) this.#mark(behind)
    else if (this.#behind.size === 0 && this.#isSynced) this.#tellHeard()
  }

  #tellHeard(): void {
    if (Number.isNaN(this.#heardMs)) return
    this.#listener.onHeard(this.#heardMs)
    this.#heardMs = Number.NaN
  }

  /** Without a permission nothing works, but the connection is well: it is told once, and tried again after a while. */
  #noteDenial(failure: Failure): void {
    if ((failure.class_ !== 'permanent' && !isDenial(failure)) || this.#isStopped) return
    const isNew = this.#deniedUntilMs === 0
    this.#deniedUntilMs = performance.now() + DENIED_PAUSE_MS
    this.#beat = undefined
    this.#missed = 0
    this.#isSynced = false
    if (isNew) this.#setLink('lost', failure)
  }

  async #named(failure: Failure, deadlineMs: number): Promise<Failure> {
    const missing = isUnnamedDenial(failure) ? await missingPermissions(this.#nodes, this.#names, deadlineMs) : []
    return missing.length === 0 ? failure : denied(failure, this.#nodes.host, missing)
  }

  /** No event tells of a dead connection. Either one may be it: both are made anew. */
  #giveUp(): void {
    this.#missed = 0
    this.#beat = undefined
    for (const link of this.#nodes.links()) link.drop()
    void this.#nodes.refresh()
    this.#subscriber.drop()
  }

  // ---- catching up

  #mark(partitions: readonly number[]): void {
    for (const partition of partitions) this.#behind.add(partition)
    void this.#runCatchUp()
  }

  async #runCatchUp(): Promise<void> {
    if (this.#isCatchingUp) return
    this.#isCatchingUp = true
    try {
      while (this.#behind.size > 0 && this.#subscriber.isSubscribed && !this.#isStopped) {
        const partitions = [...this.#behind]
        this.#behind.clear()
        if (await this.#once(partitions)) continue
        for (const partition of partitions) this.#behind.add(partition)
        await new Promise((resolve) => setTimeout(resolve, this.#deniedUntilMs > 0 ? DENIED_PAUSE_MS : CATCH_UP_PAUSE_MS))
      }
    } finally {
      this.#isCatchingUp = false
    }
    if (this.#behind.size > 0 || !this.#subscriber.isSubscribed || this.#isStopped) return
    this.#isSynced = true
    this.#deniedUntilMs = 0
    this.#setLink('connected')
    this.#tellHeard()
  }

  /** False when Redis could not be asked for all of it. */
  async #once(partitions: readonly number[]): Promise<boolean> {
    this.#counts.catchUps++
    const deadlineMs = performance.now() + CATCH_UP_MS
    const startMs = monotonicMs()
    if (!(await this.#nodes.ready(deadlineMs))) return false
    const askedMs = monotonicMs()
    const askedSeqs = this.#sequencer.positions().seqs
    const told = await this.#catchUp.states(partitions, deadlineMs)
    if (this.#isStopped) return true
    if (told.failure !== undefined) this.#noteDenial(told.failure)
    if (this.#clock.learnTime(askedMs, told.time)) this.#listener.onClock(this.#clock.offsetMs)
    this.#checkServers(told)
    const replays = new Map<number, number>()
    let isControlNew = false
    for (const [partition, state] of told.states) {
      const verdict = this.#sequencer.judge(partition, state, askedSeqs[partition])
      if (verdict === 'replay') replays.set(partition, this.#sequencer.seqOf(partition) + 1)
      else if (verdict === 'begun') replays.set(partition, 0)
      else if (partition === CONTROL_PARTITION && (verdict !== 'current' || state === undefined)) isControlNew = true
      else if (verdict !== 'current') this.#sequencer.adopt(partition, state, verdict === 'epoch' ? 'epoch' : undefined)
    }
    const isReplayed = replays.size === 0 || await this.#replay(replays, told, deadlineMs)
    const isControlRead = !isControlNew || await this.#readNamespaces(deadlineMs)
    if (told.states.size < partitions.length || !isReplayed || !isControlRead) return false
    if (partitions.length === ALL_PARTITIONS.length) this.#heardMs = startMs
    return true
  }

  async #replay(replays: ReadonlyMap<number, number>, told: Told, deadlineMs: number): Promise<boolean> {
    const limit = this.#options.replayMessages ?? REPLAY_MESSAGES
    const logs = await this.#catchUp.logs(replays, limit, deadlineMs)
    if (this.#isStopped) return true
    for (const [partition, messages] of logs) {
      const state = told.states.get(partition)!
      if (this.#sequencer.replay(partition, messages, state)) continue
      this.#sequencer.adopt(partition, state, 'range-gone')
      if (partition === CONTROL_PARTITION) return this.#readNamespaces(deadlineMs, true)
    }
    return logs.size === replays.size
  }

  /** The control partition as it is, where its messages cannot tell. */
  async #readNamespaces(deadlineMs: number, isDoubted = false): Promise<boolean> {
    const askedSeq = this.#sequencer.seqOf(CONTROL_PARTITION)
    const namespaces = await this.#catchUp.namespaces(askedSeq, deadlineMs)
    if (namespaces instanceof Failure) this.#noteDenial(await this.#named(namespaces, deadlineMs))
    if (namespaces === undefined || namespaces instanceof Failure) return false
    if (this.#isStopped) return true
    const verdict = this.#sequencer.judge(CONTROL_PARTITION, namespaces.state, askedSeq)
    const why = verdict === 'epoch' ? 'reset' : verdict === 'first' ? 'first' : 'state'
    // The root first: where all began anew, its epoch ends everything.
    const root = namespaces.epochs.get('')
    if (root !== undefined) this.#listener.onClear('', root, why)
    for (const [namespace, epoch] of namespaces.epochs) if (namespace !== '') this.#listener.onClear(namespace, epoch, why)
    if (verdict !== 'current') this.#sequencer.adopt(CONTROL_PARTITION, namespaces.state, verdict === 'epoch' && !isDoubted ? 'epoch' : undefined)
    return true
  }

  /** Another server than before may hold an older copy of everything, with the same sequences. */
  #checkServers({ runIds, states }: Told): void {
    const changed: number[] = []
    for (const [partition, runId] of runIds) {
      if (runId === '') continue
      this.#runIds.set(partition, runId)
      const before = this.#servers[partition]!
      const server = numberOf(runId)
      this.#servers[partition] = server
      if (before !== 0 && before !== server) changed.push(partition)
    }
    if (changed.length === 0) return
    if (changed.length === ALL_PARTITIONS.length) this.#listener.onDoubt(-1, 'server')
    else for (const partition of changed) this.#listener.onDoubt(partition, 'server')
    for (const partition of changed) {
      // What happened before this moment is doubted as a whole: no need to replay it.
      const state = states.get(partition)
      if (this.#sequencer.judge(partition, state) === 'replay' && partition !== CONTROL_PARTITION) this.#sequencer.adopt(partition, state)
    }
  }
}

/** Of a server's id, for what is kept as numbers: 48 bits of it, never 0. */
function numberOf(runId: string): number {
  return Number.parseInt(runId.slice(0, 12), 16) || 1
}
