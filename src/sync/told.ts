/** What flights tell of. Contract only; nothing is told while nobody listens. */
import type { LoadReason } from './loader-context'

export interface LoadTold {
  namespace: string
  key: string
  reason: LoadReason
  /** How long the loader ran, milliseconds. */
  ms: number
  /** What it threw. */
  error?: unknown
}

export interface Listening {
  /** Whether `load` is listened to. */
  readonly hearsLoads: boolean
  load(told: LoadTold): void
  /** A stale value is served. */
  stale(namespace: string, key: string): void
}

export const NOBODY: Listening = { hearsLoads: false, load: () => {}, stale: () => {} }
