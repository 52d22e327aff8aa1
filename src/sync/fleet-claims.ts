/** Which host loads a key for all of them, as one isolate sees it. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Journal } from '../journal/contract'
import type { LeaseToken } from '../l1/table'
import type { ClaimOwner, FarKey, FarReader } from '../l2/contract'
import type { Claim, FleetClaims, TimedWish } from './below'

interface Held {
  key: FarKey
  owner: ClaimOwner
  /** It has ended by itself then. */
  endMs: number
}

/** So many releases that got no answer are tried again; claims beyond that end by themselves. */
const MAX_OWED = 1_000
const FIRST_AGAIN_MS = 100
const MAX_AGAIN_MS = 5_000
/** A leader whose connection comes back so much later than its processes' holds up the other hosts no longer. */
const MAX_BEHIND_MS = 3_000

export class Claimer implements FleetClaims {
  readonly #journal: Journal
  readonly #reader: FarReader
  readonly #waitMs: number
  readonly #keyOf: (wish: TimedWish) => FarKey
  readonly #heldByLease = new Map<LeaseToken, Held>()
  #count = 0
  #owed = 0

  constructor(journal: Journal, reader: FarReader, waitMs: number, keyOf: (wish: TimedWish) => FarKey) {
    this.#journal = journal
    this.#reader = reader
    this.#waitMs = waitMs
    this.#keyOf = keyOf
  }

  async claim(wish: TimedWish, lease: LeaseToken, ms: number): Promise<Claim> {
    const key = this.#keyOf(wish)
    const owner = { host: this.#journal.hostId, token: `${process.pid}.${lease}.${++this.#count}` }
    const result = await this.#reader.claim(key, owner, ms, wish.startMs + this.#waitMs)
    // Whoever got no answer may have it all the same.
    const isHeld = result.state === 'won' || (result.state === 'failed' && result.isUnasked !== true)
    if (isHeld) this.#heldByLease.set(lease, { key, owner, endMs: performance.now() + ms })
    return result.state === 'failed' ? { state: 'alone' } : result
  }

  release(lease: LeaseToken): void {
    const held = this.#heldByLease.get(lease)
    if (held === undefined) return
    this.#heldByLease.delete(lease)
    void this.#giveBack(held)
  }

  /** The value first: whoever hears of the end looks for it. Until Redis has answered, or the claim has ended. */
  async #giveBack({ key, owner, endMs }: Held): Promise<void> {
    const isSettled = this.#journal.ownSettling()
    const release = (): Promise<boolean> => this.#reader.release(key, owner, performance.now() + this.#waitMs)
    const isSent = await this.#journal.ownSettled(performance.now() + this.#waitMs)
    if ((isSent || this.#owed === MAX_OWED) && (await release())) return
    if (this.#owed === MAX_OWED) return
    this.#owed++
    let answeredMs = Number.POSITIVE_INFINITY
    for (let againMs = FIRST_AGAIN_MS; performance.now() + againMs < endMs;) {
      await pause(againMs, undefined, { ref: false })
      const isAnswered = isSettled() || (await this.#reader.read(key, performance.now() + this.#waitMs)).state !== 'failed'
      answeredMs = isAnswered ? Math.min(answeredMs, performance.now()) : Number.POSITIVE_INFINITY
      const isDue = isSettled() || performance.now() - answeredMs >= MAX_BEHIND_MS
      if (isDue && (await release())) break
      againMs = isAnswered && !isDue ? FIRST_AGAIN_MS : Math.min(2 * againMs, MAX_AGAIN_MS)
    }
    this.#owed--
  }
}
