/** A redis-server of our own on a free port and a unix socket, without persistence. */
import { rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { freePort } from './free-port'
import { guardedDirectory } from './process-guard'
import { endRedis, launchRedis } from './redis-process'
import { findRedis } from './redis-program'

export interface RedisServer {
  port: number
  socket: string
  version: string
  stop(): Promise<void>
}

/** Undefined where no redis-server is installed. */
export async function startRedis(): Promise<RedisServer | undefined> {
  const program = findRedis()
  if (program === undefined) return undefined
  const dir = guardedDirectory()
  const port = await freePort()
  const socket = join(dir, 'redis.sock')
  const config = [`port ${port}`, 'bind 127.0.0.1', `unixsocket ${socket}`, `dir ${dir}`, 'save ""', 'appendonly no']
  const server = await launchRedis({ dir, config, isReady: () => answersPing(socket) })
  const stop = async (): Promise<void> => {
    await endRedis(server, 'SIGTERM')
    rmSync(dir, { recursive: true, force: true })
  }
  return { port, socket, version: program.version, stop }
}

/** Whether a server that has loaded its data answers at the socket. */
export function answersPing(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect({ path }, () => connection.write('PING\r\n'))
    const end = (isReady: boolean): void => {
      connection.destroy()
      resolve(isReady)
    }
    connection.once('data', (answer) => end(answer.toString().startsWith('+PONG')))
    connection.once('error', () => end(false)).once('close', () => end(false))
  })
}
