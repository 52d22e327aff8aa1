/** A proxy on loopback that does to connections what networks do to them. */
import { once } from 'node:events'
import { type Server, type Socket, connect, createServer } from 'node:net'
import { freePort } from '../../../bench/free-port'
import { type DropRule, PushDropper, type PubSubMessage } from './push-dropper'
import { Lane, type Trickle } from './proxy-lane'

/** `up` goes from the client to the server. */
export type Direction = 'up' | 'down'

interface Connection { client: Socket; server: Socket; lanes: Lane[]; hasLostBytes: boolean }

export class FaultProxy {
  readonly host = '127.0.0.1'
  /** How many connections it has accepted, what it has passed on, what it has taken out. */
  readonly counts = { connections: 0, up: 0, down: 0, dropped: 0 }
  readonly #connections = new Set<Connection>()
  #listener: Server | undefined
  #delayMs = 0
  #trickle: Trickle | undefined
  readonly #stalled = new Set<Direction>()
  #isBlackHole = false
  readonly #cutAfter = new Map<Direction, number>()
  #dropRule: DropRule | undefined

  private constructor(readonly port: number, readonly target: { host: string; port: number }) {}

  static async listen(target: { host: string; port: number }): Promise<FaultProxy> {
    const proxy = new FaultProxy(await freePort(), target)
    await proxy.accept()
    return proxy
  }

  /** How many connections are open now. */
  get open(): number {
    return this.#connections.size
  }

  /** Every chunk arrives `ms` later from now on, in both directions. */
  delay(ms: number): void {
    this.#delayMs = ms
  }

  /** Bytes come in drops of `bytes`, one each `everyMs`, in both directions of each connection. */
  trickle(bytes: number, everyMs: number): void {
    this.#trickle = { bytes, everyMs }
  }

  /** Nothing moves any more until `resume`; nothing is lost. Once the kernel's buffers are full, writers feel it. */
  stall(direction?: Direction): void {
    for (const each of direction ? [direction] : ['up', 'down'] as const) this.#stalled.add(each)
    this.#update()
  }

  resume(): void {
    this.#stalled.clear()
    this.#update()
  }

  /** After this many more bytes in this direction, over all connections, the connection that brought the last is cut. */
  cutAfter(direction: Direction, bytes: number): void {
    if (bytes < 1) throw new Error(`cutAfter takes at least 1 byte, not ${bytes}`)
    this.#cutAfter.set(direction, bytes)
  }

  /** Connections are accepted and stay open, and whatever is sent over them is lost, until `heal` cuts them. */
  blackHole(): void {
    this.#isBlackHole = true
    for (const connection of this.#connections) connection.hasLostBytes = true
    this.#update()
  }

  /** RST to both ends of every connection. */
  reset(): void {
    for (const connection of this.#connections) cut(connection)
  }

  /** New connections are refused; the open ones stay. */
  async refuse(): Promise<void> {
    const listener = this.#listener
    this.#listener = undefined
    if (!listener) return
    // Its `close` event waits for the connections, the port is free at once.
    listener.close()
  }

  /** Listens again, on the same port. */
  async accept(): Promise<void> {
    if (this.#listener) return
    this.#listener = createServer({ allowHalfOpen: true }, (client) => this.#connect(client))
    this.#listener.listen(this.port, this.host)
    await once(this.#listener, 'listening')
  }

  /**
   * Takes whole pub/sub messages out of what the server sends: the next `rule` of them, or until `heal`
   * those for which it says so. Everything else passes byte for byte.
   */
  dropMessages(rule: number | DropRule): void {
    let left = typeof rule === 'number' ? rule : Infinity
    const drops = typeof rule === 'number' ? () => true : rule
    this.#dropRule = left === 0 ? undefined : (message: PubSubMessage) => {
      if (!drops(message)) return false
      this.counts.dropped++
      if (--left === 0) this.#dropRule = undefined
      return true
    }
  }

  /** Ends all faults. Connections that have lost bytes are reset, the others go on. */
  async heal(): Promise<void> {
    this.#delayMs = 0
    this.#trickle = undefined
    this.#isBlackHole = false
    this.#stalled.clear()
    this.#cutAfter.clear()
    this.#dropRule = undefined
    for (const connection of this.#connections) if (connection.hasLostBytes) cut(connection)
    this.#update()
    await this.accept()
  }

  async close(): Promise<void> {
    await this.refuse()
    this.reset()
  }

  #connect(client: Socket): void {
    this.counts.connections++
    const server = connect({ ...this.target, allowHalfOpen: true })
    const connection: Connection = { client, server, lanes: [], hasLostBytes: this.#isBlackHole }
    this.#connections.add(connection)
    for (const socket of [client, server]) {
      socket.setNoDelay(true)
      socket.on('error', () => cut(connection))
      socket.on('close', () => this.#ended(connection, socket))
    }
    const dropper = new PushDropper(() => this.#dropRule)
    connection.lanes.push(
      new Lane(client, server, this.#faultsOf('up', connection, (bytes) => bytes)),
      new Lane(server, client, this.#faultsOf('down', connection, (bytes) => dropper.push(bytes))),
    )
    for (const lane of connection.lanes) lane.update()
  }

  #faultsOf(direction: Direction, connection: Connection, through: (bytes: Buffer) => Buffer) {
    return {
      delayMs: () => this.#delayMs,
      trickle: () => this.#trickle,
      isStalled: () => this.#stalled.has(direction),
      isBlackHole: () => connection.hasLostBytes,
      through,
      allowance: (bytes: number) => this.#spend(direction, bytes),
    }
  }

  /** Books bytes that are about to pass; more than `bytes` means that no cut is due. */
  #spend(direction: Direction, bytes: number): number {
    const left = this.#cutAfter.get(direction) ?? Infinity
    this.counts[direction] += Math.min(bytes, left)
    if (left > bytes && left !== Infinity) this.#cutAfter.set(direction, left - bytes)
    if (left <= bytes) this.#cutAfter.delete(direction)
    return left
  }

  #update(): void {
    for (const { lanes } of this.#connections) for (const lane of lanes) lane.update()
  }

  #ended(connection: Connection, socket: Socket): void {
    const other = socket === connection.client ? connection.server : connection.client
    if (other.destroyed) this.#connections.delete(connection)
    // In a black hole nobody learns of the other's end.
    else if (!connection.hasLostBytes) other.destroySoon()
  }
}

function cut({ client, server }: Connection): void {
  for (const socket of [client, server]) {
    // Resetting a socket whose end is under way leaves a handle that Node waits for at exit without end.
    if (socket.writableEnded) socket.destroy()
    else socket.resetAndDestroy()
  }
}

/** A proxy in front of `target` for `body`, closed after it. */
export async function withProxy<T>(target: { host: string; port: number }, body: (proxy: FaultProxy) => Promise<T>): Promise<T> {
  const proxy = await FaultProxy.listen(target)
  try {
    return await body(proxy)
  } finally {
    await proxy.close()
  }
}
