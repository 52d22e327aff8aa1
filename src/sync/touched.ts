/**
 * Judges keys that somebody may have changed past the script: of those the server says no more than that they were
 * touched, our own writes included. A key is looked up in Redis: where its version is the one this host knows, the touch
 * is explained; otherwise the entry goes.
 *
 * Writes of this host that have no answer yet cannot be told from others: such a key is judged when they have one.
 */
import type { Journal } from '../journal/contract'
import type { L1Table, L1View } from '../l1/table'
import type { VersionReader } from '../l2/contract'
import { viewAt } from './views'

interface Touch {
  partition: number
  namespace: string
  key: string
  /** A version below ours may have been read before ours was written: it counts when it is seen twice. */
  wasLower: boolean
}

/** Versions of keys that were changed last. One that is forgotten costs a read. */
const MAX_KNOWN = 65_536
const MAX_TOUCHES = 65_536
const ASK_MS = 1_000
const AGAIN_MS = 20
/** Above every version. */
const ANY = Number.MAX_SAFE_INTEGER

export class Touched {
  readonly counters = { touches: 0, explained: 0, removed: 0 }
  readonly #table: L1Table
  readonly #journal: Journal
  readonly #reader: VersionReader
  readonly #known = new Map<string, number>()
  readonly #isSettled = (mark: number): boolean => this.#journal.isSettled(mark)
  #waiting = new Map<string, Touch>()
  #isRunning = false
  #isStopped = false

  constructor(table: L1Table, journal: Journal, reader: VersionReader) {
    this.#table = table
    this.#journal = journal
    this.#reader = reader
  }

  /** What a host's write got, this one's or another's; 0 = not known. */
  learn(namespace: string, key: string, version: number): void {
    const id = idOf(namespace, key)
    const before = this.#known.get(id) ?? 0
    this.#known.delete(id)
    if (version === 0) return
    this.#known.set(id, Math.max(before, version))
    if (this.#known.size > MAX_KNOWN) this.#known.delete(this.#known.keys().next().value!)
  }

  touch(partition: number, namespace: string, key: string): void {
    this.counters.touches++
    if (this.#waiting.size < MAX_TOUCHES) this.#waiting.set(idOf(namespace, key), { partition, namespace, key, wasLower: false })
    else this.#table.raiseDoubt()
    if (!this.#isRunning) void this.#run()
  }

  stop(): void {
    this.#isStopped = true
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    // Those of one turn of the loop go together.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#waiting.size > 0 && !this.#isStopped) {
      const touches = this.#waiting
      this.#waiting = new Map()
      await this.#judge([...touches.values()])
      if (this.#waiting.size > 0) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
    }
    this.#isRunning = false
  }

  async #judge(touches: readonly Touch[]): Promise<void> {
    const ready = touches.filter((touch) => !this.#isHeldBack(touch))
    if (ready.length === 0) return
    const versions = await this.#reader.versions(ready, performance.now() + ASK_MS)
    if (this.#isStopped) return
    ready.forEach((touch, index) => {
      const version = versions[index]
      if (version === undefined) this.#again(touch)
      else if (!this.#isHeldBack(touch)) this.#settle(touch, version)
    })
  }

  #settle(touch: Touch, version: number): void {
    const view = viewAt(this.#table, touch.namespace)
    const known = this.#versionOf(view, touch)
    if (known === version) {
      this.counters.explained++
    } else if (known !== undefined && version > 0 && version < known && !touch.wasLower) {
      this.#again({ ...touch, wasLower: true })
    } else {
      const isNewer = known !== undefined && version > known
      if (view.invalidate(touch.key, isNewer ? version : ANY, this.#isSettled) === 'removed') this.counters.removed++
    }
  }

  /** The version of what this host shows or has heard of last. */
  #versionOf(view: L1View, { namespace, key }: Touch): number | undefined {
    const fleet = view.entry(key, { doubtful: true })?.fleet
    return fleet === undefined || fleet.mark > 0 ? this.#known.get(idOf(namespace, key)) : fleet.version
  }

  #isHeldBack(touch: Touch): boolean {
    const isPending = this.#journal.pending(touch.namespace, touch.key) !== undefined
    if (isPending) this.#again(touch)
    return isPending
  }

  #again(touch: Touch): void {
    const id = idOf(touch.namespace, touch.key)
    // A touch since then is looked at in any case.
    if (!this.#waiting.has(id)) this.#waiting.set(id, touch)
  }
}

function idOf(namespace: string, key: string): string {
  return `${namespace}|${key}`
}
