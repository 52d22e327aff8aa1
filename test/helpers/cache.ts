import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Cache, type CacheOptions, createCache } from '../../src'

let count = 0

/** Where regions of tests live: in memory where the system has such a directory. */
const BASE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** A directory of its own (mode 0700), removed after `body`. */
export async function withDirectory<T>(body: (dir: string) => T | Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(BASE, 'stratacache-test-'))
  try {
    return await body(dir)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** A name no other test of this process has. */
export function uniqueName(): string {
  return `test-${process.pid}-${++count}`
}

/** A cache nobody else shares, closed and removed after `body`. */
export function withCache<T>(body: (cache: Cache) => T | Promise<T>, options?: CacheOptions): Promise<T> {
  return withDirectory(async (dir) => {
    const cache = createCache({ name: uniqueName(), dir, memory: '8mb', ...options })
    try {
      return await body(cache)
    } finally {
      await cache.close({ unlink: true })
    }
  })
}

/** Moves the cache's notion of now. */
export function advanceClock(cache: Cache, ms: number): void {
  Cache.tableOf(cache).advanceClock(ms)
}
