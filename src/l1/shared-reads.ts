/** Reads of one namespace of the shared table: values through L0 or the scratch buffer. */
import { type About, aboutOf } from '../wire/about'
import { Codec, decode, type Encoded, encode } from '../wire/codec'
import { Packed } from '../wire/compressed'
import { CacheError } from '../words/errors'
import { checkKey, MAX_KEY_BYTES } from '../words/keys'
import type { StoredEntry } from './copies'
import {
  AGE, CODEC, DOUBT_TOO, FLAG, FLEET, GROW, IN_COUNT, IN_FLAGS, IN_L0, IN_SCRATCH, IS_STALE, HARD_LEFT, L0_INDEX, LENGTH, MANY, MANY_KEYS,
  MANY_WORDS, MISS, NO_PLACE, PAST_L0, QUIET, RETURNED, RETURNED_KEEP, SOFT_LEFT, STALE_TOO, STATUS, TAG_CLOCK, VERSION,
} from './mailbox'
import type { NativeView } from './native'
import { SharedFleet } from './shared-fleet'
import type { SharedIsolate } from './shared-isolate'
import type { L1Entry, RawEntry } from './table'

/** No status of any call. */
const ASIDE = -(2 ** 31)

/** Makes an array of its arguments: one call natively, where an element at a time would be one each. */
const collect = (...values: unknown[]): unknown[] => values

export abstract class SharedReads {
  readonly namespace: string
  protected readonly shared: SharedIsolate
  protected readonly native: NativeView
  protected readonly words: Int32Array
  protected readonly numbers: Float64Array
  protected readonly fleet: SharedFleet
  readonly #get: NativeView['get']
  readonly #l0: unknown[]
  /** The codec of the value decoded last has used the cache. */
  #wasUsed = false

  constructor(shared: SharedIsolate, id: number, namespace: string) {
    this.shared = shared
    this.namespace = namespace
    this.native = shared.native.view(id)
    this.#get = this.native.get
    this.words = shared.words
    this.numbers = shared.numbers
    this.#l0 = shared.l0.values
    this.fleet = new SharedFleet(shared, this.native, (key) => this.checked(key), (key) => this.changed(key))
  }

  /** As `checked`, after a call that may have changed the key. */
  protected abstract changed(key: string): number

  get(key: string): unknown {
    const value = this.#get(key)
    const words = this.words
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
    const leftMs = this.numbers[SOFT_LEFT]!
    return leftMs < 0 ? Number.POSITIVE_INFINITY : leftMs
  }

  peek(key: string): unknown {
    return this.#read(key, QUIET)
  }

  copy(key: string): unknown {
    return this.#read(key, PAST_L0 | NO_PLACE)
  }

  entry(key: string, options?: { doubtful?: boolean; quiet?: boolean }): L1Entry | undefined {
    const value = this.#read(key, STALE_TOO | (options?.doubtful === true ? DOUBT_TOO : 0) | (options?.quiet === true ? QUIET : 0))
    return value === undefined ? undefined : this.#describe(value)
  }

  raw(key: string): RawEntry | undefined {
    const encoded = this.#encoded(key, STALE_TOO)
    if (encoded === undefined) return undefined
    const { ageMs, isStale, ttlLeftMs, hardLeftMs } = this.#life()
    return { ...encoded, ageMs, isStale, ttlLeftMs, hardLeftMs }
  }

  stored(key: string): StoredEntry | undefined {
    const encoded = this.#encoded(key, STALE_TOO | DOUBT_TOO)
    if (encoded === undefined) return undefined
    const { ageMs, isStale, ttlLeftMs: softLeftMs, hardLeftMs } = this.#life()
    const stored: StoredEntry = { ...encoded, uses: this.words[FLAG]!, ageMs, isStale, softLeftMs, hardLeftMs, tagClock: this.numbers[TAG_CLOCK]! }
    if (this.words[FLEET] !== 0) stored.fleet = this.fleet.take()
    return stored
  }

