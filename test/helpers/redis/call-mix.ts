/** Calls of every kind, by chance, over keys that are fresh, stale or missing, and over some that all change at once. */
import type { Cache, Namespace } from '../../../src'

export interface NextCall {
  what: string
  /** A stale value is there to serve: the soft timeout is the deadline. */
  isStale: boolean
  /** It loads a key that others load as well. */
  waitsForOthers: boolean
  run: () => Promise<unknown>
}

const FRESH = 200
const STALE = 200
const HOT = 30
const WRITTEN = 400
const HOUR_MS = 3_600_000
const SMALL = 'x'.repeat(120)
const LARGE = 'y'.repeat(8_000)

/** An error of the source, not of the cache. */
export const SOURCE_ERROR = 'E_SOURCE'

type Maker = (mix: CallMix) => { run: () => Promise<unknown>; isStale?: boolean; key?: string }

export class CallMix {
  readonly #cache: Cache
  readonly #through: Namespace
  readonly #around: Namespace
  readonly #scratch: Namespace
  #state: number
  #count = 0
  readonly #seed: number

  constructor(cache: Cache, seed: number) {
    this.#cache = cache
    this.#through = cache.namespace('through', { writeMode: 'through' })
    this.#around = cache.namespace('around', { writeMode: 'around' })
    this.#scratch = cache.namespace('scratch')
    this.#seed = seed
    this.#state = seed >>> 0
  }

  static async prepare(cache: Cache): Promise<void> {
    const items = Array.from({ length: FRESH }, (_, index) => ({ key: `fresh:${index}`, value: SMALL }))
    const stale = Array.from({ length: STALE }, (_, index) => ({ key: `stale:${index}`, value: SMALL, ttl: 1, grace: HOUR_MS }))
    await cache.setMany([...items, ...stale])
  }

  next(): NextCall {
    let at = this.#below(TOTAL)
    const [what, , make] = CALLS.find(([, weight]) => (at -= weight) < 0)!
    const { run, isStale = false, key = '' } = make(this)
    const waitsForOthers = what.startsWith('getOrSet') && /^(hot|stale|failing):/.test(key)
    return { what: `${what} ${key}`, isStale, waitsForOthers, run }
  }

  // ---- makers' tools

