/** Where the append-only files of a cache lie, and what a former life of the host has left in them. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { CacheError } from '../words/errors'
import type { Mark } from './contract'
import { type DiskFile, readDiskFile } from './disk-format'

const TMPFS = 0x01021994
const RAMFS = 0x858458f6

export interface LeftFile extends DiskFile {
  path: string
}

/** Of one cache and one directory of regions: two of them on a machine are two hosts. */
export function diskDirectoryOf({ name, dir, disk }: { name: string; dir: string | undefined; disk: string | undefined }): string {
  const base = disk ?? (dir !== undefined && isOnDisk(dir) ? dir : join('/var/tmp', `stratacache-${process.geteuid?.() ?? 0}`))
  const place = createHash('sha256').update(dir === undefined ? '' : resolve(dir)).digest('hex').slice(0, 8)
  return join(base, `${name}.${place}.writes`)
}

export function fileNameOf(pid: number, rest: string): string {
  return `${pid}.${rest}.log`
}

/**
 * Makes the directory, for this user alone, and those above it that are missing. One by one: Node's `recursive` never returns
 * where the kernel refuses a name with ENOENT, as in /proc.
 */
export function makeDirectory(dir: string): void {
  try {
    mkdirSync(dir, { mode: 0o700 })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && statSync(dir).isDirectory()) return
    if (code !== 'ENOENT' || existsSync(dirname(dir))) throw error
    makeDirectory(dirname(dir))
    makeDirectory(dir)
  }
}

/** Makes the directory; throws ERR_CACHE_REGION when it is not ours alone. */
export function directoryForDisk(dir: string): void {
  makeDirectory(dir)
  const { uid, mode } = statSync(dir)
  if (uid === process.geteuid?.() && (mode & 0o077) === 0) return
  throw new CacheError('ERR_CACHE_REGION', `${dir} must be a directory of this user with mode 0700, has mode ${(mode & 0o7777).toString(8)} and owner ${uid}`)
}

/**
 * The files of journals that are gone: of another boot, or removed; `hostIds` are those that are there. Those of the latest come
 * last. `unread`: why some could not be read, a line for each.
 */
export function filesLeft(dir: string, hostIds: ReadonlySet<string>, isJournalOfProcess: boolean): { left: LeftFile[]; unread: string[] } {
  const unread: string[] = []
  const left = namesIn(dir).flatMap((name): (LeftFile & { changedMs: number })[] => {
    const path = join(dir, name)
    if (isJournalOfProcess && isAlive(Number.parseInt(name, 10))) return []
    try {
      const changedMs = statSync(path).mtimeMs
      const file = readDiskFile(readFileSync(path))
      return file === undefined || hostIds.has(file.hostId) ? [] : [{ ...file, path, changedMs }]
    } catch (error) {
      // Another leader may have been through with it.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') unread.push(`${path}: ${(error as Error).message}`)
      return []
    }
  })
  return { left: left.sort((a, b) => a.changedMs - b.changedMs), unread }
}

export function removeFile(path: string): void {
  rmSync(path, { force: true })
}

/** Removes the files of processes that are gone, where all records are settled. */
export function removeFinished(dir: string, hostId: string, isSettled: (mark: Mark) => boolean): void {
  for (const name of namesIn(dir)) {
    if (isAlive(Number.parseInt(name, 10))) continue
    const file = readQuietly(join(dir, name))
    if (file?.hostId === hostId && file.records.every(({ mark }) => isSettled(mark))) rmSync(join(dir, name), { force: true })
  }
}

function readQuietly(path: string): DiskFile | undefined {
  try {
    return readDiskFile(readFileSync(path))
  } catch {
    return undefined
  }
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir).filter((name) => /^\d+\..*\.log$/.test(name))
  } catch {
    return []
  }
}

function isOnDisk(dir: string): boolean {
  try {
    const { type } = statfsSync(dir)
    return type !== TMPFS && type !== RAMFS
  } catch {
    return false
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
