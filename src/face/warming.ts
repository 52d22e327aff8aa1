/** Filling a namespace ahead of its readers. A method that returns a promise never throws: misuse rejects. */
import { callTerms, readOptions } from '../options/settings'
import { OPTIONS, type OptionsAt } from '../options/schema'
import { WARM, type WarmProgress } from '../options/warm'
import { HotFile } from '../warm/hot-file'
import { type HotKey, hottest } from '../warm/hot-keys'
import { run } from '../warm/run'
import { checkSource, isModule, keyIn, parseItem, totalOf, type WarmSource } from '../warm/source'
import { type Outcome, Tally, type WarmReport } from '../warm/tally'
import { ThreadedSource } from '../warm/threaded'
import { type Exported, exportTo, Importer } from '../warm/transfer'
import { CacheError, misuse } from '../words/errors'
import { checkKey } from '../words/keys'
import type { AnyKey } from './key-types'
import type { Factory, GetOrSetOptions, ManyFactory } from './load-calls'
import { Many } from './many'

/** `factory` loads keys that the source gives alone, as `getOrSet` would. */
export type WarmOptions = OptionsAt<'warm'> & Omit<GetOrSetOptions, 'jitter'> & { factory?: Factory<unknown> | undefined }
export type HotOptions = OptionsAt<'hot'>
export type ImportOptions = OptionsAt<'importHot'>

export interface PrefetchOptions extends GetOrSetOptions {
  /** Makes the values that no tier has. */
  factory?: ManyFactory<unknown> | undefined
}

/** Keys that are asked for at once: more than one request to Redis holds. */
const PREFETCH_AT_ONCE = 1024

export abstract class Warming<Map> extends Many<Map> {
  /**
   * Fills the namespace from a source: an iterable of keys, `[key, value]` or `{ key, value, ...options }`, a function that
   * gives one, or `{ module }`, whose file runs in a thread. Each entry is stored as by `getOrSet` whose factory gives its
   * value: only where neither the table nor Redis has a fresh one, unless `replace` is set.
   *
   * Entries that fail are counted. Rejects when the source fails, or with the reason of `signal`.
   */
  warm(source: WarmSource, options: WarmOptions = {}): Promise<WarmReport> {
    try {
      const { factory, ...given } = checkObject(options)
      const [own, ofLoads] = divided(given)
      const settings = readOptions('warm', own) as Settings
      const { concurrency = OPTIONS.concurrency.default, spreadTtl = OPTIONS.spreadTtl.default, signal, replace = false } = settings
      if (factory !== undefined && typeof factory !== 'function') throw misuse('ERR_CACHE_ARGUMENT', 'factory', 'a function', factory)
      const loadOptions = { ...ofLoads, jitter: spreadTtl }
      callTerms(this.terms, 'getOrSet', loadOptions)
      this.checkOpen()
      const threaded = isModule(source) ? new ThreadedSource(source) : undefined
      if (threaded === undefined && typeof source !== 'function') checkSource(source)
      const tally = new Tally(settings.total ?? totalOf(source), settings.onProgress)
      this.shared.warmth.add(tally)
      const load = threaded === undefined ? factory : (context: { key: string }) => threaded.load(context.key)
      const items = threaded ?? (typeof source === 'function' ? opened(source as () => unknown) : checkSource(source))
      const deal = (item: unknown): Outcome | Promise<Outcome> => this.#warmOne(item, load as Factory<unknown> | undefined, loadOptions, replace)
      return run(items, tally, { concurrency, signal, keyOf: keyIn, deal }).finally(() => threaded?.close())
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Brings what Redis has of the keys into the table, many in one request, and with `factory` loads what it does not have.
   * Keys that fail are counted; `missing` are those that nobody has, or that Redis did not tell of in time.
   */
  async prefetch(keys: Iterable<AnyKey<Map>>, options: PrefetchOptions = {}): Promise<WarmReport> {
    const { factory, ...ofLoads } = checkObject(options)
    if (typeof keys === 'string' || typeof (keys as Partial<Iterable<unknown>> | undefined)?.[Symbol.iterator] !== 'function') {
      throw misuse('ERR_CACHE_ARGUMENT', 'keys', 'an iterable of keys', keys)
    }
    if (factory !== undefined && typeof factory !== 'function') throw misuse('ERR_CACHE_ARGUMENT', 'factory', 'a function', factory)
    callTerms(this.terms, 'getOrSet', ofLoads)
    this.checkOpen()
    const all = [...new Set<unknown>(keys)]
    const tally = new Tally(all.length)
    for (let from = 0; from < all.length; from += PREFETCH_AT_ONCE) {
      await this.#prefetch(all.slice(from, from + PREFETCH_AT_ONCE), tally, factory, ofLoads)
    }
    return tally.end(true)
  }

  /** The hottest entries of the table in this namespace and those below, the hottest first, as far as the table knows. */
  async *hotKeys(options?: HotOptions): AsyncGenerator<HotKey, void, undefined> {
    yield* await this.#hottest(options)
  }

  /**
   * Writes the hottest entries of the table in this namespace and those below to a file, which replaces what has its name.
   * Rejects with ERR_CACHE_FILE.
   */
  async exportHot(path: string, options?: HotOptions): Promise<Exported> {
    checkPath(path)
    const { values = this.far === undefined } = readOptions('hot', options)
    return exportTo(path, this.table, await this.#hottest(options), values)
  }

  /**
   * Brings the entries of a file that `exportHot` wrote into this namespace and those below, the hottest first: with Redis
   * what that has of them, else the values of the file, for what is left of their lives. What is there stays. Entries that
   * are damaged, over, or of another stamp are left out. Rejects with ERR_CACHE_FILE for what is no such file.
   */
  async importHot(path: string, options?: ImportOptions): Promise<WarmReport> {
    checkPath(path)
    const { concurrency = OPTIONS.concurrency.default, onProgress, signal } = readOptions('importHot', options)
    this.checkOpen()
    const tally = new Tally(undefined, onProgress)
    this.shared.warmth.add(tally)
    let file: HotFile
    try {
      file = await HotFile.open(path)
    } catch (error) {
      tally.end(false)
      throw error
    }
    tally.total = file.head.count
    const { table, flights } = this.shared
    const importer = new Importer(file.head, { view: this.table, table, flights, terms: this.terms, patienceMs: this.far === undefined ? undefined : this.below!.patienceMs })
    return run(file.entries(), tally, { concurrency, signal, keyOf: (entry) => (entry === 'damaged' ? '' : entry.record.k), deal: (entry) => importer.bring(entry) })
  }

  #hottest(options: HotOptions | undefined): Promise<HotKey[]> {
    const { limit = OPTIONS.limit.default, bytes = OPTIONS.bytes.default } = readOptions('hot', options)
    this.checkOpen()
    return hottest(this.shared.table, this.path, { limit, bytes })
  }

  #warmOne(item: unknown, factory: Factory<unknown> | undefined, options: object, replaces: boolean): Outcome | Promise<Outcome> {
    const { key, given, options: own } = parseItem(item)
    checkKey(key)
    if (given?.value === undefined && given !== undefined) throw new CacheError('ERR_CACHE_VALUE', 'value must be defined, got undefined')
    if (given === undefined && factory === undefined) throw misuse('ERR_CACHE_ARGUMENT', 'factory', 'given for a key without a value', undefined)
    if (!replaces && this.table.has(key)) return 'present'
    const load: Factory<unknown> = given === undefined ? factory! : () => given.value
    return this.#loadOne(key, load, { ...options, ...own, ...(replaces ? { forceFresh: true } : {}) })
  }

  async #loadOne(key: string, load: Factory<unknown>, options: GetOrSetOptions): Promise<Outcome> {
    let failure: { error: unknown } | undefined
    let hasRun = false
    const factory: Factory<unknown> = async (context) => {
      hasRun = true
      try {
        return await load(context)
      } catch (error) {
        failure = { error }
        throw error
      }
    }
    // What an older value covers is a failure all the same.
    const value = await (this.getOrSet as (key: string, factory: Factory<unknown>, options: GetOrSetOptions) => Promise<unknown>).call(this, key, factory, options)
    if (failure !== undefined) throw (failure as { error: unknown }).error
    if (!hasRun) return 'present'
    if (value === undefined) return 'missing'
    return this.table.has(key) ? 'stored' : 'dropped'
  }