  #below(bound: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((this.#state / 2 ** 32) * bound)
  }

  /** A key and whether it is one of the stale ones. */
  #anyKey(): { key: string; isStale: boolean } {
    const which = this.#below(10)
    if (which < 3) return { key: `fresh:${this.#below(FRESH)}`, isStale: false }
    if (which < 6) return { key: `stale:${this.#below(STALE)}`, isStale: true }
    return { key: which < 8 ? this.#missing() : this.#hot(), isStale: false }
  }

  #missing = (): string => `missing:${this.#seed}:${++this.#count}`
  /** Changed by all processes at once, now and then. */
  #counter = (): string => `counter:${this.#below(40)}`
  #hot = (): string => `hot:${this.#below(HOT)}`
  #written = (): string => `written:${this.#below(WRITTEN)}`
  #value = (): string => (this.#below(4) === 0 ? LARGE : SMALL)

  static readonly calls: readonly [what: string, weight: number, make: Maker][] = [
    ['get', 24, (mix) => {
      const { key, isStale } = mix.#anyKey()
      return { key, isStale, run: () => mix.#cache.get(key) }
    }],
    ['has', 4, (mix) => {
      const { key, isStale } = mix.#anyKey()
      return { key, isStale, run: () => mix.#cache.has(key) }
    }],
    ['getEntry', 4, (mix) => {
      const { key, isStale } = mix.#anyKey()
      return { key, isStale, run: () => mix.#cache.getEntry(key) }
    }],
    ['getMany', 6, (mix) => {
      const keys = Array.from({ length: 8 }, () => mix.#anyKey().key)
      return { run: () => mix.#cache.getMany(keys) }
    }],
    ['getOrSet', 14, (mix) => {
      const { key, isStale } = mix.#anyKey()
      // A stale key stays stale.
      return { key, isStale, run: () => mix.#cache.getOrSet(key, isStale ? fails : () => SMALL, { ttl: 50, grace: HOUR_MS }) }
    }],
    ['getOrSet, failing', 4, (mix) => {
      const key = mix.#below(2) === 0 ? mix.#missing() : `failing:${mix.#below(HOT)}`
      return { key, run: () => mix.#cache.getOrSet(key, fails) }
    }],
    ['getOrSet, nothing', 3, (mix) => {
      const key = mix.#hot()
      return { key, run: () => mix.#cache.getOrSet(key, () => undefined) }
    }],
    ['getOrSet, forced', 2, (mix) => {
      const key = mix.#hot()
      return { key, run: () => mix.#cache.getOrSet(key, () => SMALL, { forceFresh: true, ttl: 50 }) }
    }],
    ['getOrSet, fresh', 2, (mix) => {
      const key = mix.#hot()
      return { key, run: () => mix.#cache.getOrSet(key, () => SMALL, { consistency: 'fresh', ttl: 50 }) }
    }],
    ['getOrSet, through', 2, (mix) => {
      const key = mix.#missing()
      return { key, run: () => mix.#through.getOrSet(key, () => SMALL, { ttl: 50 }) }
    }],
    ['getOrSetMany', 2, (mix) => {
      const keys = [mix.#missing(), mix.#missing()]
      return { run: () => mix.#cache.getOrSetMany({ keys, factory: (missing) => missing.map(() => SMALL) }) }
    }],
    ['get, fresh', 2, (mix) => {
      const key = mix.#hot()
      return { key, run: () => mix.#cache.get(key, { consistency: 'fresh' }) }
    }],
    ['incr', 2, (mix) => {
      const key = mix.#counter()
      return { key, run: () => mix.#cache.incr(key) }
    }],
    ['update', 2, (mix) => {
      const key = mix.#counter()
      return { key, run: () => mix.#cache.update<number>(key, (count) => (count ?? 0) + 1) }
    }],
    ['pull', 1, (mix) => {
      const key = mix.#counter()
      return { key, run: () => mix.#cache.pull(key) }
    }],
    ['deleteByTag through', 1, (mix) => ({ run: () => mix.#through.deleteByTag(`tag${mix.#below(4)}`) })],
    ['set behind', 14, (mix) => {
      const [key, value] = [mix.#written(), mix.#value()]
      return { key, run: () => mix.#cache.set(key, value) }
    }],
    ['set hot', 3, (mix) => {
      const key = mix.#hot()
      return { key, run: () => mix.#cache.set(key, SMALL, { ttl: 50 }) }
    }],
    ['setMany', 1, (mix) => {
      const items = Array.from({ length: 4 }, () => ({ key: mix.#written(), value: SMALL }))
      return { run: () => mix.#cache.setMany(items) }
    }],
    ['set through', 5, (mix) => {
      const [key, value] = [mix.#written(), mix.#value()]
      return { key, run: () => mix.#through.set(key, value) }
    }],
    ['set around', 2, (mix) => {
      const key = mix.#written()
      return { key, run: () => mix.#around.set(key, SMALL) }
    }],
    ['set if absent', 2, (mix) => {
      const key = mix.#hot()
      return { key, run: () => mix.#through.set(key, SMALL, { ifAbsent: true }) }
    }],
    ['delete', 5, (mix) => {
      const key = mix.#below(2) === 0 ? mix.#hot() : mix.#written()
      return { key, run: () => mix.#cache.delete(key) }
    }],
    ['delete through', 1, (mix) => {
      const key = mix.#written()
      return { key, run: () => mix.#through.delete(key) }
    }],
    ['deleteMany', 1, (mix) => {
      const keys = [mix.#hot(), mix.#written()]
      return { run: () => mix.#cache.deleteMany(keys) }
    }],
    ['touch', 2, (mix) => {
      const key = mix.#hot()
      return { key, run: () => mix.#through.touch(key, 50) }
    }],
    ['expire', 2, (mix) => {
      const key = mix.#written()
      return { key, run: () => mix.#cache.expire(key) }
    }],
    ['clear', 1, (mix) => ({ run: () => mix.#scratch.clear() })],
  ]
}

const CALLS = CallMix.calls
const TOTAL = CALLS.reduce((sum, [, weight]) => sum + weight, 0)

function fails(): never {
  throw Object.assign(new Error('the source is away'), { code: SOURCE_ERROR })
}
