/** A life that reads lengthen. */
import type { L1View } from '../l1/table'
import { type Clock, type LifeTerms, slidingCapMs } from './lifetime'

/** A read renews a life only when this share of it is over, so that not every read is a write. */
const RENEWED_AFTER = 1 / 8

/** Renews the life of the entry just read, which has `leftMs` left, up to its cap. */
export function slide(view: L1View, key: string, terms: LifeTerms, leftMs: number, clock: Clock): void {
  const { sliding, life } = terms
  if (sliding === undefined || leftMs > sliding.idleMs * (1 - RENEWED_AFTER)) return
  const entry = view.entry(key, { quiet: true })
  if (entry === undefined || entry.isStale) return
  const nowMs = clock.nowMs()
  const notedAtMs = entry.notes?.capAtMs ?? Number.POSITIVE_INFINITY
  // Not noted: it was stored before it was to slide, on another host, or in another life of this one.
  const capAtMs = notedAtMs === Number.POSITIVE_INFINITY ? nowMs - entry.ageMs + slidingCapMs(terms, life.ttlMs) : notedAtMs
  const ttlMs = Math.floor(Math.min(sliding.idleMs, capAtMs - nowMs))
  if (ttlMs > leftMs) view.touch(key, { ttlMs, graceMs: life.graceMs })
}
