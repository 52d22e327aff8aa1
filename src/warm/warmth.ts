/** How warm the runs of a cache have made it, and who waits for that. */
import { CacheError } from '../words/errors'
import type { Tally } from './tally'

export class Warmth {
  readonly #runs = new Set<Tally>()
  /** Of runs that have ended. */
  #known = 0
  #present = 0
  readonly #waiting = new Set<() => void>()

  /** A run that begins. */
  add(run: Tally): void {
    this.#runs.add(run)
    run.onChange = () => {
      if (run.hasEnded && this.#runs.delete(run)) {
        this.#known += run.known
        this.#present += run.stored + run.present
      }
      for (const look of this.#waiting) look()
    }
  }

  /** Resolves when the share is reached. Rejects with ERR_CACHE_NOT_WARM at the deadline, and when no run can reach it any more. */
  reached(share: number, untilMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error?: CacheError): void => {
        clearTimeout(timer)
        this.#waiting.delete(look)
        if (error === undefined) resolve()
        else reject(error)
      }
      const look = (): void => {
        const { known, present, isOpen } = this.#sum()
        if (share === 0 || present >= share * known) settle()
        else if (!isOpen) settle(this.#cold(share, 'when all runs had ended'))
      }
      const timer = setTimeout(() => settle(this.#cold(share, 'at the deadline')), Math.max(0, untilMs - performance.now()))
      this.#waiting.add(look)
      look()
    })
  }

  #cold(share: number, when: string): CacheError {
    const { known, present } = this.#sum()
    const of = Number.isFinite(known) ? `${present} of ${known} entries were` : `${present} entries of an unknown number were`
    return new CacheError('ERR_CACHE_NOT_WARM', `a share of ${share} must be in the table, ${of} ${when}`)
  }

  /** `known` is Infinity while a run does not know how much is to come. */
  #sum(): { known: number; present: number; isOpen: boolean } {
    let known = this.#known
    let present = this.#present
    for (const run of this.#runs) {
      known += run.known
      present += run.stored + run.present
    }
    return { known, present, isOpen: this.#runs.size > 0 }
  }
}
