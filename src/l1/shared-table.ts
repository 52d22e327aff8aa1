/** `SharedL1`: the near tier over the native table, shared by every process and thread of the host. */
import { Unreadable } from '../wire/unreadable'
import { CacheError } from '../words/errors'
import { namespacePath } from '../words/keys'
import { L0Store } from './l0-store'
import { checkMailbox } from './mailbox'
import { type NativeAudit, type NativeStats, loadNative } from './native'
import { type SharedIsolate, callNative } from './shared-isolate'
import { SharedCopies } from './shared-copies'
import { SharedTags } from './shared-tags'
import { SharedView } from './shared-view'
import type { L1Stats, L1Table, Scanned } from './table'

export interface SharedOptions {
  name: string
  /** Bytes of the whole region. A region that exists keeps its size. */
  memory: number
  dir?: string
  /** Expected bytes of key and value; sizes the index. */
  averageEntryBytes: number
  /** 0 or absent: chosen from the memory. */
  segmentBytes?: number
  /** Copies of entries may be kept on a disk, from the region's first change on. */
  hasDisk?: boolean
  l0: L0Sizes | false
  /** Joins that region, which another isolate of the process has open, whatever the name leads to by now. */
  regionId?: string
}

export interface L0Sizes {
  maxItems: number
  /** Of the encoded values together. */
  maxBytes: number
  /** Of that, for strings which are cheap to make anew; those are then kept at their second reading only. Default: all. */
  maxCheapBytes?: number
}

const SCRATCH_BYTES = 64 * 1024
/** Of one part of a scan: well under a millisecond. */
const SCAN_BUCKETS = 512
/** The native side aligns the tags of L0 to lines of the processor's cache. */
const LINE_WORDS = 16

/**
 * Attaches this isolate to the region, creating it if there is none.
 *
 * Throws ERR_CACHE_NATIVE_MISSING, or ERR_CACHE_REGION with the native code as `reason` in its cause.
 */
export function openShared(options: SharedOptions): SharedL1 {
  return new SharedL1(options)
}

export class SharedL1 implements L1Table {
  readonly kind = 'shared'
  readonly path: string
  readonly layout: string
  readonly regionId: string
  /** One line per region file that was refused on the way. */
  readonly warnings: readonly string[]
  readonly root: SharedView
  readonly tags: SharedTags
  readonly copies: SharedCopies
  readonly unreadable = new Unreadable()
  readonly #shared: SharedIsolate
  readonly #listeners = new Set<() => void>()
  #isListening = false

