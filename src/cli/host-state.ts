/** How a host stands with its cache and with Redis. Totals, not rates: whoever has two states has both. No keys, no values. */
import type { Host } from './host'

export interface HostState {
  /** Wall clock, milliseconds. */
  at: number
  cache: {
    name: string
    path: string
    memoryBytes: number
    liveBytes: number
    entries: number
    hits: number
    misses: number
    /** Hits per read, 0 to 1; 0 before the first read. */
    hitRatio: number
    evictions: number
    /** Values that loads and reads of Redis put into the table. */
    fills: number
    /** Entries removed or refused because of what other hosts changed. */
    invalidations: number
    revalidations: number
  }
  link: {
    state: 'never' | 'connecting' | 'connected' | 'lost'
    /** Changes of other hosts may be missing. */
    isDegraded: boolean
    /** Since the last proof that nothing was missed; null before the first. */
    silentMs: number | null
  }
  leader: { term: number; /** 0 = none so far. */ pid: number }
  journal: {
    pendingBytes: number
    capacityBytes: number
    /** Records that writers committed, and those that were answered or replaced by a later one. */
    committed: number
    settled: number
    coalesced: number
    resent: number
    batches: number
    /** Writes that had to wait for room. */
    full: number
  }
  breaker: 'closed' | 'open'
  deadLetters: {
    total: number
    /** Newest first. */
    latest: { timeMs: number; op: string; bytes: number; reason: string }[]
  }
}

const OPS = ['', 'set', 'delete', 'touch', 'expire', 'clear']
const LETTERS = 8

export function stateOf({ table, journal }: Host, name: string, heartbeatMs: number): HostState {
  const { entries, liveBytes, memoryBytes, hits, misses, evictions, detail } = table.stats()
  const { link, lastHeardMs, term, leaderPid, breaker } = journal.status
  const counts = journal.stats()
  const of = (numbers: Record<string, number>, field: string): number => numbers[field] ?? 0
  const silentMs = lastHeardMs === 0 ? null : Math.max(0, journal.nowMs() - lastHeardMs)
  return {
    at: Date.now(),
    cache: {
      name, path: table.path, memoryBytes, liveBytes, entries, hits, misses,
      hitRatio: hits + misses === 0 ? 0 : hits / (hits + misses),
      evictions,
      fills: of(detail, 'publishes') - of(detail, 'publishes_lost'),
      invalidations: of(detail, 'invalidations'), revalidations: of(detail, 'revalidations'),
    },
    link: { state: link, isDegraded: link !== 'connected' || silentMs === null || silentMs > 4 * heartbeatMs, silentMs },
    leader: { term, pid: leaderPid },
    journal: {
      pendingBytes: of(counts, 'pending_bytes'), capacityBytes: of(counts, 'lanes') * of(counts, 'lane_bytes'),
      committed: of(counts, 'committed'), settled: of(counts, 'settled'), coalesced: of(counts, 'coalesced'),
      resent: of(counts, 'resent'), batches: of(counts, 'batches'), full: of(counts, 'full'),
    },
    breaker: breaker.isOpen ? 'open' : 'closed',
    deadLetters: {
      total: of(counts, 'dead_letters'),
      latest: journal.deadLetters().slice(-LETTERS).reverse().map(({ timeMs, op, bytes, reason }) => ({ timeMs, op: OPS[op] ?? String(op), bytes, reason })),
    },
  }
}
