/** Takes entries from a source and deals with a bounded number of them at once. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { CacheError } from '../words/errors'
import type { Outcome, Tally, WarmReport } from './tally'

export interface RunSettings<Item> {
  concurrency: number
  signal: AbortSignal | undefined
  keyOf: (item: Item) => string
  /** What it throws or rejects with is counted, but that the cache is closed ends the run. */
  deal: (item: Item) => Outcome | Promise<Outcome>
}

export type Source<Item> = AsyncIterable<Item> | Iterable<Item>

/** The loop is given back after so long a stretch of work. */
const STRETCH_MS = 4

/**
 * Resolves when all entries are dealt with. Rejects with what the source throws, when those under way have ended, and at once
 * with the reason of the signal.
 */
export async function run<Item>(source: Source<Item>, tally: Tally, { concurrency, signal, keyOf, deal }: RunSettings<Item>): Promise<WarmReport> {
  const underWay = new Underway(concurrency)
  let broken: { error: unknown } | undefined
  const settle = async (item: Item): Promise<void> => {
    try {
      tally.count(await deal(item))
    } catch (error) {
      if (error instanceof CacheError && error.code === 'ERR_CACHE_CLOSED') broken ??= { error }
      tally.fail(keyOf(item), error)
    }
  }
  const abort = new Aborted(signal)
  let sinceMs = performance.now()
  try {
    for await (const item of until(source, abort)) {
      const room = underWay.add(settle(item))
      if (room !== undefined) await abort.before(room)
      if (broken !== undefined) throw broken.error
      if (performance.now() - sinceMs < STRETCH_MS) continue
      await nextTurn()
      sinceMs = performance.now()
    }
    await abort.before(underWay.all())
    if (broken !== undefined) throw (broken as { error: unknown }).error
    signal?.throwIfAborted()
  } catch (error) {
    await abort.before(underWay.all()).catch(() => {})
    tally.end(false)
    throw error
  } finally {
    abort.leave()
  }
  return tally.end(true)
}

/** The source, until the signal: also while it makes us wait. */
async function* until<Item>(source: Source<Item>, abort: Aborted): AsyncGenerator<Item> {
  const items = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  let hasEnded = false
  try {
    for (;;) {
      const next = await abort.before(items.next())
      if (next.done === true) {
        hasEnded = true
        return
      }
      yield await next.value
    }
  } finally {
    // Not waited for: it may be stuck, which is why it is left.
    if (!hasEnded) void Promise.resolve(items.return?.()).catch(() => {})
  }
}

/** What a signal interrupts. */
class Aborted {
  readonly #signal: AbortSignal | undefined
  readonly #pending = new Set<() => void>()
  readonly #onAbort = (): void => {
    for (const interrupt of this.#pending) interrupt()
  }

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort)
  }

  /** What the step comes to, unless the signal is aborted before: then it rejects with its reason. */
  before<T>(step: T | Promise<T>): Promise<T> {
    const signal = this.#signal
    if (signal === undefined) return Promise.resolve(step)
    return new Promise((resolve, reject) => {
      const interrupt = (): void => reject(signal.reason as Error)
      if (signal.aborted) interrupt()
      this.#pending.add(interrupt)
      Promise.resolve(step).then(resolve, reject).finally(() => this.#pending.delete(interrupt))
    })
  }

  leave(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#pending.clear()
  }
}

class Underway {
  readonly #limit: number
  readonly #tasks = new Set<Promise<void>>()
  #onRoom: (() => void) | undefined

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Resolves when there is room for another one. */
  add(task: Promise<void>): Promise<void> | undefined {
    this.#tasks.add(task)
    void task.then(() => {
      this.#tasks.delete(task)
      this.#onRoom?.()
    })
    if (this.#tasks.size < this.#limit) return undefined
    return new Promise((resolve) => {
      this.#onRoom = () => {
        this.#onRoom = undefined
        resolve()
      }
    })
  }

  async all(): Promise<void> {
    await Promise.all(this.#tasks)
  }
}
