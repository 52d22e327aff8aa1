/**
 * What a cache has to get right, as scripts that any cache can be put through. A scenario resolves to undefined where the cache
 * behaves, or to what it did instead.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Contender, Life } from './contender'

export interface Scenario {
  title: string
  /** What the cache must have for this. */
  needs?: readonly ('get' | 'set' | 'delete' | 'clear' | 'deleteByTag')[]
  knows?: readonly (keyof Life)[]
  run(cache: Contender): Promise<string | undefined>
}

/** A loader that counts its runs and lasts until it is told to end. */
function slowly(value: unknown): { load: () => Promise<unknown>; end: () => void; runs: () => number } {
  let end = (): void => {}
  let runs = 0
  const ended = new Promise<void>((resolve) => { end = resolve })
  return { load: async () => (runs++, await ended, value), end, runs: () => runs }
}

const LONG: Life = { ttlMs: 3_600_000 }

/** A change while the old value is being loaded; then the next reader must load anew or see the change. */
async function changeWhileLoading(cache: Contender, change: () => Promise<unknown>, expected: unknown, life: Life = LONG): Promise<string | undefined> {
  const old = slowly('old')
  const reader = cache.getOrSet('k', old.load, life)
  await pause(10)
  await change()
  old.end()
  await reader
  const seen = await cache.getOrSet('k', async () => 'new', life)
  return seen === expected ? undefined : `serves ${String(seen)}`
}

export const SCENARIOS: readonly Scenario[] = [
  {
    title: '1,000 callers of one cold key: the loader runs once',
    async run(cache) {
      let runs = 0
      const values = await Promise.all(Array.from({ length: 1_000 }, () => cache.getOrSet('k', async () => (runs++, await pause(20), 'v'), LONG)))
      if (values.some((value) => value !== 'v')) return 'wrong values'
      return runs === 1 ? undefined : `${runs} runs`
    },
  },
  {
    title: "the loader's error reaches the caller",
    async run(cache) {
      try {
        const value = await cache.getOrSet('k', async () => { throw new Error('down') }, LONG)
        return `resolves to ${String(value)}`
      } catch (error) {
        return (error as Error).message.includes('down') || String((error as Error).cause).includes('down') ? undefined : `rejects with ${String(error)}`
      }
    },
  },
  {
    title: '20 callers of a key whose loader fails: one run, all told at once',
    async run(cache) {
      let runs = 0
      const start = performance.now()
      const fail = async (): Promise<unknown> => (runs++, await pause(50), Promise.reject(new Error('down')))
      await Promise.allSettled(Array.from({ length: 20 }, () => cache.getOrSet('k', fail, LONG)))
      return runs === 1 ? undefined : `${runs} runs, ${Math.round(performance.now() - start)} ms`
    },
  },
  {
    title: 'a delete while the old value is being loaded holds',
    needs: ['delete'],
    run: (cache) => changeWhileLoading(cache, () => cache.delete!('k'), 'new'),
  },
  {
    title: 'a set while the old value is being loaded holds',
    needs: ['set'],
    run: (cache) => changeWhileLoading(cache, () => cache.set!('k', 'set'), 'set'),
  },
  {
    title: 'a clear while the old value is being loaded holds',
    needs: ['clear'],
    run: (cache) => changeWhileLoading(cache, () => cache.clear!(), 'new'),
  },
  {
    title: 'a tag ended while the old value is being loaded holds',
    needs: ['deleteByTag'],
    knows: ['tags'],
    run: (cache) => changeWhileLoading(cache, () => cache.deleteByTag!('t'), 'new', { ...LONG, tags: ['t'] }),
  },
  {
    title: 'a value of an ended tag is gone',
    needs: ['deleteByTag'],
    knows: ['tags'],
    async run(cache) {
      await cache.getOrSet('k', async () => 'old', { ...LONG, tags: ['t'] })
      await cache.deleteByTag!('t')
      const seen = await cache.getOrSet('k', async () => 'new', { ...LONG, tags: ['t'] })
      return seen === 'new' ? undefined : `serves ${String(seen)}`
    },
  },
  {
    title: 'null is a value: it is not loaded again',
    async run(cache) {
      let runs = 0
      for (let i = 0; i < 3; i++) await cache.getOrSet('k', async () => (runs++, null), LONG)
      return runs === 1 ? undefined : `${runs} runs`
    },
  },
  {
    title: 'a grace shorter than the ttl does not shorten it',
    knows: ['graceMs'],
    async run(cache) {
      let runs = 0
      const load = async (): Promise<unknown> => ++runs
      const life = { ttlMs: 2_000, graceMs: 200 }
      await cache.getOrSet('k', load, life)
      await pause(400)
      await cache.getOrSet('k', load, life)
      return runs === 1 ? undefined : 'gone after the grace'
    },
  },
  {
    title: 'within the grace a failing source is hidden, and left alone for the back-off',
    knows: ['graceMs', 'backoffMs'],
    async run(cache) {
      const life = { ttlMs: 50, graceMs: 60_000, backoffMs: 10_000 }
      await cache.getOrSet('k', async () => 'good', life)
      await pause(150)
      let runs = 0
      const fail = async (): Promise<unknown> => (runs++, Promise.reject(new Error('down')))
      for (let i = 0; i < 5; i++) {
        const value = await cache.getOrSet('k', fail, life).catch((error: Error) => error.message)
        if (value !== 'good') return `tells ${String(value)}`
        await pause(20)
      }
      return runs === 1 ? undefined : `${runs} runs`
    },
  },
  {
    title: 'the back-off counts from the failure, however long the value has been stale',
    knows: ['graceMs', 'backoffMs'],
    async run(cache) {
      const life = { ttlMs: 50, graceMs: 60_000, backoffMs: 500 }
      await cache.getOrSet('k', async () => 'good', life)
      await pause(1_000)
      let runs = 0
      const fail = async (): Promise<unknown> => (runs++, Promise.reject(new Error('down')))
      for (let i = 0; i < 5; i++) await cache.getOrSet('k', fail, life).catch(() => {})
      return runs === 1 ? undefined : `${runs} runs`
    },
  },
  {
    title: 'a loader that hangs blocks its key no longer than the timeout',
    knows: ['hardTimeoutMs'],
    async run(cache) {
      const hung = cache.getOrSet('k', () => new Promise(() => {}), { ...LONG, hardTimeoutMs: 200 }).then(() => 'resolved', () => 'told')
      if (await within(hung, 2_000) !== 'told') return 'the first caller waits for ever'
      // The failure may be remembered for a moment.
      const next = async (): Promise<unknown> => within(cache.getOrSet('k', async () => 'good', { ...LONG, hardTimeoutMs: 200 }).catch((error: Error) => error.message), 2_000)
      let value = await next()
      for (let tries = 0; value !== 'good' && tries < 10; tries++) value = (await pause(100), await next())
      return value === 'good' ? undefined : `a second later callers get ${String(value)}`
    },
  },
  {
    title: 'a key named __proto__ is a key like any other',
    async run(cache) {
      const value = await cache.getOrSet('__proto__', async () => 'a', LONG)
      const other = await cache.getOrSet('constructor', async () => 'b', LONG)
      return value === 'a' && other === 'b' ? undefined : `serves ${String(value)}, ${String(other)}`
    },
  },
]

/** The result, or 'nothing' when there is none in time. */
function within(promise: Promise<unknown>, ms: number): Promise<unknown> {
  return Promise.race([promise, pause(ms, 'nothing', { ref: false })])
}
