/** One namespace of the shared table: numbers through the mailbox, values through L0 or the scratch buffer. */
import { Codec, decode, encode } from '../wire/codec'
import { decodeError, encodeError } from '../wire/error-codec'
import { type Notes, readNotes } from '../wire/notes'
import { CacheError } from '../words/errors'
import { checkKey, checkNamespaceName, MAX_KEY_BYTES, namespacePath } from '../words/keys'
import {
  MISS, RETURNED, IN_L0, IN_SCRATCH, GROW, RETURNED_KEEP, STALE_TOO, QUIET, DOUBT_TOO, PAST_L0, STATUS, L0_INDEX,
  LENGTH, CODEC, IS_STALE, FLAG, FLEET, IN_CODEC, IN_CONDITION, IN_FORCE, IN_FLAGS, IN_COUNT, IN_FLEET, VERSION, CLEARS,
  SOFT_LEFT, HARD_LEFT, TOKEN, IN_TTL, IN_GRACE, IN_EXPECTED, IN_LEASE_MS, IN_TOKEN, MANY, MANY_WORDS, MANY_KEYS,
} from './mailbox'
import type { NativeView } from './native'
import { SharedFleet } from './shared-fleet'
import { type SharedIsolate, callNative } from './shared-isolate'
import type {
  AcquireOptions, Acquired, Condition, Fleet, L1Entry, L1View, LateFailure, LeaseToken, Life, Settled,
} from './table'

/** Makes an array of its arguments: one call natively, where an element at a time would be one each. */
const collect = (...values: unknown[]): unknown[] => values

export class SharedView implements L1View {
  readonly namespace: string
  readonly #shared: SharedIsolate
  readonly #id: number
  readonly #native: NativeView
  readonly #get: NativeView['get']
  readonly #words: Int32Array
  readonly #numbers: Float64Array
  readonly #l0: unknown[]
  readonly #fleet: SharedFleet
  readonly #children = new Map<string, SharedView>()

  constructor(shared: SharedIsolate, id: number, namespace: string) {
    this.#shared = shared
    this.#id = id
    this.namespace = namespace
    this.#native = shared.native.view(id)
    this.#get = this.#native.get
    this.#words = shared.words
    this.#numbers = shared.numbers
    this.#l0 = shared.l0.values
    this.#fleet = new SharedFleet(shared, this.#native, (key) => this.#checked(key))
  }

  get(key: string): unknown {
    const value = this.#get(key)
    const words = this.#words
    const found = words[STATUS]
    if (found === IN_L0) {
      const kept = this.#l0[words[L0_INDEX]!]
      if (kept !== undefined) return kept
    } else if (found === RETURNED || found === MISS) {
      return value
    }
    return this.#finish(key, value, 0)
  }

  ttlLeftMs(): number {
    const leftMs = this.#numbers[SOFT_LEFT]!
    return leftMs < 0 ? Number.POSITIVE_INFINITY : leftMs
  }

  peek(key: string): unknown {
    return this.#read(key, QUIET)
  }

  entry(key: string, options?: { doubtful?: boolean; quiet?: boolean }): L1Entry | undefined {
    const value = this.#read(key, STALE_TOO | (options?.doubtful === true ? DOUBT_TOO : 0) | (options?.quiet === true ? QUIET : 0))
    return value === undefined ? undefined : this.#describe(value)
  }

  has(key: string): boolean {
    this.#native.has(key)
    return this.#checked(key) === RETURNED
  }

  getMany(keys: readonly string[]): unknown[] {
    this.#checkOpen()
    if (keys.length <= MANY_KEYS) return keys.length === 0 ? [] : this.#getChunk(keys)
    const results: unknown[] = []
    for (let start = 0; start < keys.length; start += MANY_KEYS) {
      results.push(...this.#getChunk(keys.slice(start, start + MANY_KEYS)))
    }
    return results
  }

  #getChunk(keys: readonly string[]): unknown[] {
    const words = this.#words
    const count = keys.length
    for (let i = 0, at = MANY; i < count; i++, at += MANY_WORDS) {
      const key: unknown = keys[i]
      if (typeof key !== 'string' || key.length > MAX_KEY_BYTES) checkKey(key as string)
      words[at] = (key as string).length
    }
    words[IN_COUNT] = count
    const results = this.#native.getMany(keys.join(''), collect) as unknown[]
    if (words[STATUS] !== RETURNED) this.#checked(keys[words[L0_INDEX]!]!)
    if (words[FLAG] === 0) return results
    this.#shared.l0.dropEvicted()
    // Bytes first: decoding may use the scratch buffer again, so what lies in it is taken out at once.
    for (let i = 0, at = MANY; i < count; i++, at += MANY_WORDS) {
      const found = words[at]
      if (found === RETURNED || found === MISS) continue
      const index = words[at + 1]!
      const kept = found === IN_L0 ? this.#l0[index] : undefined
      if (kept !== undefined) results[i] = kept
      else if (found === RETURNED_KEEP) {
        if (index >= 0) this.#shared.l0.keep(index, results[i])
      } else if (found === IN_SCRATCH) results[i] = this.#decode(index, words[at + 4]!, words[at + 2]!, words[at + 3]!)
      else words[at] = GROW
    }
    for (let i = 0, at = MANY; i < count; i++, at += MANY_WORDS) {
      if (words[at] === GROW) results[i] = this.get(keys[i]!)
    }
    return results
  }

