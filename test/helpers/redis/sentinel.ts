/** A primary, two replicas and three sentinels on loopback, which notice a death within a second. */
import { eventually } from './eventually'
import { type RedisOptions, RedisServer } from './server'

const NAME = 'stratacache'
const DOWN_AFTER_MS = 500
const FAILOVER_TIMEOUT_MS = 3_000
/** Longer than a failover takes. */
const PAUSED_MS = 20_000
/** On a busy machine sentinels miss each other's votes. They vote again after twice the failover timeout: nine more times. */
const AGREED_MS = 10 * 2 * FAILOVER_TIMEOUT_MS

// The periods of the protocol in ms. Tilt is a sentinel's distrust of its own clock after a pause,
// which a busy machine would give it.
const PACE = [
  'info-period', 300, 'ping-period', 100, 'ask-period', 100, 'publish-period', 200, 'min-link-reconnect-period', 500,
  'tilt-trigger', 60_000,
] as const

export class SentinelSet {
  /** What the sentinels call the primary. */
  readonly name = NAME

  private constructor(readonly servers: readonly RedisServer[], readonly sentinels: readonly RedisServer[]) {}

  /** All know each other and both replicas follow when this resolves. `options` are those of the servers. */
  static async start(options: RedisOptions = {}): Promise<SentinelSet> {
    const set = new SentinelSet(...await startAll(options))
    try {
      await set.#settled(set.servers[0]!)
      return set
    } catch (error) {
      await set.remove()
      throw error
    }
  }

  /** Where clients ask for the primary. */
  get addresses(): { host: string; port: number }[] {
    return this.sentinels.map(({ host, port }) => ({ host, port }))
  }

  /** The primary all running sentinels agree on; undefined while they do not. */
  async primary(): Promise<RedisServer | undefined> {
    const running = this.sentinels.filter((sentinel) => sentinel.isRunning)
    const answers = await Promise.all(running.map((sentinel) => sentinel.ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)))
    const ports = new Set(answers.map((answer) => Array.isArray(answer) ? Number(answer[1]) : 0))
    return ports.size === 1 ? this.servers.find(({ port }) => ports.has(port)) : undefined
  }

  /** An orderly failover; resolves with the new primary when all agree on it and the others follow it. */
  async failover(): Promise<RedisServer> {
    const old = await this.#agreed()
    // Refused as long as a failover is going on, or no replica is good enough yet.
    const sentinel = this.sentinels.find(({ isRunning }) => isRunning)!
    await eventually('a sentinel begins the failover', async () => await sentinel.ask('SENTINEL', 'FAILOVER', NAME) === 'OK')
    return this.#successorOf(old)
  }

  /** As `failover`, of a primary that takes no more writes and whose replicas have all it has acknowledged. */
  async failoverWithoutLoss(): Promise<RedisServer> {
    const old = await this.#agreed()
    await old.ask('CLIENT', 'PAUSE', PAUSED_MS, 'WRITE')
    const offset = Number(await old.info('master_repl_offset'))
    const others = this.servers.filter((server) => server !== old && server.isRunning)
    await eventually('the replicas have all', async () => (await Promise.all(others.map((server) => server.info('slave_repl_offset')))).every((reached) => Number(reached) >= offset))
    const sentinel = this.sentinels.find(({ isRunning }) => isRunning)!
    // A primary that is paused may seem dead: then they have begun by themselves.
    await eventually('a failover begins', async () => await this.primary() !== old || await sentinel.ask('SENTINEL', 'FAILOVER', NAME) === 'OK')
    let next: RedisServer | undefined
    await eventually('a replica is promoted', async () => {
      const roles = await Promise.all(others.map((server) => server.info('role')))
      return (next = others[roles.indexOf('master')]) !== undefined
    })
    // What waits at the paused one must not be written there; a sentinel that waits there as well would not tell it in time.
    const demotion = [['REPLICAOF', next!.host, next!.port], ['CLIENT', 'KILL', 'TYPE', 'normal'], ['CLIENT', 'KILL', 'TYPE', 'pubsub'], ['CLIENT', 'UNPAUSE']]
    await Promise.all([['MULTI'], ...demotion, ['EXEC']].map((words) => old.ask(...words)))
    return this.#successorOf(old)
  }

  /** SIGKILL for the primary; resolves like `failover`. The dead one may be restarted and will follow. */
  async killPrimary(): Promise<RedisServer> {
    const old = await this.#agreed()
    await old.kill()
    return this.#successorOf(old)
  }

  /** Resolves when all running servers but one follow that one, and the running sentinels say so too. */
  async settled(): Promise<RedisServer> {
    const primary = await this.#agreed()
    await this.#settled(primary)
    return primary
  }

  async remove(): Promise<void> {
    await Promise.all([...this.sentinels, ...this.servers].map((server) => server.remove()))
  }

  async #agreed(): Promise<RedisServer> {
    let primary: RedisServer | undefined
    await eventually('the sentinels agree on a primary', async () => (primary = await this.primary()) !== undefined, AGREED_MS)
    return primary!
  }

  async #successorOf(old: RedisServer): Promise<RedisServer> {
    let primary: RedisServer | undefined
    await eventually('the sentinels agree on a new primary', async () => {
      primary = await this.primary()
      return primary !== undefined && primary !== old
    }, AGREED_MS)
    await this.#settled(primary!)
    return primary!
  }

  async #settled(primary: RedisServer): Promise<void> {
    const others = this.servers.filter((server) => server !== primary && server.isRunning)
    await eventually(`${others.length} replicas follow port ${primary.port}`, async () => {
      if (await primary.info('role') !== 'master') return false
      return (await Promise.all(others.map((server) => isFollowing(server, primary)))).every(Boolean)
    })
    const running = this.sentinels.filter((sentinel) => sentinel.isRunning)
    await eventually('the sentinels see everybody', async () =>
      (await Promise.all(running.map((sentinel) => sees(sentinel, primary, others.length, running.length - 1)))).every(Boolean))
  }
}

