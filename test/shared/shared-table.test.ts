import * as assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { openShared, type SharedL1 as Shared, type SharedOptions } from '../../src/l1/shared-table'
import { l1TableContract } from '../contract/l1-table'
import { FOR_EVER, TABLE_BYTES, type WithTable } from '../contract/with-table'
import { uniqueName, withDirectory } from '../helpers/cache'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const ASK = { leaseMs: 3_600_000, force: false }

function open(dir: string, name: string, options: Partial<SharedOptions> = {}): Shared {
  const l0 = { maxItems: 1024, maxBytes: 1024 * 1024 }
  return openShared({ name, dir, memory: TABLE_BYTES, averageEntryBytes: 512, l0, ...options })
}

const withTable =
  (options: Partial<SharedOptions>): WithTable =>
  (body) =>
    withDirectory(async (dir) => {
      const table = open(dir, uniqueName(), options)
      try {
        await body(table)
      } finally {
        table.close({ unlink: true })
      }
    })

/** Two handles on one region, as two processes have them. */
function withTwo(body: (here: Shared, there: Shared, dir: string) => void | Promise<void>): Promise<void> {
  return withDirectory(async (dir) => {
    const name = uniqueName()
    const here = open(dir, name)
    const there = open(dir, name)
    try {
      await body(here, there, dir)
    } finally {
      there.close()
      here.close({ unlink: true })
    }
  })
}

suite('shared table', (test) => l1TableContract(test, withTable({})))

suite('shared table without decoded objects', (test) => l1TableContract(test, withTable({ l0: false })))

