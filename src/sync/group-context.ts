/** What a loader of many keys is told, and can say about each. */
import { CacheError, misuse } from '../words/errors'
import type { LoadContext } from './loader-context'

/** All methods may be taken out of the object. */
export interface GroupContext {
  /** Aborted when the loads of all its keys have been given up. */
  readonly signal: AbortSignal
  /** The key's own context: what was there, `attempt`, `modified`, `notFound`, options for it alone. Its `fail` throws. */
  of(key: string): LoadContext
  /** Options of `getOrSet`, over those of the call, for all results of this run. Throws ERR_CACHE_OPTION. */
  setOptions(options: object): void
  /** Tags of all results of this run, beside those of the options. Throws ERR_CACHE_OPTION. */
  setTags(tags: readonly string[]): void
  /** Lets the load of this key fail and no other, as an Error in the place of its value does. */
  fail(key: string, reason: unknown): void
}

/** The context of one run. The functions of the contexts are called only if the loader looks. */
export function openGroupContext(contextByKey: ReadonlyMap<string, LoadContext>): { context: GroupContext; failures: ReadonlyMap<string, Error> } {
  const failures = new Map<string, Error>()
  let signal: AbortSignal | undefined
  const of = (key: string): LoadContext => {
    const own = contextByKey.get(key)
    if (own !== undefined) return own
    throw misuse('ERR_CACHE_ARGUMENT', 'key', 'one of those that are loaded', key)
  }
  const context: GroupContext = {
    of,
    get signal() {
      return (signal ??= whenAllAbort([...contextByKey.values()].map((own) => own.signal)))
    },
    setOptions(options) {
      for (const own of contextByKey.values()) own.setOptions(options)
    },
    setTags(tags) {
      for (const own of contextByKey.values()) own.setTags(tags)
    },
    fail(key, reason) {
      failures.set(of(key).key, reason instanceof Error ? reason : new CacheError('ERR_CACHE_LOAD_FAILED', String(reason)))
    },
  }
  return { context, failures }
}

function whenAllAbort(signals: readonly AbortSignal[]): AbortSignal {
  const controller = new AbortController()
  let left = signals.length
  for (const signal of signals) {
    const onAbort = (): void => {
      if (--left === 0) controller.abort(signal.reason)
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  }
  return controller.signal
}
