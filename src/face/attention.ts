/** What a hit leads to: a longer life of the entry, or a load ahead of its end. */
import type { L1View } from '../l1/table'
import type { OptionsAt } from '../options/schema'
import { callTerms, loadedTerms, type Terms } from '../options/settings'
import type { Flights } from '../sync/flights'
import type { Loader } from '../sync/loader-context'
import { Ahead } from '../sync/refresh'
import { slide } from '../sync/sliding'
import type { Duration } from '../words/duration'

type CallOptions = OptionsAt<'getOrSet'> | Duration | undefined

export class Attention {
  /** A hit of this namespace has consequences. */
  readonly isNeeded: boolean
  readonly #view: L1View
  readonly #flights: Flights
  readonly #terms: Terms
  readonly #ahead: Ahead | undefined

  constructor(view: L1View, flights: Flights, terms: Terms) {
    this.#view = view
    this.#flights = flights
    this.#terms = terms
    this.#ahead = terms.refreshAhead === undefined ? undefined : new Ahead(terms.refreshAhead, terms)
    this.isNeeded = terms.sliding !== undefined || this.#ahead !== undefined
  }

  /** After a hit, before anything else is read. */
  onRead(key: string): void {
    if (this.#terms.sliding !== undefined) slide(this.#view, key, this.#terms, this.#view.ttlLeftMs(), this.#flights)
  }

  /** After a hit of `getOrSet`, before anything else is read. */
  onHit(key: string, loader: Loader, options: CallOptions): void {
    const leftMs = this.#view.ttlLeftMs()
    const terms = callTerms(this.#terms, 'getOrSet', options)
    if (terms.refreshAhead !== undefined) {
      const isOwn = this.#ahead === undefined || terms.refreshAhead !== this.#terms.refreshAhead
      const ahead = isOwn ? new Ahead(terms.refreshAhead, terms) : this.#ahead
      if (ahead.mayBeDue(leftMs)) return this.#flights.refresh({ view: this.#view, key, loader, terms, withOptions: loadedTerms }, ahead)
    }
    if (terms.sliding !== undefined) slide(this.#view, key, terms, leftMs, this.#flights)
  }
}

/** Whether these options give a hit consequences. */
export function isAttentive(options: CallOptions): boolean {
  return typeof options === 'object' && (options.refreshAhead !== undefined || options.sliding !== undefined)
}
