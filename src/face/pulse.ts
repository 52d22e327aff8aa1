/** Looks now and then at what only a look can tell: evictions, and how the host stands with Redis. Only while somebody listens. */
import type { FarInfo } from '../far'
import { CacheError } from '../words/errors'
import type { Events } from './events'

const EVERY_MS = 500

export interface Watched {
  evictions(): number
  /** Undefined without Redis. */
  far(): Pick<FarInfo, 'link' | 'breaker' | 'degraded'> | undefined
}

export class Pulse {
  readonly #events: Events
  readonly #watched: Watched
  #timer: NodeJS.Timeout | undefined
  #evictions = 0
  #isDegraded = false

  constructor(events: Events, watched: Watched) {
    this.#events = events
    this.#watched = watched
  }

  /** After somebody began or ceased to listen. */
  adapt(): void {
    const isWanted = this.#events.hears('evict') || this.#events.hears('degraded') || this.#events.hears('recovered')
    if (isWanted === (this.#timer !== undefined)) return
    clearInterval(this.#timer)
    this.#timer = undefined
    if (!isWanted) return
    this.#evictions = this.#watched.evictions()
    this.#isDegraded = false
    this.#timer = setInterval(() => this.#look(), EVERY_MS).unref()
  }

  #look(): void {
    try {
      const evictions = this.#watched.evictions()
      const count = evictions - this.#evictions
      this.#evictions = evictions
      if (count > 0) this.#events.emit('evict', { count })
      this.#lookFar()
    } catch (error) {
      if (!(error instanceof CacheError) || error.code !== 'ERR_CACHE_CLOSED') throw error
      clearInterval(this.#timer)
    }
  }

  #lookFar(): void {
    const far = this.#watched.far()
    if (far === undefined) return
    const { link, breaker, degraded } = far
    // A link that is being made for the first time is not lost.
    const isLost = breaker === 'open' || link === 'lost' || (link === 'connected' && degraded)
    const isGood = breaker === 'closed' && !degraded
    if (this.#isDegraded ? !isGood : !isLost) return
    this.#isDegraded = isLost
    this.#events.emit(isLost ? 'degraded' : 'recovered', { link, breaker })
  }
}
