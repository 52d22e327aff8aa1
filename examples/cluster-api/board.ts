// Adds up what the processes report. Kept in the primary, which outlives every worker.
import { combine, noCounts, quantileMs } from './counters'
import type { Counts } from './counters'
import { memoryUse } from './memory-use'
import type { MemoryUse } from './memory-use'
import type { Figures, Report, Snapshot } from './messages'
import type { Memory } from './store'

interface Member { pid: number; label: string; now: Counts; change: Counts }

export class Board {
  readonly #started = Date.now()
  readonly #members = new Map<string, Member>()
  readonly #memory = new Map<number, Memory>()
  /** What processes that are gone had done: totals never go back. */
  #gone = noCounts()

  take(pid: number, { memory, parts }: Report): void {
    this.#memory.set(pid, memory)
    for (const { label, counts } of parts) {
      const id = `${pid} ${label}`
      const known = this.#members.get(id)
      // From report to report, which are a second apart; the clock of snapshots beats beside it.
      this.#members.set(id, { pid, label, now: counts, change: combine(counts, known?.now ?? noCounts(), -1) })
    }
  }

  drop(pid: number): void {
    this.#memory.delete(pid)
    for (const [id, member] of this.#members) {
      if (member.pid !== pid) continue
      this.#gone = combine(this.#gone, member.now, 1)
      this.#members.delete(id)
    }
  }

  snapshot(): Snapshot {
    let total = this.#gone
    let last = noCounts()
    const members = [...this.#members.values()].sort(byProcess).map(({ pid, label, now, change }) => {
      total = combine(total, now, 1)
      last = combine(last, change, 1)
      return { pid, label, total: figures(now), lastSecond: figures(change) }
    })
    return {
      type: 'snapshot', at: Date.now(), uptimeS: Math.round((Date.now() - this.#started) / 1000),
      cache: this.#cache(), processes: this.#processes(),
      total: figures(total), lastSecond: figures(last), members,
    }
  }

  #processes(): MemoryUse {
    return [process.pid, ...this.#memory.keys()].map(memoryUse).reduce((sum, use) => ({
      ownBytes: sum.ownBytes + use.ownBytes, sharedBytes: sum.sharedBytes + use.sharedBytes,
    }))
  }

  // One region is one and the same for all; caches of single processes add up.
  #cache(): Memory {
    const [first, ...others] = this.#memory.values()
    if (!first) return { kind: 'starting', capacity: 0, used: 0, entries: 0, evictions: 0 }
    if (first.kind === 'shared memory') return [...this.#memory.values()].at(-1)!
    return others.reduce((sum, memory) => ({
      kind: first.kind,
      capacity: sum.capacity + memory.capacity,
      used: sum.used + memory.used,
      entries: sum.entries + memory.entries,
      evictions: sum.evictions + memory.evictions,
    }), first)
  }
}

// "process" sorts before "thread 1".
const byProcess = (a: Member, b: Member): number => a.pid - b.pid || a.label.localeCompare(b.label)

function figures(counts: Counts): Figures {
  const { requests, errors, byTier } = counts
  return { requests, errors, byTier, p50: quantileMs(counts, 0.5), p99: quantileMs(counts, 0.99) }
}
