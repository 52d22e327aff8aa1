/** What a benchmark asks of a cache. */
import type { Conditions } from '../sub-bench'
import type { Dataset } from '../workload'

/** A cache whose calls answer at once. */
export interface Subject {
  get(key: string): unknown
  set(key: string, value: unknown): unknown
  close(): void | Promise<void>
  /** Does many sets the way this subject likes best; to fill it, not to measure it. */
  together?(sets: () => void): void
}

/** A cache whose calls answer by promise. */
export interface AsyncSubject {
  get(key: string): Promise<unknown>
  set(key: string, value: unknown): Promise<unknown>
  close(): void | Promise<void>
}

/** How much room a subject has, as a multiple of the entries it is filled with. */
export interface Room {
  /** 2: twice the entries fit; 0.5: half of them are evicted. */
  factor: number
}

export type OpenSubject<S> = (data: Dataset, conditions: Conditions, room: Room) => S | Promise<S>

/** Bytes of a region of our own in which `entries` of this dataset fit, with its index and reserve. */
export function regionBytes(data: Dataset, entries: number): number {
  const perEntry = data.entryBytes + 80
  return Math.ceil((entries * perEntry * 1.06 + 2 * 1024 * 1024) / 4096) * 4096
}
