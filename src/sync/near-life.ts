/** How long an entry that Redis has as well stays in the table of a host before Redis is asked for it again. */
import type { Life } from '../l1/table'

export interface NearTerms {
  /** Absent or Infinity: as long as the entry is good for. */
  l1TtlMs?: number
  jitter?: number
  /** A life that slides is bound by its idle time. */
  sliding?: object | undefined
}

/** The life in the table of an entry whose life is this. */
export function nearLife(life: Life, { l1TtlMs = Number.POSITIVE_INFINITY, jitter = 0, sliding }: NearTerms): Life {
  if (l1TtlMs === Number.POSITIVE_INFINITY || sliding !== undefined || (life.ttlMs !== 0 && life.ttlMs <= l1TtlMs)) return life
  return { ttlMs: Math.max(1, Math.round(l1TtlMs * (1 - Math.random() * jitter))), graceMs: life.graceMs }
}
