/**
 * Hears from the sentinels that another primary has taken over. A primary that is replaced while they cannot reach it is
 * not told, goes on answering, and who only reads there would never notice.
 */
import type { ConnectionSpec } from './contract'
import { openSentinel, type Redis } from './redis'

const CHANNEL = '+switch-master'
const RETRY_MS = 1000

export interface Address {
  host: string
  port: number
}

interface Watched {
  readonly address: object
  redis?: Redis
  retryTimer?: NodeJS.Timeout
  /** The primary it named last. */
  primary?: string
}

export class Sentinels {
  readonly #given: ConnectionSpec
  readonly #onPrimary: (primary: Address) => void
  /** Who told of the last change comes first. */
  #watched: Watched[]
  #isOpen = false

  /** `onPrimary` for every change of what one of them says; several tell of the same one. */
  constructor(spec: ConnectionSpec, onPrimary: (primary: Address) => void) {
    this.#given = spec
    this.#onPrimary = onPrimary
    this.#watched = (spec.options['sentinels'] as object[]).map((address) => ({ address }))
  }

  /** Asks first who knows the newest primary: the others may name its predecessor for a while. */
  get spec(): ConnectionSpec {
    return { ...this.#given, options: { ...this.#given.options, sentinels: this.#watched.map(({ address }) => address) } }
  }

  open(): void {
    if (this.#isOpen) return
    this.#isOpen = true
    for (const watched of this.#watched) this.#watch(watched)
  }

  close(): void {
    this.#isOpen = false
    for (const { redis, retryTimer } of this.#watched) {
      clearTimeout(retryTimer)
      redis?.disconnect()
    }
  }

  #watch(watched: Watched): void {
    const { options } = this.#given
    const redis = openSentinel(this.#given, watched.address)
    watched.redis = redis
    redis.on('error', () => {})
    redis.once('end', () => {
      if (this.#isOpen) watched.retryTimer = setTimeout(() => this.#watch(watched), RETRY_MS * (0.5 + Math.random() / 2)).unref()
    })
    redis.on('message', (_channel: string, text: string) => {
      const [name, , , host, port] = text.split(' ')
      if (name === options['name']) this.#hear(watched, host, port)
    })
    // Both in one write: nothing changes between the answer and what is heard.
    redis.connect()
      .then(() => Promise.all([redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', String(options['name'])), redis.subscribe(CHANNEL)]))
      .then(([told]) => {
        if (Array.isArray(told)) this.#hear(watched, String(told[0]), String(told[1]))
      })
      .catch(() => redis.disconnect())
  }

  #hear(watched: Watched, host: string | undefined, port: string | undefined): void {
    const before = watched.primary
    const primary = `${host}:${port}`
    watched.primary = primary
    // What it says first, connections have asked for themselves.
    if (before === undefined || before === primary || host === undefined) return
    this.#watched = [watched, ...this.#watched.filter((other) => other !== watched)]
    const { natMap } = this.#given.options as { natMap?: Record<string, Address> }
    this.#onPrimary(natMap?.[primary] ?? { host, port: Number(port) })
  }
}
