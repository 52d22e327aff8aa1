// The public API against a reference model, over random histories with a clock of their own.
import * as assert from 'node:assert/strict'
import * as fc from 'fast-check'
import type { Cache, Namespace } from '../../src'
import { advanceClock, withCache } from '../helpers/cache'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'

const HOUR = 3_600_000

interface Entry {
  value: unknown
  version: number
  softEndMs: number
  hardEndMs: number
}

interface Life {
  /** In hours and a half, so that no end ever falls on a step of the clock. */
  ttl: number | undefined
  grace: number
}

type Step =
  | { op: 'get' | 'peek' | 'has' | 'getEntry' | 'delete' | 'expire'; space: number; key: string }
  | { op: 'getMany'; space: number; keys: string[] }
  | { op: 'set' | 'setIfAbsent' | 'setIfVersion' | 'setIfOldVersion' | 'getOrSet' | 'forced'; space: number; key: string; value: unknown; life: Life }
  | { op: 'touch'; space: number; key: string; life: Life }
  | { op: 'loadNothing' | 'loadFails'; space: number; key: string }
  | { op: 'clear'; space: number }
  | { op: 'advance'; hours: number }

/** Paths of the namespaces of a history; each is below those it begins with. */
const SPACES = ['', 'a', 'a/b', 'c']

class Model {
  readonly entryById = new Map<string, Entry>()
  /** The highest version seen of each key: all later ones must be above. */
  readonly highestById = new Map<string, number>()
  nowMs = 0

  present(id: string): Entry | undefined {
    const entry = this.entryById.get(id)
    return entry !== undefined && entry.hardEndMs > this.nowMs ? entry : undefined
  }

  fresh(id: string): Entry | undefined {
    const entry = this.present(id)
    return entry !== undefined && entry.softEndMs > this.nowMs ? entry : undefined
  }

  store(id: string, value: unknown, version: number, life: Life): void {
    assert.ok(version > (this.highestById.get(id) ?? 0), 'versions rise')
    this.highestById.set(id, version)
    const entry = { value, version, softEndMs: 0, hardEndMs: 0 }
    this.live(entry, life)
    this.entryById.set(id, entry)
  }

  live(entry: Entry, { ttl, grace }: Life): void {
    entry.softEndMs = ttl === undefined ? Number.POSITIVE_INFINITY : this.nowMs + (ttl + 0.5) * HOUR
    entry.hardEndMs = entry.softEndMs + (ttl === undefined ? 0 : grace * HOUR)
  }

  expire(entry: Entry): void {
    const graceMs = entry.softEndMs === Number.POSITIVE_INFINITY ? 0 : entry.hardEndMs - entry.softEndMs
    if (entry.softEndMs <= this.nowMs) return
    entry.softEndMs = this.nowMs
    entry.hardEndMs = this.nowMs + graceMs
  }

  clear(path: string): void {
    for (const id of this.entryById.keys()) {
      const [space = ''] = id.split('|')
      if (path === '' || space === path || space.startsWith(`${path}/`)) this.entryById.delete(id)
    }
  }
}

const optionsOf = ({ ttl, grace }: Life) => ({
  ttl: ttl === undefined ? Number.POSITIVE_INFINITY : (ttl + 0.5) * HOUR,
  grace: grace * HOUR,
})

