// Random histories of writes, loads and clears by tag against a reference model that keeps lists.
import * as assert from 'node:assert/strict'
import * as fc from 'fast-check'
import type { Cache } from '../../src'
import { withCache } from '../helpers/cache'
import { type Deferred, deferred } from '../helpers/deferred'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'

const KEYS = ['k', 'l', 'm']
const TAGS = ['a', 'b', 'c', 'd']

type Step =
  | { op: 'set' | 'begin'; key: string; tags: readonly string[] }
  | { op: 'end' | 'get' | 'delete' | 'touch'; key: string }
  | { op: 'deleteByTag' | 'expireByTag'; tag: string }

interface Entry {
  value: number
  tags: readonly string[]
  isStale: boolean
}

interface Load {
  gate: Deferred<void>
  result: Promise<unknown>
  value: number
  tags: readonly string[]
  /** Something that ends it has happened: a write of the key, or a clear of one of its tags. */
  isLate: boolean
}

class Model {
  readonly entries = new Map<string, Entry>()
  readonly loads = new Map<string, Load>()

  clear(tag: string, keepsGrace: boolean): void {
    for (const [key, entry] of this.entries) {
      if (!entry.tags.includes(tag)) continue
      if (keepsGrace) entry.isStale = true
      else this.entries.delete(key)
    }
    for (const load of this.loads.values()) if (load.tags.includes(tag)) load.isLate = true
  }

  write(key: string): void {
    const load = this.loads.get(key)
    if (load !== undefined) load.isLate = true
  }
}

async function take(step: Step, cache: Cache, model: Model, next: number): Promise<void> {
  switch (step.op) {
    case 'set':
      model.write(step.key)
      model.entries.set(step.key, { value: next, tags: step.tags, isStale: false })
      await cache.set(step.key, next, { tags: step.tags })
      return
    case 'delete':
      model.write(step.key)
      assert.equal(await cache.delete(step.key), model.entries.delete(step.key))
      return
    case 'touch':
      // What a tag has expired stays so.
      assert.equal(await cache.touch(step.key), model.entries.has(step.key))
      return
    case 'deleteByTag':
    case 'expireByTag':
      model.clear(step.tag, step.op === 'expireByTag')
      return cache[step.op](step.tag)
    case 'begin': {
      if (model.loads.has(step.key)) return
      const gate = deferred<void>()
      const began = deferred<void>()
      const load = async ({ setTags }: { setTags: (tags: readonly string[]) => void }): Promise<number> => {
        began.resolve()
        await gate.promise
        setTags(step.tags)
        return next
      }
      const result = cache.getOrSet(step.key, load, { forceFresh: true })
      await began.promise
      model.loads.set(step.key, { gate, result, value: next, tags: step.tags, isLate: false })
      return
    }
    case 'end': {
      const load = model.loads.get(step.key)
      if (load === undefined) return
      model.loads.delete(step.key)
      load.gate.resolve()
      assert.equal(await load.result, load.value)
      if (!load.isLate) model.entries.set(step.key, { value: load.value, tags: load.tags, isStale: false })
      return
    }
    case 'get':
  }
  for (const key of KEYS) {
    const entry = model.entries.get(key)
    assert.equal(await cache.get(key), entry?.isStale === false ? entry.value : undefined, key)
    const found = await cache.getEntry(key)
    assert.deepEqual(found.hit ? { value: found.value, tags: found.tags, isStale: found.stale } : undefined, entry, key)
  }
}

const key = fc.constantFrom(...KEYS)
const tags = fc.uniqueArray(fc.constantFrom(...TAGS), { maxLength: 3 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom('set' as const, 'begin' as const, 'begin' as const), key, tags }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constantFrom('end' as const, 'end' as const, 'get' as const, 'delete' as const, 'touch' as const), key }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('deleteByTag' as const, 'expireByTag' as const), tag: fc.constantFrom(...TAGS) }) },
)

suite('tags model', (test) => {
  test('every history of tags goes as the model says', () =>
    withCache(
      async (cache) => {
        const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (history) => {
          const model = new Model()
          let next = 0
          for (const each of history) await take(each, cache, model, ++next)
          for (const each of [...KEYS.map((each) => ({ op: 'end' as const, key: each })), ...KEYS.map((each) => ({ op: 'delete' as const, key: each }))]) {
            await take(each, cache, model, ++next)
          }
        })
        await fc.assert(property, { seed, numRuns: 300 })
      },
      { jitter: 0, ttl: '1h', grace: '1h' },
    ))
})
