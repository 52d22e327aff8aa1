/** One namespace of the process table. */
import { Codec, type Encoded, encode } from '../wire/codec'
import { isNull } from '../wire/about'
import { readStamp } from '../wire/tags'
import { checkChildName, namespacePath } from '../words/keys'
import { AdmittingView } from './admitting-view'
import { ProcessQuota } from './process-quotas'
import { ProcessReads } from './process-reads'
import type { ProcessStore, StoredEntry } from './process-store'
import type { AcquireOptions, Acquired, Admission, Condition, Fleet, L1View, LateFailure, LeaseToken, Life, Settled } from './table'

/** A mark is lane * 2^40 + position / 8. */
const LANE_POSITIONS = 2 ** 40

export class ProcessView extends ProcessReads implements L1View {
  readonly #parent: ProcessView | undefined
  readonly #children = new Map<string, ProcessView>()
  #clears = 0
  #flushes = 0
  #fleetEpoch = 0
  #quota: ProcessQuota | undefined

  constructor(store: ProcessStore, parent: ProcessView | undefined, namespace: string) {
    super(store, namespace)
    this.#parent = parent
  }

  /** Part of a scan: what of the ids in the store is of this namespace or below, and fresh. */
  scanned(id: string): { namespace: string; key: string; bytes: number } | undefined {
    if (!id.startsWith(this.prefix)) {
      for (const child of this.#children.values()) {
        const found = child.scanned(id)
        if (found !== undefined) return found
      }
      return undefined
    }
    const entry = this.present(id, false)
    if (entry === undefined || this.store.isStale(entry)) return undefined
    const key = id.slice(this.prefix.length)
    return { namespace: this.namespace, key, bytes: key.length + entry.payload.length }
  }

