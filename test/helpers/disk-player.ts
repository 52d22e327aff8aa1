// A process that changes the keys given to it, each change with a higher number, and tells which are acknowledged.
import { createCache, type CacheOptions } from '../../src'
import { diskStat } from './disk'
import { randomOf } from './random'

export interface PlayerTask {
  options: CacheOptions
  keys: string[]
  seed: number
  /** The first number. */
  from: number
}

/** `number` was acknowledged for the key: a value, or its removal. `copied`: its process has begun to write copies. */
export type Played = { begun: string; number: number } | { done: string; number: number; isRemoved: boolean } | { copied: true }

const IN_FLIGHT = 8

process.on('message', ({ options, keys, seed, from }: PlayerTask) => {
  const random = randomOf(seed)
  const cache = createCache(options)
  const busy = new Set<string>()
  let number = from
  const fill = 'x'.repeat(2_000)
  let hasCopied = false
  async function step(): Promise<void> {
    if (!hasCopied && diskStat(cache, 'written') > 0) {
      hasCopied = true
      process.send!({ copied: true } satisfies Played)
    }
    const free = keys.filter((key) => !busy.has(key))
    const key = free[Math.floor(random() ** 3 * free.length)]!
    busy.add(key)
    const mine = ++number
    process.send!({ begun: key, number: mine } satisfies Played)
    const kind = random()
    if (kind < 0.2) await cache.delete(key)
    else if (kind < 0.5) await cache.getOrSet(key, () => ({ number: mine, fill }), { forceFresh: true, tags: [key] })
    else if (kind < 0.6) await cache.deleteByTag(key)
    else await cache.set(key, { number: mine, fill }, { tags: [key] })
    process.send!({ done: key, number: mine, isRemoved: kind < 0.2 || (kind >= 0.5 && kind < 0.6) } satisfies Played)
    busy.delete(key)
  }
  async function play(): Promise<void> {
    await cache.ready()
    for (;;) {
      await step()
      if (random() < 0.3) await new Promise((resolve) => setTimeout(resolve, random() * 20))
    }
  }
  for (let n = 0; n < IN_FLIGHT; n++) void play()
})
