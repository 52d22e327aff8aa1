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

export function nothingSaid(): Said {
  return { etag: undefined, lastModified: undefined, isNotModified: false }
}

/** What the context asks, and only if the loader looks. */
export interface LoadView {
  setOptions(options: object): void
  reason(): LoadReason
  before(): Before | undefined
  signal(): AbortSignal
}

/** The context of one load. A class, and its functions made when they are taken: most loaders look at none of them. */
export class Context implements LoadContext {
  readonly key: string
  readonly attempt: number
  readonly #view: LoadView
  readonly #said: Said
  #known: { before: Before | undefined } | undefined

  /** What the loader says is written to `said`. */
  constructor(key: string, attempt: number, view: LoadView, said: Said) {
    this.key = key
    this.attempt = attempt
    this.#view = view
    this.#said = said
  }

  get reason(): LoadReason {
    return this.#view.reason()
  }

  get signal(): AbortSignal {
    return this.#view.signal()
  }

  get stale(): unknown {
    return this.#before()?.value
  }

  get etag(): string | undefined {
    return this.#before()?.notes?.etag
  }

  get lastModified(): Date | undefined {
    return this.#before()?.notes?.lastModified
  }

  get setOptions(): LoadContext['setOptions'] {
    return (options) => this.#view.setOptions(options)
  }

  get setTags(): LoadContext['setTags'] {
    return (tags) => this.#view.setOptions({ tags })
  }

  get skip(): LoadContext['skip'] {
    return skip
  }

  get fail(): LoadContext['fail'] {
    return fail
  }

  get notFound(): LoadContext['notFound'] {
    return notFound
  }

  get notModified(): LoadContext['notModified'] {
    return () => {
      const there = this.#before()
      if (there === undefined) throw new CacheError('ERR_CACHE_ARGUMENT', 'notModified must be said of a value, there is none')
      this.#said.isNotModified = true
      this.#said.etag ??= there.notes?.etag
      this.#said.lastModified ??= there.notes?.lastModified
      return there.value as never
    }
  }

  get modified(): LoadContext['modified'] {
    return (value, { etag, lastModified } = {}) => {
      this.#said.etag = checkEtag(etag)
      this.#said.lastModified = checkDate(lastModified)
      return value
    }
  }

  #before(): Before | undefined {
    return (this.#known ??= { before: this.#view.before() }).before
  }
}

function skip(): undefined {
  return undefined
}

function notFound(): null {
  return null
}

function fail(reason: unknown): never {
  if (typeof reason === 'object' && reason !== null) throw reason
  throw new CacheError('ERR_CACHE_LOAD_FAILED', String(reason))
}

function checkEtag(given: string | undefined): string | undefined {
  if (given === undefined || (typeof given === 'string' && given.length <= MAX_ETAG_CHARS)) return given
  throw misuse('ERR_CACHE_ARGUMENT', 'etag', `a string of at most ${MAX_ETAG_CHARS} characters`, given)
}

function checkDate(given: Date | undefined): Date | undefined {
  if (given === undefined || (given instanceof Date && !Number.isNaN(given.getTime()))) return given
  throw misuse('ERR_CACHE_ARGUMENT', 'lastModified', 'a valid Date', given)
}
