/**
 * Writes of one isolate on the disk. What comes while a group is being synchronised is the next group, so the rate of
 * writes is not bound by that of the disk.
 *
 * The records are also in the journal, and while it is there this log is not read. It is for the host's next life: see
 * disk-files.ts. Each isolate has a file of its own, which is cut when all of it is settled, and followed by another one
 * when it is long.
 */
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { CacheError } from '../words/errors'
import type { DiskRecord, HostDisk, Mark } from './contract'
import { FILE_HEAD_BYTES, fileHead, recordFrame, settledFrame } from './disk-format'
import { directoryForDisk, fileNameOf } from './disk-files'

export interface DiskLogOptions {
  dir: string
  hostId: string
  /** Another file is begun above. */
  fileBytes: number
  isSettled(mark: Mark): boolean
}

interface Waiting {
  record: DiskRecord
  frame: Buffer
  resolve(): void
  reject(error: Error): void
}

interface OpenFile {
  path: string
  handle: FileHandle
  bytes: number
  /** Where its unsettled records begin, oldest first. */
  unsettled: { at: number; waiting: Waiting }[]
}

const LOOK_MS = 50
const CLOSE_MS = 1_000

export class DiskLog implements HostDisk {
  readonly #options: DiskLogOptions
  #queue: Waiting[] = []
  #file: OpenFile | undefined
  /** Long files whose records are not all settled. */
  readonly #full: OpenFile[] = []
  #working: Promise<void> | undefined
  #looking: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: DiskLogOptions) {
    this.#options = options
  }

  append(record: DiskRecord, deadlineMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(failure('did not take it in time')), Math.max(0, deadlineMs - performance.now()))
      this.#queue.push({
        record,
        frame: recordFrame(record),
        resolve: () => {
          clearTimeout(late)
          resolve()
        },
        reject: (error) => {
          clearTimeout(late)
          reject(error)
        },
      })
      this.#work()
    })
  }

  /** Waits for what is under way, for a while. Files whose records are all settled go. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#looking)
    await Promise.race([this.#working, new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref())])
    if (this.#working !== undefined) return
    for (const file of [...this.#full, ...(this.#file === undefined ? [] : [this.#file])]) {
      await file.handle.close().catch(() => undefined)
      this.#forget(file)
      if (file.unsettled.length === 0) await unlink(file.path).catch(() => undefined)
    }
  }

  #work(): void {
    this.#looking ??= setInterval(() => this.#work(), LOOK_MS).unref()
    this.#working ??= this.#run().finally(() => {
      this.#working = undefined
      // Came while it looked for what is settled.
      if (this.#queue.length > 0) this.#work()
    })
  }

  async #run(): Promise<void> {
    // One turn of the loop: all writes of this tick share the first group.
    await new Promise<void>((resolve) => setImmediate(resolve))
    while (this.#queue.length > 0) {
      const group = this.#queue.splice(0)
      try {
        await this.#write(group)
        for (const { resolve } of group) resolve()
      } catch (error) {
        const file = this.#file
        this.#file = undefined
        // What of the group is in it is not known: its records are not acknowledged, those before are.
        if (file !== undefined) this.#full.push(file)
        for (const { reject } of group) reject(failure((error as Error).message))
      }
    }
    if (!this.#isClosed) await this.#noteSettled().catch(() => undefined)
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    const file = (this.#file ??= await this.#open())
    await this.#put(file, group)
    const { nlink } = await file.handle.stat()
    if (nlink > 0) return
    // Removed by somebody: all of it that counts goes into a new one.
    this.#file = undefined
    this.#forget(file)
    await file.handle.close()
    await this.#put((this.#file = await this.#open()), file.unsettled.map(({ waiting }) => waiting))
  }

  async #put(file: OpenFile, group: readonly Waiting[]): Promise<void> {
    const bytes = Buffer.concat(group.map(({ frame }) => frame))
    await file.handle.write(bytes, 0, bytes.length, file.bytes)
    await file.handle.datasync()
    for (const waiting of group) {
      file.unsettled.push({ at: file.bytes, waiting })
      file.bytes += waiting.frame.length
    }
  }

  async #open(): Promise<OpenFile> {
    const { dir, hostId } = this.#options
    directoryForDisk(dir)
    const path = join(dir, fileNameOf(process.pid, `${threadId}-${randomBytes(4).toString('hex')}`))
    const handle = await open(path, 'wx', 0o600)
    await handle.write(fileHead(hostId), 0)
    await handle.datasync()
    // The name has to be on the disk, too.
    const directory = await open(dir, 'r')
    await directory.sync().finally(() => directory.close())
    return { path, handle, bytes: FILE_HEAD_BYTES, unsettled: [] }
  }

  async #noteSettled(): Promise<void> {
    for (const file of [...this.#full]) {
      this.#forget(file)
      if (file.unsettled.length > 0) continue
      this.#full.splice(this.#full.indexOf(file), 1)
      await file.handle.close()
      await unlink(file.path)
    }
    const file = this.#file
    if (file === undefined || !this.#forget(file)) return
    if (file.unsettled.length === 0) {
      file.bytes = FILE_HEAD_BYTES
      await file.handle.truncate(FILE_HEAD_BYTES)
    } else if (file.bytes > this.#options.fileBytes) {
      this.#full.push(file)
      this.#file = undefined
    } else {
      const frame = settledFrame(file.unsettled[0]!.at)
      await file.handle.write(frame, 0, frame.length, file.bytes)
      file.bytes += frame.length
    }
    await file.handle.datasync()
  }

  /** Drops what is settled from the front; whether there was something. */
  #forget({ unsettled }: OpenFile): boolean {
    let count = 0
    while (count < unsettled.length && this.#options.isSettled(unsettled[count]!.waiting.record.mark)) count++
    unsettled.splice(0, count)
    return count > 0
  }
}

function failure(why: string): CacheError {
  return new CacheError('ERR_CACHE_DISK', `the disk must have the write, it does not: ${why}. The write stays in the journal.`)
}
