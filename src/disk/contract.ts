/** What reads and writes of a cache ask of its copies on the disk. Contract only. */

/** A copy that is current as of the grant of its key's lease. */
export interface FoundCopy {
  codec: number
  payload: Uint8Array
  /** 0 or less: stale. Infinity: for ever. */
  softLeftMs: number
  hardLeftMs: number
  ageMs: number
  /** 0: none. */
  fleetVersion: number
}

export interface CopyReader {
  /**
   * For the holder of the key's lease, who has found nothing in the table; `doubt` is the table's, from before. Never throws
   * because of the disk.
   */
  find(namespace: string, key: string, doubt: number): FoundCopy | undefined
  /** Stores in the table what was found, so that the copy stays. */
  adopting<T>(publish: () => T): T
  /** Resolves when no other life can see what this isolate's changes up to now have made outdated; undefined: so it is. */
  settled(): Promise<void> | undefined
}
