/**
 * The door to ioredis: connections with our settings.
 *
 * A connection from here lives once: it never reconnects, never sends anything again and never
 * queues while it is not ready. (ioredis 6.0.0 leaves commands unsettled for ever when told not to
 * resend them, and executes them twice when told to.) Who holds it makes a new one: link.ts.
 */
import { Command, Redis } from 'ioredis'
import type { Cluster, RedisOptions } from 'ioredis'
import type { ConnectionSpec } from './contract'

export type { Redis }
export { connectionSpec } from './connection-spec'

/** A URL, `host:port`, a unix socket's path, ioredis options, a cluster, or an ioredis instance whose options are taken. */
export type RedisGiven =
  | string
  | RedisOptions
  | { cluster: { nodes: readonly (string | { host?: string; port?: number })[]; options?: Record<string, unknown> } }
  | Redis
  | Cluster

const CONNECT_TIMEOUT_MS = 2000
/** A sentinel may be silent for ever. */
const SENTINEL_KEEP_ALIVE_MS = 10_000

/** What we decide, whatever the user's options say; connection-spec.ts tells users of it. */
const OURS = {
  protocol: 2,
  lazyConnect: true,
  enableOfflineQueue: false,
  enableAutoPipelining: false,
  enableReadyCheck: false,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  keyPrefix: '',
  readOnly: false,
  monitor: false,
  stringNumbers: false,
  replyMapping: 'legacy',
  disconnectTimeout: 500,
  retryStrategy: null,
  reconnectOnError: null,
  sentinelRetryStrategy: null,
  sentinelReconnectStrategy: null,
  failoverDetector: false,
  showFriendlyErrorStack: false,
} as const

/** The options that hold functions or objects of classes: such a connection cannot go to a worker thread. */
export function whatCannotBeSent(spec: ConnectionSpec): string[] {
  const stay: string[] = []
  for (const [name, value] of Object.entries(spec.options)) {
    try {
      structuredClone(value)
    } catch {
      stay.push(name)
    }
  }
  return stay
}

/** How messages call the server: never with user or password. */
export function hostOf({ kind, options, nodes }: ConnectionSpec): string {
  if (kind === 'sentinel') return `sentinel ${String(options['name'])}`
  if (kind === 'cluster') return `cluster ${nodes[0]?.host}:${nodes[0]?.port}`
  return typeof options['path'] === 'string' ? options['path'] : `${options['host'] ?? '127.0.0.1'}:${options['port'] ?? 6379}`
}

/** A connection that was not yet made. Its errors are heard, so none of them is unhandled. */
export function openRedis(spec: ConnectionSpec, address?: { host: string; port: number }): Redis {
  const options = { connectTimeout: CONNECT_TIMEOUT_MS, disableClientInfo: true, ...spec.options, ...address, ...OURS } as unknown as RedisOptions & { sentinels?: object[]; sentinelCommandTimeout?: number }
  if (Array.isArray(options.sentinels)) {
    // The connector sorts and grows the list it is given.
    options.sentinels = options.sentinels.map((sentinel) => ({ ...sentinel }))
    options.sentinelCommandTimeout ??= CONNECT_TIMEOUT_MS
  }
  return new (Redis as new (options: object) => Redis)(options)
}

/** A connection to a sentinel, which lives once as well. */
export function openSentinel({ options }: ConnectionSpec, address: object): Redis {
  return new (Redis as new (options: object) => Redis)({
    connectTimeout: options['connectTimeout'] ?? CONNECT_TIMEOUT_MS, commandTimeout: options['sentinelCommandTimeout'] ?? CONNECT_TIMEOUT_MS, disableClientInfo: true,
    username: options['sentinelUsername'], password: options['sentinelPassword'], tls: options['sentinelTLS'], family: options['family'], keepAlive: SENTINEL_KEEP_ALIVE_MS,
    ...address, ...OURS,
  })
}

/** A command whose bytes somebody else has made; `bytes` are not changed any more. */
export interface Encoded {
  readonly name: string
  readonly bytes: Buffer
}

class EncodedCommand extends Command {
  readonly #bytes: Buffer

  constructor({ name, bytes }: Encoded) {
    super(name, [], { replyEncoding: null })
    this.#bytes = bytes
  }

  override toWritable(): Buffer {
    return this.#bytes
  }
}

export function sendEncoded(redis: Redis, encoded: Encoded): Promise<unknown> {
  return redis.sendCommand(new EncodedCommand(encoded)) as Promise<unknown>
}

/** One command whose strings come back as Buffers. */
export function send(redis: Redis, name: string, args: (string | Buffer | number)[]): Promise<unknown> {
  // A null encoding means Buffers; the driver's types know only named ones.
  const command = new Command(name, args, { replyEncoding: null })
  return redis.sendCommand(command) as Promise<unknown>
}
