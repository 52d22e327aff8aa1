/** A Redis of the test's own: started, hurt and stopped as the test says, gone when the test is. */
import type { ChildProcess } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../../bench/free-port'
import { guardedDirectory } from '../../../bench/process-guard'
import { endRedis, hasEnded, launchRedis } from '../../../bench/redis-process'
import { redisProgram } from '../../../bench/redis-program'
import { Admin, type Answer } from './admin'
import { type Certificates, makeCertificates } from './certificates'

const PORT_ATTEMPTS = 5

export interface RedisOptions {
  /** Directives of redis.conf, over ours: no persistence, loopback only, DEBUG allowed. */
  config?: Readonly<Record<string, string | number>>
  /** Append-only file, on the disk before each acknowledgement. */
  durable?: boolean
  /** Of the default user. */
  password?: string
  /** Lines of an ACL file, such as `user app on >secret ~p:* &p:* +get +set`; the default user stays. */
  acl?: readonly string[]
  /** The port speaks TLS with certificates of its own. */
  tls?: boolean
  /** A sentinel instead of a server; the lines follow the `sentinel` directive. */
  sentinel?: readonly string[]
}

export class RedisServer {
  readonly host = '127.0.0.1'
  readonly #admin: Admin
  #child: ChildProcess | undefined

  private constructor(
    readonly port: number,
    readonly dir: string,
    readonly socket: string,
    readonly certificates: Certificates | undefined,
    readonly options: RedisOptions,
    readonly config: readonly string[],
  ) {
    this.#admin = new Admin(socket, options.password === undefined ? undefined : ['AUTH', options.password])
  }

  /** It answers when this resolves. */
  static async start(options: RedisOptions = {}): Promise<RedisServer> {
    redisProgram()
    for (let attempt = 1; ; attempt++) {
      const server = await RedisServer.#prepare(options)
      try {
        await server.#launch()
        return server
      } catch (error) {
        await server.remove()
        // Somebody was quicker to take one of its ports.
        if (attempt === PORT_ATTEMPTS || !/address already in use/i.test(String(error))) throw error
      }
    }
  }

  static async #prepare(options: RedisOptions): Promise<RedisServer> {
    const dir = guardedDirectory()
    const port = await freePort()
    const socket = join(dir, 'redis.sock')
    const certificates = options.tls ? makeCertificates(dir) : undefined
    const config = await configOf({ options, dir, port, socket, certificates })
    return new RedisServer(port, dir, socket, certificates, options, config)
  }

  get pid(): number | undefined {
    return this.isRunning ? this.#child!.pid : undefined
  }

  /** Also true while it is paused. */
  get isRunning(): boolean {
    return this.#child !== undefined && !hasEnded(this.#child)
  }

  /** One command over the unix socket as the default user: for administration, untouched by proxies and TLS. */
  ask(...words: (string | number | Buffer)[]): Promise<Answer> {
    return this.#admin.ask(...words)
  }

  /** One field of INFO; undefined if it has none of this name. */
  async info(field: string): Promise<string | undefined> {
    const text = String(await this.ask('INFO', 'everything'))
    return new RegExp(`^${field}:(.*?)\\r?$`, 'm').exec(text)?.[1]
  }

  /** Lets it end in order; port and data stay its own for `restart`. */
  stop(): Promise<void> {
    return this.#end('SIGTERM')
  }

  /** SIGKILL: what was not on the disk is lost. */
  kill(): Promise<void> {
    return this.#end('SIGKILL')
  }

  /** Starts it again on the same port and data, after ending it in order if it runs. */
  async restart(): Promise<void> {
    await this.stop()
    await this.#launch()
  }

  /** Connections stay open and nothing is answered. */
  pause(): void {
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  /** Ends it for good, data and all. */
  async remove(): Promise<void> {
    await this.kill()
    rmSync(this.dir, { recursive: true, force: true })
  }

  async #launch(): Promise<void> {
    const isReady = (): Promise<boolean> => this.ask('PING').then((answer) => answer === 'PONG', () => false)
    const args = this.options.sentinel ? ['--sentinel'] : []
    this.#child = await launchRedis({ dir: this.dir, config: this.config, args, isReady })
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#admin.close()
    if (!this.isRunning) return
    // A stopped process would not see the SIGTERM.
    const ended = endRedis(this.#child!, signal)
    this.resume()
    await ended
  }
}

interface Place { options: RedisOptions; dir: string; port: number; socket: string; certificates: Certificates | undefined }

async function configOf({ options, dir, port, socket, certificates }: Place): Promise<string[]> {
  const common = { bind: '127.0.0.1', port, unixsocket: socket, dir }
  const lines = (directives: object): string[] => Object.entries(directives).map(([name, value]) => `${name} ${value === '' ? '""' : value}`)
  if (options.sentinel) return [...lines({ ...common, ...options.config }), ...options.sentinel.map((line) => `sentinel ${line}`)]
  if (options.acl) writeFileSync(join(dir, 'users.acl'), options.acl.map((line) => `${line}\n`).join(''))
  const isCluster = options.config?.['cluster-enabled'] === 'yes'
  return lines({
    ...common,
    save: '',
    'enable-debug-command': 'local',
    // A primary that is told to end does not wait for its replicas.
    'shutdown-timeout': 0,
    // A replica that joins is served at once.
    'repl-diskless-sync-delay': 0,
    ...(options.durable ? { appendonly: 'yes', appendfsync: 'always' } : { appendonly: 'no' }),
    ...(options.password === undefined ? {} : { requirepass: options.password, masterauth: options.password }),
    ...(options.acl ? { aclfile: join(dir, 'users.acl') } : {}),
    ...(isCluster ? { 'cluster-port': await freePort() } : {}),
    ...(certificates ? tlsOf(port, certificates) : {}),
    ...options.config,
  })
}

const tlsOf = (port: number, { ca, cert, key }: Certificates): object => ({
  port: 0, 'tls-port': port, 'tls-ca-cert-file': ca, 'tls-cert-file': cert, 'tls-key-file': key, 'tls-auth-clients': 'no',
})

/** A server for `body`, removed after it whatever happens. */
export async function withRedis<T>(options: RedisOptions, body: (server: RedisServer) => Promise<T>): Promise<T> {
  const server = await RedisServer.start(options)
  try {
    return await body(server)
  } finally {
    await server.remove()
  }
}
