/** Numbers of the journal's file and the words for them. */
import type { BreakerLimits, LinkWord, ResultName, Settled } from './contract'

/** By number, from 1 (JournalResult in native/journal/layout.h). */
const RESULTS: readonly ResultName[] = ['stored', 'lost', 'older', 'dup', 'dead', 'superseded']
export const LINKS: readonly LinkWord[] = ['never', 'connecting', 'connected', 'lost']
export const BREAKER_WORDS = ['closed', 'open', 'probe'] as const
export const BREAKER_DEFAULTS: BreakerLimits = { failures: 5, firstOpenMs: 500, maxOpenMs: 10_000 }

export const PARTITIONS = 257
export const DEFAULT_MAX_VALUE_BYTES = 64 * 1024 * 1024

export function numberOf(result: ResultName): number {
  return RESULTS.indexOf(result) + 1
}

export function settledOf(result: number, version: number): Settled {
  return { result: RESULTS[result - 1] ?? 'unknown', version }
}

/** The monotonic clock of the host, the same in all its processes. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + Math.floor(nanoseconds / 1e6)
}

/** What is left of a life that ends at these times; 0 = for ever. */
export function lifeLeft(softAtMs: number, hardAtMs: number, nowMs: number): { ttlMs: number; graceMs: number } {
  if (softAtMs === 0) return { ttlMs: 0, graceMs: 0 }
  const leftMs = softAtMs - nowMs
  return { ttlMs: leftMs > 0 ? leftMs : Math.min(leftMs, -1), graceMs: Math.max(0, hardAtMs - softAtMs) }
}
