/** One namespace of the shared table: numbers through the mailbox, values through the scratch buffer. */
import { Codec, encode, isLatin1 } from '../wire/codec'
import { decodeError, encodeError } from '../wire/error-codec'
import { readStamp } from '../wire/tags'
import { isNull } from '../wire/about'
import { checkChildName, namespacePath } from '../words/keys'
import {
  ANY_TEXT, CLEARS, FLAG, IN_CODEC, IN_CONDITION, IN_EXPECTED, IN_FLEET, IN_FORCE, IN_GRACE, IN_LEASE_MS, IN_TAG_CLOCK, IN_TAGS, IN_TOKEN, IN_TTL,
  LENGTH, MANY, NEGATIVE, STATUS, TAG_CLOCK, TOKEN, VERSION,
} from './mailbox'
import { AdmittingView } from './admitting-view'
import type { CopiedView } from './copies'
import { type SharedIsolate, callNative } from './shared-isolate'
import { SharedReads } from './shared-reads'
import type { AcquireOptions, Acquired, Admission, Condition, Fleet, L1View, LateFailure, LeaseToken, Life, Settled } from './table'

const LONG_TEXT = 128

export class SharedView extends SharedReads implements L1View, CopiedView {
  readonly #id: number
  readonly #children = new Map<string, SharedView>()

  constructor(shared: SharedIsolate, id: number, namespace: string) {
    super(shared, id, namespace)
    this.#id = id
  }

  set(key: string, value: unknown, life: Life, condition?: Condition, fleet?: Fleet): number {
    return this.#write(key, value, life, condition, 0, fleet)
  }

  epochOfSet(): number {
    return this.numbers[CLEARS]!
  }

  delete(key: string): boolean {
    this.native.delete(key)
    return this.changed(key) === this.shared.statuses['OK']
  }

  remove(key: string): { wasThere: boolean; version: number } {
    this.native.remove(key)
    const wasThere = this.changed(key) === this.shared.statuses['OK']
    return { wasThere, version: this.numbers[VERSION]! }
  }

  take(key: string, version: number): boolean {
    this.numbers[IN_EXPECTED] = version
    this.native.take(key)
    return this.changed(key) === this.shared.statuses['OK']
  }

  touch(key: string, life: Life): boolean {
    this.numbers[IN_TTL] = life.ttlMs
    this.numbers[IN_GRACE] = life.graceMs
    this.native.touch(key)
    return this.changed(key) === this.shared.statuses['OK']
  }

  expire(key: string): boolean {
    this.native.expire(key)
    return this.changed(key) === this.shared.statuses['OK']
  }

  acquire(key: string, options: AcquireOptions): Acquired {
    let { force } = options
    for (;;) {
      this.numbers[IN_LEASE_MS] = options.leaseMs
      this.words[IN_FORCE] = (force ? 1 : 0) | (options.heedsLate === true ? 2 : 0) | (options.isPermit === true ? 4 : 0)
      this.numbers[IN_TOKEN] = options.awaited ?? 0
      this.native.acquire(key)
      const status = this.checked(key)
      const { statuses } = this.shared
      if (status === statuses['OK']) return { state: 'granted', lease: this.numbers[TOKEN]!, failures: this.words[FLAG]!, tagClock: this.numbers[TAG_CLOCK]! }
      if (status === statuses['LEASE_BUSY']) return { state: 'busy', lease: this.numbers[TOKEN]! }
      if (status === statuses['FLIGHT_FAILED']) {
        return { state: 'failed', error: decodeError(this.shared.scratch.subarray(0, this.words[LENGTH])) }
      }
      if (status !== statuses['MISS'] || this.words[FLAG] !== 1) return { state: 'unavailable' }
      const { unreadable } = this.shared
      const before = unreadable.count
      const entry = this.entry(key)
      // Gone or stale again between the two calls: ask once more. What cannot be read is asked for as if it were not there.
      if (entry !== undefined && !entry.isStale) return { state: 'hit', entry }
      if (unreadable.count > before) force = true
    }
  }

  publish(key: string, lease: LeaseToken, value: unknown, life: Life, fleet?: Fleet): number {
    let version = 0
    try {
      version = this.#write(key, value, life, undefined, lease, fleet)
    } finally {
      if (version === 0) this.abandon(key, lease)
    }
    return version
  }

