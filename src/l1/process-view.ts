/** One namespace of the process table. */
import { Codec, type Encoded, decode, encode } from '../wire/codec'
import { readNotes } from '../wire/notes'
import { checkKey, checkNamespaceName, namespacePath } from '../words/keys'
import type { ProcessStore, StoredEntry } from './process-store'
import type {
  AcquireOptions, Acquired, Condition, Fleet, L1Entry, L1View, LateFailure, LeaseToken, Life, Settled,
} from './table'

/** A mark is lane * 2^40 + position / 8. */
const LANE_POSITIONS = 2 ** 40

export class ProcessView implements L1View {
  readonly namespace: string
  readonly #store: ProcessStore
  readonly #parent: ProcessView | undefined
  readonly #children = new Map<string, ProcessView>()
  /** A number before the first colon cannot be forged by a key, so no two pairs share an id. */
  readonly #prefix: string
  #clears = 0
  #flushes = 0
  #fleetEpoch = 0

  constructor(store: ProcessStore, parent: ProcessView | undefined, namespace: string) {
    this.#store = store
    this.#parent = parent
    this.namespace = namespace
    this.#prefix = `${store.nextViewNumber()}:`
  }

  get(key: string): unknown {
    const entry = this.#read(this.#id(key), true, false)
    if (entry === undefined) return undefined
    this.#store.lastSoftEndMs = entry.softEndMs
    return decodeEntry(entry)
  }

