/** Caches of simulated hosts: those with one directory are on one host, others meet in Redis alone. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Cache, type CacheOptions, createCache } from '../../src'

export interface HostSetup {
  scratch: string
  host: string
  url: string
}

const DEADLINE_MS = 30_000

export async function openHost({ scratch, host, url }: HostSetup, more: CacheOptions = {}): Promise<Cache> {
  const dir = join(scratch, host)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const cache = createCache({ name: 'bench', dir, memory: '256mb', ttl: '10m', redis: url, fallback: 'error', ...more })
  const endMs = performance.now() + DEADLINE_MS
  while (cache.info().l2?.link !== 'connected') {
    if (performance.now() > endMs) throw new Error(`the leader of ${host} has no link to Redis after ${DEADLINE_MS} ms`)
    await cache.ready()
  }
  return cache
}

/** Until nothing of the host is on its way to Redis. */
export async function drained(cache: Cache): Promise<void> {
  while (cache.stats().detail['journal.pending_bytes']! > 0) await new Promise((resolve) => setTimeout(resolve, 1))
}
