/** A redis-server for one test file: free port, no persistence, ended with the test. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Redis from 'ioredis'
import { until } from './until'

export class RedisOnce {
  readonly port: number
  readonly dir: string
  /** For commands of the test itself. */
  admin!: Redis
  #process: ChildProcess | undefined
  readonly #args: readonly string[]

  private constructor(port: number, args: readonly string[]) {
    this.port = port
    this.dir = mkdtempSync(join(tmpdir(), 'stratacache-l2-'))
    this.#args = args
  }

  static async start(...args: string[]): Promise<RedisOnce> {
    const server = new RedisOnce(await freePort(), args)
    await server.restart()
    return server
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  get pid(): number {
    return this.#process!.pid!
  }

  async restart(): Promise<void> {
    this.#process = spawn('redis-server', [
      '--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.dir, '--save', '', '--appendonly', 'no', '--enable-debug-command', 'yes',
      ...this.#args,
    ], { stdio: 'ignore' })
    this.admin ??= new Redis(this.port, { retryStrategy: () => 20, maxRetriesPerRequest: null }).on('error', () => undefined)
    await until('redis answers', async () => (await this.admin.ping().catch(() => '')) === 'PONG')
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const server = this.#process
    if (server === undefined) return
    this.#process = undefined
    const exited = once(server, 'exit')
    server.kill(signal)
    await exited
  }

  signal(signal: NodeJS.Signals): void {
    this.#process!.kill(signal)
  }

  async stop(): Promise<void> {
    this.admin.disconnect()
    await this.kill()
    rmSync(this.dir, { recursive: true, force: true })
  }
}

export async function withRedis(body: (server: RedisOnce) => Promise<void>, ...args: string[]): Promise<void> {
  const server = await RedisOnce.start(...args)
  try {
    await body(server)
  } finally {
    await server.stop()
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  return port
}
