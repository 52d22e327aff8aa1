/** A Redis for one measurement alone, and what it says of itself. */
import Redis from 'ioredis'
import { startRedis } from '../redis-server'
import { Unavailable } from '../sub-bench'

export interface OwnRedis {
  port: number
  url: string
  /** For questions that are no part of what is measured. */
  admin: Redis
  /** Seconds of CPU the server has used. */
  cpuS(): Promise<number>
  /** Bytes sent to clients, without those of `admin`. */
  outputBytes(): Promise<number>
  /** Connections of others than `admin`. */
  connections(): Promise<number>
}

export async function withRedis<T>(work: (redis: OwnRedis) => Promise<T>): Promise<T> {
  const server = await startRedis()
  if (server === undefined) throw new Unavailable('redis-server is not installed')
  const admin = new Redis(server.port)
  const info = async (section: string, name: string): Promise<number> =>
    Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(await admin.info(section))![1])
  let asked = 0
  try {
    return await work({
      port: server.port, url: `redis://127.0.0.1:${server.port}`, admin,
      cpuS: async () => (await info('cpu', 'used_cpu_user')) + (await info('cpu', 'used_cpu_sys')),
      outputBytes: async () => {
        const text = await admin.info('stats')
        const before = asked
        asked += Buffer.byteLength(text) + 12
        return Number(/^total_net_output_bytes:(\d+)/m.exec(text)![1]) - before
      },
      connections: async () => String(await admin.client('LIST')).trim().split('\n').length - 1,
    })
  } finally {
    admin.disconnect()
    await server.stop()
  }
}
