/** A redis-server of our own on a free port and a unix socket, without persistence. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface RedisServer {
  port: number
  socket: string
  version: string
  stop(): Promise<void>
}

/** Undefined where no redis-server is installed. */
export async function startRedis(): Promise<RedisServer | undefined> {
  const found = spawnSync('redis-server', ['--version'], { encoding: 'utf8' })
  if (found.status !== 0) return undefined
  const dir = mkdtempSync(join(tmpdir(), 'stratacache-redis-'))
  const port = await freePort()
  const socket = join(dir, 'redis.sock')
  const server = spawn('redis-server', [
    '--port', String(port), '--bind', '127.0.0.1', '--unixsocket', socket, '--dir', dir, '--save', '', '--appendonly', 'no',
  ], { stdio: ['ignore', 'pipe', 'ignore'] })
  await isReady(server)
  const stop = async (): Promise<void> => {
    const exited = once(server, 'exit')
    server.kill('SIGTERM')
    await exited
    rmSync(dir, { recursive: true, force: true })
  }
  return { port, socket, version: /v=(\S+)/.exec(found.stdout)?.[1] ?? 'unknown', stop }
}

function isReady(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = ''
    server.stdout!.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (/ready to accept connections.*unix|server is now ready to accept connections at/i.test(output)) resolve()
    })
    server.once('exit', (code) => reject(new Error(`redis-server ended with ${code}\n${output}`)))
  })
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  return port
}
