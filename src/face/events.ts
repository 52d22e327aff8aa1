/**
 * What happens in a cache, told to those who listen: `cache.on`.
 *
 * Events are of this process: what its calls met, what its loaders did. While nobody listens nothing is made, and plain
 * reads do not even ask. `load`, `stale` and `invalidate` are also published on channels of node:diagnostics_channel.
 */
import { channel } from 'node:diagnostics_channel'
import type { Logger } from '../options/parsers'
import type { Listening, LoadTold } from '../sync/told'
import { CacheError, describe, misuse } from '../words/errors'
import { nearest } from '../words/suggest'

export interface KeyEvent {
  /** The namespace's full path, '' for the root. */
  namespace: string
  key: string
}

export interface CacheEvents {
  /** A read found a fresh value. */
  hit: KeyEvent
  /** A read found nothing fresh in the host's table. Redis or a loader may have it. */
  miss: KeyEvent
  /** A stale value is served in place of a fresh one. */
  stale: KeyEvent
  /** A loader of this process has ended; with `error` if it threw. `ms`: how long it ran. */
  load: LoadTold
  /** Entries of the host's table have been evicted, by whatever process. Which ones is not known. */
  evict: { count: number }
  /** `delete` (or `pull`) or `expire` of a key or, with `tags`, of all that has one of them, or `clear` of a namespace, in this process. */
  invalidate: { namespace: string; key: string | undefined; by: 'delete' | 'expire' | 'clear'; tags?: readonly string[] }
  /** The host has lost its contact with Redis, or Redis does not answer: what other hosts change is not seen. */
  degraded: { link: string; breaker: 'closed' | 'open' }
  /** The host is in step again. */
  recovered: { link: string; breaker: 'closed' | 'open' }
}

export type CacheEvent = keyof CacheEvents
export type CacheListener<Event extends CacheEvent> = (told: CacheEvents[Event]) => void

const EVENTS = ['hit', 'miss', 'stale', 'load', 'evict', 'invalidate', 'degraded', 'recovered'] as const satisfies readonly CacheEvent[]

const CHANNELS = { load: channel('stratacache:load'), stale: channel('stratacache:stale'), invalidate: channel('stratacache:invalidate') }

type Listener = (told: never) => unknown

export class Events implements Listening {
  readonly #cache: string
  readonly #logger: Logger | undefined
  readonly #onChange: () => void
  /** By listener as it was given, what is called. */
  readonly #listeners = new Map<CacheEvent, Map<Listener, Listener>>()

  /** `onChange` is called whenever somebody begins or ceases to listen. */
  constructor(cache: string, logger: Logger | undefined, onChange: () => void) {
    this.#cache = cache
    this.#logger = logger
    this.#onChange = onChange
  }

  on<Event extends CacheEvent>(event: Event, listener: CacheListener<Event>): void {
    this.#add(event, listener, listener)
  }

  once<Event extends CacheEvent>(event: Event, listener: CacheListener<Event>): void {
    this.#add(event, listener, (told: never) => {
      this.off(event, listener)
      return listener(told)
    })
  }

  off<Event extends CacheEvent>(event: Event, listener: CacheListener<Event>): void {
    checkEvent(event)
    const listeners = this.#listeners.get(event)
    if (listeners?.delete(listener) !== true) return
    if (listeners.size === 0) this.#listeners.delete(event)
    this.#onChange()
  }

  hears(event: CacheEvent): boolean {
    return this.#listeners.has(event)
  }

  /** A listener that throws, or whose promise rejects, disturbs nobody. */
  emit<Event extends CacheEvent>(event: Event, told: CacheEvents[Event]): void {
    const listeners = this.#listeners.get(event)
    if (listeners !== undefined) for (const listener of [...listeners.values()]) this.#call(event, listener, told)
    const subscribed = event in CHANNELS ? CHANNELS[event as keyof typeof CHANNELS] : undefined
    if (subscribed?.hasSubscribers === true) subscribed.publish({ cache: this.#cache, ...told })
  }

  get hearsLoads(): boolean {
    return this.hears('load') || CHANNELS.load.hasSubscribers
  }

  load(told: LoadTold): void {
    this.emit('load', told)
  }

  stale(namespace: string, key: string): void {
    if (this.hears('stale') || CHANNELS.stale.hasSubscribers) this.emit('stale', { namespace, key })
  }

  invalidated(by: 'delete' | 'expire' | 'clear', namespace: string, key?: string, tags?: readonly string[]): void {
    if (!this.hears('invalidate') && !CHANNELS.invalidate.hasSubscribers) return
    this.emit('invalidate', tags === undefined ? { namespace, key, by } : { namespace, key, by, tags })
  }

  close(): void {
    this.#listeners.clear()
    this.#onChange()
  }

  #add(event: CacheEvent, given: Listener, called: Listener): void {
    checkEvent(event)
    if (typeof given !== 'function') throw misuse('ERR_CACHE_ARGUMENT', 'listener', 'a function', given)
    const listeners = this.#listeners.get(event) ?? new Map<Listener, Listener>()
    listeners.set(given, called)
    this.#listeners.set(event, listeners)
    this.#onChange()
  }

  #call(event: CacheEvent, listener: Listener, told: unknown): void {
    try {
      const result = listener(told as never)
      if (result instanceof Promise) result.catch((error: unknown) => this.#broken(event, error))
    } catch (error) {
      this.#broken(event, error)
    }
  }

  #broken(event: CacheEvent, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    const text = `a listener of ${event} threw`
    try {
      if (this.#logger !== undefined) return this.#logger.error({ cache: this.#cache, event, error: { message } }, text)
    } catch {
      // A logger that throws is told of as well.
    }
    process.emitWarning(`${text}: ${message}`, { type: 'StratacacheWarning', code: 'STRATACACHE_LISTENER' })
  }
}

function checkEvent(event: string): void {
  if ((EVENTS as readonly string[]).includes(event)) return
  const near = typeof event === 'string' ? nearest(event, EVENTS) : undefined
  const hint = near === undefined ? `There are ${EVENTS.join(', ')}.` : `Did you mean ${near}?`
  throw new CacheError('ERR_CACHE_ARGUMENT', `there is no event ${describe(event)}. ${hint}`)
}
