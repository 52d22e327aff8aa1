/** The status words and the breaker of a journal within one process. */
import type { BreakerLimits, HostBreaker, HostStatus, LinkWord } from './contract'
import { BREAKER_DEFAULTS, monotonicMs } from './words'

export class ProcessStatus implements HostStatus {
  readonly breaker = new ProcessBreaker()
  readonly #term: () => number
  readonly #isLeading: () => boolean
  #link: LinkWord = 'never'
  #lastHeardMs = 0
  #clockOffsetMs = 0

  constructor(term: () => number, isLeading: () => boolean) {
    this.#term = term
    this.#isLeading = isLeading
  }

  get link(): LinkWord {
    return this.#link
  }

  set link(word: LinkWord) {
    if (this.#isLeading()) this.#link = word
  }

  get lastHeardMs(): number {
    return this.#lastHeardMs
  }

  set lastHeardMs(ms: number) {
    if (this.#isLeading()) this.#lastHeardMs = Math.floor(ms)
  }

  get clockOffsetMs(): number {
    return this.#clockOffsetMs
  }

  set clockOffsetMs(ms: number) {
    if (this.#isLeading()) this.#clockOffsetMs = Math.trunc(ms)
  }

  get term(): number {
    return this.#term()
  }

  get leaderPid(): number {
    return this.#term() > 0 ? process.pid : 0
  }
}

class ProcessBreaker implements HostBreaker {
  limits: BreakerLimits = { ...BREAKER_DEFAULTS }
  #failures = 0
  #openings = 0
  #untilMs = 0
  #isProbing = false

  get isOpen(): boolean {
    return this.#untilMs > 0
  }

  mayTry(): 'closed' | 'open' | 'probe' {
    if (!this.isOpen) return 'closed'
    if (this.#isProbing || monotonicMs() < this.#untilMs) return 'open'
    this.#isProbing = true
    return 'probe'
  }

  report(isGood: boolean): void {
    if (this.isOpen && !this.#isProbing) return
    if (isGood) return this.close()
    this.#failures++
    if (this.isOpen) this.#openings++
    if (this.isOpen || this.#failures >= this.limits.failures) {
      this.#untilMs = monotonicMs() + Math.min(this.limits.firstOpenMs * 2 ** this.#openings, this.limits.maxOpenMs)
    }
    this.#isProbing = false
  }

  close(): void {
    this.#failures = 0
    this.#openings = 0
    this.#untilMs = 0
    this.#isProbing = false
  }
}
