/** The host's status words and its breaker, as they lie in the journal's file. */
import type { NativeJournal } from '../l1/native-journal'
import type { HostBreaker, HostStatus, LinkWord } from './contract'
import { BREAKER_DEFAULTS, BREAKER_WORDS, LINKS } from './words'

// Order of native `status` and `setStatus`.
const LINK = 0
const LAST_HEARD = 1
const CLOCK_OFFSET = 2
const TERM = 3
const LEADER_PID = 4
const BREAKER = 5

export class SharedStatus implements HostStatus {
  readonly breaker: HostBreaker
  readonly #native: NativeJournal
  readonly #out: Float64Array

  /** `out`: where the native side leaves numbers. */
  constructor(native: NativeJournal, out: Float64Array) {
    this.#native = native
    this.#out = out
    this.breaker = {
      limits: { ...BREAKER_DEFAULTS },
      mayTry: () => BREAKER_WORDS[native.mayTry()] ?? 'open',
      report(isGood) {
        native.report(isGood, this.limits.failures, this.limits.firstOpenMs, this.limits.maxOpenMs)
      },
      close: () => native.closeBreaker(),
      isOpen: false,
    }
    Object.defineProperty(this.breaker, 'isOpen', { get: () => this.#read(BREAKER) === 1 })
  }

  get link(): LinkWord {
    return LINKS[this.#read(LINK)] ?? 'never'
  }

  set link(word: LinkWord) {
    this.#native.setStatus(LINK, LINKS.indexOf(word))
  }

  get lastHeardMs(): number {
    return this.#read(LAST_HEARD)
  }

  set lastHeardMs(ms: number) {
    this.#native.setStatus(LAST_HEARD, ms)
  }

  get clockOffsetMs(): number {
    return this.#read(CLOCK_OFFSET)
  }

  set clockOffsetMs(ms: number) {
    this.#native.setStatus(CLOCK_OFFSET, ms)
  }

  get term(): number {
    return this.#read(TERM)
  }

  get leaderPid(): number {
    return this.#read(LEADER_PID)
  }

  #read(which: number): number {
    this.#native.status()
    return this.#out[which]!
  }
}
