/**
 * Where the copies of a cache lie: `copies-<generation>.mdb`, of which the highest is the one in use, and a file
 * `owed-<life>-<random>` for each isolate that has acknowledged a change whose outdated copy is still there.
 */
import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, rmdirSync, rmSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { directoryForDisk } from '../journal/disk-files'
import { CacheError } from '../words/errors'

const COPIES = /^copies-(\d{1,9})\.mdb$/
const OWED = /^owed-([0-9a-f]{16})-[0-9a-f]{12}$/

/** Of one cache and one directory of regions: two of them on a machine are two hosts. */
export function copyDirectoryOf({ name, dir, path }: { name: string; dir: string | undefined; path: string }): string {
  const place = createHash('sha256').update(dir === undefined ? '' : resolve(dir)).digest('hex').slice(0, 8)
  return join(path, `${name}.${place}.copies`)
}

export class CopyDirectory {
  readonly path: string
  #owed: string | undefined

  /** Makes the directory. Throws ERR_CACHE_DISK when that fails, ERR_CACHE_REGION when it is not ours alone. */
  constructor(path: string) {
    this.path = path
    try {
      directoryForDisk(path)
    } catch (error) {
      if (error instanceof CacheError) throw error
      throw new CacheError('ERR_CACHE_DISK', `disk must name a directory that can be made or used, ${path} cannot: ${(error as Error).message}`, { cause: error })
    }
  }

  fileOf(generation: number): string {
    return join(this.path, `copies-${generation}.mdb`)
  }

  /** The highest generation, 0: none. */
  newest(): number {
    return Math.max(0, ...this.#names().map((name) => Number(COPIES.exec(name)?.[1] ?? 0)))
  }

  /** Somebody of another life has left outdated copies. */
  isOwedBefore(life: string): boolean {
    return this.#names().some((name) => (OWED.exec(name)?.[1] ?? life) !== life)
  }

  /** What other lives and other generations have left. */
  tidy(life: string, generation: number): void {
    for (const name of this.#names()) {
      const other = COPIES.exec(name.replace(/-lock$/, ''))?.[1]
      const isOld = (other !== undefined && Number(other) !== generation) || (OWED.exec(name)?.[1] ?? life) !== life
      if (isOld) rmSync(join(this.path, name), { force: true })
    }
  }

  /** Until `settle`, no other life will use the copies. On the disk when it resolves. */
  async owe(life: string): Promise<void> {
    if (this.#owed !== undefined) return
    this.#owed = join(this.path, `owed-${life}-${randomBytes(6).toString('hex')}`)
    const file = await open(this.#owed, 'wx', 0o600)
    await file.close()
    const directory = await open(this.path, 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  }

  settle(): void {
    const owed = this.#owed
    this.#owed = undefined
    if (owed !== undefined) rm(owed, { force: true }).catch(() => {})
  }

  remove(): void {
    for (const name of this.#names()) {
      if (COPIES.test(name.replace(/-lock$/, '')) || OWED.test(name)) rmSync(join(this.path, name), { force: true })
    }
    try {
      rmdirSync(this.path)
    } catch {
      // Somebody else's files are in it.
    }
  }

  #names(): string[] {
    try {
      return readdirSync(this.path)
    } catch {
      return []
    }
  }
}
