/** What copies of entries, which lie outside of the table, ask of it. Contract only: the shared table fulfils it. */

/** An entry as it is stored. */
export interface StoredEntry {
  codec: number
  /** A copy of the bytes, or the string itself. */
  payload: string | Uint8Array
  /** How often it was used of late, 0 to 3. */
  uses: number
  isStale: boolean
  /** Infinity: for ever. */
  softLeftMs: number
  hardLeftMs: number
  ageMs: number
  /** As of which its tags hold. */
  tagClock: number
  /** As `EntryFleet`. */
  fleet?: { version: number; mark: number; isDoubtful: boolean }
}

export interface CopiedView {
  readonly namespace: string
  /** The entry as it is stored, stale and doubtful ones too; neither counted nor kept warm. */
  stored(key: string): StoredEntry | undefined
  /** Copies of the key, or of its neighbours by hash, may be outdated. */
  isHeld(key: string): boolean
  /** Gives back the hold that one change of the key has taken. */
  release(key: string): void
  /** Of all clears: entries stored under another sum are gone. 0 in a region where nothing was cleared. */
  epochSum(): number
}

/** Is told in the middle of a call of the table, so it may not use the table before that has returned. */
export interface CopyWatch {
  /** The key may have changed; the change holds its copies. */
  changed(view: CopiedView, key: string): void
  /** The namespace, and all below it. */
  cleared(namespace: string): void
  tagCleared(slot: number): void
}

export interface TableCopies {
  /** Names the region: another one begins with nothing that this one knew. */
  readonly regionId: string
  /** From now on changes of keys, in all processes, take holds, and those of this isolate are told. */
  watch(watch: CopyWatch): void
  /** No change was made in the region that nobody was told of who keeps copies. */
  isWhole(): boolean
  /** Which files are in use, 0: none yet; `first` is the answer then. */
  generation(first?: number): number
  /**
   * Brackets the reading of entries that are to be copied and the writing of the copies. A change that finds `isSpilling` false after its
   * commit is read by all who began later, and what was copied before is on the disk.
   */
  spill(name: number, isOver: boolean): void
  isSpilling(): boolean
  view(namespace: string): CopiedView
}
