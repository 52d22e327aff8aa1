/**
 * Sees writers that are not ours (redis-cli SET and DEL, other languages). Opt-in: it costs the
 * server a message for every change of a key of the cache.
 *
 * CLIENT TRACKING with BCAST and REDIRECT on RESP2: the driver drops the pushes of RESP3. One
 * connection subscribes to `__redis__:invalidate`, another one, on which nothing else is sent, asks
 * for the redirection. Our own writes are told as well; the listener compares versions and ignores
 * what it knows. Whatever cuts one of the two connections is doubt: what changed meanwhile is not
 * told later. Single servers and Sentinel only.
 */
import type { FarConfig } from './contract'
import { Failure } from './driver-errors'
import { Link } from './link'
import { Names, splitSuffix } from './names'
import { DEFAULT_STUCK_MS } from './nodes'
import { hostOf } from './redis'

const CHANNEL = '__redis__:invalidate'
const SETUP_MS = 2000
const RETRY_MS = 1000

export interface ForeignListener {
  /** Something, whoever it was, changed the value. */
  onTouched(partition: number, namespace: string, key: string): void
  /** Changes may have been missed (also at FLUSHALL and FLUSHDB). */
  onDoubt(): void
}

export class ForeignWriters {
  readonly #listener: ForeignListener
  readonly #prefix: string
  readonly #ear: Link
  readonly #asker: Link
  #isActive = false
  #isStopped = false
  #isSettingUp = false
  #timer: NodeJS.Timeout | undefined

  constructor(config: FarConfig, listener: ForeignListener) {
    this.#listener = listener
    // '{shop.' begins the tags of all partitions, and of no other cache.
    this.#prefix = new Names(config.cache, config.prefix).data(0, '').replace(/0\}:d\|$/, '')
    const link = (isEar: boolean): Link => new Link({
      spec: config.connection,
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
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    this.#ear.close()
    this.#asker.close()
  }

  async #setUp(): Promise<void> {
    if (!this.#ear.isReady || !this.#asker.isReady || this.#isSettingUp || this.#isStopped) return
    this.#isSettingUp = true
    const deadlineMs = performance.now() + SETUP_MS
    const [id] = await this.#ear.send([['CLIENT', 'ID']], deadlineMs)
    const [subscribed] = await this.#ear.send([['subscribe', CHANNEL]], deadlineMs)
    const [tracked] = typeof id !== 'number' || subscribed instanceof Failure
      ? [undefined]
      : await this.#asker.send([['CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST', 'PREFIX', this.#prefix]], deadlineMs)
    this.#isSettingUp = false
    if (this.#isStopped) return
    if (tracked === undefined || tracked instanceof Failure) {
      this.#timer = setTimeout(() => this.#ear.drop(), RETRY_MS)
      return
    }
    this.#isActive = true
    this.#listener.onDoubt()
  }

  #lost(): void {
    if (this.#isStopped) return
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