  fail(key: string, lease: LeaseToken, error: unknown, memoMs: number, late?: LateFailure): void {
    const bytes = encodeError(error)
    this.numbers[IN_TOKEN] = lease
    this.numbers[IN_TTL] = memoMs
    this.numbers[IN_GRACE] = late === undefined ? 0 : late.ms
    this.numbers[IN_EXPECTED] = late === undefined ? 0 : Math.min(late.failures, 0xffff)
    this.native.fail(key, bytes)
    this.checked(key)
  }

  abandon(key: string, lease: LeaseToken): void {
    this.numbers[IN_TOKEN] = lease
    this.native.abandon(key)
    this.checked(key)
  }

  clear(): void {
    this.checkOpen()
    this.native.clear()
    this.shared.copies?.cleared(this.namespace)
  }

  invalidate(key: string, version: number, settled: Settled): 'removed' | 'kept' | 'absent' {
    return this.fleet.invalidate(key, version, settled)
  }

  revalidated(key: string, version: number, doubt: number, life?: Life): boolean {
    return this.fleet.revalidated(key, version, doubt, life)
  }

  epoch(): number {
    this.checkOpen()
    return this.fleet.epochs().host
  }

  fleetEpoch(): number {
    this.checkOpen()
    return this.fleet.epochs().fleet
  }

  setFleetEpoch(value: number): void {
    this.checkOpen()
    this.fleet.setEpoch(value, false)
  }

  advanceFleetEpoch(value: number): void {
    this.checkOpen()
    this.fleet.setEpoch(value, true)
  }

  setQuota(bytes: number): void {
    this.checkOpen()
    callNative(() => this.shared.native.setQuota(this.#id, bytes))
  }

  child(name: string): SharedView {
    this.checkOpen()
    checkChildName(name)
    let child = this.#children.get(name)
    if (child === undefined) {
      const id = callNative(() => this.shared.native.namespaceId(name, this.#id))
      child = new SharedView(this.shared, id, namespacePath(this.namespace, name))
      this.#children.set(name, child)
    }
    return child
  }

  isHeld(key: string): boolean {
    this.native.isHeld(key)
    this.checked(key)
    return this.words[FLAG] !== 0
  }

  release(key: string): void {
    this.native.release(key)
    this.checked(key)
  }

  epochSum(): number {
    this.checkOpen()
    return this.fleet.epochs().sum
  }

  admitting(admission: Admission): L1View {
    return new AdmittingView(this, this.shared.l0, admission)
  }

  /** The version of what was stored, or 0. */
  #write(
    key: string, value: unknown, life: Life, condition: Condition | undefined, lease: LeaseToken, fleet: Fleet | undefined,
  ): number {
    const words = this.words
    const numbers = this.numbers
    let payload = value as string | Uint8Array
    words[IN_TAGS] = 0
    if (typeof value === 'string') {
      // The native side has to look through it: of a short one that costs less than to ask here.
      words[IN_CODEC] = value.length > LONG_TEXT && isLatin1(value) ? Codec.latin1 : ANY_TEXT
    } else {
      // Before the mailbox is filled: encoding may run a value's own code, which may use the cache.
      const encoded = encode(value)
      payload = encoded.payload
      words[IN_CODEC] = isNull(encoded) ? encoded.codec | NEGATIVE : encoded.codec
      if (encoded.codec === Codec.tagged) this.#giveTags(payload as Uint8Array)
      else words[IN_TAGS] = 0
    }
    numbers[IN_TTL] = life.ttlMs
    numbers[IN_GRACE] = life.graceMs
    numbers[IN_TOKEN] = lease
    words[IN_CONDITION] = 0
    if (condition !== undefined) {
      words[IN_CONDITION] = condition.if === 'absent' ? 1 : 2
      numbers[IN_EXPECTED] = condition.if === 'version' ? condition.version : 0
    }
    words[IN_FLEET] = 0
    if (fleet !== undefined) this.fleet.give(fleet)
    this.native.set(key, payload)
    if (this.shared.copies !== undefined) this.changed(key)
    if (words[STATUS] === 0) return numbers[VERSION]!
    this.checked(key)
    return 0
  }

  #giveTags(payload: Uint8Array): void {
    const { slots, clock } = readStamp(payload)
    this.words.set(slots, MANY)
    this.words[IN_TAGS] = slots.length
    this.numbers[IN_TAG_CLOCK] = clock
  }

  protected changed(key: string): number {
    const status = this.words[STATUS]!
    if (status < 0) return this.checked(key)
    if (this.shared.copies !== undefined) this.shared.copies.changed(this, key)
    return status
  }

}