suite('one region, two tables', (test) => {
  test('what one stores, the other reads', () =>
    withTwo((here, there) => {
      here.root.set('k', { a: [1] }, FOR_EVER)
      assert.deepEqual(there.root.get('k'), { a: [1] })
      there.root.child('n').set('k', 'n', FOR_EVER)
      assert.equal(here.root.child('n').get('k'), 'n')
    }))

  const changes: [name: string, change: (table: Shared) => void, left: unknown][] = [
    ['set', (table) => table.root.set('k', { v: 2 }, FOR_EVER), { v: 2 }],
    ['delete', (table) => table.root.delete('k'), undefined],
    ['expire', (table) => table.root.expire('k'), undefined],
    ['clear', (table) => table.root.clear(), undefined],
  ]
  for (const [name, change, left] of changes) {
    test(`an object already decoded here is not served after ${name} there`, () =>
      withTwo((here, there) => {
        here.root.set('k', { v: 1 }, { ttlMs: 3_600_000, graceMs: 0 })
        for (let i = 0; i < 3; i++) assert.deepEqual(here.root.get('k'), { v: 1 })
        change(there)
        assert.deepEqual(here.root.get('k'), left)
        assert.deepEqual(here.root.peek('k'), left)
        assert.deepEqual(here.root.getMany(['k']), [left])
      }))

    test(`a load here is not published after ${name} there`, () =>
      withTwo((here, there) => {
        const acquired = here.root.acquire('k', ASK)
        assert.equal(acquired.state, 'granted')
        change(there)
        const { lease } = acquired as { lease: number }
        assert.equal(here.root.publish('k', lease, 'outdated', FOR_EVER), 0)
        assert.notEqual(there.root.get('k'), 'outdated')
      }))
  }

  test('an object already decoded here is not served once it is invalidated, or doubtful, there', () =>
    withTwo((here, there) => {
      const fill = (version: number): void => {
        here.root.set('k', { v: 1 }, FOR_EVER, undefined, { version, doubt: here.doubt() })
        for (let i = 0; i < 3; i++) assert.deepEqual(here.root.get('k'), { v: 1 })
        assert.equal(here.root.entry('k')?.tier, 'l0')
      }
      fill(5)
      assert.equal(there.root.invalidate('k', 5, () => false), 'kept')
      assert.equal(here.root.entry('k')?.tier, 'l0')
      assert.equal(there.root.invalidate('k', 6, () => false), 'removed')
      assert.equal(here.root.get('k'), undefined)
      fill(7)
      there.raiseDoubt()
      assert.equal(here.root.get('k'), undefined)
      assert.deepEqual(here.root.getMany(['k']), [undefined])
      assert.equal(there.root.revalidated('k', 7, there.doubt()), true)
      assert.deepEqual(here.root.get('k'), { v: 1 })
    }))

  test('doubt, epochs and the clock are those of the host', () =>
    withTwo((here, there) => {
      here.raiseDoubt()
      assert.equal(there.doubt(), here.doubt())
      here.root.child('a').setFleetEpoch(5)
      here.root.clear()
      const below = there.root.child('a').child('b')
      assert.deepEqual([below.fleetEpoch(), below.epoch()], [5, 1])
      assert.ok(Math.abs(here.nowMs() - there.nowMs()) < 60_000)
    }))

  test('a repeated read gives the same decoded object, until the key changes', () =>
    withTwo((here, there) => {
      there.root.set('k', { v: 1 }, FOR_EVER)
      const first = here.root.get('k')
      assert.equal(here.root.get('k'), first)
      assert.equal(here.root.entry('k')?.tier, 'l0')
      there.root.set('k', { v: 1 }, FOR_EVER)
      assert.notEqual(here.root.get('k'), first)
    }))

  test('one lease for both, and both hear of its end', () =>
    withTwo(async (here, there) => {
      let heard = 0
      const acquired = here.root.acquire('k', ASK)
      assert.equal(acquired.state, 'granted')
      const { lease } = acquired as { lease: number }
      const stop = there.onLeaseEnd(() => heard++)
      assert.deepEqual(there.root.acquire('k', ASK), { state: 'busy', lease })
      assert.ok(here.root.publish('k', lease, 'loaded', FOR_EVER) > 0)
      await until('the other table hears of it', () => heard > 0)
      stop()
      assert.equal(there.root.get('k'), 'loaded')
    }))

  test('the error of a load reaches the other table', () =>
    withTwo((here, there) => {
      const acquired = here.root.acquire('k', ASK)
      const { lease } = acquired as { lease: number }
      here.root.fail('k', lease, Object.assign(new TypeError('down'), { code: 'E' }), 3_600_000)
      const failed = there.root.acquire('k', { ...ASK, awaited: lease })
      assert.equal(failed.state, 'failed')
      const { error } = failed as { error: Error & { code: string } }
      assert.deepEqual([error.name, error.message, error.code], ['TypeError', 'down', 'E'])
    }))

  test('counters are those of both', () =>
    withTwo((here, there) => {
      here.root.set('k', 1, FOR_EVER)
      here.root.get('k')
      there.root.get('k')
      there.root.get('none')
      const { sets, hits, misses } = here.stats()
      assert.deepEqual({ sets, hits, misses }, { sets: 1, hits: 2, misses: 1 })
    }))

  test('versions rise through eviction', () =>
    withTwo((here, there) => {
      const before = here.root.set('k', 'v', FOR_EVER)
      for (let i = 0; here.root.peek('k') !== undefined; i++) {
        assert.ok(i < 100_000, 'it is evicted at last')
        // By the same isolate: a segment its writer has not filled yet is never reclaimed.
        here.root.set(`filler${i}`, Buffer.alloc(4096), FOR_EVER)
      }
      assert.ok(there.root.set('k', 'v', FOR_EVER) > before)
    }))

  test('a table closed and opened again has kept what it held; an unlinked one begins empty', () =>
    withDirectory((dir) => {
      const name = uniqueName()
      const first = open(dir, name)
      first.root.set('k', { v: 1 }, FOR_EVER)
      first.close()
      const second = open(dir, name)
      assert.deepEqual(second.root.get('k'), { v: 1 })
      assert.ok(existsSync(second.path))
      assert.equal(statSync(second.path).mode & 0o077, 0, 'nobody else may read it')
      second.close({ unlink: true })
      assert.equal(existsSync(second.path), false)
      const third = open(dir, name)
      assert.equal(third.root.get('k'), undefined)
      third.close({ unlink: true })
    }))
})