  set(key: string, value: unknown, life: Life, condition?: Condition, fleet?: Fleet): number {
    const id = this.id(key)
    const encoded = encode(value)
    if (condition !== undefined && !this.#accepts(id, condition)) return 0
    this.store.leases.end(id)
    return this.#put(id, encoded, life, fleet)
  }

  epochOfSet(): number {
    return this.epoch()
  }

  delete(key: string): boolean {
    const id = this.id(key)
    this.store.leases.end(id)
    const wasPresent = this.present(id, false) !== undefined
    this.store.entries.delete(id)
    if (wasPresent) this.store.counters.deletes++
    return wasPresent
  }

  remove(key: string): { wasThere: boolean; version: number } {
    return { wasThere: this.delete(key), version: this.store.nextVersion() }
  }

  take(key: string, version: number): boolean {
    return this.present(this.id(key), false)?.version === version && this.delete(key)
  }

  touch(key: string, life: Life): boolean {
    const entry = this.present(this.id(key), true)
    if (entry === undefined) return false
    this.store.setLife(entry, life)
    return true
  }

  expire(key: string): boolean {
    const id = this.id(key)
    // A load that runs now may have read what the caller declares outdated.
    this.store.leases.end(id)
    const entry = this.present(id, false)
    if (entry === undefined) return false
    const nowMs = this.store.nowMs()
    if (entry.softEndMs <= nowMs) return true
    const graceMs = entry.softEndMs === Number.POSITIVE_INFINITY ? 0 : entry.hardEndMs - entry.softEndMs
    entry.softEndMs = nowMs
    entry.writtenAtMs = nowMs
    entry.hardEndMs = nowMs + graceMs
    return true
  }

  acquire(key: string, options: AcquireOptions): Acquired {
    const id = this.id(key)
    const { leases, counters } = this.store
    const nowMs = this.store.nowMs()
    if (options.awaited !== undefined) {
      const failure = leases.failure(options.awaited, nowMs)
      if (failure !== undefined) return { state: 'failed', error: failure.error }
    }
    if (!options.force) {
      const entry = this.present(id, true)
      const described = entry !== undefined && this.isFresh(entry) ? this.describe(entry) : undefined
      if (described !== undefined) return { state: 'hit', entry: described }
    }
    const epoch = this.epochSum()
    const last = leases.lastFailure(id, epoch, nowMs)
    if (options.heedsLate === true && last !== undefined && last.lateUntilMs > nowMs) return { state: 'failed', error: last.error }
    const busy = leases.awaitLive(id, epoch, nowMs)
    if (busy !== undefined) return { state: 'busy', lease: busy }
    const lease = leases.grant(id, epoch, nowMs, options.leaseMs)
    if (lease === undefined) return { state: 'unavailable' }
    if (options.isPermit !== true) counters.loads++
    return { state: 'granted', lease, failures: last?.failures ?? 0, tagClock: this.store.tags.clock() }
  }

  publish(key: string, lease: LeaseToken, value: unknown, life: Life, fleet?: Fleet): number {
    const id = this.id(key)
    const encoded = encode(value)
    if (!this.#holds(id, lease)) return 0
    const tags = tagsIn(encoded)
    if (tags !== undefined && tags.clock > 0 && this.store.tags.since(tags.slots, tags.clock) !== 'current') {
      this.store.leases.end(id)
      return 0
    }
    const version = this.#put(id, encoded, life, fleet)
    this.store.leases.end(id)
    return version
  }

  fail(key: string, lease: LeaseToken, error: unknown, memoMs: number, late?: LateFailure): void {
    const id = this.id(key)
    if (!this.#holds(id, lease)) return
    const nowMs = this.store.nowMs()
    const { leases } = this.store
    leases.remember(lease, error, nowMs, memoMs)
    leases.end(id)
    if (late === undefined) return
    const { ms, failures } = late
    leases.rememberLast(id, { error, failures, lateUntilMs: nowMs + ms, untilMs: nowMs + memoMs, epoch: this.epochSum() })
  }

  abandon(key: string, lease: LeaseToken): void {
    const id = this.id(key)
    if (this.#holds(id, lease)) this.store.leases.end(id)
  }

  clear(): void {
    this.store.checkOpen()
    this.#clears++
    this.store.leases.notify()
  }

  /** As clear(), but epoch() stays. */
  flush(): void {
    this.#flushes++
  }

  invalidate(key: string, version: number, settled: Settled): 'removed' | 'kept' | 'absent' {
    const id = this.id(key)
    const { entries } = this.store
    for (let entry = entries.peek(id); entry?.fleet !== undefined; ) {
      const { mark } = entry.fleet
      if (mark === 0 ? entry.fleet.version >= version : !isSettled(mark, settled)) return 'kept'
      // Who was asked may have used the cache.
      const now = entries.peek(id)
      if (now === entry) break
      entry = now
    }
    this.store.leases.end(id)
    return this.store.entries.delete(id) ? 'removed' : 'absent'
  }

  revalidated(key: string, version: number, doubt: number, life?: Life): boolean {
    const entry = this.present(this.id(key), true)
    if (entry?.fleet === undefined || entry.fleet.mark !== 0 || entry.fleet.version !== version) return false
    entry.fleet.doubt = doubt
    if (life !== undefined) this.store.setLife(entry, life)
    return true
  }

  epoch(): number {
    this.store.checkOpen()
    let clears = 0
    for (let view: ProcessView | undefined = this; view !== undefined; view = view.#parent) clears += view.#clears
    return clears
  }

  fleetEpoch(): number {
    this.store.checkOpen()
    let epoch = 0
    for (let view: ProcessView | undefined = this; view !== undefined; view = view.#parent) epoch += view.#fleetEpoch
    return epoch >>> 0
  }

  setFleetEpoch(value: number): void {
    this.store.checkOpen()
    if (this.#fleetEpoch === value) return
    this.#fleetEpoch = value
    this.store.leases.notify()
  }

  advanceFleetEpoch(value: number): void {
    if (((value - this.#fleetEpoch) | 0) > 0) this.setFleetEpoch(value)
  }

  /** Of this namespace, and 0 for all below. */
  resetFleetEpochs(value: number): void {
    this.setFleetEpoch(value)
    for (const child of this.#children.values()) child.resetFleetEpochs(0)
  }

  setQuota(bytes: number): void {
    this.store.checkOpen()
    if (this.#quota !== undefined) {
      this.#quota.limit = bytes
      return
    }
    if (bytes === Number.POSITIVE_INFINITY) return
    const quota = new ProcessQuota(bytes)
    this.#quota = quota
    this.store.quotas.set(this.namespace, quota)
    this.#chargeAll(quota)
  }

  child(name: string): ProcessView {
    this.store.checkOpen()
    checkChildName(name)
    let child = this.#children.get(name)
    if (child === undefined) {
      child = new ProcessView(this.store, this, namespacePath(this.namespace, name))
      this.#children.set(name, child)
    }
    return child
  }

  admitting(admission: Admission): L1View {
    return new AdmittingView(this, undefined, admission)
  }

  /** What an entry of this namespace takes up room of. */
  #charged(isNegative: boolean): ProcessQuota[] | undefined {
    if (!isNegative && this.store.quotas.size === 0) return undefined
    const charged = isNegative ? [this.store.negative] : []
    for (let view: ProcessView | undefined = this; view !== undefined; view = view.#parent) if (view.#quota !== undefined) charged.push(view.#quota)
    return charged.length === 0 ? undefined : charged
  }

  /** Charges what lies here and below to a new quota of this namespace or of one above it. */
  #chargeAll(quota: ProcessQuota): void {
    this.store.charge(this.prefix, quota)
    for (const child of this.#children.values()) child.#chargeAll(quota)
  }

  protected epochSum(): number {
    let epoch = 0
    for (let view: ProcessView | undefined = this; view !== undefined; view = view.#parent) epoch += view.#clears + view.#flushes + view.#fleetEpoch
    return epoch
  }

  #holds(id: string, lease: LeaseToken): boolean {
    return this.store.leases.holds(id, lease, this.epochSum(), this.store.nowMs())
  }

  #accepts(id: string, condition: Condition): boolean {
    const current = this.present(id, false)
    return condition.if === 'absent' ? current === undefined : current?.version === condition.version
  }

  #put(id: string, encoded: Encoded, life: Life, fleet: Fleet | undefined): number {
    const { counters } = this.store
    const { codec } = encoded
    // The codec's bytes alias the caller's value or its own pool.
    const payload = typeof encoded.payload === 'string' ? encoded.payload : Uint8Array.prototype.slice.call(encoded.payload)
    const version = this.store.nextVersion()
    const tags = tagsIn(encoded)
    if (tags !== undefined && tags.clock === 0) tags.clock = this.store.tags.clock()
    const charged = this.#charged(isNull(encoded))
    const entry: StoredEntry = { charged, isWarm: false, tags, codec, payload, version, epoch: this.epochSum(), writtenAtMs: this.store.nowMs() - (fleet?.ageMs ?? 0), softEndMs: 0, hardEndMs: 0, fleet: stored(fleet) }
    this.store.setLife(entry, life)
    counters.sets++
    return this.store.put(id, entry) ? version : 0
  }
}

function tagsIn({ codec, payload }: Encoded): { slots: Uint16Array; clock: number } | undefined {
  if (codec !== Codec.tagged) return undefined
  const { slots, clock } = readStamp(payload as Uint8Array)
  return { slots, clock }
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