async function take(step: Step, cache: Cache, spaces: Namespace[], model: Model): Promise<void> {
  if (step.op === 'advance') {
    model.nowMs += step.hours * HOUR
    advanceClock(cache, step.hours * HOUR)
    return
  }
  const path = SPACES[step.space]!
  const space = spaces[step.space]!
  if (step.op === 'clear') {
    model.clear(path)
    return space.clear()
  }
  if (step.op === 'getMany') {
    const expected = step.keys.map((key) => model.fresh(`${path}|${key}`)?.value)
    return assert.deepEqual(await space.getMany(step.keys), expected)
  }
  const { key } = step
  const id = `${path}|${key}`
  const present = model.present(id)
  const fresh = model.fresh(id)
  switch (step.op) {
    case 'get':
      assert.deepEqual(await space.get(key), fresh?.value)
      return assert.deepEqual(space.getSync(key), fresh?.value)
    case 'peek':
      return assert.deepEqual(space.peek(key), fresh?.value)
    case 'has':
      return assert.equal(await space.has(key), fresh !== undefined)
    case 'getEntry': {
      const entry = await space.getEntry(key)
      assert.equal(entry.hit, present !== undefined)
      if (!entry.hit || present === undefined) return
      assert.deepEqual([entry.value, entry.version, entry.stale], [present.value, present.version, fresh === undefined])
      return
    }
    case 'delete':
      model.entryById.delete(id)
      return assert.equal(await space.delete(key), present !== undefined)
    case 'expire':
      if (present !== undefined) model.expire(present)
      return assert.equal(await space.expire(key), present !== undefined)
    case 'touch':
      if (present !== undefined) model.live(present, step.life)
      assert.equal(await space.touch(key, optionsOf(step.life)), present !== undefined)
      return relearnVersion(space, key, present, model, id)
    case 'set':
      return model.store(id, step.value, await space.set(key, step.value, optionsOf(step.life)), step.life)
    case 'setIfAbsent': {
      const version = await space.set(key, step.value, { ...optionsOf(step.life), ifAbsent: true })
      assert.equal(version > 0, present === undefined)
      if (version > 0) model.store(id, step.value, version, step.life)
      return
    }
    case 'setIfVersion': {
      const ifVersion = present?.version ?? 1
      const version = await space.set(key, step.value, { ...optionsOf(step.life), ifVersion })
      assert.equal(version > 0, present !== undefined)
      if (version > 0) model.store(id, step.value, version, step.life)
      return
    }
    case 'setIfOldVersion': {
      const ifVersion = (present?.version ?? 1) + 1_000_000
      return assert.equal(await space.set(key, step.value, { ...optionsOf(step.life), ifVersion }), 0)
    }
    case 'getOrSet':
      assert.deepEqual(await space.getOrSet(key, () => step.value, optionsOf(step.life)), fresh === undefined ? step.value : fresh.value)
      return fresh === undefined ? learn(space, key, step, model, id) : undefined
    case 'forced':
      assert.deepEqual(
        await space.getOrSet(key, () => step.value, { ...optionsOf(step.life), forceFresh: true }),
        step.value,
      )
      return learn(space, key, step, model, id)
    case 'loadNothing':
      return assert.deepEqual(await space.getOrSet(key, () => undefined), fresh?.value)
    case 'loadFails': {
      const outcome = await space.getOrSet(key, () => Promise.reject(new Error('down'))).catch(() => 'failed')
      return assert.deepEqual(outcome, fresh === undefined ? 'failed' : fresh.value)
    }
  }
}

/** Takes over the version that a load stored under. */
async function learn(space: Namespace, key: string, step: { value: unknown; life: Life }, model: Model, id: string) {
  const entry = await space.getEntry(key)
  assert.ok(entry.hit)
  model.store(id, step.value, entry.version, step.life)
}

/** A touch may or may not count as a change of the key; it must not lower the version. */
async function relearnVersion(space: Namespace, key: string, present: Entry | undefined, model: Model, id: string) {
  const entry = await space.getEntry(key)
  if (!entry.hit || present === undefined) return
  assert.ok(entry.version >= present.version)
  present.version = entry.version
  model.highestById.set(id, entry.version)
}

const space = fc.nat(SPACES.length - 1)
const key = fc.constantFrom('k', 'l', '__proto__', 'é€😀')
const hours = fc.integer({ min: 1, max: 6 })
const life = fc.record({ ttl: fc.option(hours, { nil: undefined }), grace: fc.integer({ min: 0, max: 6 }) })
const value = fc.oneof(
  fc.integer(),
  fc.string(),
  fc.record({ id: fc.integer(), tags: fc.array(fc.string()) }, { noNullPrototype: true }),
  fc.constantFrom(null, true, 'x'.repeat(5_000), new Map([[1, 2]])),
)

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ op: fc.constantFrom('get', 'peek', 'has', 'getEntry', 'delete', 'expire'), space, key }),
  fc.record({ op: fc.constant('getMany' as const), space, keys: fc.array(key, { maxLength: 5 }) }),
  fc.record({
    op: fc.constantFrom('set', 'setIfAbsent', 'setIfVersion', 'setIfOldVersion', 'getOrSet', 'forced'),
    space,
    key,
    value,
    life,
  }),
  fc.record({ op: fc.constant('touch' as const), space, key, life }),
  fc.record({ op: fc.constantFrom('loadNothing', 'loadFails'), space, key }),
  fc.record({ op: fc.constant('clear' as const), space }),
  fc.record({ op: fc.constant('advance' as const), hours }),
)

suite('model', (test) => {
  test('every history ends as the model says', () =>
    withCache(async (cache) => {
      let histories = 0
      const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (history) => {
        const base = cache.namespace(`h${++histories}`)
        const spaces = [base, base.namespace('a'), base.namespace('a').namespace('b'), base.namespace('c')]
        const model = new Model()
        for (const each of history) await take(each, cache, spaces, model)
      })
      await fc.assert(property, { seed, numRuns: 200 })
    }, { jitter: 0, errorTtl: 0 }))
})
