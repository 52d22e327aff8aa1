/** Numbers of the journal's file and the words for them. */
import type { BreakerLimits, LinkWord, RecordResult, ResultName, Settled } from './contract'

/** By number, from 1, and what is added to it (JournalResult and kResultShort in native/journal/layout.h). */
const RESULTS: readonly ResultName[] = ['stored', 'lost', 'older', 'dup', 'dead', 'superseded']
const SHORT = 8
export const LINKS: readonly LinkWord[] = ['never', 'connecting', 'connected', 'lost']
export const BREAKER_WORDS = ['closed', 'open', 'probe'] as const
export const BREAKER_DEFAULTS: BreakerLimits = { failures: 5, firstOpenMs: 500, maxOpenMs: 10_000 }

export const PARTITIONS = 257
export const DEFAULT_MAX_VALUE_BYTES = 64 * 1024 * 1024

export function numberOf({ result, isShort = false }: Pick<RecordResult, 'result' | 'isShort'>): number {
  return RESULTS.indexOf(result) + 1 + (isShort ? SHORT : 0)
}

export function settledOf(number: number, version: number): Settled {
  const result = RESULTS[(number & ~SHORT) - 1] ?? 'unknown'
  return (number & SHORT) === 0 ? { result, version } : { result, version, isShort: true }
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
