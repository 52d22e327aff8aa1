/** A life that reads lengthen. */
import type { L1View } from '../l1/table'
import { capAtOf, type Clock, type LifeTerms } from './lifetime'

/** A read renews a life only when this share of it is over, so that not every read is a write. */
const RENEWED_AFTER = 1 / 8

/** Renews the life of the entry just read, which has `leftMs` left, up to its cap. */
export function slide(view: L1View, key: string, terms: LifeTerms, leftMs: number, clock: Clock): void {
  const { sliding, life } = terms
  if (sliding === undefined || leftMs > sliding.idleMs * (1 - RENEWED_AFTER)) return
  const entry = view.entry(key, { quiet: true })
  if (entry === undefined || entry.isStale) return
  const capAtMs = capAtOf(terms, { capAtMs: entry.notes?.capAtMs, ageMs: entry.ageMs }, clock)
  const ttlMs = Math.floor(Math.min(sliding.idleMs, capAtMs - clock.nowMs()))
  if (ttlMs > leftMs) view.touch(key, { ttlMs, graceMs: life.graceMs })
}