  ttlLeftMs(): number {
    const { lastSoftEndMs } = this.#store
    return lastSoftEndMs === Number.POSITIVE_INFINITY ? lastSoftEndMs : Math.max(0, lastSoftEndMs - this.#store.nowMs())
  }

  peek(key: string): unknown {
    const entry = this.#present(this.#id(key), false)
    return entry === undefined || !this.#isFresh(entry) ? undefined : decodeEntry(entry)
  }

  entry(key: string, options?: { doubtful?: boolean; quiet?: boolean }): L1Entry | undefined {
    const id = this.#id(key)
    const isDoubtfulToo = options?.doubtful === true
    const found = options?.quiet === true ? this.#present(id, false) : undefined
    const entry = options?.quiet !== true ? this.#read(id, false, isDoubtfulToo)
      : found !== undefined && (isDoubtfulToo || !this.#store.isDoubtful(found)) ? found : undefined
    return entry === undefined ? undefined : this.#describe(entry)
  }

  has(key: string): boolean {
    const entry = this.#present(this.#id(key), false)
    return entry !== undefined && this.#isFresh(entry)
  }

  getMany(keys: readonly string[]): unknown[] {
    this.#store.checkOpen()
    return keys.map((key) => this.get(key))
  }

  set(key: string, value: unknown, life: Life, condition?: Condition, fleet?: Fleet): number {
    const id = this.#id(key)
    const encoded = encode(value)
    if (condition !== undefined && !this.#accepts(id, condition)) return 0
    this.#store.leases.end(id)
    return this.#put(id, encoded, life, fleet)
  }

  epochOfSet(): number {
    return this.epoch()
  }

  delete(key: string): boolean {
    const id = this.#id(key)
    this.#store.leases.end(id)
    const wasPresent = this.#present(id, false) !== undefined
    this.#store.entries.delete(id)
    if (wasPresent) this.#store.counters.deletes++
    return wasPresent
  }

  remove(key: string): { wasThere: boolean; version: number } {
    return { wasThere: this.delete(key), version: this.#store.nextVersion() }
  }

  take(key: string, version: number): boolean {
    return this.#present(this.#id(key), false)?.version === version && this.delete(key)
  }

  touch(key: string, life: Life): boolean {
    const entry = this.#present(this.#id(key), true)
    if (entry === undefined) return false
    this.#store.setLife(entry, life)
    return true
  }

  expire(key: string): boolean {
    const id = this.#id(key)
    // A load that runs now may have read what the caller declares outdated.
    this.#store.leases.end(id)
    const entry = this.#present(id, false)
    if (entry === undefined) return false
    const nowMs = this.#store.nowMs()
    if (entry.softEndMs <= nowMs) return true
    const graceMs = entry.softEndMs === Number.POSITIVE_INFINITY ? 0 : entry.hardEndMs - entry.softEndMs
    entry.softEndMs = nowMs
    entry.hardEndMs = nowMs + graceMs
    return true
  }

  acquire(key: string, options: AcquireOptions): Acquired {
    const id = this.#id(key)
    const { leases, counters } = this.#store
    const nowMs = this.#store.nowMs()
    if (options.awaited !== undefined) {
      const failure = leases.failure(options.awaited, nowMs)
      if (failure !== undefined) return { state: 'failed', error: failure.error }
    }
    if (!options.force) {
      const entry = this.#present(id, true)
      if (entry !== undefined && this.#isFresh(entry)) return { state: 'hit', entry: this.#describe(entry) }
    }
    const epoch = this.#epoch()
    const last = leases.lastFailure(id, epoch, nowMs)
    if (options.heedsLate === true && last !== undefined && last.lateUntilMs > nowMs) return { state: 'failed', error: last.error }
    const busy = leases.awaitLive(id, epoch, nowMs)
    if (busy !== undefined) return { state: 'busy', lease: busy }
    const lease = leases.grant(id, epoch, nowMs, options.leaseMs)
    if (lease === undefined) return { state: 'unavailable' }
    if (options.isPermit !== true) counters.loads++
    return { state: 'granted', lease, failures: last?.failures ?? 0 }
  }

  publish(key: string, lease: LeaseToken, value: unknown, life: Life, fleet?: Fleet): number {
    const id = this.#id(key)
    const encoded = encode(value)
    if (!this.#holds(id, lease)) return 0
    const version = this.#put(id, encoded, life, fleet)
    this.#store.leases.end(id)
    return version
  }

  fail(key: string, lease: LeaseToken, error: unknown, memoMs: number, late?: LateFailure): void {
    const id = this.#id(key)
    if (!this.#holds(id, lease)) return
    const nowMs = this.#store.nowMs()
    const { leases } = this.#store
    leases.remember(lease, error, nowMs, memoMs)
    leases.end(id)
    if (late === undefined) return
    const { ms, failures } = late
    leases.rememberLast(id, { error, failures, lateUntilMs: nowMs + ms, untilMs: nowMs + memoMs, epoch: this.#epoch() })
  }

  abandon(key: string, lease: LeaseToken): void {
    const id = this.#id(key)
    if (this.#holds(id, lease)) this.#store.leases.end(id)
  }

  clear(): void {
    this.#store.checkOpen()
    this.#clears++
    this.#store.leases.notify()
  }

  /** As clear(), but epoch() stays. */
  flush(): void {
    this.#flushes++
  }

  invalidate(key: string, version: number, settled: Settled): 'removed' | 'kept' | 'absent' {
    const id = this.#id(key)
    const { entries } = this.#store
    for (let entry = entries.peek(id); entry?.fleet !== undefined; ) {
      const { mark } = entry.fleet
      if (mark === 0 ? entry.fleet.version >= version : !isSettled(mark, settled)) return 'kept'
      // Who was asked may have used the cache.
      const now = entries.peek(id)
      if (now === entry) break
      entry = now
    }
    this.#store.leases.end(id)
    return this.#store.entries.delete(id) ? 'removed' : 'absent'
  }

  revalidated(key: string, version: number, doubt: number, life?: Life): boolean {
    const entry = this.#present(this.#id(key), true)
    if (entry?.fleet === undefined || entry.fleet.mark !== 0 || entry.fleet.version !== version) return false
    entry.fleet.doubt = doubt
    if (life !== undefined) this.#store.setLife(entry, life)
    return true
  }

  epoch(): number {
    this.#store.checkOpen()
    let clears = 0
    for (let view: ProcessView | undefined = this; view !== undefined; view = view.#parent) clears += view.#clears
    return clears
  }

  fleetEpoch(): number {
    this.#store.checkOpen()
    let epoch = 0
    for (let view: ProcessView | undefined = this; view !== undefined; view = view.#parent) epoch += view.#fleetEpoch
    return epoch >>> 0
  }

  setFleetEpoch(value: number): void {
    this.#store.checkOpen()
    if (this.#fleetEpoch === value) return
    this.#fleetEpoch = value
    this.#store.leases.notify()
  }

  /** Of this namespace, and 0 for all below. */
  resetFleetEpochs(value: number): void {
    this.setFleetEpoch(value)
    for (const child of this.#children.values()) child.resetFleetEpochs(0)
  }

  child(name: string): ProcessView {
    this.#store.checkOpen()
    checkNamespaceName(name)
    let child = this.#children.get(name)
    if (child === undefined) {
      child = new ProcessView(this.#store, this, namespacePath(this.namespace, name))
      this.#children.set(name, child)
    }
    return child
  }

  #id(key: string): string {
    this.#store.checkOpen()
    checkKey(key)
    return this.#prefix + key
  }

  /** Moves whenever this namespace or one above it is cleared, here or in the fleet, or flushed. */
  #epoch(): number {
    let epoch = 0
    for (let view: ProcessView | undefined = this; view !== undefined; view = view.#parent) epoch += view.#clears + view.#flushes + view.#fleetEpoch
    return epoch
  }

  #holds(id: string, lease: LeaseToken): boolean {
    return this.#store.leases.holds(id, lease, this.#epoch(), this.#store.nowMs())
  }

  #isFresh(entry: StoredEntry): boolean {
    return !this.#store.isStale(entry) && !this.#store.isDoubtful(entry)
  }

  /** The entry if it may be returned, counted as a hit or a miss; stale ones only if not `onlyFresh`. */
  #read(id: string, onlyFresh: boolean, doubtfulToo: boolean): StoredEntry | undefined {
    const entry = this.#present(id, true)
    const isDoubtful = entry !== undefined && !doubtfulToo && this.#store.isDoubtful(entry)
    if (isDoubtful) this.#store.doubtfulCount++
    if (entry === undefined || isDoubtful || (onlyFresh && this.#store.isStale(entry))) {
      this.#store.counters.misses++
      return undefined
    }
    this.#store.counters.hits++
    return entry
  }

  /** The entry unless it was cleared or its hard life has passed, in which case it is dropped. */
  #present(id: string, keepsWarm: boolean): StoredEntry | undefined {
    const { entries, counters } = this.#store
    const entry = keepsWarm ? entries.get(id) : entries.peek(id)
    if (entry === undefined) return undefined
    const isExpired = this.#store.isExpired(entry)
    if (!isExpired && entry.epoch === this.#epoch()) return entry
    if (isExpired) counters.expirations++
    entries.delete(id)
    return undefined
  }

  #accepts(id: string, condition: Condition): boolean {
    const current = this.#present(id, false)
    return condition.if === 'absent' ? current === undefined : current?.version === condition.version
  }

  #put(id: string, encoded: Encoded, life: Life, fleet: Fleet | undefined): number {
    const { entries, counters } = this.#store
    const { codec } = encoded
    // The codec's bytes alias the caller's value or its own pool.
    const payload = typeof encoded.payload === 'string' ? encoded.payload : Uint8Array.prototype.slice.call(encoded.payload)
    const version = this.#store.nextVersion()
    const entry: StoredEntry = { codec, payload, version, epoch: this.#epoch(), softEndMs: 0, hardEndMs: 0, fleet: stored(fleet) }
    this.#store.setLife(entry, life)
    // LRUCache refuses what is too large and drops what was there.
    entries.set(id, entry)
    counters.sets++
    return entries.peek(id) === entry ? version : 0
  }

  #describe(entry: StoredEntry): L1Entry {
    const leftMs = entry.softEndMs - (entry.softEndMs === Number.POSITIVE_INFINITY ? 0 : this.#store.nowMs())
    const described: L1Entry = {
      value: decodeEntry(entry),
      version: entry.version,
      isStale: leftMs <= 0,
      ttlLeftMs: Math.max(0, leftMs),
      hardLeftMs: entry.hardEndMs === Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : Math.max(0, entry.hardEndMs - this.#store.nowMs()),
      tier: 'l1',
    }
    if (entry.codec === Codec.noted) described.notes = readNotes(entry.payload as Uint8Array)
    const { fleet } = entry
    if (fleet !== undefined) {
      described.fleet = { version: fleet.version, mark: fleet.mark, isDoubtful: this.#store.isDoubtful(entry) }
    }
    return described
  }
}

function stored(fleet: Fleet | undefined): StoredEntry['fleet'] {
  if (fleet === undefined) return undefined
  const mark = fleet.mark ?? 0
  return { version: mark === 0 ? fleet.version ?? 0 : 0, mark, doubt: fleet.doubt }
}

function isSettled(mark: number, settled: Settled): boolean {
  if (typeof settled === 'function') return settled(mark)
  const lane = Math.floor(mark / LANE_POSITIONS)
  return mark % LANE_POSITIONS <= (settled[lane] ?? -1)
}

function decodeEntry(entry: StoredEntry): unknown {
  return typeof entry.payload === 'string' ? entry.payload : decode(entry.codec, entry.payload)
}