  set(key: string, value: unknown, life: Life, condition?: Condition, fleet?: Fleet): number {
    return this.#write(key, value, life, condition, 0, fleet)
  }

  epochOfSet(): number {
    return this.#numbers[CLEARS]!
  }

  delete(key: string): boolean {
    this.#native.delete(key)
    return this.#checked(key) === this.#shared.statuses['OK']
  }

  remove(key: string): { wasThere: boolean; version: number } {
    this.#native.remove(key)
    const wasThere = this.#checked(key) === this.#shared.statuses['OK']
    return { wasThere, version: this.#numbers[VERSION]! }
  }

  take(key: string, version: number): boolean {
    this.#numbers[IN_EXPECTED] = version
    this.#native.take(key)
    return this.#checked(key) === this.#shared.statuses['OK']
  }

  touch(key: string, life: Life): boolean {
    this.#numbers[IN_TTL] = life.ttlMs
    this.#numbers[IN_GRACE] = life.graceMs
    this.#native.touch(key)
    return this.#checked(key) === this.#shared.statuses['OK']
  }

  expire(key: string): boolean {
    this.#native.expire(key)
    return this.#checked(key) === this.#shared.statuses['OK']
  }

  acquire(key: string, options: AcquireOptions): Acquired {
    for (;;) {
      this.#numbers[IN_LEASE_MS] = options.leaseMs
      this.#words[IN_FORCE] = (options.force ? 1 : 0) | (options.heedsLate === true ? 2 : 0) | (options.isPermit === true ? 4 : 0)
      this.#numbers[IN_TOKEN] = options.awaited ?? 0
      this.#native.acquire(key)
      const status = this.#checked(key)
      const { statuses } = this.#shared
      if (status === statuses['OK']) return { state: 'granted', lease: this.#numbers[TOKEN]!, failures: this.#words[FLAG]! }
      if (status === statuses['LEASE_BUSY']) return { state: 'busy', lease: this.#numbers[TOKEN]! }
      if (status === statuses['FLIGHT_FAILED']) {
        return { state: 'failed', error: decodeError(this.#shared.scratch.subarray(0, this.#words[LENGTH])) }
      }
      if (status !== statuses['MISS'] || this.#words[FLAG] !== 1) return { state: 'unavailable' }
      const entry = this.entry(key)
      // Gone or stale again between the two calls: ask once more.
      if (entry !== undefined && !entry.isStale) return { state: 'hit', entry }
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
    this.#numbers[IN_TOKEN] = lease
    this.#numbers[IN_TTL] = memoMs
    this.#numbers[IN_GRACE] = late === undefined ? 0 : late.ms
    this.#numbers[IN_EXPECTED] = late === undefined ? 0 : Math.min(late.failures, 0xffff)
    this.#native.fail(key, bytes)
    this.#checked(key)
  }

  abandon(key: string, lease: LeaseToken): void {
    this.#numbers[IN_TOKEN] = lease
    this.#native.abandon(key)
    this.#checked(key)
  }

  clear(): void {
    this.#checkOpen()
    this.#native.clear()
  }

  invalidate(key: string, version: number, settled: Settled): 'removed' | 'kept' | 'absent' {
    return this.#fleet.invalidate(key, version, settled)
  }

  revalidated(key: string, version: number, doubt: number, life?: Life): boolean {
    return this.#fleet.revalidated(key, version, doubt, life)
  }

  epoch(): number {
    this.#checkOpen()
    return this.#fleet.epochs().host
  }

  fleetEpoch(): number {
    this.#checkOpen()
    return this.#fleet.epochs().fleet
  }

  setFleetEpoch(value: number): void {
    this.#checkOpen()
    this.#fleet.setEpoch(value)
  }

  child(name: string): SharedView {
    this.#checkOpen()
    checkNamespaceName(name)
    let child = this.#children.get(name)
    if (child === undefined) {
      const id = callNative(() => this.#shared.native.namespaceId(name, this.#id))
      child = new SharedView(this.#shared, id, namespacePath(this.namespace, name))
      this.#children.set(name, child)
    }
    return child
  }

  #read(key: string, flags: number): unknown {
    this.#words[IN_FLAGS] = flags
    this.#shared.notes = undefined
    const value = this.#native.entry(key)
    const words = this.#words
    const found = words[STATUS]
    if (found === RETURNED || found === MISS) return value
    if (found === IN_L0) {
      const kept = this.#l0[words[L0_INDEX]!]
      if (kept !== undefined) return kept
    }
    return this.#finish(key, value, flags)
  }

  /** The rare ends of a read: a value to keep, bytes to decode, a place L0 has given up, a small scratch, misuse. */
  #finish(key: string, value: unknown, flags: number): unknown {
    for (let result = value; ; ) {
      const words = this.#words
      const index = words[L0_INDEX]!
      const bytes = words[LENGTH]!
      switch (words[STATUS]) {
        case MISS:
        case RETURNED:
          return result
        case RETURNED_KEEP:
          this.#shared.l0.dropEvicted()
          if (index >= 0) this.#shared.l0.keep(index, result)
          return result
        case IN_SCRATCH:
          this.#shared.l0.dropEvicted()
          return this.#decode(index, 0, bytes, words[CODEC]!)
        case GROW:
          this.#shared.scratch = Buffer.from(new ArrayBuffer(2 ** Math.ceil(Math.log2(bytes))))
          this.#shared.native.setScratch(this.#shared.scratch.buffer as ArrayBuffer)
          break
        case IN_L0:
          break
        default:
          this.#checked(key)
      }
      // Past L0, since what it had is given up; the place is taken again for the value read now.
      words[IN_FLAGS] = flags | PAST_L0
      result = this.#native.entry(key)
    }
  }

  #decode(index: number, at: number, bytes: number, codec: number): unknown {
    let value: unknown
    let notes: Notes | undefined
    try {
      const payload = this.#shared.scratch.subarray(at, at + bytes)
      value = decode(codec, payload)
      if (codec === Codec.noted) notes = readNotes(payload)
    } catch (error) {
      // Bytes another version of the package wrote, or damage: absent for this reader.
      if (error instanceof CacheError && error.code === 'ERR_CACHE_PAYLOAD') return undefined
      throw error
    }
    this.#shared.notes = notes
    // Bytes are the caller's own to change; a place taken for them is forgotten.
    const isShareable = notes === undefined || !(value instanceof Uint8Array)
    if (index >= 0 && value !== undefined && isShareable) this.#shared.l0.keep(index, value, notes)
    return value
  }

  #describe(value: unknown): L1Entry {
    const softLeft = this.#numbers[SOFT_LEFT]!
    const hardLeft = this.#numbers[HARD_LEFT]!
    const entry: L1Entry = {
      value,
      version: this.#numbers[VERSION]!,
      isStale: this.#words[IS_STALE] === 1,
      ttlLeftMs: softLeft < 0 ? Number.POSITIVE_INFINITY : softLeft,
      hardLeftMs: hardLeft < 0 ? Number.POSITIVE_INFINITY : hardLeft,
      tier: this.#words[STATUS] === IN_L0 ? 'l0' : 'l1',
    }
    const { notes, l0 } = this.#shared
    const noted = entry.tier === 'l0' ? l0.notesOf(this.#words[L0_INDEX]!) : notes
    if (noted !== undefined) entry.notes = noted
    if (this.#words[FLEET] !== 0) entry.fleet = this.#fleet.take()
    return entry
  }

  /** The version of what was stored, or 0. */
  #write(
    key: string, value: unknown, life: Life, condition: Condition | undefined, lease: LeaseToken, fleet: Fleet | undefined,
  ): number {
    const words = this.#words
    const numbers = this.#numbers
    let payload = value as string | Uint8Array
    if (typeof value !== 'string') {
      // Before the mailbox is filled: encoding may run a value's own code, which may use the cache.
      const encoded = encode(value)
      payload = encoded.payload
      words[IN_CODEC] = encoded.codec
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
    if (fleet !== undefined) this.#fleet.give(fleet)
    this.#native.set(key, payload)
    if (words[STATUS] === 0) return numbers[VERSION]!
    this.#checked(key)
    return 0
  }

  #checkOpen(): void {
    if (this.#shared.isClosed) throw new CacheError('ERR_CACHE_CLOSED', 'the table must be open, it was closed')
  }

  /** The status of the call just made. Throws what misuse it reports. */
  #checked(key: string): number {
    const status = this.#words[STATUS]!
    if (status >= 0) return status
    this.#checkOpen()
    checkKey(key)
    throw new CacheError('ERR_CACHE_KEY', 'key must be a well-formed string of 1 to 1024 bytes')
  }
}