  async #prefetch(keys: readonly unknown[], tally: Tally, factory: ManyFactory<unknown> | undefined, options: GetOrSetOptions): Promise<void> {
    const wanted: string[] = []
    for (const key of keys) {
      try {
        checkKey(key)
        if (this.table.has(key)) tally.count('present')
        else wanted.push(key)
      } catch (error) {
        tally.fail(String(key), error)
      }
    }
    if (wanted.length === 0) return
    const outcomes = factory === undefined
      ? await Promise.allSettled(wanted.map((key) => (this.below === undefined ? undefined : this.readBelow(key))))
      : await this.#loadMany(wanted, factory, options)
    outcomes.forEach((outcome, i) => {
      if (outcome.status === 'rejected') tally.fail(wanted[i]!, outcome.reason)
      else tally.count(outcome.value === undefined ? 'missing' : 'stored')
    })
  }

  #loadMany(keys: string[], factory: ManyFactory<unknown>, options: GetOrSetOptions): Promise<PromiseSettledResult<unknown>[]> {
    const load = this.getOrSetMany as (call: object) => Promise<PromiseSettledResult<unknown>[]>
    return load.call(this, { ...options, keys, factory, settled: true })
  }
}

interface Settings {
  concurrency?: number
  spreadTtl?: number
  replace?: boolean
  total?: number
  onProgress?: (progress: WarmProgress) => void
  signal?: AbortSignal
}

/** Options of a run, and those of its loads. */
function divided(options: object): [own: object, ofLoads: GetOrSetOptions] {
  const own: Record<string, unknown> = {}
  const rest: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options)) {
    const isOwn = (WARM as Record<string, { levels: readonly string[] }>)[name]?.levels.includes('warm') === true
    ;(isOwn ? own : rest)[name] = value
  }
  return [own, rest]
}

async function* opened(source: () => unknown): AsyncGenerator<unknown> {
  yield* checkSource(await source()) as AsyncIterable<unknown>
}

function checkObject<T extends object>(options: T): T {
  if (typeof options === 'object' && options !== null) return options
  throw misuse('ERR_CACHE_OPTION', 'options', 'an object', options)
}

function checkPath(path: unknown): void {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) throw misuse('ERR_CACHE_ARGUMENT', 'path', 'a path', path)
}
