import type { L1Table } from '../l1/table'
import type { BatchLoads } from '../sync/batch-loads'
import type { DiskReads } from '../sync/disk-tier'
import type { FarTier } from '../sync/far-tier'
import type { FarWrites } from '../sync/far-writes'
import type { Flights } from '../sync/flights'
import type { Unwritten } from '../sync/unwritten'
import type { Warmth } from '../warm/warmth'
import type { Admissions } from './admissions'
import type { Events } from './events'
import type { Features } from './features'
import type { Mode } from './mode'

/** What the namespaces of one cache share. */
export interface Shared {
  table: L1Table
  flights: Flights
  batches: BatchLoads
  /** With Redis behind the table: all writes go through it. */
  far: { writes: FarWrites; tier: FarTier; hardTimeoutMs: number } | undefined
  /** Copies on the disk. */
  copies: DiskReads | undefined
  /** There is a tier below the table; reads that miss wait for others no longer than `patienceMs`. */
  below: { patienceMs: number } | undefined
  events: Events
  features: Features
  /** Of the namespaces that need no more than the plain way. */
  mode: Mode
  admissions: Admissions
  /** Writes whose values are being compressed. */
  unwritten: Unwritten
  /** What warming up has come to. */
  warmth: Warmth
  /** Makes the pool that compresses exist, until the cache is closed. */
  usePool(): void
}
