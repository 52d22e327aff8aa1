/** What of a host's coordination the log tells, and how often. */
import type { CoordinationEvent } from './coordination'
import type { Logger } from './options/parsers'

const AGAIN_MS = 60_000
const MAX_REMEMBERED = 100

export class CoordinationLog {
  readonly #logger: Logger | undefined
  readonly #fields: object
  /** What was warned of, until when it is not said again. */
  readonly #warned = new Map<string, number>()

  constructor(logger: Logger | undefined, fields: object) {
    this.#logger = logger
    this.#fields = fields
  }

  hear(event: CoordinationEvent): void {
    switch (event.event) {
      case 'lead':
        return this.info(event, 'this process leads')
      case 'dead':
        return this.warn(event, 'Redis refused a write for good: deadLetters() has it', 'error')
      case 'denied':
        return this.warn(event, 'Redis denies writes to its user: they wait in the journal until the permission is granted', 'error')
      case 'granted':
        this.#warned.clear()
        return this.info(event, 'Redis takes writes again')
      case 'replayed':
        return this.info(event, 'writes that were left on the disk have been brought to Redis')
      case 'unreplayed':
        return this.warn(event, 'writes that were left on the disk could not be brought to Redis; it is tried again', 'error')
      case 'adopted':
        return this.info(event, 'writes that were left in the journal of a region that is gone are brought to Redis')
      case 'link':
        if (event.state === 'lost') return this.warn(event, 'Redis is away')
        // Each attempt of a link that stays away would say so.
        if (event.state === 'connecting' && this.#warned.size > 0) return
        if (event.state === 'connected') this.#warned.clear()
        return this.info(event, `Redis is ${event.state}`)
    }
  }

  info(fields: object, text: string): void {
    this.#logger?.info({ ...this.#fields, ...fields }, text)
  }

  /** What is the same as before is not said again within a minute, or until Redis is back. */
  warn(fields: object, text: string, level: 'warn' | 'error' = 'warn'): void {
    const said = JSON.stringify([text, fields])
    const nowMs = performance.now()
    if (nowMs < (this.#warned.get(said) ?? 0)) return
    if (this.#warned.size >= MAX_REMEMBERED) this.#warned.clear()
    this.#warned.set(said, nowMs + AGAIN_MS)
    this.#logger?.[level]({ ...this.#fields, ...fields }, text)
  }
}
