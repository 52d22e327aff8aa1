/** Values with tags, and clears of tags, with Redis behind the table or without. */
import type { L1View, Life, TagClear } from '../l1/table'
import { EncodedValue } from '../wire/codec'
import { slotOf, tagsOf } from '../wire/tags'
import type { Wish } from './below'
import type { FarTier } from './far-tier'
import type { FarWrites } from './far-writes'
import type { Flights } from './flights'
import type { WriteTerms } from './write-terms'

export interface Tagging {
  flights: Flights
  far: { writes: FarWrites; tier: FarTier } | undefined
}

/** A value written by hand. On its way to Redis it carries the clock; on this host alone the table knows best. */
export function tagged(view: L1View, value: unknown, names: readonly string[], { flights, far }: Tagging): EncodedValue {
  return EncodedValue.tagged(value, tagsOf(view.namespace, names, far === undefined ? 0 : flights.tagClock()))
}

/**
 * A conditional write to Redis, which knows nothing of clears of tags: what they have ended is there for its script, so it
 * is looked at here, by what this host knows of them.
 */
export async function setWhere(
  view: L1View, key: string, value: EncodedValue, terms: WriteTerms & Wish['terms'], life: Life, { writes, tier }: { writes: FarWrites; tier: FarTier },
): Promise<number> {
  const { condition } = terms
  const deadlineMs = writes.deadline(terms)
  const cleared = (): Promise<number | undefined> => tier.clearedVersion({ view, key, terms }, deadlineMs)
  value.detach()
  // A value that the table shows has lost nothing.
  if (condition?.if === 'version' && view.entry(key, { quiet: true }) === undefined && (await cleared()) === condition.version) return 0
  const version = await writes.set(view, key, value, terms, life, deadlineMs)
  if (version !== 0 || condition?.if === 'version') return version
  const base = await cleared()
  return base === undefined || base === 0 ? 0 : writes.set(view, key, value, { ...terms, condition: { if: 'unchanged', version: base } }, life, deadlineMs)
}

export async function clearTags(view: L1View, names: readonly string[], kind: TagClear, terms: WriteTerms, { flights, far }: Tagging): Promise<void> {
  const slots = [...new Set(names.map((name) => slotOf(view.namespace, name)))]
  if (far === undefined) for (const slot of slots) flights.clearTag(slot, kind)
  else await Promise.all(slots.map((slot) => far.writes.clearTag(view, slot, kind, terms)))
}
