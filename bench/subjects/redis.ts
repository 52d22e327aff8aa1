/** ioredis against a server on this machine, one command in flight. Objects travel as JSON. */
import { Redis } from 'ioredis'
import { type Conditions, Unavailable } from '../sub-bench'
import type { Dataset } from '../workload'
import type { AsyncSubject, OpenSubject } from './subject'

export const openRedisTcp: OpenSubject<AsyncSubject> = (data, conditions) =>
  overRedis(new Redis({ port: addressOf(conditions).port, host: '127.0.0.1' }), data)

export const openRedisUnix: OpenSubject<AsyncSubject> = (data, conditions) =>
  overRedis(new Redis({ path: addressOf(conditions).socket }), data)

function addressOf({ redis }: Conditions): { port: number; socket: string } {
  if (redis === undefined) throw new Unavailable('no redis-server on this machine')
  return redis
}

function overRedis(redis: Redis, { kind }: Dataset): AsyncSubject {
  return {
    get: async (key) => {
      if (kind === 'buffer') return (await redis.getBuffer(key)) ?? undefined
      const text = await redis.get(key)
      if (text === null) return undefined
      return kind === 'object' ? JSON.parse(text) : text
    },
    set: (key, value) => redis.set(key, kind === 'object' ? JSON.stringify(value) : (value as string | Buffer)),
    close: async () => {
      await redis.flushall()
      redis.disconnect()
    },
  }
}
