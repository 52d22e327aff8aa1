/**
 * Copies to the disk what this isolate has stored, ahead of its eviction: it keeps the keys, looks again after a while
 * whether they are worth it, and writes a batch in one transaction, which reads the entries itself.
 *
 * Because transactions exclude each other on the host, and entries are read within one, what a change or a clear removes in a
 * later transaction can never be older than what this one wrote.
 */
import { randomInt } from 'node:crypto'
import type { CopiedView, StoredEntry, TableCopies } from '../l1/copies'
import { bytesOf } from '../wire/codec'
import { type CopyFile, copyKey } from './copy-file'
import { writeCopy } from './record'

export interface SpillSettings {
  maxBytes: number
  /** 0 to 3. */
  minHits: number
  /** Of entries that Redis does not know nothing is copied. */
  hasFar: boolean
  /** The version that Redis gave the entry; undefined: it is not known, or on its way. */
  fleetVersionOf: (entry: StoredEntry) => number | undefined
}

export interface Clocks {
  nowMs(): number
  doubt(): number
}

export interface SpillCounters {
  written: number
  trimmed: number
  failures: number
}

const LOOK_EVERY_MS = 250
const MAX_CANDIDATES = 131_072
const MAX_LOOKS = 2_048
const MAX_BATCH = 1_024
const MAX_BATCH_BYTES = 4 * 1024 * 1024
/** Of the bytes allowed: pages that were freed are used again two transactions later. */
const BATCH_SHARE = 1 / 16
const COPIES_SHARE = 3 / 4
/** Not worth it. */
const MIN_LIFE_MS = 1_000
const TIDY_EVERY_MS = 60_000
const MAX_NAME = 2 ** 31

export class Spiller {
  readonly counters: SpillCounters = { written: 0, trimmed: 0, failures: 0 }
  readonly #copies: TableCopies
  readonly #clocks: Clocks
  readonly #file: CopyFile
  readonly #settings: SpillSettings
  readonly #candidates: Candidates
  readonly #timer: NodeJS.Timeout
  #round: Promise<boolean> | undefined
  #tidyMs = performance.now()

  constructor(copies: TableCopies, clocks: Clocks, file: CopyFile, settings: SpillSettings, candidates: Candidates) {
    this.#copies = copies
    this.#clocks = clocks
    this.#file = file
    this.#settings = settings
    this.#candidates = candidates
    this.#timer = setInterval(() => void this.#goOn(), LOOK_EVERY_MS).unref()
  }

  /** One last look at all of them, within `ms`. */
  async close(ms: number): Promise<void> {
    clearInterval(this.#timer)
    const endMs = performance.now() + ms
    for (let left = this.#candidates.size; left > 0 && performance.now() < endMs; left -= MAX_LOOKS) await this.spill()
  }

  /** Looks at some of the candidates; whether there were more worth a copy than go into one transaction. */
  spill(): Promise<boolean> {
    return (this.#round ??= this.#spill().finally(() => (this.#round = undefined)))
  }

  /** While whole batches come together, one follows the other. */
  async #goOn(): Promise<void> {
    if (this.#round !== undefined) return
    while (await this.spill());
  }

  async #spill(): Promise<boolean> {
    const { chosen, isFull } = this.#chosen()
    this.#tidy()
    if (chosen.length === 0) return false
    const name = 1 + randomInt(MAX_NAME)
    let written = 0
    let trimmed = 0
    try {
      await this.#file.write((changes) => {
        // Another region has taken the file over.
        if (changes.life() !== this.#copies.regionId) return
        this.#copies.spill(name, false)
        for (const { view, key } of chosen) {
          const id = copyKey(view.namespace, key)
          const copy = this.#copyOf(view, key)
          if (copy === undefined) continue
          changes.put(id, (number) => writeCopy(id, { ...copy, number }))
          written++
        }
        trimmed = changes.trim(this.#settings.maxBytes * COPIES_SHARE)
      })
      this.#copies.spill(name, true)
      this.counters.written += written
      this.counters.trimmed += trimmed
      return isFull
    } catch {
      // The word may stay: changes then remove in transactions, until the next spill.
      this.counters.failures++
      return false
    }
  }

  /** The next candidates that are worth a copy. */
  #chosen(): { chosen: Candidate[]; isFull: boolean } {
    const chosen: Candidate[] = []
    let isFull = false
    let bytes = 0
    const maxBytes = Math.min(MAX_BATCH_BYTES, this.#settings.maxBytes * BATCH_SHARE)
    for (const candidate of this.#candidates.take(MAX_LOOKS)) {
      if (chosen.length >= MAX_BATCH || bytes >= maxBytes) {
        this.#candidates.add(candidate)
        isFull = true
        continue
      }
      const entry = storedOf(candidate)
      const size = entry === undefined ? 0 : entry.payload.length
      if (entry === undefined || entry.isStale || entry.softLeftMs < MIN_LIFE_MS || size > this.#settings.maxBytes / 8) continue
      if (entry.uses < this.#settings.minHits || !this.#isSettled(entry)) this.#candidates.add(candidate)
      else {
        chosen.push(candidate)
        bytes += size
      }
    }
    return { chosen, isFull }
  }

  #isSettled(entry: StoredEntry): boolean {
    return !this.#settings.hasFar || (entry.fleet?.isDoubtful !== true && this.#settings.fleetVersionOf(entry) !== undefined)
  }

  #copyOf(view: CopiedView, key: string): Omit<Parameters<typeof writeCopy>[1], 'number'> | undefined {
    const doubt = this.#clocks.doubt()
    const epochSum = view.epochSum()
    const entry = storedOf({ view, key })
    if (entry === undefined || entry.isStale || !this.#isSettled(entry)) return undefined
    const { codec, softLeftMs, hardLeftMs, ageMs, tagClock } = entry
    const { hasFar, fleetVersionOf } = this.#settings
    return {
      codec, payload: Buffer.from(bytesOf(codec, entry.payload)), hasFar, life: this.#copies.regionId, epochSum, doubt,
      fleetVersion: hasFar ? fleetVersionOf(entry)! : 0, tagClock, tableMs: this.#clocks.nowMs(), wallMs: Date.now(), softLeftMs, hardLeftMs, ageMs,
    }
  }

  #tidy(): void {
    if (performance.now() - this.#tidyMs < TIDY_EVERY_MS) return
    this.#tidyMs = performance.now()
    this.#file.tidy()
  }
}

export interface Candidate {
  view: CopiedView
  key: string
}

/** Keys that were stored, each once; the oldest are given up where there are too many. */
export class Candidates {
  readonly #byId = new Map<string, Candidate>()

  get size(): number {
    return this.#byId.size
  }

  add(candidate: Candidate): void {
    this.#byId.set(`${candidate.view.namespace}\0${candidate.key}`, candidate)
    if (this.#byId.size <= MAX_CANDIDATES) return
    for (const id of this.#byId.keys()) {
      this.#byId.delete(id)
      return
    }
  }

  take(count: number): Candidate[] {
    const taken: Candidate[] = []
    for (const [id, candidate] of this.#byId) {
      if (taken.length >= count) break
      this.#byId.delete(id)
      taken.push(candidate)
    }
    return taken
  }
}

/** Undefined once the table is closed. */
function storedOf({ view, key }: Candidate): StoredEntry | undefined {
  try {
    return view.stored(key)
  } catch {
    return undefined
  }
}
