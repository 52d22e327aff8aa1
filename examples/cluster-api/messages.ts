// What the processes of the example tell each other.
import type { Counts } from './counters'
import type { MemoryUse } from './memory-use'
import type { Memory, Tier } from './store'

/** Worker to primary, every second. A process with a pool counts each thread by itself. */
export interface Report {
  type: 'report'
  memory: Memory
  parts: { label: string; counts: Counts }[]
}

export type ToPrimary = Report | { type: 'ready'; port: number; cache: string } | { type: 'failed'; why: string }

export interface Figures {
  requests: number
  errors: number
  byTier: Record<Tier, number>
  p50: number
  p99: number
}

/** Primary to every worker, every second: what the live page shows. */
export interface Snapshot {
  type: 'snapshot'
  at: number
  uptimeS: number
  cache: Memory
  /** Of all processes together, pages that several of them map counted once. */
  processes: MemoryUse
  total: Figures
  lastSecond: Figures
  members: { pid: number; label: string; total: Figures; lastSecond: Figures }[]
}

export type ToWorker = Snapshot | { type: 'stop' }
