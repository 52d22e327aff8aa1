/** Gives keys rising numbers and reads them back, whatever happens to Redis meanwhile. */
import type { Cache } from '../../../src'
import type { WriteMode } from '../../../src/options/schema'

export interface CountOrder {
  keys: readonly string[]
  writeMode: WriteMode
  ms: number
}

export interface Counted {
  /** Of each key the last number that was acknowledged. */
  acknowledged: Record<string, number>
  writes: number
  /** Codes of errors and how many. */
  refused: Record<string, number>
  reads: number
  misses: number
}

export async function count(cache: Cache, { keys, writeMode, ms }: CountOrder): Promise<Counted> {
  const endMs = performance.now() + ms
  const counted: Counted = { acknowledged: {}, writes: 0, refused: {}, reads: 0, misses: 0 }
  await Promise.all(keys.map(async (key) => {
    for (let number = 1; performance.now() < endMs; number++) {
      counted.writes++
      try {
        await cache.set(key, number, { writeMode })
        counted.acknowledged[key] = number
      } catch (error) {
        const { code = 'none' } = error as { code?: string }
        counted.refused[code] = (counted.refused[code] ?? 0) + 1
      }
      counted.reads++
      if (await cache.get(key) === undefined) counted.misses++
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }))
  return counted
}
