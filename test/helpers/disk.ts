// A host with a disk, whose memory can be lost.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Cache, type CacheOptions, createCache } from '../../src'
import { uniqueName, withDirectory } from './cache'
import { until } from './until'

export interface DiskHost {
  readonly dir: string
  readonly disk: string
  readonly options: CacheOptions
  /** A cache of the host, ready, closed in the end if it is open yet. */
  open(options?: CacheOptions): Promise<Cache>
  /** The memory is lost, as by a reboot. All caches must be closed or dead. */
  reboot(): void
  /** The files of copies, newest last. */
  files(): string[]
}

export function withDiskHost<T>(options: CacheOptions, body: (host: DiskHost) => Promise<T>): Promise<T> {
  return withDirectory(async (dir) => {
    const disk = mkdtempSync(join(tmpdir(), 'stratacache-disk-'))
    const open: Cache[] = []
    const common = { name: uniqueName(), dir, memory: '2mb', fallback: 'error', jitter: 0, disk: { path: disk, minHits: 0 }, ...options } as const
    try {
      return await body({
        dir, disk, options: common,
        async open(own) {
          const cache = createCache({ ...common, ...own })
          open.push(cache)
          await cache.ready()
          return cache
        },
        reboot() {
          for (const name of readdirSync(dir)) rmSync(join(dir, name), { recursive: true })
        },
        files: () => filesIn(disk),
      })
    } finally {
      await Promise.all(open.map((cache) => cache.close()))
      // A thread that has just ended may still have made a file.
      rmSync(disk, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
    }
  })
}

export function diskStat(cache: Cache, name: string): number {
  return cache.stats().detail[`disk.${name}`]!
}

/** Does the steps, and resolves when as many copies have been written since. */
export async function copying<T>(cache: Cache, count: number, steps: () => Promise<T>): Promise<T> {
  const before = diskStat(cache, 'written')
  const result = await steps()
  await until(`${count} copies`, () => diskStat(cache, 'written') >= before + count)
  return result
}

/** Stores other values until the table has lost the keys, which changes nothing about them. */
export async function evict(cache: Cache, ...keys: string[]): Promise<void> {
  const filler = cache.namespace('filler')
  for (let n = 0; keys.some((key) => rawOf(cache, key) !== undefined); n++) {
    if (n === 20_000) throw new Error(`the table keeps ${keys.join(', ')}`)
    // So short a life that nothing is copied. What takes many segments at once has entries moved that were spared until then.
    await filler.set(`f${n}`, 'x'.repeat(n % 50 === 49 ? 400_000 : 4_000), '900ms')
    // What is used often is kept before what is not.
    for (let use = 0; use < 3; use++) filler.getSync(`f${n - (n % 7)}`)
  }
}

function rawOf(cache: Cache, key: string): unknown {
  const [name, rest] = key.includes('|') ? key.split('|') as [string, string] : [undefined, key]
  const root = Cache.tableOf(cache).root
  return (name === undefined ? root : name.split('/').reduce((view, part) => view.child(part), root)).entry(rest, { quiet: true })
}

function filesIn(disk: string): string[] {
  return readdirSync(disk).flatMap((name) => readdirSync(join(disk, name)).filter((file) => file.endsWith('.mdb')).sort().map((file) => join(disk, name, file)))
}
