/**
 * Sees writers that are not ours (redis-cli SET and DEL, other languages). Opt-in: it costs the
 * server a message for every change of a key of the cache.
 *
 * CLIENT TRACKING with BCAST and REDIRECT on RESP2: the driver drops the pushes of RESP3. One
 * connection subscribes to `__redis__:invalidate`, another one asks for the redirection. Our own
 * writes are told as well; the listener compares versions and ignores what it knows. Whatever cuts
 * one of the two connections is doubt: what changed meanwhile is not told later. Both are asked for
 * a sign of life now and then, for no event tells of a dead connection. Single servers and Sentinel
 * only.
 */
import type { FarConfig, VersionReader } from './contract'
import { Failure, isDenial } from './driver-errors'
import { ENVELOPE_BYTES, readHeader } from './envelope'
import { Link, type Request } from './link'
import { Names, splitSuffix, suffixOf } from './names'
import { DEFAULT_STUCK_MS, Nodes } from './nodes'
import { hostOf } from './redis'

const CHANNEL = '__redis__:invalidate'
const SETUP_MS = 2000
const RETRY_MS = 1000
const PING_MS = 1000

export interface ForeignListener {
  /** Something, whoever it was, changed the value. */
  onTouched(partition: number, namespace: string, key: string): void
  /** Changes may have been missed (also at FLUSHALL and FLUSHDB). */
  onDoubt(): void
}

export interface ForeignOptions {
  /** Between two signs of life. Default 1000. */
  pingMs?: number
  /** To share: where versions are asked for. */
  nodes?: Nodes
}

export class ForeignWriters implements VersionReader {
  readonly #listener: ForeignListener
  readonly #prefix: string
  readonly #names: Names
  readonly #nodes: Nodes
  readonly #isOwner: boolean
  readonly #pingMs: number
  readonly #ear: Link
  readonly #asker: Link
  #isActive = false
  #isStopped = false
  #isSettingUp = false
  /** Connections lost so far. */
  #losses = 0
  #timer: NodeJS.Timeout | undefined
  #pinging: NodeJS.Timeout | undefined

  constructor(config: FarConfig, listener: ForeignListener, { pingMs = PING_MS, nodes }: ForeignOptions = {}) {
    this.#listener = listener
    this.#pingMs = pingMs
    this.#isOwner = nodes === undefined
    this.#nodes = nodes ?? new Nodes(config)
    this.#names = new Names(config.cache, config.prefix)
    // '{shop.' begins the tags of all partitions, and of no other cache.
    this.#prefix = this.#names.data(0, '').replace(/0\}:d\|$/, '')
    const link = (isEar: boolean): Link => new Link({
      spec: () => config.connection,
      host: hostOf(config.connection),
      stuckMs: config.stuckMs ?? DEFAULT_STUCK_MS,
      onState: (state) => {
        if (state === 'connected') void this.#setUp()
        if (state === 'lost') this.#lost()
      },
      ...(isEar
        ? { onOpen: (redis) => void redis.on('messageBuffer', (_channel: Buffer, keys: unknown) => this.#hear(keys)) }
        : {}),
    })
    this.#ear = link(true)
    this.#asker = link(false)
  }

  get isActive(): boolean {
    return this.#isActive
  }

  start(): void {
    this.#ear.open()
    this.#asker.open()
    this.#pinging = setInterval(() => void this.#ping(), this.#pingMs)
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
    clearInterval(this.#pinging)
    if (this.#isOwner) this.#nodes.close()
    this.#ear.close()
    this.#asker.close()
  }

  async versions(keys: readonly { partition: number; namespace: string; key: string }[], deadlineMs: number): Promise<(number | undefined)[]> {
    const requests = new Map<number, Request[]>()
    const at = keys.map(({ partition, namespace, key }) => {
      const request: Request = ['GETRANGE', this.#names.data(partition, suffixOf(namespace, key)), 0, ENVELOPE_BYTES - 1]
      const list = requests.get(partition)
      if (list === undefined) requests.set(partition, [request])
      else list.push(request)
      return (list?.length ?? 1) - 1
    })
    const answers = await this.#nodes.send(requests, deadlineMs)
    return keys.map(({ partition }, index) => versionOf(answers.get(partition)![at[index]!]))
  }

  async #ping(): Promise<void> {
    if (!this.#isActive) return
    const deadlineMs = performance.now() + 2 * this.#pingMs
    const answers = await Promise.all([this.#ear, this.#asker].map((link) => link.send([['PING']], deadlineMs)))
    if (this.#isActive && answers.some(([answer]) => answer instanceof Failure)) this.#lost()
  }

  async #setUp(): Promise<void> {
    if (!this.#ear.isReady || !this.#asker.isReady || this.#isSettingUp || this.#isStopped) return
    this.#isSettingUp = true
    const losses = this.#losses
    const deadlineMs = performance.now() + SETUP_MS
    const [id] = await this.#ear.send([['CLIENT', 'ID']], deadlineMs)
    const [subscribed] = await this.#ear.send([['subscribe', CHANNEL]], deadlineMs)
    const [tracked] = typeof id !== 'number' || subscribed instanceof Failure
      ? [undefined]
      : await this.#asker.send([['CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST', 'PREFIX', this.#prefix]], deadlineMs)
    this.#isSettingUp = false
    if (this.#isStopped) return
    // A connection made anew meanwhile has not been told what to do.
    if (tracked === undefined || tracked instanceof Failure || losses !== this.#losses) {
      this.#timer = setTimeout(() => this.#ear.drop(), RETRY_MS)
      return
    }
    this.#isActive = true
    this.#listener.onDoubt()
  }

  #lost(): void {
    if (this.#isStopped) return
    this.#losses++
    const wasActive = this.#isActive
    this.#isActive = false
    if (!wasActive) return
    this.#listener.onDoubt()
    // The redirection belongs to both connections: they begin anew together.
    this.#ear.drop()
    this.#asker.drop()
  }

  #hear(keys: unknown): void {
    if (this.#isStopped) return
    // A null instead of keys: the database was flushed.
    if (!Array.isArray(keys)) return this.#listener.onDoubt()
    for (const key of keys) {
      const text = String(key)
      if (!text.startsWith(this.#prefix)) continue
      const match = /^(\d{1,3})\}:d\|([^]*)$/.exec(text.slice(this.#prefix.length))
      const names = match === null ? undefined : splitSuffix(match[2]!)
      if (names !== undefined) this.#listener.onTouched(Number(match![1]), names.namespace, names.key)
    }
  }
}

/** A value of another type is none of ours. */
function versionOf(answer: unknown): number | undefined {
  if (Buffer.isBuffer(answer)) return readHeader(answer)?.version ?? 0
  return answer instanceof Failure && (answer.class_ === 'permanent' || isDenial(answer)) ? 0 : undefined
}
