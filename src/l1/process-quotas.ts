/** Quotas of the process table: of namespaces with those below them, and of negative entries. */
import type { Quota } from './table'

export interface Evictable {
  /** Read since its quota looked for something to evict. */
  isWarm: boolean
}

/** What one quota holds, in the order of its storing. What was read since it was passed over last is passed over once more. */
export class ProcessQuota {
  limit: number
  bytes = 0
  readonly #bytesById = new Map<string, number>()

  constructor(limit: number) {
    this.limit = limit
  }

  add(id: string, bytes: number): void {
    this.#bytesById.set(id, bytes)
    this.bytes += bytes
  }

  remove(id: string): void {
    this.bytes -= this.#bytesById.get(id) ?? 0
    this.#bytesById.delete(id)
  }

  /** False if the entry finds no room even without all others. */
  makeRoom(own: string, find: (id: string) => Evictable, evict: (id: string) => void): boolean {
    if (this.#bytesById.get(own)! > this.limit) return false
    for (const id of this.#bytesById.keys()) {
      if (this.bytes <= this.limit) break
      if (id === own) continue
      const entry = find(id)
      if (!entry.isWarm) evict(id)
      else {
        entry.isWarm = false
        const bytes = this.#bytesById.get(id)!
        this.#bytesById.delete(id)
        this.#bytesById.set(id, bytes)
      }
    }
    return true
  }

  told(): Quota {
    return { bytes: this.bytes, limit: this.limit }
  }
}
