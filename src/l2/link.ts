/**
 * One connection to one server that is made anew for as long as it is wanted.
 *
 * Everything sent through it is answered by its deadline: by the server, by the loss of the
 * connection, or by our own timer. What the server still owes stays counted; a connection that owes
 * an answer for too long is dropped, so neither memory nor waiting time grows without bound.
 */
import type { Socket } from 'node:net'
import type { ConnectionSpec, LinkState } from './contract'
import { busy, convertFailure, Failure, isAuthFailure, timeout, unavailable } from './driver-errors'
import { type Encoded, openRedis, type Redis, send, sendEncoded } from './redis'

export type Argument = string | Buffer | number
/** Name first; in small letters where it is sent often, which the driver looks up faster. */
export type Request = readonly [name: string, ...args: Argument[]]
/** Also a whole command as the bytes of the protocol. */
export type Order = Request | Encoded

export interface LinkOptions {
  /** Asked for before each attempt. */
  spec: () => ConnectionSpec
  /** A node of a cluster. */
  address?: { host: string; port: number }
  /** How messages call it. */
  host: string
  stuckMs: number
  /** Commands that may wait for their answer at the same time. */
  maxOwed?: number
  onState?: (state: LinkState, failure?: Failure) => void
  /** The new connection, before anything else uses it. */
  onOpen?: (redis: Redis) => void
}

/** Answers still to come of one `send`. */
interface Owed {
  answers: unknown[]
  missing: number
  sentMs: number
  deadlineMs: number
  resolve: ((answers: unknown[]) => void) | undefined
}

const MAX_OWED = 16_384
const LARGE_BYTES = 16 * 1024
const FIRST_RETRY_MS = 20
const MAX_RETRY_MS = 1000
/** A refused password is not tried again at once: servers lock users out, and logs fill. */
const AUTH_RETRY_MS = 5000
const HANDSHAKE_MS = 3000

export class Link {
  readonly host: string
  readonly #options: LinkOptions
  #redis: Redis | undefined
  #isReady = false
  #isClosed = false
  #attempts = 0
  #retryTimer: NodeJS.Timeout | undefined
  #handshakeTimer: NodeJS.Timeout | undefined
  #watch: NodeJS.Timeout | undefined
  #deadline: NodeJS.Timeout | undefined
  #deadlineMs = Number.POSITIVE_INFINITY
  #lastFailure: Failure | undefined
  #waiters = new Set<() => void>()
  /** Of those who wait for no more than the attempt that is under way. */
  #onAttempt = new Set<() => void>()
  #attemptedMs = Number.NEGATIVE_INFINITY
  readonly #owed = new Set<Owed>()
  #owedCommands = 0
  /** Connections made, and those given up because they owed an answer. */
  readonly counts = { connections: 0, drops: 0, timeouts: 0 }

  constructor(options: LinkOptions) {
    this.#options = options
    this.host = options.host
  }

  get isReady(): boolean {
    return this.#isReady
  }

  get lastFailure(): Failure | undefined {
    return this.#lastFailure
  }

