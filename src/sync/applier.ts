/**
 * Brings into the table what other hosts changed: the leader's ear.
 *
 * A change of a key that this host has also written, and that is still on its way to Redis, cannot be judged yet: which of
 * the two is newer is known when Redis has answered. It is applied at once to what is not pending and looked at again then.
 */
import type { Journal } from '../journal/contract'
import type { L1Table, L1View } from '../l1/table'
import type { Change, DoubtReason, FeedListener, LinkState } from '../l2/contract'
import type { CacheError } from '../words/errors'
import { isTagClear, tagClearOf } from './tag-words'
import { isKnownFrom } from './versions'
import { viewAt } from './views'

export interface ApplierOptions {
  /** What is done when changes may have been missed. */
  onReconnect: 'replay' | 'revalidate' | 'flush' | 'keep'
  onLink(state: LinkState, error: CacheError | undefined): void
  onHeard?(): void
  /** A host's write has got this version, 0 = one that is not known. */
  onVersion?(of: Named, version: number): void
}

/** Its key may be made only when it is asked for. */
interface Named {
  readonly namespace: string
  readonly key: string
}

interface Deferred {
  view: L1View
  key: string
  version: number
}

export class Applier implements FeedListener {
  readonly counters = { invalidations: 0, removed: 0, deferred: 0, doubts: 0, clears: 0 }
  readonly #table: L1Table
  readonly #journal: Journal
  readonly #options: ApplierOptions
  readonly #deferred = new Map<string, Deferred>()
  readonly #isSettled = (mark: number): boolean => this.#journal.isSettled(mark)
  #wasLost = false

  constructor(table: L1Table, journal: Journal, options: ApplierOptions) {
    this.#table = table
    this.#journal = journal
    this.#options = options
  }

  /** True while some change waits for an answer to a write of ours: what is after it has not been fully applied. */
  get isHoldingBack(): boolean {
    return this.#deferred.size > 0
  }

  onChange(change: Change): void {
    const { namespace, key, version, origin } = change
    if (origin === this.#journal.hostId) return
    this.#options.onVersion?.(change, version)
    this.counters.invalidations++
    const view = viewAt(this.#table, namespace)
    // A write of ours that Redis has executed later may be answered sooner than this is heard.
    const isOlder = (mark: number): boolean => this.#journal.isSettled(mark) && !isKnownFrom(this.#journal, mark, version)
    if (view.invalidate(key, version, isOlder) === 'removed') this.counters.removed++
    if (this.#journal.pending(namespace, key) === undefined) return
    const id = `${namespace}|${key}`
    const before = this.#deferred.get(id)
    this.#deferred.set(id, { view, key, version: Math.max(version, before?.version ?? 0) })
    this.counters.deferred++
  }

  onRelease(namespace: string, key: string, origin: string): void {
    if (origin === this.#journal.hostId) return
    const view = viewAt(this.#table, namespace)
    // Ends the lease of whoever waits here to load it, and nothing else: what is not fresh stays as it is.
    if (!view.has(key)) view.expire(key)
  }

  /** `version`: what Redis gave a write of this host, 0 where it took another's. Called after the journal knows that it is settled. */
  onOwnAnswer(of: Named, version: number): void {
    this.#options.onVersion?.(of, version)
    if (this.#deferred.size === 0) return
    const { namespace, key } = of
    const id = `${namespace}|${key}`
    const deferred = this.#deferred.get(id)
    if (deferred === undefined) return
    if (version < deferred.version) deferred.view.invalidate(key, deferred.version, this.#isSettled)
    if (version > deferred.version || this.#journal.pending(namespace, key) === undefined) this.#deferred.delete(id)
  }

  onClear(namespace: string, epoch: number, why: 'clear' | 'state' | 'first' | 'reset', origin?: string): void {
    if (isTagClear(namespace)) return this.#onTagClear(namespace, epoch, origin)
    const view = viewAt(this.#table, namespace)
    this.counters.clears++
    // Entries carry the fleet epochs they were stored under, so this alone ends them.
    if (why === 'reset' && namespace === '') this.#table.resetFleetEpochs(epoch)
    // The answer to a clear of our own may have been here before.
    else if (why === 'clear' || why === 'state') view.advanceFleetEpoch(epoch)
    else view.setFleetEpoch(epoch)
  }

  #onTagClear(name: string, sequence: number, origin: string | undefined): void {
    const clear = tagClearOf(name)
    if (clear === undefined) return
    this.counters.clears++
    const { tags } = this.#table
    // What this host cleared itself it did before it told Redis. The table first: what is noted is not done again by the next leader.
    if (origin !== this.#journal.hostId) tags.clear(clear.slot, clear.kind)
    tags.noteFleetClear(clear.slot, clear.kind, sequence)
  }

  onDoubt(_partition: number, reason: DoubtReason): void {
    const { onReconnect } = this.#options
    this.counters.doubts++
    if (onReconnect === 'flush') this.#table.flush()
    else if (onReconnect !== 'keep' || reason === 'epoch') this.#table.raiseDoubt()
  }

  onHeard(sinceMs: number): void {
    this.#journal.status.lastHeardMs = sinceMs
    this.#journal.status.breaker.report(true)
    this.#options.onHeard?.()
  }

  onDelivered(): void {
    this.#options.onHeard?.()
  }

  onLink(state: LinkState, error?: CacheError): void {
    this.#journal.status.link = state
    if (state === 'lost') this.#wasLost = true
    if (state === 'connected') this.#journal.status.lastHeardMs = this.#journal.nowMs()
    // Nobody needs to wait for the next probe.
    if (state === 'connected') this.#journal.status.breaker.close()
    if (state === 'connected' && this.#wasLost) {
      this.#wasLost = false
      if (this.#options.onReconnect === 'revalidate') this.#table.raiseDoubt()
      if (this.#options.onReconnect === 'flush') this.#table.flush()
    }
    this.#options.onLink(state, error)
  }

  onClock(offsetMs: number): void {
    this.#journal.status.clockOffsetMs = offsetMs
  }
}
