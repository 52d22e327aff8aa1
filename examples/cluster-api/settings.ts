// What can be set from outside, for every process and thread of the example.
import { availableParallelism } from 'node:os'

const { env } = process

export const settings = {
  host: env.HOST ?? '127.0.0.1',
  port: Number(env.PORT ?? 3000),
  processes: Number(env.WORKERS ?? Math.max(2, availableParallelism())),
  /** 'shared', and for comparison 'process' and 'off'. */
  cacheKind: env.CACHE ?? 'shared',
  cacheName: env.CACHE_NAME ?? 'cluster-api',
  /** Directory of the region, and Redis: set by the example with two hosts. */
  cacheDir: env.CACHE_DIR,
  redis: env.REDIS,
  hostName: env.HOST_NAME ?? 'this host',
  /** Where notes are kept; without it there are none. */
  notesDir: env.NOTES_DIR,
  /** Threads of the one process that answers searches on them. */
  poolThreads: Number(env.POOL_THREADS ?? 2),
  /** Set by the primary in the one process that answers searches on threads. */
  threads: Number(env.THREADS ?? 0),
} as const

for (const [name, value] of Object.entries({ PORT: settings.port, WORKERS: settings.processes })) {
  if (Number.isInteger(value) && value >= 0) continue
  console.error(`${name} must be a whole number, got ${env[name]}`)
  process.exit(2)
}
