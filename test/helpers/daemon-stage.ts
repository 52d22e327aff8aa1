/** A host with a Redis and a daemon of its own, and processes that never lead. */
import { type Cache, type CacheOptions, createCache } from '../../src'
import { uniqueName, withDirectory } from './cache'
import { Daemon } from './cli'
import { type RedisOptions, RedisServer } from './redis/server'
import { until } from './until'

/** Long enough on a machine that has much else to do. */
const PATIENT = '30s'

export interface Stage {
  server: RedisServer
  name: string
  dir: string
  /** A cache of the host at `dir` whose process never leads; of another host where one is given. */
  open(options?: CacheOptions): Cache
  daemon(args?: readonly string[], env?: NodeJS.ProcessEnv): Daemon
}

export async function onStage(body: (stage: Stage) => Promise<void>, options: RedisOptions = {}): Promise<void> {
  const server = await RedisServer.start(options)
  const caches: Cache[] = []
  const daemons: Daemon[] = []
  const url = `redis://127.0.0.1:${server.port}`
  try {
    await withDirectory(async (dir) => {
      const name = uniqueName()
      try {
        await body({
          server, name, dir,
          open(more) {
            const cache = createCache({ name, dir, memory: '8mb', redis: url, coordinator: 'daemon', fallback: 'error', l2: { closeTimeout: 0, hardTimeout: PATIENT }, ...more })
            caches.push(cache)
            return cache
          },
          daemon(args = [], env = {}) {
            const daemon = new Daemon(['--name', name, '--dir', dir, ...args], { STRATACACHE_REDIS: url, ...env })
            daemons.push(daemon)
            return daemon
          },
        })
      } finally {
        await Promise.all(daemons.map((daemon) => daemon.kill()))
        await Promise.all(caches.map((cache) => cache.close()))
      }
    })
  } finally {
    await server.remove()
  }
}

/** Another host: a region of its own, led by this process. */
export const withHostB = <T>({ open }: Stage, body: (cache: Cache) => Promise<T>): Promise<T> =>
  withDirectory(async (dir) => {
    const cache = open({ dir, coordinator: 'auto' })
    try {
      await cache.ready()
      return await body(cache)
    } finally {
      await cache.close()
    }
  })

export const pendingBytes = (cache: Cache): number => cache.stats().detail['journal.pending_bytes'] ?? 0

export const drained = (cache: Cache): Promise<void> => until('the journal is empty', () => pendingBytes(cache) === 0)

export async function fill(cache: Cache, count: number, value = 1): Promise<string[]> {
  const keys = Array.from({ length: count }, (_, i) => `k${i}`)
  for (const key of keys) await cache.set(key, value)
  return keys
}
