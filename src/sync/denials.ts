/** What Redis denies to the leader's writes: told once for each change, however often they are sent. */
import type { PartitionOutcome } from '../l2/contract'

export class Denials {
  readonly #tell: (reason: string | undefined) => void
  readonly #told = new Set<string>()
  /** Sendings that are denied. */
  #open = 0

  /** `tell` without a reason: nothing is denied any more. */
  constructor(tell: (reason: string | undefined) => void) {
    this.#tell = tell
  }

  /** What a sending that `wasDenied` before, or was not, has heard. True when something was denied. */
  hear(outcomes: readonly PartitionOutcome[], wasDenied: boolean): boolean {
    let isDenied = false
    for (const { results } of outcomes) {
      // What follows it was not sent either.
      const last = results.at(-1)
      if (last === undefined || !('error' in last) || last.state === 'refused' || last.error.code !== 'ERR_CACHE_L2_DENIED') continue
      isDenied = true
      const reason = `${last.error.code}: ${last.error.message}`
      if (this.#told.has(reason)) continue
      this.#told.add(reason)
      this.#tell(reason)
    }
    if (isDenied && !wasDenied) this.#open++
    return isDenied
  }

  /** A sending has ended: nothing is denied any more once Redis has taken one that never was, and none is that still goes on. */
  over(wasDenied: boolean, isTaken: boolean): void {
    if (wasDenied) this.#open--
    if (wasDenied || !isTaken || this.#open > 0 || this.#told.size === 0) return
    this.#told.clear()
    this.#tell(undefined)
  }
}
