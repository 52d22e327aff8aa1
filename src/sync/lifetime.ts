/** How long a value is stored: caps, jitter, the ttl of negatives, adaptive and sliding lives, and what is noted for later. */
import type { Life } from '../l1/table'
import { EncodedValue, encodeToBytes } from '../wire/codec'
import type { Notes } from '../wire/notes'
import type { ValueCodec } from '../wire/value-codec'

export interface LifeTerms {
  life: Life
  /** No entry is fresh for longer, whatever else says so. Infinity = no cap. */
  maxTtlMs: number
  /** With Redis, its life in the table. Infinity = the entry's. */
  l1TtlMs: number
  /** A ttl is shortened by a random part of up to this share. */
  jitter: number
  /** ttl of a loaded null; undefined = as any value. */
  negativeTtlMs: number | undefined
  /** Bounds of a ttl that follows how often the value changes; undefined = a fixed one. */
  adaptive: { minMs: number; maxMs: number } | undefined
  /** Reads lengthen the life by `idleMs`, up to `maxMs` (undefined: the ttl) after it was stored. */
  sliding: { idleMs: number; maxMs: number | undefined } | undefined
}

/** What a load found out about its value. */
export interface Findings {
  etag?: string | undefined
  lastModified?: Date | undefined
  loadMs: number
  /** Of a value that was found unchanged. */
  sourceVersion?: number | undefined
  /** The notes of the value before, and whether this one is the same. Only read for an adaptive life. */
  before: () => { ttlMs: number; isSame: boolean } | undefined
  /** The entry's ttl is not what readers would expect. */
  hasOwnTtl: boolean
  /** Readers weigh what a load costs. */
  isWeighed: boolean
}

/** The clock that lives are counted in. */
export interface Clock {
  nowMs(): number
}

export interface Storable {
  value: unknown
  life: Life
}

/** A life for something already stored, or written by hand. */
export function lifeOf(terms: LifeTerms): Life {
  const { life, sliding } = terms
  const capMs = sliding === undefined ? Number.POSITIVE_INFINITY : sliding.idleMs
  return lived(terms, life.ttlMs, capMs)
}

/** What `written` has to know: the caller's version, and where the value goes on with the life of another, the age of that. */
export type WrittenTerms = LifeTerms & { sourceVersion?: number | undefined; goesOn?: { capAtMs: number | undefined; ageMs: number } | undefined }

/** A value written by hand, as it is stored for `life`. */
export function written(terms: WrittenTerms, value: unknown, life: Life, clock: Clock): unknown {
  const capMs = slidingCapMs(terms, terms.life.ttlMs)
  const { sourceVersion, goesOn } = terms
  if (capMs === Number.POSITIVE_INFINITY && sourceVersion === undefined) return value
  const notes: Notes = { ttlMs: life.ttlMs, loadMs: 0, capAtMs: goesOn === undefined ? clock.nowMs() + capMs : capAtOf(terms, goesOn, clock) }
  if (sourceVersion !== undefined) notes.sourceVersion = sourceVersion
  return EncodedValue.noted(value, notes)
}

/** A loaded value, and how it is stored. Throws ERR_CACHE_VALUE for what cannot be. */
export function loaded(terms: LifeTerms, value: unknown, findings: Findings, clock: Clock): Storable {
  const ttlMs = loadedTtlMs(terms, value, findings)
  const idleMs = terms.sliding?.idleMs ?? Number.POSITIVE_INFINITY
  const life = lived(terms, ttlMs, idleMs)
  const { etag, lastModified, loadMs, sourceVersion } = findings
  const capMs = slidingCapMs(terms, ttlMs)
  const isNoted = etag !== undefined || lastModified !== undefined || sourceVersion !== undefined || terms.adaptive !== undefined
    || capMs !== Number.POSITIVE_INFINITY
  if (!isNoted && !findings.hasOwnTtl && !findings.isWeighed) return { value, life }
  const notes: Notes = { ttlMs: terms.adaptive === undefined ? life.ttlMs : ttlMs, loadMs, capAtMs: clock.nowMs() + capMs }
  if (etag !== undefined) notes.etag = etag
  if (lastModified !== undefined) notes.lastModified = lastModified
  if (sourceVersion !== undefined) notes.sourceVersion = sourceVersion
  return { value: EncodedValue.noted(value, notes), life }
}

/** Whether two values are stored as the same bytes. */
export function isSameValue(one: unknown, other: unknown, codec?: ValueCodec): boolean {
  if (one === other) return true
  const first = encodeToBytes(EncodedValue.by(codec, one))
  // The second encoding may use the memory of the first.
  const bytes = Buffer.from(first.bytes)
  const second = encodeToBytes(EncodedValue.by(codec, other))
  return first.codec === second.codec && bytes.equals(second.bytes)
}

function loadedTtlMs(terms: LifeTerms, value: unknown, { before }: Findings): number {
  if (value === null && terms.negativeTtlMs !== undefined) return terms.negativeTtlMs
  if (terms.adaptive === undefined) return terms.life.ttlMs
  const { minMs, maxMs } = terms.adaptive
  const last = before()
  if (last === undefined) return minMs
  return Math.min(maxMs, Math.max(minMs, last.isSame ? last.ttlMs * 2 : last.ttlMs / 2))
}

/** Until when reads may lengthen the life of an entry. Not noted: it was stored before it was to slide, on another host, or in another life of this one. */
export function capAtOf(terms: LifeTerms, { capAtMs = Number.POSITIVE_INFINITY, ageMs }: { capAtMs?: number | undefined; ageMs: number }, clock: Clock): number {
  return capAtMs === Number.POSITIVE_INFINITY ? clock.nowMs() - ageMs + slidingCapMs(terms, terms.life.ttlMs) : capAtMs
}

/** How long after it was stored reads may lengthen a life. */
export function slidingCapMs({ sliding, maxTtlMs }: LifeTerms, ttlMs: number): number {
  if (sliding === undefined) return Number.POSITIVE_INFINITY
  return Math.min(sliding.maxMs ?? endless(ttlMs), maxTtlMs)
}

function lived({ life, maxTtlMs, jitter, sliding }: LifeTerms, givenMs: number, idleMs: number): Life {
  if (jitter === 0 && maxTtlMs === Number.POSITIVE_INFINITY && sliding === undefined && givenMs === life.ttlMs) return life
  const fullMs = Math.min(endless(givenMs), maxTtlMs, idleMs)
  if (fullMs === Number.POSITIVE_INFINITY) return life.ttlMs === 0 ? life : { ttlMs: 0, graceMs: life.graceMs }
  return { ttlMs: Math.max(1, Math.round(fullMs * (1 - Math.random() * jitter))), graceMs: life.graceMs }
}

/** A ttl as a number that compares: 0 is for ever. */
function endless(ttlMs: number): number {
  return ttlMs === 0 ? Number.POSITIVE_INFINITY : ttlMs
}
