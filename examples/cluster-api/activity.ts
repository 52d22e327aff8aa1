// What this process did, and the live figures that its pages listen to.
import type { ServerResponse } from 'node:http'
import { count, noCounts } from './counters'
import type { Counts } from './counters'
import type { Report, Snapshot } from './messages'
import type { Tier } from './store'

const HISTORY = 120

export class Activity {
  readonly #parts = new Map<string, Counts>([['process', noCounts()]])
  readonly #listeners = new Set<ServerResponse>()
  readonly #history: Snapshot[] = []

  count(label: string, ms: number, tier?: Tier): void {
    let counts = this.#parts.get(label)
    if (!counts) this.#parts.set(label, counts = noCounts())
    count(counts, ms, tier)
  }

  parts(): Report['parts'] {
    return [...this.#parts].map(([label, counts]) => ({ label, counts }))
  }

  latest(): Snapshot | undefined {
    return this.#history.at(-1)
  }

  /** Streams snapshots to a page, beginning with the last two minutes. */
  listen(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    response.write(`retry: 1000\n\n${this.#history.map(toEvent).join('')}`)
    this.#listeners.add(response)
    response.on('close', () => this.#listeners.delete(response))
  }

  publish(snapshot: Snapshot): void {
    this.#history.push(snapshot)
    if (this.#history.length > HISTORY) this.#history.shift()
    for (const response of this.#listeners) response.write(toEvent(snapshot))
  }

  end(): void {
    for (const response of this.#listeners) response.end()
  }
}

const toEvent = (snapshot: Snapshot): string => `data: ${JSON.stringify(snapshot)}\n\n`
