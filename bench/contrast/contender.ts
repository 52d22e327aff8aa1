/** What a scenario may ask of a cache. What a library does not have stays undefined, and its scenarios are not for it. */
export interface Life {
  ttlMs?: number
  /** How long after its ttl a value may stand in when loading fails. */
  graceMs?: number
  /** The first wait after a failure before the source is asked again. */
  backoffMs?: number
  /** No caller waits longer. */
  hardTimeoutMs?: number
  tags?: string[]
}

export interface Contender {
  getOrSet(key: string, load: () => Promise<unknown>, life?: Life): Promise<unknown>
  /** The cached value, or undefined. */
  get?(key: string): Promise<unknown>
  set?(key: string, value: unknown): Promise<unknown>
  delete?(key: string): Promise<unknown>
  clear?(): Promise<unknown>
  deleteByTag?(tag: string): Promise<unknown>
  /** Which terms of `Life` it knows besides `ttlMs`. */
  readonly knows: ReadonlySet<keyof Life>
  close(): Promise<unknown> | void
}

/** Opens an empty cache; with a name, the one that all processes with this name share if it can share. */
export type Opening = (name: string) => Contender
