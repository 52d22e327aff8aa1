/**
 * What clears of tags have ended of values that lie in Redis or are on their way there.
 *
 * A value on its way carries the tag clock of this host's table: it is judged by what this host knows to be cleared since.
 * A value in Redis carries a sequence of the control partition, up to which its host knew of all clears: it is judged by
 * the clears that the feed has told since, and by those of this host that are still on their way.
 */
import type { Journal, PendingWrite } from '../journal/contract'
import type { L1Entry, L1Table, Life, TagClear, TagState } from '../l1/table'
import type { FarSame, ReadResult } from '../l2/contract'
import { Codec, EncodedValue } from '../wire/codec'
import { readStamp, tagsOf } from '../wire/tags'
import { DELETE, SET } from './journal-words'
import { nameOfTagClear } from './tag-words'

export class FarTags {
  readonly #table: L1Table
  readonly #journal: Journal

  constructor(table: L1Table, journal: Journal) {
    this.#table = table
    this.#journal = journal
  }

  /** As a reader may use it: what is gone is a miss, what is expired is stale. */
  judged<T extends ReadResult | FarSame>(result: T): T | ReadResult {
    if (result.state !== 'hit' || result.codec !== Codec.tagged) return result
    const stamp = this.#table.unreadable.read(() => readStamp(result.payload))
    if (stamp === undefined) return { state: 'miss', base: result.version, why: 'corrupt' }
    const state = this.#stateBelow(stamp.slots, stamp.sequence)
    if (state === 'current') return result
    const { softLeftMs, hardLeftMs, version } = result
    const hasGrace = softLeftMs !== Number.POSITIVE_INFINITY && hardLeftMs > softLeftMs
    if (state === 'gone' || !hasGrace) return { state: 'miss', base: version, why: 'cleared' }
    return { ...result, softLeftMs: 0 }
  }

  /** A write on its way; one that is gone is as good as a delete. */
  pending(namespace: string, key: string): PendingWrite | undefined {
    const pending = this.#journal.pending(namespace, key)
    if (pending === undefined || pending.op !== SET) return pending
    const state = stateOfWrite(this.#table, pending.codec, pending.payload, pending.life)
    if (state === 'current') return pending
    return state === 'gone' ? { ...pending, op: DELETE } : { ...pending, life: { ...pending.life, ttlMs: -1 } }
  }

  #stateBelow(slots: Uint16Array, sequence: number): TagState {
    // First: the leader notes a clear before it is no longer on its way.
    const isDeleted = slots.some((slot) => this.#isOnItsWay(slot, 'delete'))
    const isExpired = slots.some((slot) => this.#isOnItsWay(slot, 'expire'))
    const told = this.#table.tags.fleetSince(slots, sequence)
    if (isDeleted || told === 'gone') return 'gone'
    return isExpired ? 'expired' : told
  }

  #isOnItsWay(slot: number, kind: TagClear): boolean {
    return this.#journal.inTheWay(nameOfTagClear(slot, kind), '') === 'clear'
  }
}

/** What tags have made of a write since; an expired one without grace is gone. */
export function stateOfWrite(table: L1Table, codec: number, payload: Uint8Array, { ttlMs, graceMs }: Life): TagState {
  if (codec !== Codec.tagged) return 'current'
  const { slots, clock } = readStamp(payload)
  const state = table.tags.since(slots, clock)
  return state === 'expired' && (ttlMs === 0 || graceMs === 0) ? 'gone' : state
}

/** An entry of the table as it was encoded, with the clock that its tags have. */
export function encodedAgain(namespace: string, { value, notes, tags }: L1Entry): EncodedValue {
  const noted = notes === undefined ? EncodedValue.of(value) : EncodedValue.noted(value, notes)
  return tags === undefined ? noted : EncodedValue.tagged(noted, tagsOf(namespace, tags.names, tags.clock))
}
