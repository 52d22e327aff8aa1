/** Values that cannot be read here: made by a codec this process does not have, or damaged. They are misses. */
import { CacheError } from '../words/errors'

const TELL_AGAIN_MS = 60_000
/** Names of codecs come from other processes. */
const MAX_TOLD = 100

export class Unreadable {
  /** Reads that met one, in this isolate. */
  count = 0
  /** Hears the same at most once a minute. */
  hear: ((error: CacheError) => void) | undefined
  readonly #toldMs = new Map<string, number>()

  /** What the step decodes; undefined where it meets ERR_CACHE_PAYLOAD. */
  read<T>(step: () => T): T | undefined {
    try {
      return step()
    } catch (error) {
      if (!(error instanceof CacheError) || error.code !== 'ERR_CACHE_PAYLOAD') throw error
      this.#report(error)
      return undefined
    }
  }

  #report(error: CacheError): void {
    this.count++
    if (this.hear === undefined) return
    const nowMs = performance.now()
    const toldMs = this.#toldMs.get(error.message)
    if (toldMs !== undefined && nowMs - toldMs < TELL_AGAIN_MS) return
    if (this.#toldMs.size >= MAX_TOLD) this.#toldMs.clear()
    this.#toldMs.set(error.message, nowMs)
    this.hear(error)
  }
}