  /** Begins to connect, if it has not. */
  open(): void {
    if (this.#isClosed || this.#redis !== undefined || this.#retryTimer !== undefined) return
    this.#connect()
  }

  /** True when ready, false when the deadline passed or the link was closed. */
  ready(deadlineMs: number): Promise<boolean> {
    this.open()
    if (this.#isReady || this.#isClosed) return Promise.resolve(this.#isReady)
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer)
        this.#waiters.delete(end)
        resolve(this.#isReady)
      }
      const timer = setTimeout(end, Math.max(0, deadlineMs - performance.now()))
      this.#waiters.add(end)
    })
  }

  /**
   * Connects as soon as it may if it is lost, and not when the next attempt would be due. Resolves when that has worked or
   * failed, at the deadline at the latest.
   */
  attempt(deadlineMs: number): Promise<void> {
    if (this.#isReady || this.#isClosed) return Promise.resolve()
    const isRefused = this.#lastFailure !== undefined && isAuthFailure(this.#lastFailure)
    if (this.#redis === undefined) {
      if (isRefused) return Promise.resolve()
      this.#retryIn(this.#attemptedMs + FIRST_RETRY_MS - performance.now())
    }
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer)
        this.#onAttempt.delete(end)
        resolve()
      }
      const timer = setTimeout(end, Math.max(0, deadlineMs - performance.now()))
      this.#onAttempt.add(end)
    })
  }

  /** One answer per request, in order: a value, or a Failure. Sent in one write. Never rejects. */
  send(requests: readonly Order[], deadlineMs: number): Promise<unknown[]> {
    this.open()
    const redis = this.#redis
    if (!this.#isReady || redis === undefined) {
      const failure = this.#lastFailure
      const told = failure !== undefined && isAuthFailure(failure) ? failure : unavailable(this.host)
      return Promise.resolve(requests.map(() => told))
    }
    if (this.#owedCommands + requests.length > (this.#options.maxOwed ?? MAX_OWED)) {
      return Promise.resolve(requests.map(() => busy(this.host)))
    }
    return new Promise((resolve) => {
      const owed: Owed = { answers: new Array(requests.length), missing: requests.length, sentMs: performance.now(), deadlineMs, resolve }
      if (requests.length === 0) return resolve([])
      this.#owed.add(owed)
      this.#owedCommands += requests.length
      this.#watchOwed()
      this.#watchDeadline(deadlineMs)
      this.#write(redis, requests, owed)
    })
  }

  /** Whether the connection is to that address, as far as the system tells. */
  isTo({ host, port }: { host: string; port: number }): boolean {
    const { remoteAddress, remotePort } = (this.#redis as unknown as { stream?: Partial<Socket> } | undefined)?.stream ?? {}
    return remotePort === port && remoteAddress?.replace(/^::ffff:/, '') === host
  }

  /** Gives the connection up and makes a new one. What is owed is unknown. */
  drop(failure?: Failure): void {
    const redis = this.#redis
    if (redis !== undefined) this.#lost(redis, failure)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#retryTimer)
    this.drop()
    clearTimeout(this.#deadline)
    for (const end of [...this.#waiters]) end()
  }

  #connect(): void {
    this.#retryTimer = undefined
    this.#attemptedMs = performance.now()
    let redis: Redis
    try {
      redis = openRedis(this.#options.spec(), this.#options.address)
    } catch (error) {
      this.#lastFailure = convertFailure(error, this.host)
      this.#retry()
      return
    }
    this.#redis = redis
    let failure: Failure | undefined
    redis.on('error', (error: unknown) => {
      failure = convertFailure(error, this.host)
      if (redis === this.#redis) this.#lastFailure = failure
    })
    const lost = (): void => this.#lost(redis, failure)
    redis.once('end', lost).once('close', lost)
    redis.once('ready', () => void this.#greet(redis))
    this.#options.onOpen?.(redis)
    this.#options.onState?.('connecting')
    this.#handshakeTimer = setTimeout(() => this.#lost(redis, timeout(this.host)), HANDSHAKE_MS)
    redis.connect().catch((error: unknown) => this.#lost(redis, failure ?? convertFailure(error, this.host)))
  }

  /** What sentinels told may be a primary no more, and who only reads would never notice. A server that does not say is taken for one. */
  async #greet(redis: Redis): Promise<void> {
    if (this.#options.spec().kind === 'sentinel') {
      const role = await send(redis, 'hello', []).then(roleIn, () => undefined)
      if (role === 'slave' || role === 'replica') return this.#lost(redis, convertFailure({ name: 'ReplyError', message: `READONLY the role is ${role}` }, this.host))
    }
    this.#ready(redis)
  }

  #ready(redis: Redis): void {
    if (redis !== this.#redis) return
    clearTimeout(this.#handshakeTimer)
    this.counts.connections++
    this.#isReady = true
    this.#lastFailure = undefined
    this.#options.onState?.('connected')
    for (const end of [...this.#waiters, ...this.#onAttempt]) end()
  }

  #lost(redis: Redis, failure: Failure | undefined): void {
    if (redis !== this.#redis) return
    this.#redis = undefined
    this.#isReady = false
    clearTimeout(this.#handshakeTimer)
    clearInterval(this.#watch)
    this.#watch = undefined
    if (failure !== undefined) this.#lastFailure = failure
    redis.disconnect()
    // Ending politely would wait for a peer that may never answer.
    ;(redis as unknown as { stream?: { destroy(): void } }).stream?.destroy()
    const unknown = timeoutOrLoss(failure, this.host)
    for (const owed of [...this.#owed]) {
      for (let index = 0; index < owed.answers.length; index++) if (owed.answers[index] === undefined) owed.answers[index] = unknown
      this.#settle(owed)
    }
    this.#owed.clear()
    this.#owedCommands = 0
    this.#deadline?.unref()
    this.#options.onState?.('lost', failure)
    if (!this.#isClosed) this.#retry()
    for (const end of [...this.#onAttempt]) end()
  }

  #retry(): void {
    const isAuth = this.#lastFailure !== undefined && isAuthFailure(this.#lastFailure)
    const backoffMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(10, this.#attempts++))
    this.#retryIn(isAuth ? AUTH_RETRY_MS : backoffMs * (0.5 + Math.random() / 2))
  }

  #retryIn(ms: number): void {
    clearTimeout(this.#retryTimer)
    this.#retryTimer = setTimeout(() => this.#connect(), Math.max(0, ms)).unref()
  }

  #write(redis: Redis, requests: readonly Order[], owed: Owed): void {
    // One system call for all: the driver writes each command by itself.
    const { stream } = redis as unknown as { stream: { cork(): void; uncork(): void } }
    const isCorked = requests.length > 1
    if (isCorked) stream.cork()
    let bytes = 0
    for (let index = 0; index < requests.length; index++) {
      const request = requests[index]!
      if (isEncoded(request)) bytes += request.bytes.length
      const sent = isEncoded(request) ? sendEncoded(redis, request) : send(redis, request[0], request.slice(1) as Argument[])
      sent.then(
        (value) => this.#answer(redis, owed, index, value),
        (error: unknown) => this.#answer(redis, owed, index, convertFailure(error, this.host)),
      )
    }
    // A large block goes at once: the server begins with it while the next one is made.
    if (!isCorked) return
    if (bytes > LARGE_BYTES) stream.uncork()
    else process.nextTick(() => stream.uncork())
  }

  #answer(redis: Redis, owed: Owed, index: number, value: unknown): void {
    if (!this.#owed.has(owed)) return
    this.#attempts = 0
    // null is an answer; undefined marks what is missing.
    owed.answers[index] = value
    this.#owedCommands--
    if (value instanceof Failure) this.#judge(redis, value)
    if (--owed.missing === 0) {
      this.#owed.delete(owed)
      this.#settle(owed)
      // It holds no process.
      if (this.#owed.size === 0) this.#deadline?.unref()
    }
  }

  /** A server that cannot be right for us is left; the connector finds the right one. */
  #judge(redis: Redis, failure: Failure): void {
    const isWrongServer = failure.reply === 'READONLY' || failure.reply === 'MASTERDOWN' || failure.reply === 'UNBLOCKED'
    if (isWrongServer || isAuthFailure(failure)) setImmediate(() => this.#lost(redis, failure))
  }

  #expire(owed: Owed): void {
    this.counts.timeouts++
    const late = timeout(this.host)
    const answers = Array.from(owed.answers, (answer) => answer === undefined ? late : answer)
    owed.resolve?.(answers)
    owed.resolve = undefined
  }

  #settle(owed: Owed): void {
    owed.resolve?.(owed.answers)
    owed.resolve = undefined
  }

  /** One timer for all, set for the first deadline; it stays when that is met, which costs less than to set it for each. */
  #watchDeadline(deadlineMs: number): void {
    if (deadlineMs >= this.#deadlineMs) {
      this.#deadline?.ref()
      return
    }
    clearTimeout(this.#deadline)
    this.#deadlineMs = deadlineMs
    this.#deadline = setTimeout(() => {
      this.#deadline = undefined
      this.#deadlineMs = Number.POSITIVE_INFINITY
      const nowMs = performance.now()
      let nextMs = Number.POSITIVE_INFINITY
      for (const owed of [...this.#owed]) {
        if (owed.resolve === undefined) continue
        // A timer may fire a little early.
        if (owed.deadlineMs <= nowMs + 1) this.#expire(owed)
        else nextMs = Math.min(nextMs, owed.deadlineMs)
      }
      if (nextMs < Number.POSITIVE_INFINITY) this.#watchDeadline(nextMs)
    }, Math.max(0, deadlineMs - performance.now()))
  }

  #watchOwed(): void {
    this.#watch ??= setInterval(() => {
      const [oldest] = this.#owed
      if (oldest === undefined) {
        clearInterval(this.#watch)
        this.#watch = undefined
        return
      }
      if (performance.now() - oldest.sentMs < this.#options.stuckMs) return
      this.counts.drops++
      this.drop(timeout(this.host))
    }, this.#options.stuckMs / 4).unref()
  }
}

function roleIn(reply: unknown): string | undefined {
  const words = Array.isArray(reply) ? reply.map(String) : []
  const at = words.indexOf('role')
  return at < 0 ? undefined : words[at + 1]
}

function isEncoded(request: Order): request is Encoded {
  return 'bytes' in request
}

function timeoutOrLoss(failure: Failure | undefined, host: string): Failure {
  return new Failure('unknown', (failure ?? timeout(host)).error, failure?.reply ?? '')
}
