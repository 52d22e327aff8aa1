// Steady requests to each host, and how they were answered.
import { packageNames } from '../packages'
import { seededRandom, zipf } from '../zipf'
import type { Host } from './host'

export interface Answers { answered: number; failed: number; slowestMs: number }

const BETWEEN_MS = 25
const SEED = 7

export const noAnswers = (): Answers => ({ answered: 0, failed: 0, slowestMs: 0 })

export class Traffic {
  readonly #host: Host
  readonly #timer: NodeJS.Timeout
  readonly #windows = new Set<Answers>()
  #isStopped = false

  constructor(host: Host) {
    this.#host = host
    const names = packageNames()
    const pick = zipf(names.length, 1, seededRandom(SEED))
    this.#timer = setInterval(() => void this.#ask(`/api/packages/${names[pick()]!}`), BETWEEN_MS)
  }

  /** Counts from now on; the caller reads it whenever it likes and says when it is enough. */
  window(): { answers: Answers; end(): void } {
    const answers = noAnswers()
    this.#windows.add(answers)
    return { answers, end: () => this.#windows.delete(answers) }
  }

  stop(): void {
    this.#isStopped = true
    clearInterval(this.#timer)
  }

  async #ask(path: string): Promise<void> {
    const startMs = performance.now()
    const isGood = await this.#host.ask(path).then(() => true, () => false)
    if (this.#isStopped) return
    const ms = performance.now() - startMs
    for (const answers of this.#windows) {
      if (isGood) answers.answered++
      else answers.failed++
      answers.slowestMs = Math.max(answers.slowestMs, ms)
    }
  }
}
