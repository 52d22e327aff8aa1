/** Reads of copies on the disk, on behalf of a lease's holder; and the tier that these are where there is no Redis. */
import type { CopyReader, FoundCopy } from '../disk/contract'
import type { L1Table, L1View, LeaseToken, Life } from '../l1/table'
import { aboutOf } from '../wire/about'
import { decode, EncodedValue } from '../wire/codec'
import type { Below, Found, Missed, TimedWish, Wish } from './below'
import { unlessClosed } from './flight'

export type DiskRead = Found | { state: 'stale'; stale: NonNullable<Missed['stale']> }

export class DiskReads {
  readonly #table: L1Table
  readonly #copies: CopyReader

  constructor(table: L1Table, copies: CopyReader) {
    this.#table = table
    this.#copies = copies
  }

  /** Ends the lease if there is a fresh copy, which is in the table then, or has been outdated meanwhile. `doubt`: the table's, from before. */
  async read({ view, key, terms, skipsDisk }: Wish, lease: LeaseToken, doubt: number): Promise<DiskRead | undefined> {
    if (skipsDisk === true) return undefined
    const copy = unlessClosed(() => this.#copies.find(view.namespace, key, doubt))
    if (copy === undefined) return undefined
    const { codec, payload } = copy
    const decoded = this.#table.unreadable.read(() => decode(codec, payload))
    if (decoded === undefined) return undefined
    const value = terms.admission === undefined ? decoded : await terms.admission.decoded(decoded, key, view.namespace)
    if (value === undefined) return undefined
    if (copy.softLeftMs <= 0) {
      const about = this.#table.unreadable.read(() => aboutOf(codec, payload))
      const stale = { value, stored: new EncodedValue(codec, payload), notes: about?.notes, tags: about?.tags, hardLeftMs: copy.hardLeftMs, ageMs: copy.ageMs }
      return { state: 'stale', stale }
    }
    unlessClosed(() => this.#publish(view, key, lease, copy, doubt))
    return { state: 'value', value }
  }

  /**
   * Puts what lies on the disk alone into the table, unless somebody is about to. A stale copy stays there: the version that its
   * source gave it, 0 for none.
   */
  raise(view: L1View, key: string): number {
    if (view.entry(key, { quiet: true }) !== undefined) return 0
    const doubt = this.#table.doubt()
    const acquired = view.acquire(key, { leaseMs: RAISE_MS, force: false, heedsLate: true, isPermit: true })
    if (acquired.state !== 'granted') return 0
    const { lease } = acquired
    const copy = this.#copies.find(view.namespace, key, doubt)
    if (copy !== undefined && copy.softLeftMs > 0) {
      this.#publish(view, key, lease, copy, doubt)
      return 0
    }
    view.abandon(key, lease)
    return copy === undefined ? 0 : this.#table.unreadable.read(() => aboutOf(copy.codec, copy.payload))?.notes?.sourceVersion ?? 0
  }

  /** As `CopyReader.settled`. */
  settled(): Promise<void> | undefined {
    return this.#copies.settled()
  }

  #publish(view: L1View, key: string, lease: LeaseToken, copy: FoundCopy, doubt: number): void {
    const stored = new EncodedValue(copy.codec, copy.payload)
    this.#copies.adopting(() => view.publish(key, lease, stored, lifeOf(copy), { version: copy.fleetVersion, doubt, ageMs: copy.ageMs }))
  }
}

/** Without Redis. */
export class DiskTier implements Below {
  readonly #table: L1Table
  readonly #reads: DiskReads

  constructor(table: L1Table, reads: DiskReads) {
    this.#table = table
    this.#reads = reads
  }

  /** The disk is asked at once or not at all. */
  deadlineOf(): number {
    return Number.POSITIVE_INFINITY
  }

  async fetch(wish: TimedWish, lease: LeaseToken): Promise<Found | Missed> {
    const doubt = this.#table.doubt()
    const missed: Missed = { state: 'miss', base: undefined, doubt }
    // What the table has, though stale, is not older than any copy.
    if (wish.terms.forceFresh || wish.view.entry(wish.key, { quiet: true }) !== undefined) return missed
    const found = await this.#reads.read(wish, lease, doubt)
    if (found === undefined) return missed
    if (found.state !== 'value') return { ...missed, stale: found.stale }
    wish.onFound?.('disk')
    return found
  }

  /** Only the holder of a lease knows that a copy is current. */
  peek(): Promise<unknown> {
    return Promise.resolve(undefined)
  }

  fill({ view, key, terms }: Wish, lease: LeaseToken, value: unknown): void | Promise<void> {
    view.publish(key, lease, value, terms.life)
    return this.#reads.settled()
  }
}

function lifeOf({ softLeftMs, hardLeftMs }: FoundCopy): Life {
  if (softLeftMs === Number.POSITIVE_INFINITY) return { ttlMs: 0, graceMs: 0 }
  return { ttlMs: Math.max(1, Math.floor(softLeftMs)), graceMs: hardLeftMs === Number.POSITIVE_INFINITY ? MAX_GRACE_MS : Math.max(0, Math.floor(hardLeftMs - softLeftMs)) }
}

/** A lease that ends in the same turn. */
const RAISE_MS = 1_000
const MAX_GRACE_MS = 365 * 86_400_000
