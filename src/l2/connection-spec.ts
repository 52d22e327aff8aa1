/** What users give as a connection, checked. A value that could be a secret is never shown. */
import { isDeepStrictEqual } from 'node:util'
import { CacheError, describe } from '../words/errors'
import type { ConnectionSpec } from './contract'
import { optionsOfUrl } from './redis-url'

type Options = Record<string, unknown>

/** Options of ioredis without which users would get something else than they asked for: what to use in their place. */
export const REFUSED: Readonly<Record<string, { instead: string; isGood?: (given: unknown) => boolean; isOfCallers?: true }>> = {
  keyPrefix: { instead: "the cache's `name` (every key begins with it), or a namespace", isGood: (given) => given === '' },
  readOnly: { instead: 'nothing: the cache writes, and reads from primaries', isGood: (given) => given === false },
  scaleReads: { instead: 'nothing: reads go to primaries, whose versions are in order', isGood: (given) => given === 'master', isOfCallers: true },
  useSRVRecords: { instead: "the nodes' addresses in `redis.cluster.nodes`", isGood: (given) => given === false },
  role: { instead: 'nothing: the cache writes, so it needs the primary', isGood: (given) => given === 'master' },
  commandTimeout: { instead: '`l2.hardTimeout` and `l2.softTimeout`', isOfCallers: true },
  socketTimeout: { instead: '`l2.hardTimeout`; a connection that owes an answer for long is made anew', isOfCallers: true },
  url: { instead: 'the URL itself as `redis`' },
}

/** Options of ioredis that the cache decides by itself, or that mean nothing to it. */
export const IGNORED: readonly string[] = [
  'autoPipeliningIgnoredCommands', 'autoResendUnfulfilledCommands', 'autoResubscribe', 'blockingTimeout', 'blockingTimeoutGrace',
  'clusterNodeRetryStrategy', 'clusterRetryStrategy', 'disconnectTimeout', 'dnsLookup', 'enableAutoPipelining', 'enableOfflineQueue',
  'enableReadyCheck', 'failoverDetector', 'himportFieldsets', 'lazyConnect', 'maxLoadingRetryTime', 'maxRedirections',
  'maxRetriesPerRequest', 'monitor', 'protocol', 'reconnectOnError', 'replyMapping', 'resolveSrv', 'retryDelayOnClusterDown',
  'retryDelayOnFailover', 'retryDelayOnMoved', 'retryDelayOnTryAgain', 'retryStrategy', 'scripts', 'sentinelReconnectStrategy',
  'sentinelRetryStrategy', 'shardedSubscribers', 'showFriendlyErrorStack', 'slotsRefreshInterval', 'slotsRefreshTimeout', 'stringNumbers',
]
const LEFT_OUT = new Set([...IGNORED, ...Object.keys(REFUSED).filter((name) => name !== 'role')])

/** Throws ERR_CACHE_OPTION for what names no server, and for options that would not be heeded. */
export function connectionSpec(given: unknown): ConnectionSpec {
  if (typeof given === 'string') return single(ofUrl(given, 'redis'), 'redis')
  if (!isObject(given)) throw wrong('redis', 'a URL, options or an instance of ioredis', given)
  if (isInstance(given)) {
    refuseLost(given.options, 'redis.options', true)
    if (given.isCluster !== true) return single(given.options, 'redis.options')
    const { redisOptions, natMap } = given.options
    if (isObject(redisOptions)) refuseLost(redisOptions, 'redis.options.redisOptions', true)
    return cluster((given.startupNodes ?? []).map((node) => (typeof node === 'number' ? { port: node } : node)), { ...(redisOptions as object | undefined), natMap }, 'redis.options.redisOptions')
  }
  if (!('cluster' in given)) {
    refuseLost(given, 'redis')
    return single(given, 'redis')
  }
  if (!isObject(given['cluster'])) throw wrong('redis.cluster', '{ nodes, options }', given['cluster'])
  const { nodes, options = {} } = given['cluster']
  if (!Array.isArray(nodes) || nodes.length === 0) throw wrong('redis.cluster.nodes', 'a list of nodes, at least one', nodes)
  if (!isObject(options)) throw wrong('redis.cluster.options', 'an object', options)
  const { redisOptions = {}, ...rest } = options
  if (!isObject(redisOptions)) throw wrong('redis.cluster.options.redisOptions', 'an object', redisOptions)
  refuseLost(rest, 'redis.cluster.options')
  refuseLost(redisOptions, 'redis.cluster.options.redisOptions')
  return cluster(nodes, { ...rest, ...redisOptions }, 'redis.cluster.options.redisOptions')
}

function single(given: Options, name: string): ConnectionSpec {
  const options = checked(kept(given), name)
  return { kind: options['sentinels'] === undefined ? 'single' : 'sentinel', options, nodes: [] }
}

/** What all connections to the nodes of a cluster share. */
const SHARED = ['username', 'password', 'tls'] as const

function cluster(given: readonly unknown[], options: Options, name: string): ConnectionSpec {
  const { natMap, ...more } = checked(kept(options), name)
  if (natMap !== undefined && !isObject(natMap)) throw wrong(name.replace(/redisOptions$/, 'natMap'), 'an object, which other threads can be given too', natMap)
  const nodes = given.map((node, index) => nodeOf(node, `redis.cluster.nodes[${index}]`))
  for (const field of SHARED) {
    const told = [more, ...nodes].map((each) => each[field]).filter((value) => value !== undefined)
    const one = told[0]
    if (told.some((value) => !isDeepStrictEqual(value, one))) {
      throw new CacheError('ERR_CACHE_OPTION', `redis.cluster has more than one ${field}. All its nodes are spoken to with the same user, password and TLS; use cluster.options.redisOptions for them.`)
    }
    if (one !== undefined) more[field] = one
  }
  if (more['db'] !== undefined && more['db'] !== 0) throw wrong(`${name}.db`, '0, the only database of a Cluster', more['db'])
  const spec: ConnectionSpec = { kind: 'cluster', options: more, nodes: nodes.map(({ host, port }) => ({ host: String(host ?? '127.0.0.1'), port: Number(port ?? 6379) })) }
  if (natMap !== undefined) spec.natMap = natMap as NonNullable<ConnectionSpec['natMap']>
  return spec
}

