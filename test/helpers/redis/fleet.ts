/** Simulated hosts in one process: each has a region of its own, and so a leader of its own. */
import type { Cache, CacheOptions, Logger } from '../../../src'
import { createCache } from '../../../src'
import { uniqueName, withDirectory } from '../cache'
import { eventually } from './eventually'

export interface LogLine {
  level: 'debug' | 'info' | 'warn' | 'error'
  fields: Record<string, unknown>
  text: string
}

export interface SimulatedHost {
  cache: Cache
  log: LogLine[]
}

export function loggerInto(lines: LogLine[]): Logger {
  const at = (level: LogLine['level']) => (fields: object, text?: string): void => void lines.push({ level, fields: fields as Record<string, unknown>, text: text ?? '' })
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** Hosts on one cache name, closed and removed after `body`. */
export async function withFleet<T>(count: number, options: CacheOptions, body: (hosts: SimulatedHost[], name: string) => Promise<T>): Promise<T> {
  const name = options.name ?? uniqueName()
  const open = (hosts: SimulatedHost[]): Promise<T> => {
    if (hosts.length === count) return body(hosts, name)
    return withDirectory(async (dir) => {
      const log: LogLine[] = []
      const cache = createCache({ memory: '16mb', fallback: 'error', ...options, name, dir, logger: loggerInto(log) })
      try {
        return await open([...hosts, { cache, log }])
      } finally {
        await cache.close({ unlink: true })
      }
    })
  }
  return open([])
}

/** In touch with Redis, nothing pending, the breaker closed. */
export async function linked(hosts: readonly SimulatedHost[], deadlineMs?: number): Promise<void> {
  await eventually('every host is linked, drained, its breaker closed', async () => {
    let isAll = true
    for (const { cache } of hosts) {
      // A breaker learns from a read, if from nothing else.
      await cache.get(`probe:${Math.random()}`)
      const { link, degraded, breaker } = cache.info().l2!
      isAll &&= link === 'connected' && !degraded && breaker === 'closed' && cache.stats().detail['journal.pending_bytes'] === 0
    }
    return isAll
  }, deadlineMs)
}
