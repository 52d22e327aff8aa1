/** Finds and loads the addon, and declares its surface. The only importer of a `.node` file. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { CacheError } from '../words/errors'
import type { NativeJournal, NativeJournalOptions } from './native-journal'

/** Functions of one namespace. Numbers travel by the mailbox; `native/binding/mailbox.h` has the indices. */
export interface NativeView {
  get(key: string): unknown
  entry(key: string): unknown
  has(key: string): void
  set(key: string, value: string | Uint8Array): void
  delete(key: string): void
  remove(key: string): void
  take(key: string): void
  touch(key: string): void
  expire(key: string): void
  acquire(key: string): void
  fail(key: string, error: Uint8Array): void
  abandon(key: string): void
  clear(): void
  invalidate(key: string, settled?: Float64Array): void
  revalidated(key: string): void
  epochs(): void
  setFleetEpoch(): void
  release(key: string): void
  isHeld(key: string): void
  /** The keys as one string; gives what `collect` returns for the values, or nothing when the status is an error. */
  getMany(joined: string, collect: (...values: unknown[]) => unknown[]): unknown
}

export interface NativeStats {
  /** Counters of every thread of the host that ever used the region, added up. */
  counters: Record<string, number>
  /** Counts per latency bucket: four per power of two of nanoseconds. */
  histograms: Record<'get' | 'set' | 'load', number[]>
  memoryBytes: number
  dataBytes: number
  segmentBytes: number
  segments: number
  freeSegments: number
  buckets: number
  /** The region's name leads elsewhere: processes that open it later meet in another region. */
  isUnlinked: boolean
}

export interface NativeAudit {
  violations: string[]
  values: number
  leases: number
  liveBytes: number
  ownedByDead: number
  leakedRunSegments: number
  segmentsFree: number
  /** Of quotas: nobody has died between a change and its counting, or it has been counted anew. */
  isCounted: boolean
}

export interface NativeTable {
  readonly path: string
  /** 16 hexadecimal digits that no other region has. */
  readonly regionId: string
  /** One line per file that was refused on the way to this region. */
  readonly warnings: string
  readonly l0Capacity: number
  readonly maxValueBytes: number
  /** Returns where in `tags` the tags of L0 begin. */
  attach(mailbox: ArrayBuffer, scratch: ArrayBuffer, tags: ArrayBuffer): number
  setScratch(scratch: ArrayBuffer): void
  view(namespace: number): NativeView
  namespaceId(name: string, parent: number): number
  listen(onLeaseEnd: () => void): boolean
  advanceClock(ms: number): void
  nowMs(): number
  doubt(): number
  raiseDoubt(): number
  flush(): void
  tagClock(): number
  /** `kind`: 0 delete, 1 expire. */
  clearTag(slot: number, kind: number): number
  noteFleetClear(slot: number, kind: number, sequence: number): boolean
  /** 0 current, 1 expired, 2 gone. */
  tagsSince(slots: Uint16Array, clock: number): number
  fleetTagsSince(slots: Uint16Array, sequence: number): number
  resetFleetEpochs(root: number): void
  setQuota(namespace: number, bytes: number): void
  /** 0: a share of the data. */
  setNegativeQuota(bytes: number): void
  /** Of negative entries first. */
  quotas(): { namespace?: string; limit: number; bytes: number }[]
  useDisk(): void
  isDiskWhole(): boolean
  diskGeneration(next?: number): number
  spill(name: number, isOver: boolean): void
  isSpilling(): boolean
  recordLoad(ms: number): void
  /** Namespace, key, bytes and heat of each fresh value, one after the other; undefined behind the last bucket. */
  scan(fromBucket: number, count: number): (string | number)[] | undefined
  /** Parent and name of each namespace, from number 1 on. */
  namespaceNames(): (string | number)[]
  stats(): NativeStats
  threads(): { slot: number; pid: number; counters: Record<string, number> }[]
  audit(): NativeAudit
  close(unlink: boolean): void
}

export interface NativeAddon {
  open(options: {
    dir: string
    name: string
    memory: number
    averageEntryBytes: number
    segmentBytes: number
    hasDisk: boolean
    l0Items: number
    l0Bytes: number
    l0CheapBytes: number
    /** '': whichever the name leads to. */
    regionId: string
  }): NativeTable
  /** The host ids of all journals of the name in the directory. */
  journalHosts(dir: string, name: string): string[]
  /** Undefined only with `onlyAdopts`. */
  openJournal(options: NativeJournalOptions): NativeJournal | undefined
  readonly layout: string
  readonly limits: { maxKeyBytes: number; maxValueBytes: number; maxNamespaces: number; maxNamespaceDepth: number }
  readonly mailbox: Record<string, number>
  readonly statuses: Record<string, number>
}

let loaded: NativeAddon | undefined

/** The addon of this platform. Throws ERR_CACHE_NATIVE_MISSING with every place that was tried. */
export function loadNative(): NativeAddon {
  if (loaded !== undefined) return loaded
  const root = join(__dirname, '..', '..', '..')
  const places = [
    process.env['STRATACACHE_ADDON'],
    join(root, 'prebuilds', `${process.platform}-${process.arch}.node`),
    join(root, 'build', 'Release', 'stratacache.node'),
  ].filter((place) => place !== undefined)
  const failures: string[] = []
  for (const place of places) {
    if (!existsSync(place)) {
      failures.push(`${place} does not exist`)
      continue
    }
    try {
      loaded = require(place) as NativeAddon
      return loaded
    } catch (error) {
      failures.push(`${place}: ${(error as Error).message}`)
    }
  }
  throw new CacheError('ERR_CACHE_NATIVE_MISSING', `no native binary of stratacache loads here: ${failures.join('; ')}.`)
}
