/** Which host loads a key for all of them, as one isolate sees it. */
import type { Journal } from '../journal/contract'
import type { LeaseToken } from '../l1/table'
import type { FarKey, FarReader } from '../l2/contract'
import type { Claim, FleetClaims, TimedWish } from './below'

export class Claimer implements FleetClaims {
  readonly #journal: Journal
  readonly #reader: FarReader
  readonly #waitMs: number
  readonly #keyOf: (wish: TimedWish) => FarKey
  readonly #heldByLease = new Map<LeaseToken, { key: FarKey; token: string }>()
  #count = 0

  constructor(journal: Journal, reader: FarReader, waitMs: number, keyOf: (wish: TimedWish) => FarKey) {
    this.#journal = journal
    this.#reader = reader
    this.#waitMs = waitMs
    this.#keyOf = keyOf
  }

  async claim(wish: TimedWish, lease: LeaseToken, ms: number): Promise<Claim> {
    const key = this.#keyOf(wish)
    const token = `${this.#journal.hostId}.${process.pid}.${lease}.${++this.#count}`
    const result = await this.#reader.claim(key, token, ms, wish.startMs + this.#waitMs)
    if (result.state === 'won') this.#heldByLease.set(lease, { key, token })
    return result.state === 'failed' ? { state: 'alone' } : result
  }

  release(lease: LeaseToken): void {
    const held = this.#heldByLease.get(lease)
    if (held === undefined) return
    this.#heldByLease.delete(lease)
    const { key, token } = held
    const deadlineMs = performance.now() + this.#waitMs
    // The value first: whoever hears of the end looks for it.
    void this.#journal.ownSettled(deadlineMs).then(() => this.#reader.release(key, token, this.#journal.hostId, deadlineMs + this.#waitMs))
  }
}
