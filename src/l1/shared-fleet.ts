/** What ties the entries of one namespace of the shared table to L2, as numbers of the mailbox. */
import {
  FLAG, FLEET, FLEET_BY_MARK, FLEET_BY_VERSION, FLEET_DOUBTFUL, FLEET_PENDING, FLEET_WORD, IN_AGED, IN_DOUBT, IN_FLAGS, IN_FLEET,
  IN_FLEET_WORD, IN_GRACE, IN_MARK, IN_TTL, TOKEN, VERSION,
} from './mailbox'
import type { NativeView } from './native'
import type { SharedIsolate } from './shared-isolate'
import type { EntryFleet, Fleet, Life, Settled } from './table'

/** By the code of what an invalidation did (Invalidated in native/table/types.h). */
const INVALIDATED = ['absent', 'kept', 'removed'] as const

export class SharedFleet {
  readonly #native: NativeView
  readonly #words: Int32Array
  readonly #numbers: Float64Array
  readonly #ok: number | undefined
  readonly #checked: (key: string) => number
  readonly #changed: (key: string) => number

  /** `checked` gives the status of the call just made and throws what misuse it reports; `changed` after one that may have changed the key. */
  constructor(shared: SharedIsolate, native: NativeView, checked: (key: string) => number, changed: (key: string) => number) {
    this.#native = native
    this.#words = shared.words
    this.#numbers = shared.numbers
    this.#ok = shared.statuses['OK']
    this.#checked = checked
    this.#changed = changed
  }

  /** Fills the mailbox with what a write is to store. */
  give(fleet: Fleet): void {
    const mark = fleet.mark ?? 0
    this.#words[IN_FLEET] = mark === 0 ? FLEET_BY_VERSION : FLEET_BY_MARK
    this.#numbers[IN_FLEET_WORD] = mark === 0 ? fleet.version ?? 0 : mark
    this.#numbers[IN_DOUBT] = fleet.doubt
    this.#numbers[IN_AGED] = Math.min(Math.floor((fleet.ageMs ?? 0) / 10), 2 ** 32 - 1)
  }

  /** What the entry just read has. */
  take(): EntryFleet {
    const state = this.#words[FLEET]!
    const word = this.#numbers[FLEET_WORD]!
    const isPending = (state & FLEET_PENDING) !== 0
    return { version: isPending ? 0 : word, mark: isPending ? word : 0, isDoubtful: (state & FLEET_DOUBTFUL) !== 0 }
  }

  invalidate(key: string, version: number, settled: Settled): 'removed' | 'kept' | 'absent' {
    const isAsked = typeof settled === 'function'
    // A function is asked between two calls and not within one: it may use the cache itself.
    for (let mark = 0; ; ) {
      this.#numbers[IN_FLEET_WORD] = Math.min(version, Number.MAX_SAFE_INTEGER)
      this.#numbers[IN_MARK] = mark
      if (isAsked) this.#native.invalidate(key)
      else this.#native.invalidate(key, settled)
      this.#changed(key)
      const done = INVALIDATED[this.#words[FLAG]!]!
      if (!isAsked || done !== 'kept' || this.#words[FLEET] !== FLEET_PENDING) return done
      mark = this.#numbers[FLEET_WORD]!
      if (!settled(mark)) return 'kept'
    }
  }

  revalidated(key: string, version: number, doubt: number, life: Life | undefined): boolean {
    this.#words[IN_FLAGS] = life === undefined ? 0 : 1
    this.#numbers[IN_TTL] = life?.ttlMs ?? 0
    this.#numbers[IN_GRACE] = life?.graceMs ?? 0
    this.#numbers[IN_FLEET_WORD] = version
    this.#numbers[IN_DOUBT] = doubt
    this.#native.revalidated(key)
    return this.#checked(key) === this.#ok
  }

  /** `sum`: of all that drops entries. */
  epochs(): { host: number; fleet: number; sum: number } {
    this.#native.epochs()
    return { host: this.#numbers[VERSION]!, fleet: this.#numbers[FLEET_WORD]!, sum: this.#numbers[TOKEN]! }
  }

  setEpoch(value: number, isForwards: boolean): void {
    this.#words[IN_FLAGS] = isForwards ? 1 : 0
    this.#numbers[IN_FLEET_WORD] = value
    this.#native.setFleetEpoch()
  }
}
