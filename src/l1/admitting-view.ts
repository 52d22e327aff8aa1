/**
 * A namespace whose decoded values pass through an admission before anybody reads them.
 *
 * Where decoded values are kept, each passes once: the place of an admitted value says by whom it was, until another value
 * takes it. So a value in L0 costs one comparison. An admission that answers with a promise leaves the value undecided:
 * such a read finds nothing, and whoever reads asks `takeUndecided`. `entry` and `acquire` give undecided values as they are.
 */
import { Packed } from '../wire/compressed'
import type {
  AcquireOptions, Acquired, Admission, Condition, Fleet, L1Entry, L1View, LateFailure, LeaseToken, Life, RawEntry, Settled,
} from './table'

/** Places of decoded values, as far as there are any. */
export interface Places {
  /** The place of the value that the last read gave, -1 if it has none. */
  placeOf(value: unknown): number
  /** By whom the value there was admitted. */
  admittedBy(place: number): Admission | undefined
  /** What `by` made of the value there; nothing if there is another by now. */
  admit(place: number, before: unknown, value: unknown, by: Admission): void
}

export class AdmittingView implements L1View {
  readonly namespace: string
  readonly #inner: L1View
  readonly #places: Places | undefined
  readonly #admission: Admission
  #undecided: Promise<unknown> | undefined
  /** As it was before foreign code ran, which may have read something else. */
  #leftMs: number | undefined

  constructor(inner: L1View, places: Places | undefined, admission: Admission) {
    this.namespace = inner.namespace
    this.#inner = inner
    this.#places = places
    this.#admission = admission
  }

  get(key: string): unknown {
    this.#leftMs = undefined
    const value = this.#inner.get(key)
    return value === undefined ? undefined : this.#admitted(key, value)
  }

  ttlLeftMs(): number {
    return this.#leftMs ?? this.#inner.ttlLeftMs()
  }

  peek(key: string): unknown {
    const value = this.#inner.peek(key)
    return value === undefined ? undefined : this.#admitted(key, value)
  }

  copy(key: string): unknown {
    this.#leftMs = undefined
    const value = this.#inner.copy(key)
    return value === undefined ? undefined : this.#settled(this.#ask(key, value, true))
  }

  entry(key: string, options?: { doubtful?: boolean; quiet?: boolean }): L1Entry | undefined {
    const entry = this.#inner.entry(key, options)
    return entry === undefined ? undefined : this.#admittedEntry(key, entry)
  }

  raw(key: string): RawEntry | undefined {
    return this.#inner.raw(key)
  }

  has(key: string): boolean {
    return this.peek(key) !== undefined
  }

  getMany(keys: readonly string[]): unknown[] {
    return keys.length === 0 ? this.#inner.getMany(keys) : keys.map((key) => this.get(key))
  }

  /** What becomes of the value that the last read left undecided: the value, or undefined. Never rejects. */
  takeUndecided(): Promise<unknown> | undefined {
    const undecided = this.#undecided
    this.#undecided = undefined
    return undecided
  }

  acquire(key: string, options: AcquireOptions): Acquired {
    const acquired = this.#inner.acquire(key, options)
    if (acquired.state !== 'hit') return acquired
    const entry = this.#admittedEntry(key, acquired.entry)
    return entry === undefined ? this.#inner.acquire(key, { ...options, force: true }) : { state: 'hit', entry }
  }

  admitting(admission: Admission): L1View {
    return this.#inner.admitting(admission)
  }

  child(name: string): L1View {
    return this.#inner.child(name)
  }

  #admitted(key: string, value: unknown): unknown {
    return this.#settled(this.#ask(key, value))
  }

  #settled(admitted: unknown): unknown {
    if (!(admitted instanceof Promise)) return admitted
    this.#undecided = admitted
    return undefined
  }

  #admittedEntry(key: string, entry: L1Entry): L1Entry | undefined {
    const value = this.#ask(key, entry.value)
    if (value === undefined) return undefined
    return value === entry.value || value instanceof Promise ? entry : { ...entry, value }
  }

  #ask(key: string, value: unknown, isOwn = false): unknown {
    // Asked for again once it is unpacked.
    if (value instanceof Packed) return value
    const place = this.#places?.placeOf(value) ?? -1
    const admission = this.#admission
    if (place >= 0 && this.#places!.admittedBy(place) === admission) return value
    this.#leftMs = this.#inner.ttlLeftMs()
    const admitted = admission.decoded(value, key, this.namespace, isOwn)
    if (place >= 0 && admitted !== undefined && !(admitted instanceof Promise)) this.#places!.admit(place, value, admitted, admission)
    return admitted
  }

  set(key: string, value: unknown, life: Life, condition?: Condition, fleet?: Fleet): number {
    return this.#inner.set(key, value, life, condition, fleet)
  }

  delete(key: string): boolean {
    return this.#inner.delete(key)
  }

  remove(key: string): { wasThere: boolean; version: number } {
    return this.#inner.remove(key)
  }

  take(key: string, version: number): boolean {
    return this.#inner.take(key, version)
  }

  touch(key: string, life: Life): boolean {
    return this.#inner.touch(key, life)
  }

  expire(key: string): boolean {
    return this.#inner.expire(key)
  }

  publish(key: string, lease: LeaseToken, value: unknown, life: Life, fleet?: Fleet): number {
    return this.#inner.publish(key, lease, value, life, fleet)
  }

  fail(key: string, lease: LeaseToken, error: unknown, memoMs: number, late?: LateFailure): void {
    this.#inner.fail(key, lease, error, memoMs, late)
  }

  abandon(key: string, lease: LeaseToken): void {
    this.#inner.abandon(key, lease)
  }

  clear(): void {
    this.#inner.clear()
  }

  setQuota(bytes: number): void {
    this.#inner.setQuota(bytes)
  }

  invalidate(key: string, version: number, settled: Settled): 'removed' | 'kept' | 'absent' {
    return this.#inner.invalidate(key, version, settled)
  }

  revalidated(key: string, version: number, doubt: number, life?: Life): boolean {
    return this.#inner.revalidated(key, version, doubt, life)
  }

  epoch(): number {
    return this.#inner.epoch()
  }

  epochOfSet(): number {
    return this.#inner.epochOfSet()
  }

  fleetEpoch(): number {
    return this.#inner.fleetEpoch()
  }

  setFleetEpoch(value: number): void {
    this.#inner.setFleetEpoch(value)
  }

  advanceFleetEpoch(value: number): void {
    this.#inner.advanceFleetEpoch(value)
  }
}
