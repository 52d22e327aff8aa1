/** One namespace of the shared table: numbers through the mailbox, values through L0 or the scratch buffer. */
import { decode, encode } from '../wire/codec'
import { decodeError, encodeError } from '../wire/error-codec'
import { CacheError } from '../words/errors'
import { checkKey, checkNamespaceName, namespacePath } from '../words/keys'
import {
  MISS, RETURNED, IN_L0, IN_SCRATCH, GROW, RETURNED_KEEP, STALE_TOO, QUIET, PAST_L0, STATUS, L0_INDEX, LENGTH,
  CODEC, IS_STALE, FLAG, IN_CODEC, IN_CONDITION, IN_FORCE, IN_FLAGS, IN_START, VERSION, SOFT_LEFT, TOKEN, IN_TTL,
  IN_GRACE, IN_EXPECTED, IN_LEASE_MS, IN_TOKEN, MANY, MANY_WORDS, MANY_KEYS,
} from './mailbox'
import type { NativeView } from './native'
import { type SharedIsolate, callNative } from './shared-isolate'
import type { AcquireOptions, Acquired, Condition, L1Entry, L1View, LeaseToken, Life } from './table'

export class SharedView implements L1View {
  readonly namespace: string
  readonly #shared: SharedIsolate
  readonly #id: number
  readonly #native: NativeView
  readonly #get: NativeView['get']
  readonly #words: Int32Array
  readonly #numbers: Float64Array
  readonly #l0: unknown[]
  readonly #l0Used: Uint8Array
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
    this.#l0Used = shared.l0.used
  }

  get(key: string): unknown {
    const value = this.#get(key)
    const words = this.#words
    const found = words[STATUS]
    if (found === IN_L0) {
      const index = words[L0_INDEX]!
      const kept = this.#l0[index]
      if (kept !== undefined) {
        this.#l0Used[index] = 1
        return kept
      }
    } else if (found === RETURNED || found === MISS) {
      return value
    }
    return this.#finish(key, value, 0)
  }

  peek(key: string): unknown {
    return this.#read(key, QUIET)
  }

  entry(key: string): L1Entry | undefined {
    const value = this.#read(key, STALE_TOO)
    return value === undefined ? undefined : this.#describe(value)
  }

  has(key: string): boolean {
    this.#native.has(key)
    return this.#checked(key) === RETURNED
  }

  getMany(keys: readonly string[]): unknown[] {
    this.#checkOpen()
    const results: unknown[] = new Array(keys.length).fill(undefined)
    const words = this.#words
    for (let start = 0; start < keys.length; start += MANY_KEYS) {
      words[IN_START] = start
      this.#native.getMany(keys, results)
      if (words[STATUS] !== RETURNED) this.#checked(keys[words[L0_INDEX]!] as string)
      const end = Math.min(keys.length, start + MANY_KEYS)
      // Bytes first: decoding may use the scratch buffer again, so what lies in it is taken out at once.
      for (let i = start, at = MANY; i < end; i++, at += MANY_WORDS) {
        const found = words[at]
        if (found === RETURNED || found === MISS) continue
        const index = words[at + 1]!
        const kept = found === IN_L0 ? this.#l0[index] : undefined
        if (kept !== undefined) results[i] = kept
        else if (found === RETURNED_KEEP) this.#shared.l0.keep(index, results[i], words[at + 2]!)
        else if (found === IN_SCRATCH) results[i] = this.#decode(index, words[at + 4]!, words[at + 2]!, words[at + 3]!)
        else words[at] = GROW
      }
      for (let i = start, at = MANY; i < end; i++, at += MANY_WORDS) {
        if (words[at] === GROW) results[i] = this.get(keys[i]!)
      }
    }
    return results
  }

  set(key: string, value: unknown, life: Life, condition?: Condition): number {
    return this.#write(key, value, life, condition, 0) ? this.#numbers[VERSION]! : 0
  }

  delete(key: string): boolean {
    this.#native.delete(key)
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
      this.#words[IN_FORCE] = options.force ? 1 : 0
      this.#numbers[IN_TOKEN] = options.awaited ?? 0
      this.#native.acquire(key)
      const status = this.#checked(key)
      const { statuses } = this.#shared
      if (status === statuses['OK']) return { state: 'granted', lease: this.#numbers[TOKEN]! }
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

  publish(key: string, lease: LeaseToken, value: unknown, life: Life): boolean {
    let isStored = false
    try {
      isStored = this.#write(key, value, life, undefined, lease)
    } finally {
      if (!isStored) this.abandon(key, lease)
    }
    return isStored
  }

  fail(key: string, lease: LeaseToken, error: unknown, memoMs: number): void {
    const bytes = encodeError(error)
    this.#numbers[IN_TOKEN] = lease
    this.#numbers[IN_TTL] = memoMs
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
          this.#shared.l0.keep(index, result, bytes)
          return result
        case IN_SCRATCH:
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
    if (index >= 0) this.#shared.l0.drop(index)
    let value: unknown
    try {
      value = decode(codec, this.#shared.scratch.subarray(at, at + bytes))
    } catch (error) {
      // Bytes another version of the package wrote, or damage: absent for this reader.
      if (error instanceof CacheError && error.code === 'ERR_CACHE_PAYLOAD') return undefined
      throw error
    }
    if (index >= 0 && value !== undefined) this.#shared.l0.keep(index, value, bytes)
    return value
  }

  #describe(value: unknown): L1Entry {
    const softLeft = this.#numbers[SOFT_LEFT]!
    return {
      value,
      version: this.#numbers[VERSION]!,
      isStale: this.#words[IS_STALE] === 1,
      ttlLeftMs: softLeft < 0 ? Number.POSITIVE_INFINITY : softLeft,
      tier: this.#words[STATUS] === IN_L0 ? 'l0' : 'l1',
    }
  }

  #write(key: string, value: unknown, life: Life, condition: Condition | undefined, lease: LeaseToken): boolean {
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
    this.#native.set(key, payload)
    if (words[STATUS] === 0) return true
    this.#checked(key)
    return false
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
