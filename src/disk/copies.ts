/**
 * The copies of a cache's entries on the disk, as one isolate has them: docs/disk.md has the protocol.
 *
 * The first isolate of a region's life decides which file is used: what a former life has left, if nothing can be outdated in it
 * and it can be read, or else a new one. Until then, and wherever the disk fails, it is as if it had nothing.
 */
import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { CopiedView, CopyWatch, TableCopies } from '../l1/copies'
import type { L1Table } from '../l1/table'
import { withoutCap } from '../wire/about'
import { Codec } from '../wire/codec'
import { readStamp, restamped } from '../wire/tags'
import type { CopyReader, FoundCopy } from './contract'
import { CopyDirectory } from './copy-directory'
import { CopyFile, copyKey, namespaceClear, tagClear } from './copy-file'
import { checkLmdb } from './lmdb'
import { OutdatedCopies } from './outdated'
import { type Copy, readCopy } from './record'
import { Candidates, Spiller, type SpillSettings } from './spiller'

export interface CopySettings extends SpillSettings {
  directory: string
  /** This isolate writes copies and reads them; else it only removes what it makes outdated. */
  isUser: boolean
  warn: (fields: object, message: string) => void
}

export interface DiskInfo {
  /** The directory. */
  path: string
  /** 'opening': the files are looked through; 'failed': the disk is not used, see the logger. */
  state: 'opening' | 'ready' | 'failed'
}

const OPENING_KEY = '\0disk/opening'
const CHECK_MS = 120_000
const LOOK_AGAIN_MS = 20
const WHOLE_MS = 250
const CLOSE_MS = 1_000

export class Copies implements CopyReader, CopyWatch {
  readonly #table: L1Table & { copies: TableCopies }
  readonly #settings: CopySettings
  readonly #directory: CopyDirectory
  readonly #outdated: OutdatedCopies
  readonly #candidates = new Candidates()
  readonly #views = new Map<string, CopiedView>()
  readonly #counters = { hits: 0, misses: 0, damaged: 0, failures: 0 }
  #file: CopyFile | undefined
  #spiller: Spiller | undefined
  #isAdopting = false
  #adopted: { view: CopiedView; key: string }[] = []
  #state: DiskInfo['state'] = 'opening'
  #isClosed = false
  readonly #watching: NodeJS.Timeout
  readonly #opening: Promise<void>

  /** Throws ERR_CACHE_OPTION where lmdb is not installed, ERR_CACHE_DISK or ERR_CACHE_REGION for a directory that cannot be used. */
  constructor(table: L1Table & { copies: TableCopies }, settings: CopySettings) {
    checkLmdb()
    this.#table = table
    this.#settings = settings
    this.#directory = new CopyDirectory(settings.directory)
    this.#outdated = new OutdatedCopies(table.copies, this.#directory)
    table.copies.watch(this)
    this.#watching = setInterval(() => this.#checkWhole(), WHOLE_MS).unref()
    this.#opening = this.#open().catch((error: Error) => this.#fail(error))
  }

  ready(): Promise<void> {
    return this.#opening
  }

