/**
 * The door to ioredis: what users give as a connection, and connections with our settings.
 *
 * A connection from here lives once: it never reconnects, never sends anything again and never
 * queues while it is not ready. (ioredis 6.0.0 leaves commands unsettled for ever when told not to
 * resend them, and executes them twice when told to.) Who holds it makes a new one: link.ts.
 */
import { Command, Redis } from 'ioredis'
import type { Cluster, RedisOptions } from 'ioredis'
import { misuse } from '../words/errors'
import type { ConnectionSpec } from './contract'

export type { Redis }

/** A URL, `host:port`, a unix socket's path, ioredis options, a cluster, or an ioredis instance whose options are taken. */
export type RedisGiven =
  | string
  | RedisOptions
  | { cluster: { nodes: readonly (string | { host?: string; port?: number })[]; options?: Record<string, unknown> } }
  | Redis
  | Cluster

const CONNECT_TIMEOUT_MS = 2000

/** What we decide, whatever the user's options say. */
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

/** Of no meaning to connections of ours. */
const DROPPED = new Set([...Object.keys(OURS), 'commandTimeout', 'socketTimeout', 'blockingTimeout', 'scripts', 'himportFieldsets', 'clusterRetryStrategy'])

/** Throws ERR_CACHE_OPTION for what names no server. */
export function connectionSpec(given: unknown): ConnectionSpec {
  if (typeof given === 'string' && given !== '') return fromOptions(fromUrl(given))
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw refusal(given)
  if (isInstance(given)) {
    return given.isCluster === true
      ? fromCluster(given.startupNodes ?? [], { ...(given.options['redisOptions'] as object), natMap: given.options['natMap'] })
      : fromOptions(given.options)
  }
  if ('cluster' in given) {
    const { nodes, options } = (given as { cluster: { nodes?: unknown; options?: Record<string, unknown> } }).cluster ?? {}
    if (!Array.isArray(nodes) || nodes.length === 0) throw misuse('ERR_CACHE_OPTION', 'redis.cluster.nodes', 'a list of nodes', nodes)
    const { redisOptions, ...rest } = options ?? {}
    return fromCluster(nodes, { ...rest, ...(redisOptions as object | undefined) })
  }
  return fromOptions(given as Record<string, unknown>)
}

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

function fromUrl(text: string): Record<string, unknown> {
  try {
    const probe = new Redis(text, { lazyConnect: true })
    probe.disconnect()
    return { ...probe.options }
  } catch {
    // The text may hold a password.
    throw misuse('ERR_CACHE_OPTION', 'redis', "a URL like 'redis://host:6379'", undefined)
  }
}

function fromOptions(given: object): ConnectionSpec {
  const options = kept(given)
  const kind = Array.isArray(options['sentinels']) ? 'sentinel' : 'single'
  return { kind, options, nodes: [] }
}

function fromCluster(nodes: readonly unknown[], given: object): ConnectionSpec {
  const { natMap, ...options } = kept(given)
  const spec: ConnectionSpec = { kind: 'cluster', options, nodes: nodes.map(nodeOf) }
  if (typeof natMap === 'object') spec.natMap = natMap as NonNullable<ConnectionSpec['natMap']>
  return spec
}

function nodeOf(given: unknown): { host: string; port: number } {
  const { host, port } = (typeof given === 'string' ? fromUrl(given) : given ?? {}) as { host?: string; port?: number }
  return { host: host ?? '127.0.0.1', port: Number(port ?? 6379) }
}

function kept(given: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).filter(([name, value]) => value !== undefined && value !== null && !DROPPED.has(name)))
}

interface Instance {
  options: Record<string, unknown>
  isCluster?: boolean
  startupNodes?: unknown[]
}

function isInstance(given: object): given is Instance {
  const { options, sendCommand } = given as { options?: unknown; sendCommand?: unknown }
  return typeof options === 'object' && options !== null && typeof sendCommand === 'function'
}

function refusal(given: unknown): Error {
  return misuse('ERR_CACHE_OPTION', 'redis', 'a URL, options or an instance of ioredis', typeof given === 'string' ? '' : given)
}
