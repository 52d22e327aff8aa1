/** What one write to a cache with Redis is done under, and what of that its record says. */
import type { JournalWrite } from '../journal/contract'
import type { Condition, Life } from '../l1/table'
import type { NearTerms } from './near-life'
import { ALWAYS, FILL, IF_ABSENT, IF_VERSION } from './journal-words'

export interface WriteTerms extends NearTerms {
  life: Life
  writeMode: 'behind' | 'through' | 'around'
  durability?: 'journal' | 'disk' | 'l2' | 'replicated' | undefined
  partitionBy?: ((key: string) => string) | undefined
  /** `unchanged`: what Redis has is no newer than that version. */
  condition?: Condition | { if: 'unchanged'; version: number } | undefined
  sourceVersion?: number | undefined
  /** When the call began of which this is a part, on the clock of performance.now(); absent: now. */
  startMs?: number | undefined
}

export const CONTROL_PARTITION = 256
export const BLANK = { codec: 0, payload: '', life: { ttlMs: 0, graceMs: 0 }, condition: ALWAYS, expected: 0, sourceVersion: 0 } as const

export function needsRedis({ writeMode, durability }: Pick<WriteTerms, 'writeMode' | 'durability'>): boolean {
  return writeMode !== 'behind' || durability === 'l2' || durability === 'replicated'
}

export function isReplicated({ durability }: Pick<WriteTerms, 'durability'>): boolean {
  return durability === 'replicated'
}

export function isAwaited(terms: WriteTerms): boolean {
  return terms.durability === 'disk' || needsRedis(terms)
}

export function conditionOf(condition: WriteTerms['condition']): JournalWrite['condition'] {
  if (condition === undefined) return ALWAYS
  return condition.if === 'absent' ? IF_ABSENT : condition.if === 'version' ? IF_VERSION : FILL
}

export function expectedOf(condition: WriteTerms['condition']): number {
  return condition === undefined || condition.if === 'absent' ? 0 : condition.version
}
