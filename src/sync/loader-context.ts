/** What a loader is told, and what it can say about its result. */
import type { Notes } from '../wire/notes'
import { CacheError, misuse } from '../words/errors'

/** Why a loader runs: nothing is there, what is there is stale, the caller insists, or it is refreshed ahead of its end. */
export type LoadReason = 'miss' | 'stale' | 'forced' | 'refresh'

/** All methods may be taken out of the object. */
export interface LoadContext {
  readonly key: string
  /** Aborted when the load is given up: its deadline has passed, or its time to keep others waiting. */
  readonly signal: AbortSignal
  /** The value there was, fresh or stale; undefined if there is none. */
  readonly stale: unknown
  /** As `modified` noted it with that value. */
  readonly etag: string | undefined
  readonly lastModified: Date | undefined
  /** 1, or more after failures in a row on this host. */
  readonly attempt: number
  readonly reason: LoadReason
  /** Options of `getOrSet`, over those of the call, for the result of this load. Throws ERR_CACHE_OPTION. */
  setOptions(options: object): void
  /** Tags of the result, beside those of the options. Throws ERR_CACHE_OPTION. */
  setTags(tags: readonly string[]): void
  /** `return skip()`: the caller gets undefined, nothing is stored, what is there stays. */
  skip(): undefined
  /** Ends the load as failed: throws what it is given, or an ERR_CACHE_LOAD_FAILED of that message. */
  fail(reason: unknown): never
  /** `return notFound()`: null, which is stored for `negativeTtl`. */
  notFound(): null
  /** `return notModified()`: the value there was gets a new life. Throws ERR_CACHE_ARGUMENT if there was none. */
  notModified(): never
  /** `return modified(value, { etag })`: notes what the next load can ask its source with. */
  modified<T>(value: T, about?: { etag?: string | undefined; lastModified?: Date | undefined }): T
}

export type Loader = (context: LoadContext) => unknown

/** What was there before the load. */
export interface Before {
  value: unknown
  notes?: Notes | undefined
  tags?: { names: readonly string[] } | undefined
}

/** What a loader said beside its result. */
export interface Said {
  etag: string | undefined
  lastModified: Date | undefined
  isNotModified: boolean
}

const MAX_ETAG_CHARS = 1024

/** The context of one load. The functions are called only if the loader looks. */
export function openContext(
  about: { key: string; attempt: number; setOptions: (options: object) => void },
  reason: () => LoadReason, before: () => Before | undefined, signal: () => AbortSignal,
): { context: LoadContext; said: Said } {
  const said: Said = { etag: undefined, lastModified: undefined, isNotModified: false }
  let known: { before: Before | undefined } | undefined
  const look = (): Before | undefined => (known ??= { before: before() }).before
  const context: LoadContext = {
    ...about,
    setTags: (tags) => about.setOptions({ tags }),
    get reason() {
      return reason()
    },
    get signal() {
      return signal()
    },
    get stale() {
      return look()?.value
    },
    get etag() {
      return look()?.notes?.etag
    },
    get lastModified() {
      return look()?.notes?.lastModified
    },
    skip: () => undefined,
    fail(reason) {
      if (typeof reason === 'object' && reason !== null) throw reason
      throw new CacheError('ERR_CACHE_LOAD_FAILED', String(reason))
    },
    notFound: () => null,
    notModified() {
      const there = look()
      if (there === undefined) throw new CacheError('ERR_CACHE_ARGUMENT', 'notModified must be said of a value, there is none')
      said.isNotModified = true
      said.etag ??= there.notes?.etag
      said.lastModified ??= there.notes?.lastModified
      return there.value as never
    },
    modified(value, { etag, lastModified } = {}) {
      said.etag = checkEtag(etag)
      said.lastModified = checkDate(lastModified)
      return value
    },
  }
  return { context, said }
}

function checkEtag(given: string | undefined): string | undefined {
  if (given === undefined || (typeof given === 'string' && given.length <= MAX_ETAG_CHARS)) return given
  throw misuse('ERR_CACHE_ARGUMENT', 'etag', `a string of at most ${MAX_ETAG_CHARS} characters`, given)
}

function checkDate(given: Date | undefined): Date | undefined {
  if (given === undefined || (given instanceof Date && !Number.isNaN(given.getTime()))) return given
  throw misuse('ERR_CACHE_ARGUMENT', 'lastModified', 'a valid Date', given)
}
