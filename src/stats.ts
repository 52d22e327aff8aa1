import type { L1Stats, L1Table } from './l1/table'

/** Counters of the near tier, summed over all processes that share it, since the region was made. */
export interface CacheStats extends L1Stats {
  /** Hits per read, 0 to 1; 0 before the first read. */
  hitRatio: number
}

export function readStats(table: L1Table): CacheStats {
  const stats = table.stats()
  const reads = stats.hits + stats.misses
  return { ...stats, hitRatio: reads === 0 ? 0 : stats.hits / reads }
}

export function prefixed(prefix: string, numbers: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(numbers).map(([name, value]) => [`${prefix}.${name}`, value]))
}