async function startAll(options: RedisOptions): Promise<[servers: RedisServer[], sentinels: RedisServer[]]> {
  const started: RedisServer[] = []
  const start = async (how: RedisOptions): Promise<RedisServer> => {
    const server = await RedisServer.start(how)
    started.push(server)
    return server
  }
  const replicaOf = (host: string, port: number): RedisOptions =>
    ({ ...options, config: { ...options.config, replicaof: `${host} ${port}` } })
  try {
    const primary = await start(options)
    const { host, port } = primary
    const replicas = [await start(replicaOf(host, port)), await start(replicaOf(host, port))]
    const lines = [
      `monitor ${NAME} ${host} ${port} 2`,
      `down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}`,
      `failover-timeout ${NAME} ${FAILOVER_TIMEOUT_MS}`,
      `parallel-syncs ${NAME} 2`,
      ...(options.password === undefined ? [] : [`auth-pass ${NAME} ${options.password}`]),
    ]
    const sentinels = await Promise.all([1, 2, 3].map(() => start({ sentinel: lines })))
    await Promise.all(sentinels.map((sentinel) => sentinel.ask('SENTINEL', 'DEBUG', ...PACE)))
    return [[primary, ...replicas], sentinels]
  } catch (error) {
    await Promise.all(started.map((server) => server.remove()))
    throw error
  }
}

async function isFollowing(server: RedisServer, { port }: RedisServer): Promise<boolean> {
  const [role, primaryPort, link] = await Promise.all(['role', 'master_port', 'master_link_status'].map((field) => server.info(field)))
  return role === 'slave' && Number(primaryPort) === port && link === 'up'
}

/** Whether the sentinel finds the primary sound and knows so many good replicas and other sentinels. */
async function sees(sentinel: RedisServer, { port }: RedisServer, replicas: number, others: number): Promise<boolean> {
  const fields = fieldsOf(await sentinel.ask('SENTINEL', 'MASTER', NAME))
  if (Number(fields.get('port')) !== port || fields.get('flags') !== 'master') return false
  if (Number(fields.get('num-other-sentinels')) < others) return false
  const known = await sentinel.ask('SENTINEL', 'REPLICAS', NAME) as string[][]
  return known.map(fieldsOf).filter((replica) => isGood(replica, port)).length >= replicas
}

const isGood = (replica: Map<string, string>, primaryPort: number): boolean =>
  replica.get('flags') === 'slave' && replica.get('master-link-status') === 'ok' && Number(replica.get('master-port')) === primaryPort

function fieldsOf(answer: unknown): Map<string, string> {
  const words = answer as string[]
  return new Map(words.flatMap((word, i) => i % 2 === 0 ? [[word, words[i + 1]!] as const] : []))
}

/** A set for `body`, removed after it whatever happens. */
export async function withSentinels<T>(options: RedisOptions, body: (set: SentinelSet) => Promise<T>): Promise<T> {
  const set = await SentinelSet.start(options)
  try {
    return await body(set)
  } finally {
    await set.remove()
  }
}