  info(): DiskInfo {
    return { path: this.#directory.path, state: this.#state }
  }

  stats(): Record<string, number> {
    const { removed, failures, forgotten } = this.#outdated.counters
    const spilled = this.#spiller?.counters ?? { written: 0, trimmed: 0, failures: 0 }
    const own = this.#counters
    const sizes = this.#attempt((file) => ({ bytes: file.bytes() })) ?? { bytes: 0 }
    return { ...own, ...sizes, written: spilled.written, trimmed: spilled.trimmed, removed, forgotten, failures: own.failures + failures + spilled.failures }
  }

  changed(view: CopiedView, key: string): void {
    if (this.#isClosed) return
    if (this.#isAdopting) return void this.#adopted.push({ view, key })
    this.#outdated.add({ view, key })
    if (this.#settings.isUser) this.#candidates.add({ view, key })
  }

  cleared(namespace: string): void {
    if (!this.#isClosed) this.#outdated.add({ clear: namespaceClear(namespace) })
  }

  tagCleared(slot: number): void {
    if (!this.#isClosed) this.#outdated.add({ clear: tagClear(slot) })
  }

  settled(): Promise<void> | undefined {
    // With Redis no other life uses the copies.
    return this.#settings.hasFar ? undefined : this.#outdated.settled()
  }

  adopting<T>(publish: () => T): T {
    this.#isAdopting = true
    try {
      return publish()
    } finally {
      this.#isAdopting = false
      for (const { view, key } of this.#adopted) view.release(key)
      this.#adopted = []
    }
  }

  find(namespace: string, key: string, doubt: number): FoundCopy | undefined {
    const view = this.#viewOf(namespace)
    // Before the snapshot: a change that comes later ends the lease.
    if (this.#file === undefined || view.isHeld(key)) return undefined
    const tagClock = this.#table.tags.clock()
    const epochSum = view.epochSum()
    const id = copyKey(namespace, key)
    const found = this.#attempt((file) => {
      file.renew()
      if (file.life() !== this.#table.copies.regionId) return undefined
      const bytes = file.get(id)
      if (bytes === undefined) return undefined
      const copy = readCopy(id, bytes)
      if (copy === undefined) this.#drop(id)
      return copy !== undefined && this.#isCurrent(file, copy, namespace, epochSum, doubt) ? this.#revived(copy, tagClock) : undefined
    })
    if (found === undefined) this.#counters.misses++
    else this.#counters.hits++
    return found
  }

  /** Copies what is worth it, then leaves the files; `unlink` removes them. */
  async close(options?: { unlink?: boolean }): Promise<void> {
    clearInterval(this.#watching)
    await this.#opening
    this.#checkWhole()
    if (options?.unlink !== true) await this.#spiller?.close(CLOSE_MS)
    else await this.#spiller?.close(0)
    await this.#outdated.close()
    this.#isClosed = true
    const file = this.#file
    this.#file = undefined
    await file?.close().catch(() => {})
    if (options?.unlink === true) this.#directory.remove()
  }

  async #open(): Promise<void> {
    const { copies, root } = this.#table
    if (copies.generation() !== 0) return this.#use(new CopyFile(this.#directory.fileOf(copies.generation())))
    while (!this.#isClosed) {
      const acquired = root.acquire(OPENING_KEY, { leaseMs: CHECK_MS + 10_000, force: true, isPermit: true })
      if (acquired.state !== 'busy') {
        try {
          await this.#begin()
        } finally {
          if (acquired.state === 'granted') root.abandon(OPENING_KEY, acquired.lease)
        }
      } else await pause(LOOK_AGAIN_MS)
      if (copies.generation() !== 0) return this.#use(new CopyFile(this.#directory.fileOf(copies.generation())))
    }
  }

  /** Chooses the file of this life. Two may do so at once; one of them is followed by all. */
  async #begin(): Promise<void> {
    const { copies } = this.#table
    if (copies.generation() !== 0) return
    const newest = this.#directory.newest()
    const isKept = newest > 0 && (await this.#isWorthKeeping(newest))
    const own = isKept ? newest : newest + 1
    const file = new CopyFile(this.#directory.fileOf(own))
    await file.write((changes) => changes.setLife(copies.regionId))
    await file.close()
    if (copies.generation(own) === own) this.#directory.tidy(copies.regionId, own)
  }

  async #isWorthKeeping(generation: number): Promise<boolean> {
    const { copies } = this.#table
    if (this.#settings.hasFar || !copies.isWhole() || this.#directory.isOwedBefore(copies.regionId)) return false
    const path = this.#directory.fileOf(generation)
    const isSound = await isReadable(path)
    if (!isSound) this.#settings.warn({ path, bytes: statSync(path, { throwIfNoEntry: false })?.size }, 'the copies of a former life cannot be read: they are dropped')
    return isSound
  }

  #use(file: CopyFile): void {
    this.#file = file
    this.#outdated.use(file)
    if (this.#settings.isUser) this.#spiller = new Spiller(this.#table.copies, this.#table, file, this.#settings, this.#candidates)
    this.#state = 'ready'
  }

  #fail(error: Error): void {
    if (this.#isClosed) return
    this.#state = 'failed'
    this.#counters.failures++
    this.#settings.warn({ path: this.#directory.path, message: error.message }, 'the disk is not used')
  }

  #checkWhole(): void {
    try {
      if (!this.#isClosed && !this.#settings.hasFar && !this.#table.copies.isWhole()) this.#outdated.lose()
    } catch {
      // The table was closed.
    }
  }

  #isCurrent(file: CopyFile, copy: Copy, namespace: string, epochSum: number, doubt: number): boolean {
    const slots = copy.codec === Codec.tagged ? readStamp(copy.payload).slots : undefined
    const { tags } = this.#table
    if (copy.life === this.#table.copies.regionId) {
      return copy.epochSum === epochSum && copy.hasFar === this.#settings.hasFar && (!copy.hasFar || copy.doubt === doubt)
        && (slots === undefined || tags.since(slots, copy.tagClock) === 'current')
    }
    // Of a former life, which has told what it cleared; what this one clears ends all that was there before.
    if (copy.hasFar || this.#settings.hasFar || epochSum !== 0) return false
    if (namespacesAbove(namespace).some((path) => file.clearedUpTo(namespaceClear(path)) >= copy.number)) return false
    return slots === undefined || (tags.since(slots, 0) === 'current' && !slots.some((slot) => file.clearedUpTo(tagClear(slot)) >= copy.number))
  }

  #revived(copy: Copy, tagClock: number): FoundCopy | undefined {
    const isOfThisLife = copy.life === this.#table.copies.regionId
    const elapsedMs = isOfThisLife ? this.#table.nowMs() - copy.tableMs : Date.now() - copy.wallMs
    if (!(elapsedMs >= 0)) return undefined
    const hardLeftMs = copy.hardLeftMs - elapsedMs
    if (hardLeftMs <= 0) return undefined
    // What a cap of sliding means, another life's clock does not know.
    const own = isOfThisLife ? copy.payload : withoutCap(copy.codec, copy.payload)
    const payload = copy.codec !== Codec.tagged ? own : restamped(own, isOfThisLife ? copy.tagClock : tagClock, readStamp(own).sequence)
    return { codec: copy.codec, payload, softLeftMs: copy.softLeftMs - elapsedMs, hardLeftMs, ageMs: copy.ageMs + elapsedMs, fleetVersion: copy.fleetVersion }
  }

  #drop(id: Buffer): void {
    this.#counters.damaged++
    this.#file?.write((changes) => {
      const bytes = this.#file?.get(id)
      if (bytes !== undefined && readCopy(id, bytes) === undefined) changes.remove(id)
    }).catch(() => void this.#counters.failures++)
  }

  #attempt<T>(step: (file: CopyFile) => T): T | undefined {
    if (this.#file === undefined) return undefined
    try {
      return step(this.#file)
    } catch {
      this.#counters.failures++
      return undefined
    }
  }

  #viewOf(namespace: string): CopiedView {
    let view = this.#views.get(namespace)
    if (view === undefined) this.#views.set(namespace, (view = this.#table.copies.view(namespace)))
    return view
  }
}

/** The namespace, and those it lies in up to the root. */
function namespacesAbove(namespace: string): string[] {
  const names = namespace.split('/')
  return ['', ...names.map((_, i) => names.slice(0, i + 1).join('/'))]
}

/** By a process of its own, since a damaged file may end whoever reads it. */
function isReadable(path: string): Promise<boolean> {
  const script = join(__dirname, '..', '..', 'workers', 'disk-check.js')
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [script, path], { stdio: 'ignore', timeout: CHECK_MS, killSignal: 'SIGKILL', env: { ...process.env, NODE_OPTIONS: '' } })
    child.on('error', () => resolve(false))
    child.on('exit', (code) => resolve(code === 0))
  })
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