function nodeOf(given: unknown, name: string): Options {
  const found = typeof given === 'string' ? ofUrl(given, name) : given
  if (!isObject(found)) throw wrong(name, "{ host, port } or a URL like 'redis://host:6379'", found)
  refuseLost(found, name)
  const node = checked(kept(found), name)
  if (node['path'] !== undefined) throw new CacheError('ERR_CACHE_OPTION', `${name} must be a host and port, got the path of a socket`)
  if (node['db'] !== undefined && node['db'] !== 0) throw wrong(`${name}.db`, '0, the only database of a Cluster', node['db'])
  return node
}

function ofUrl(text: string, name: string): Options {
  const options = text === '' ? undefined : optionsOfUrl(text)
  if (options === undefined) {
    throw new CacheError('ERR_CACHE_OPTION', `${name} must be a URL like 'redis://user:password@host:6379/0' or 'unix://user:password@/path' (letters such as / ? # @ of a password percent-encoded), got another text`)
  }
  refuseLost(options, name)
  return options
}

function refuseLost(given: object, name: string, isInstance = false): void {
  for (const [field, { instead, isGood, isOfCallers }] of Object.entries(REFUSED)) {
    const value = (given as Options)[field]
    // What a caller set for commands of its own is no matter of ours.
    if (value === undefined || value === null || isGood?.(value) === true || (isInstance && isOfCallers === true)) continue
    throw new CacheError('ERR_CACHE_OPTION', `${name}.${field} would not be heeded. Use ${instead}.`)
  }
}

function kept(given: object): Options {
  return Object.fromEntries(Object.entries(given).filter(([name, value]) => value !== undefined && value !== null && !LEFT_OUT.has(name)))
}

type Check = (given: unknown, name: string) => unknown

/** Each gives the value to use, or throws. */
const FIELDS: Record<string, Check> = {
  host: addressPart('the name or address of a host'),
  port: wholeNumber(1, 65_535),
  path: (given, name) => {
    if (typeof given === 'string' && given !== '' && !/:\/\/|\0|^\/\/[^/]*@/.test(given)) return given
    throw wrong(name, 'the path of a socket', given)
  },
  db: wholeNumber(0, 2 ** 31 - 1),
  username: text,
  password: text,
  sentinelUsername: text,
  sentinelPassword: text,
  connectTimeout: wholeNumber(0, 2 ** 31 - 1),
  sentinelCommandTimeout: wholeNumber(0, 2 ** 31 - 1),
  keepAlive: wholeNumber(0, 2 ** 31 - 1),
  family: wholeNumber(0, 6),
  sentinels: (given, name) => {
    if (!Array.isArray(given) || given.length === 0) throw wrong(name, 'a list of sentinels, at least one', given)
    return given.map((sentinel: unknown, index) => {
      if (!isObject(sentinel)) throw wrong(`${name}[${index}]`, '{ host, port }', sentinel)
      return checked(sentinel, `${name}[${index}]`)
    })
  },
}

function checked(given: Options, name: string): Options {
  const options = Object.fromEntries(Object.entries(given).map(([field, value]) => {
    const check = Object.hasOwn(FIELDS, field) ? FIELDS[field] : undefined
    return [field, check === undefined || value === undefined || value === null ? value : check(value, `${name}.${field}`)]
  }))
  if (options['sentinels'] !== undefined) primaryName(options['name'], `${name}.name`)
  return options
}

function wholeNumber(min: number, max: number): Check {
  return (given, name) => {
    const number = typeof given === 'string' && /^\d{1,15}$/.test(given) ? Number(given) : given
    if (Number.isSafeInteger(number) && (number as number) >= min && (number as number) <= max) return number
    throw wrong(name, `a whole number from ${min} to ${max}`, given)
  }
}

/** What messages show: nothing that a URL with a password in it could be. */
function addressPart(expected: string): Check {
  return (given, name) => {
    if (typeof given === 'string' && /^[^\s/@?#]+$/.test(given)) return given
    throw wrong(name, expected, given)
  }
}

const primaryName = addressPart('the name of a primary, as the sentinels have it')

function text(given: unknown, name: string): unknown {
  if (typeof given === 'string' || typeof given === 'number') return given
  throw wrong(name, 'a text', given)
}

function wrong(name: string, expected: string, given: unknown): CacheError {
  const shown = typeof given === 'string' ? (given === '' ? 'an empty text' : 'another text') : describe(given)
  return new CacheError('ERR_CACHE_OPTION', `${name} must be ${expected}, got ${shown}`)
}

const isObject = (given: unknown): given is Options => typeof given === 'object' && given !== null && !Array.isArray(given)

interface Instance {
  options: Options
  isCluster?: boolean
  startupNodes?: unknown[]
}

function isInstance(given: object): given is Instance {
  const { options, sendCommand } = given as { options?: unknown; sendCommand?: unknown }
  return typeof options === 'object' && options !== null && typeof sendCommand === 'function'
}
