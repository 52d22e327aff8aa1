/** The connection that hears the channel. On a cluster any node will do: the next one after each loss. */
import type { FarConfig } from './contract'
import { Failure, isAuthFailure, isDenial } from './driver-errors'
import { Link } from './link'
import { DEFAULT_STUCK_MS, type Nodes } from './nodes'
import { hostOf } from './redis'

const SUBSCRIBE_MS = 2000
const MOVE_MS = 50
const DENIED_RETRY_MS = 5000

export interface SubscriberListener {
  onMessage(bytes: Buffer): void
  onSubscribed(): void
  onLost(failure: Failure | undefined): void
}

export class Subscriber {
  readonly #config: FarConfig
  readonly #channel: string
  readonly #nodes: Nodes
  readonly #listener: SubscriberListener
  #link: Link | undefined
  #turn = 0
  #timer: NodeJS.Timeout | undefined
  #isSubscribed = false
  #isClosed = false

  constructor(config: FarConfig, channel: string, nodes: Nodes, listener: SubscriberListener) {
    this.#config = config
    this.#channel = channel
    this.#nodes = nodes
    this.#listener = listener
  }

  get isSubscribed(): boolean {
    return this.#isSubscribed
  }

  open(): void {
    if (this.#isClosed) return
    const link: Link = new Link({
      spec: () => this.#config.connection,
      ...this.#address(),
      host: hostOf(this.#config.connection),
      stuckMs: this.#config.stuckMs ?? DEFAULT_STUCK_MS,
      onOpen: (redis) => {
        redis.on('messageBuffer', (_channel: Buffer, bytes: Buffer) => {
          if (link === this.#link) this.#listener.onMessage(bytes)
        })
      },
      onState: (state, failure) => {
        if (link !== this.#link || this.#isClosed) return
        if (state === 'connected') void this.#subscribe(link)
        if (state === 'lost') this.#lost(link, failure)
      },
    })
    this.#link = link
    link.open()
  }

  /** Gives the connection up and makes a new one. */
  drop(): void {
    this.#link?.drop()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#link?.close()
  }

  async #subscribe(link: Link): Promise<void> {
    const [answer] = await link.send([['subscribe', this.#channel]], performance.now() + SUBSCRIBE_MS)
    if (link !== this.#link || this.#isClosed) return
    if (answer instanceof Failure) {
      const isDenied = answer.class_ === 'permanent' || isDenial(answer) || isAuthFailure(answer)
      this.#move(link, isDenied ? DENIED_RETRY_MS : MOVE_MS)
      this.#listener.onLost(answer)
      return
    }
    this.#isSubscribed = true
    this.#listener.onSubscribed()
  }

  #lost(link: Link, failure: Failure | undefined): void {
    this.#isSubscribed = false
    if (this.#nodes.isCluster) this.#move(link, MOVE_MS)
    this.#listener.onLost(failure)
  }

  #move(link: Link, afterMs: number): void {
    this.#isSubscribed = false
    this.#link = undefined
    link.close()
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.open(), afterMs)
  }

  #address(): { address?: { host: string; port: number } } {
    if (!this.#nodes.isCluster) return {}
    const known = this.#nodes.links().filter(({ isReady }) => isReady)
    const addresses = known.length > 0 ? known.map(({ host }) => split(host)) : this.#config.connection.nodes
    const address = addresses[this.#turn++ % addresses.length]
    return address === undefined ? {} : { address }
  }
}

function split(host: string): { host: string; port: number } {
  const colon = host.lastIndexOf(':')
  return { host: host.slice(0, colon), port: Number(host.slice(colon + 1)) }
}
