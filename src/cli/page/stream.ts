/** Figures as they come, to every page that listens: what was lately first. */
import type { ServerResponse } from 'node:http'

const HISTORY = 120
/** Pages that listen at the same time; the next one is refused. */
const LISTENERS = 32
/** A reader that does not read is let go before it fills our memory. */
const UNREAD_BYTES = 1024 * 1024

export class Stream<T> {
  readonly #listeners = new Set<ServerResponse>()
  readonly #history: T[] = []

  latest(): T | undefined {
    return this.#history.at(-1)
  }

  /** Streams to the page, beginning with the last two minutes. False if too many listen. */
  listen(response: ServerResponse, headers: Readonly<Record<string, string>> = {}): boolean {
    if (this.#listeners.size >= LISTENERS) return false
    response.writeHead(200, { ...headers, 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    response.write(`retry: 1000\n\n${this.#history.map(toEvent).join('')}`)
    this.#listeners.add(response)
    response.on('close', () => this.#listeners.delete(response))
    return true
  }

  publish(figures: T): void {
    this.#history.push(figures)
    if (this.#history.length > HISTORY) this.#history.shift()
    for (const response of this.#listeners) {
      if (response.writableLength > UNREAD_BYTES) response.destroy()
      else response.write(toEvent(figures))
    }
  }

  end(): void {
    for (const response of this.#listeners) response.end()
  }
}

const toEvent = (figures: unknown): string => `data: ${JSON.stringify(figures)}\n\n`
