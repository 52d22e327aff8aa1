/** What Redis denies to the leader's writes: told once for each change, however often they are sent. */
import type { PartitionOutcome } from '../l2/contract'

export class Denials {
  readonly #tell: (reason: string | undefined) => void
  readonly #told = new Set<string>()

  /** `tell` without a reason: nothing is denied any more. */
  constructor(tell: (reason: string | undefined) => void) {
    this.#tell = tell
  }

  /** True when something was denied. */
  hear(outcomes: readonly PartitionOutcome[]): boolean {
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
    return isDenied
  }

  /** Redis has taken records at the first try. */
  end(): void {
    if (this.#told.size === 0) return
    this.#told.clear()
    this.#tell(undefined)
  }
}