  constructor(options: SharedOptions) {
    const l0: L0Sizes = options.l0 === false ? { maxItems: 0, maxBytes: 0 } : options.l0
    const addon = loadNative()
    checkMailbox(addon.mailbox)
    const native = callNative(() =>
      addon.open({
        dir: options.dir ?? '',
        name: options.name,
        memory: options.memory,
        averageEntryBytes: options.averageEntryBytes,
        segmentBytes: options.segmentBytes ?? 0,
        hasDisk: options.hasDisk ?? false,
        l0Items: l0.maxItems,
        l0Bytes: l0.maxBytes,
        l0CheapBytes: l0.maxCheapBytes ?? l0.maxBytes,
        regionId: options.regionId ?? '',
      }),
    )
    const mailbox = new ArrayBuffer(addon.mailbox['bytes'] ?? 0)
    const scratch = new ArrayBuffer(SCRATCH_BYTES)
    const tags = new ArrayBuffer((native.l0Capacity + LINE_WORDS) * 4)
    const tagsAt = native.attach(mailbox, scratch, tags)
    const words = new Int32Array(mailbox)
    this.#shared = {
      native,
      words,
      numbers: new Float64Array(mailbox),
      l0: new L0Store(new Uint32Array(tags, tagsAt, native.l0Capacity), words),
      scratch: Buffer.from(scratch),
      statuses: addon.statuses,
      about: undefined,
      unreadable: this.unreadable,
      copies: undefined,
      isClosed: false,
    }
    this.path = native.path
    this.layout = addon.layout
    this.regionId = native.regionId
    this.warnings = native.warnings.split('\n').filter((line) => line !== '')
    this.root = new SharedView(this.#shared, 0, '')
    this.tags = new SharedTags(this.#shared)
    this.copies = new SharedCopies(this.#shared, (namespace) => namespace.split('/').reduce((view, name) => (name === '' ? view : view.child(name)), this.root))
  }

  /** The region's name leads elsewhere: who opens it now meets others there. */
  get isUnlinked(): boolean {
    this.#checkOpen()
    return this.#shared.native.stats().isUnlinked
  }

  stats(): L1Stats {
    this.#checkOpen()
    const { counters, memoryBytes, ...sizes } = this.#shared.native.stats()
    const of = (name: string): number => counters[name] ?? 0
    const { histograms, isUnlinked, ...numbers } = sizes
    const [negative, ...spaces] = this.#shared.native.quotas().map(({ namespace = '', bytes, limit }) => ({ namespace, told: { bytes, limit } }))
    return {
      entries: of('entries'),
      liveBytes: of('live_bytes'),
      memoryBytes,
      hits: of('hits'),
      misses: of('misses') + of('stale_hits') + of('doubtful'),
      sets: of('sets') + of('publishes') - of('publishes_lost'),
      deletes: of('deletes'),
      evictions: of('evictions_small') + of('evictions_main') + of('evictions_bucket') + of('evictions_no_room') + of('evictions_quota'),
      expirations: of('expirations'),
      loads: of('loads'),
      negative: negative!.told,
      quotas: Object.fromEntries(spaces.map(({ namespace, told }) => [namespace, told])),
      detail: { ...counters, ...numbers, unreadable: this.unreadable.count },
    }
  }

  /** Everything the region counts, histograms included. */
  nativeStats(): NativeStats {
    this.#checkOpen()
    return this.#shared.native.stats()
  }

  /** The threads registered now, with what each slot has counted. */
  threads(): { slot: number; pid: number; counters: Record<string, number> }[] {
    this.#checkOpen()
    return this.#shared.native.threads()
  }

  /** Walks the whole region; exact when nobody writes meanwhile. */
  audit(): NativeAudit {
    this.#checkOpen()
    return this.#shared.native.audit()
  }

  scan(from: number): { found: Scanned[]; next: number | undefined } {
    this.#checkOpen()
    const { native } = this.#shared
    const values = native.scan(from, SCAN_BUCKETS)
    if (values === undefined) return { found: [], next: undefined }
    // After the scan: whatever it has met is registered.
    const paths = pathsOf(native.namespaceNames())
    const found: Scanned[] = []
    for (let i = 0; i < values.length; i += 4) {
      const namespace = paths[values[i] as number]
      if (namespace !== undefined) found.push({ namespace, key: values[i + 1] as string, bytes: values[i + 2] as number, heat: values[i + 3] as number })
    }
    return { found, next: from + SCAN_BUCKETS }
  }

  onLeaseEnd(listener: () => void): () => void {
    this.#checkOpen()
    if (!this.#isListening) {
      this.#isListening = this.#shared.native.listen(() => {
        for (const each of [...this.#listeners]) each()
      })
    }
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  setNegativeQuota(bytes: number): void {
    this.#checkOpen()
    this.#shared.native.setNegativeQuota(Math.max(1, bytes))
  }

  doubt(): number {
    this.#checkOpen()
    return this.#shared.native.doubt()
  }

  resetFleetEpochs(root: number): void {
    this.#checkOpen()
    this.#shared.native.resetFleetEpochs(root)
  }

  raiseDoubt(): number {
    this.#checkOpen()
    return this.#shared.native.raiseDoubt()
  }

  flush(): void {
    this.#checkOpen()
    this.#shared.native.flush()
  }

  nowMs(): number {
    this.#checkOpen()
    return this.#shared.native.nowMs()
  }

  recordLoad(ms: number): void {
    if (!this.#shared.isClosed) this.#shared.native.recordLoad(ms)
  }

  advanceClock(ms: number): void {
    this.#checkOpen()
    this.#shared.native.advanceClock(ms)
  }

  close(options?: { unlink?: boolean }): void {
    if (this.#shared.isClosed) return
    this.#shared.isClosed = true
    this.#listeners.clear()
    this.#shared.l0.clear()
    this.#shared.native.close(options?.unlink === true)
  }

  #checkOpen(): void {
    if (this.#shared.isClosed) throw new CacheError('ERR_CACHE_CLOSED', 'the table must be open, it was closed')
  }
}

/** The paths of namespaces by number. A parent is registered before its children. */
function pathsOf(names: readonly (string | number)[]): string[] {
  const paths = ['']
  for (let i = 0; i < names.length; i += 2) paths.push(namespacePath(paths[names[i] as number] ?? '', names[i + 1] as string))
  return paths
}
