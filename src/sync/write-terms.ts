/** What one write to a cache with Redis is done under, and what of that its record says. */
import type { JournalWrite } from '../journal/contract'
import type { Condition, Life } from '../l1/table'
import { ALWAYS, IF_ABSENT, IF_VERSION } from './journal-words'

export interface WriteTerms {
  life: Life
  writeMode: 'behind' | 'through' | 'around'
  durability?: 'journal' | 'disk' | 'l2' | 'replicated' | undefined
  partitionBy?: ((key: string) => string) | undefined
  condition?: Condition
  sourceVersion?: number
}

export const CONTROL_PARTITION = 256
export const BLANK = { codec: 0, payload: '', life: { ttlMs: 0, graceMs: 0 }, condition: ALWAYS, expected: 0, sourceVersion: 0 } as const

export function needsRedis({ writeMode, durability }: WriteTerms): boolean {
  return writeMode !== 'behind' || durability === 'l2' || durability === 'replicated'
}

export function isAwaited(terms: WriteTerms): boolean {
  return terms.durability === 'disk' || needsRedis(terms)
}

export function conditionOf(condition: Condition | undefined): JournalWrite['condition'] {
  return condition === undefined ? ALWAYS : condition.if === 'absent' ? IF_ABSENT : IF_VERSION
}

export function expectedOf(condition: Condition | undefined): number {
  return condition?.if === 'version' ? condition.version : 0
}