  has(key: string): boolean {
    this.native.has(key)
    return this.checked(key) === RETURNED
  }

  getMany(keys: readonly string[]): unknown[] {
    this.checkOpen()
    if (keys.length <= MANY_KEYS) return keys.length === 0 ? [] : this.#getChunk(keys)
    const results: unknown[] = []
    for (let start = 0; start < keys.length; start += MANY_KEYS) {
      results.push(...this.#getChunk(keys.slice(start, start + MANY_KEYS)))
    }
    return results
  }

  #getChunk(keys: readonly string[]): unknown[] {
    const words = this.words
    const count = keys.length
    for (let i = 0, at = MANY; i < count; i++, at += MANY_WORDS) {
      const key: unknown = keys[i]
      if (typeof key !== 'string' || key.length > MAX_KEY_BYTES) checkKey(key as string)
      words[at] = (key as string).length
    }
    words[IN_COUNT] = count
    const results = this.native.getMany(keys.join(''), collect) as unknown[]
    if (words[STATUS] !== RETURNED) this.checked(keys[words[L0_INDEX]!]!)
    if (words[FLAG] === 0) return results
    this.shared.l0.dropEvicted()
    // Bytes first: decoding may use the scratch buffer again, so what lies in it is taken out at once.
    for (let i = 0, at = MANY; i < count; i++, at += MANY_WORDS) {
      const found = words[at]
      if (found === RETURNED || found === MISS) continue
      const index = words[at + 1]!
      const kept = found === IN_L0 ? this.#l0[index] : undefined
      if (kept !== undefined) results[i] = kept
      else if (found === RETURNED_KEEP) {
        if (index >= 0) this.shared.l0.keep(index, results[i])
      } else if (found === IN_SCRATCH) {
        results[i] = this.#decode(index, words[at + 4]!, words[at + 2]!, words[at + 3]!)
        if (!this.#wasUsed) continue
        this.#wasUsed = false
        // Nothing that was found for the other keys can be relied upon.
        for (let j = i + 1; j < count; j++) words[MANY + j * MANY_WORDS] = GROW
        break
      } else words[at] = GROW
    }
    for (let i = 0, at = MANY; i < count; i++, at += MANY_WORDS) {
      if (words[at] === GROW) results[i] = this.get(keys[i]!)
    }
    return results
  }

  #read(key: string, flags: number): unknown {
    this.words[IN_FLAGS] = flags
    this.shared.about = undefined
    const value = this.native.entry(key)
    const words = this.words
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
      const words = this.words
      const index = words[L0_INDEX]!
      const bytes = words[LENGTH]!
      switch (words[STATUS]) {
        case MISS:
        case RETURNED:
          return result
        case RETURNED_KEEP:
          this.shared.l0.dropEvicted()
          if (index >= 0) this.shared.l0.keep(index, result)
          return result
        case IN_SCRATCH:
          this.shared.l0.dropEvicted()
          return this.#decode(index, 0, bytes, words[CODEC]!)
        case GROW:
          this.#growScratch(bytes)
          break
        case IN_L0:
          break
        default:
          this.checked(key)
      }
      // Past L0, since what it had is given up; the place is taken again for the value read now.
      words[IN_FLAGS] = flags | PAST_L0
      result = this.native.entry(key)
    }
  }

  #growScratch(bytes: number): void {
    this.shared.scratch = Buffer.from(new ArrayBuffer(2 ** Math.ceil(Math.log2(bytes))))
    this.shared.native.setScratch(this.shared.scratch.buffer as ArrayBuffer)
  }

  #decode(index: number, at: number, bytes: number, codec: number): unknown {
    const payload = this.shared.scratch.subarray(at, at + bytes)
    let about: About | undefined
    const { unreadable } = this.shared
    const read = (): unknown => unreadable.read(() => {
      if (codec >= Codec.noted) about = aboutOf(codec, payload)
      return decode(codec, payload)
    })
    this.#wasUsed = false
    const isBuiltIn = codec < Codec.noted || ((codec === Codec.noted || codec === Codec.tagged) && payload[0]! < Codec.noted)
    const value = isBuiltIn ? read() : this.#aside(read)
    this.shared.about = about
    // Bytes are the caller's own to change; a place taken for them is forgotten.
    const isShareable = !(value instanceof Uint8Array || value instanceof Packed || this.#wasUsed)
    if (index >= 0 && value !== undefined && isShareable) this.shared.l0.keep(index, value, about)
    return value
  }

  /**
   * A step that may run a codec of the user's, which may use the cache: then the mailbox is as it was before, but what lies
   * in the scratch buffer and which places are ours is unknown.
   */
  #aside<T>(step: () => T): T {
    const words = this.words
    const before = words.slice()
    words[STATUS] = ASIDE
    const result = step()
    this.#wasUsed = words[STATUS] !== ASIDE
    if (this.#wasUsed) this.shared.l0.dropEvicted()
    words.set(before)
    return result
  }

  #describe(value: unknown): L1Entry {
    const { ageMs, isStale, ttlLeftMs, hardLeftMs } = this.#life()
    const entry: L1Entry = { value, version: this.numbers[VERSION]!, ageMs, isStale, ttlLeftMs, hardLeftMs, tier: this.words[STATUS] === IN_L0 ? 'l0' : 'l1' }
    const { about, l0 } = this.shared
    const told = entry.tier === 'l0' ? l0.aboutOf(this.words[L0_INDEX]!) : about
    if (told?.notes !== undefined) entry.notes = told.notes
    if (told?.tags !== undefined) entry.tags = { names: told.tags.names, clock: this.numbers[TAG_CLOCK]! }
    if (this.words[FLEET] !== 0) entry.fleet = this.fleet.take()
    return entry
  }

  #life(): Pick<L1Entry, 'ageMs' | 'isStale' | 'ttlLeftMs' | 'hardLeftMs'> {
    const softLeft = this.numbers[SOFT_LEFT]!
    const hardLeft = this.numbers[HARD_LEFT]!
    return {
      ageMs: this.numbers[AGE]!,
      isStale: this.words[IS_STALE] === 1,
      ttlLeftMs: softLeft < 0 ? Number.POSITIVE_INFINITY : softLeft,
      hardLeftMs: hardLeft < 0 ? Number.POSITIVE_INFINITY : hardLeft,
    }
  }

  /** The entry as it is stored, a copy; neither counted nor kept. */
  #encoded(key: string, flags: number): Encoded | undefined {
    const words = this.words
    for (;;) {
      words[IN_FLAGS] = flags | QUIET | PAST_L0 | NO_PLACE
      const value = this.native.entry(key)
      switch (words[STATUS]) {
        case MISS:
          return undefined
        case RETURNED:
          return encode(value)
        case RETURNED_KEEP:
          this.shared.l0.dropEvicted()
          return encode(value)
        case IN_SCRATCH:
          this.shared.l0.dropEvicted()
          return { codec: words[CODEC]!, payload: Buffer.from(this.shared.scratch.subarray(0, words[LENGTH]!)) }
        case GROW:
          this.#growScratch(words[LENGTH]!)
          break
        default:
          this.checked(key)
          return undefined
      }
    }
  }

  protected checkOpen(): void {
    if (this.shared.isClosed) throw new CacheError('ERR_CACHE_CLOSED', 'the table must be open, it was closed')
  }

  /** The status of the call just made. Throws what misuse it reports. */
  protected checked(key: string): number {
    const status = this.words[STATUS]!
    if (status >= 0) return status
    this.checkOpen()
    checkKey(key)
    throw new CacheError('ERR_CACHE_KEY', 'key must be a well-formed string of 1 to 1024 bytes')
  }
}
