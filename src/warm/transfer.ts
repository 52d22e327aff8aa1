/** The hottest entries of a table to a file, and from a file into a table. */
import type { L1Table, L1View } from '../l1/table'
import type { Flights } from '../sync/flights'
import type { LoadTerms } from '../sync/load-terms'
import { withoutCap } from '../wire/about'
import { bytesOf, Codec, EncodedValue } from '../wire/codec'
import { behindTags, readTags, tagsOf } from '../wire/tags'
import { CacheError } from '../words/errors'
import { stampsIn } from '../words/keys'
import { type HotFileEntry, type HotFileHead, type HotRecord, writeHotFile } from './hot-file'
import type { HotKey } from './hot-keys'
import type { Outcome } from './tally'

export interface Exported {
  entries: number
  /** Of the file. */
  bytes: number
}

/** Writes what is still there of the keys. Rejects with ERR_CACHE_FILE. */
export async function exportTo(path: string, view: L1View, keys: readonly HotKey[], hasValues: boolean): Promise<Exported> {
  const head: HotFileHead = { madeAtMs: Date.now(), stamps: stampsIn(view.namespace), count: keys.length }
  const startMs = performance.now()
  let entries = 0
  function* records(): Generator<{ record: HotRecord; payload: Uint8Array }> {
    for (const { namespace, key, heat } of keys) {
      const record: HotRecord = { n: namespace, k: key, h: heat }
      const raw = hasValues ? viewBelow(view, namespace).raw(key) : undefined
      if (hasValues && (raw === undefined || raw.isStale)) continue
      entries++
      if (raw === undefined) {
        yield { record, payload: new Uint8Array() }
        continue
      }
      // Lives are told as of the beginning of the file.
      const passedMs = performance.now() - startMs
      record.c = raw.codec
      record.a = Math.max(0, raw.ageMs - passedMs)
      if (raw.ttlLeftMs !== Number.POSITIVE_INFINITY) record.s = raw.ttlLeftMs + passedMs
      if (raw.hardLeftMs !== Number.POSITIVE_INFINITY) record.l = raw.hardLeftMs + passedMs
      yield { record, payload: bytesOf(raw.codec, raw.payload) }
    }
  }
  const bytes = await writeHotFile(path, head, records())
  return { entries, bytes }
}

/** Brings entries of one file in, without touching what is there. */
export class Importer {
  readonly #view: L1View
  readonly #table: L1Table
  readonly #flights: Flights
  readonly #terms: LoadTerms
  /** What a namespace below asks of its values is not known here; its readers ask it. */
  readonly #termsBelow: LoadTerms
  readonly #patienceMs: number | undefined
  readonly #passedMs: number
  readonly #isOurs: boolean

  /** `patienceMs`: with Redis, which then has the values. */
  constructor(head: HotFileHead, { view, table, flights, terms, patienceMs }: { view: L1View; table: L1Table; flights: Flights; terms: LoadTerms; patienceMs: number | undefined }) {
    this.#view = view
    this.#table = table
    this.#flights = flights
    this.#terms = terms
    this.#termsBelow = { ...terms, admission: undefined, codec: undefined }
    this.#patienceMs = patienceMs
    this.#passedMs = Math.max(0, Date.now() - head.madeAtMs)
    this.#isOurs = stampsIn(view.namespace).join() === head.stamps.join()
  }

  /** Throws for a key or a namespace that is none. */
  async bring(entry: HotFileEntry | 'damaged'): Promise<Outcome> {
    if (entry === 'damaged' || !this.#isOurs) return 'dropped'
    const { record, payload } = entry
    const view = viewBelow(this.#view, record.n)
    if (view.has(record.k)) return 'present'
    if (this.#patienceMs === undefined) return record.c === undefined ? 'missing' : this.#store(view, record, payload)
    const terms = record.n === '' ? this.#terms : this.#termsBelow
    const value = await this.#flights.read({ view, key: record.k, terms }, this.#patienceMs)
    return value === undefined ? 'missing' : 'stored'
  }

  /** Under the lease of the key: whoever loads or writes it meanwhile has something newer. */
  #store(view: L1View, { k: key, c: codec, s, l, a = 0 }: HotRecord, payload: Buffer): Outcome {
    const softMs = s === undefined ? Number.POSITIVE_INFINITY : s - this.#passedMs
    if (softMs <= 0) return 'dropped'
    const hardMs = l === undefined ? Number.POSITIVE_INFINITY : l - this.#passedMs
    const isEndless = softMs === Number.POSITIVE_INFINITY
    const life = { ttlMs: isEndless ? 0 : Math.max(1, softMs), graceMs: isEndless || hardMs === Number.POSITIVE_INFINITY ? 0 : Math.max(0, hardMs - softMs) }
    const acquired = view.acquire(key, { leaseMs: this.#terms.leaseMs, force: false, isPermit: true })
    if (acquired.state === 'hit' || acquired.state === 'busy') return 'present'
    if (acquired.state !== 'granted') return 'dropped'
    let value: EncodedValue
    try {
      value = this.#ofThisTable(view, codec!, payload, acquired.tagClock)
    } catch (error) {
      view.abandon(key, acquired.lease)
      if (error instanceof CacheError && error.code === 'ERR_CACHE_PAYLOAD') return 'dropped'
      throw error
    }
    const version = view.publish(key, acquired.lease, value, life, { doubt: this.#table.doubt(), ageMs: a + this.#passedMs })
    return version === 0 ? 'dropped' : 'stored'
  }

  /** Without what means something in the table alone that it comes from. */
  #ofThisTable(view: L1View, codec: number, payload: Buffer, tagClock: number): EncodedValue {
    const free = withoutCap(codec, payload)
    if (codec !== Codec.tagged) return stringOr(codec, free)
    const inner = behindTags(Buffer.from(free))
    return EncodedValue.tagged(new EncodedValue(inner.codec, inner.payload), tagsOf(view.namespace, readTags(free).names, tagClock))
  }
}

/** Strings are stored as strings. */
function stringOr(codec: number, payload: Uint8Array): EncodedValue {
  const bytes = Buffer.from(payload)
  if (codec === Codec.latin1) return EncodedValue.of(bytes.toString('latin1'))
  if (codec === Codec.utf8) return EncodedValue.of(bytes.toString('utf8'))
  if (codec === Codec.utf16) return EncodedValue.of(bytes.toString('utf16le'))
  return new EncodedValue(codec, bytes)
}

function viewBelow(view: L1View, path: string): L1View {
  return path === '' ? view : path.split('/').reduce((parent, name) => parent.child(name), view)
}
