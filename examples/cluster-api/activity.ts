// What this process did, and the live figures that its pages listen to.
import { Stream } from '../../src/cli/page/stream'
import { count, noCounts } from './counters'
import type { Counts } from './counters'
import type { Report, Snapshot } from './messages'
import type { Tier } from './store'

export class Activity {
  readonly #parts = new Map<string, Counts>([['process', noCounts()]])
  /** What the live page listens to. */
  readonly stream = new Stream<Snapshot>()

  count(label: string, ms: number, tier?: Tier): void {
    let counts = this.#parts.get(label)
    if (!counts) this.#parts.set(label, counts = noCounts())
    count(counts, ms, tier)
  }

  parts(): Report['parts'] {
    return [...this.#parts].map(([label, counts]) => ({ label, counts }))
  }
}
