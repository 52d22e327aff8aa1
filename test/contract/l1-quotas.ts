import * as assert from 'node:assert/strict'
import type { Test } from 'uvu'
import type { L1Table, L1View } from '../../src/l1/table'
import { EncodedValue } from '../../src/wire/codec'
import { tagsOf } from '../../src/wire/tags'
import { until } from '../helpers/until'
import { FOR_EVER, type WithTable } from './with-table'

const LIMIT = 64 * 1024
const ASK = { leaseMs: 3_600_000, force: false }

function bytesOf(table: L1Table, path: string): number {
  return table.stats().quotas[path]!.bytes
}

function fill(view: L1View, count: number, bytes = 100): void {
  for (let i = 0; i < count; i++) view.set(`k${i}`, 'v'.repeat(bytes), FOR_EVER)
}

function present(view: L1View, count: number): number {
  let there = 0
  for (let i = 0; i < count; i++) if (view.peek(`k${i}`) !== undefined) there++
  return there
}

export function quotaContract(test: Test, withTable: WithTable): void {
  test('what a namespace and those below it hold counts, as it comes and goes', () =>
    withTable((table) => {
      const outer = table.root.child('outer')
      const inner = outer.child('inner')
      outer.setQuota(LIMIT)
      assert.deepEqual(table.stats().quotas, { outer: { bytes: 0, limit: LIMIT } })
      outer.set('k', 'v'.repeat(100), FOR_EVER)
      const one = bytesOf(table, 'outer')
      assert.ok(one > 100)
      inner.set('k', 'v'.repeat(100), FOR_EVER)
      assert.ok(bytesOf(table, 'outer') >= 2 * one && bytesOf(table, 'outer') < 3 * one)
      table.root.set('k', 'v'.repeat(1000), FOR_EVER)
      inner.delete('k')
      assert.equal(bytesOf(table, 'outer'), one)
      outer.set('k', 'v'.repeat(300), FOR_EVER)
      assert.equal(bytesOf(table, 'outer'), one + 200)
      assert.equal(outer.touch('k', FOR_EVER), true)
      assert.equal(bytesOf(table, 'outer'), one + 200)
      outer.delete('k')
      assert.equal(bytesOf(table, 'outer'), 0)
    }))

  test('a full namespace keeps within its quota, gives up its own and no others, and has what was stored last', () =>
    withTable((table) => {
      const { root } = table
      const outer = root.child('outer')
      const inner = outer.child('inner')
      const other = root.child('other')
      fill(root, 500)
      fill(other, 500)
      outer.setQuota(LIMIT)
      for (let i = 0; i < 5_000; i++) {
        const view = i % 2 === 0 ? outer : inner
        assert.ok(view.set(`k${i}`, 'v'.repeat(100), FOR_EVER) > 0)
        assert.equal(view.peek(`k${i}`), 'v'.repeat(100))
        if (i % 50 === 0 && bytesOf(table, 'outer') > LIMIT) assert.fail(`${bytesOf(table, 'outer')} bytes after ${i} writes`)
      }
      assert.ok(bytesOf(table, 'outer') > LIMIT / 2)
      assert.ok(present(root, 500) > 495)
      assert.ok(present(other, 500) > 495)
      assert.ok(table.stats().evictions > 3_000)
    }))

  test('what is larger than the quota is not stored, takes the value before with it, and costs the others nothing', () =>
    withTable((table) => {
      const view = table.root.child('a')
      view.setQuota(LIMIT)
      fill(view, 100)
      assert.equal(view.set('k0', 'v'.repeat(LIMIT), FOR_EVER), 0)
      assert.equal(view.get('k0'), undefined)
      assert.equal(present(view, 100), 99)
      const acquired = view.acquire('k0', ASK)
      assert.equal(acquired.state, 'granted')
      assert.equal(view.publish('k0', (acquired as { lease: number }).lease, 'v'.repeat(LIMIT), FOR_EVER), 0)
      assert.equal(view.acquire('k0', ASK).state, 'granted')
    }))

  test('quotas of nested namespaces both hold', () =>
    withTable((table) => {
      const outer = table.root.child('outer')
      const inner = outer.child('inner')
      outer.setQuota(LIMIT)
      inner.setQuota(LIMIT / 4)
      for (let i = 0; i < 2_000; i++) {
        inner.set(`k${i}`, 'v'.repeat(100), FOR_EVER)
        if (i % 20 === 0) assert.ok(bytesOf(table, 'outer/inner') <= LIMIT / 4)
        outer.set(`k${i}`, 'v'.repeat(100), FOR_EVER)
        if (i % 20 !== 0) continue
        assert.ok(bytesOf(table, 'outer') <= LIMIT)
      }
      assert.ok(bytesOf(table, 'outer') > LIMIT / 2)
    }))

  test('a quota can be changed, and ended; what was there before it counts', () =>
    withTable(async (table) => {
      const view = table.root.child('a')
      fill(view, 400)
      view.setQuota(LIMIT * 8)
      await until('what was there is counted', () => bytesOf(table, 'a') > 400 * 100)
      const before = bytesOf(table, 'a')
      table.root.child('a').setQuota(LIMIT / 4)
      view.set('one more', 1, FOR_EVER)
      assert.ok(bytesOf(table, 'a') <= LIMIT / 4 && bytesOf(table, 'a') < before)
      view.setQuota(Number.POSITIVE_INFINITY)
      assert.deepEqual(table.stats().quotas, {})
      fill(view, 400)
      assert.ok(present(view, 400) > 395)
    }))

  test('what is read is kept longer than what is not', () =>
    withTable((table) => {
      const view = table.root.child('a')
      view.setQuota(LIMIT)
      let hits = 0
      for (let i = 0; i < 10_000; i++) {
        const hot = `hot${i % 50}`
        if (view.get(hot) !== undefined) hits++
        else view.set(hot, 'v'.repeat(100), FOR_EVER)
        if (i % 2 === 0) view.set(`cold${i}`, 'v'.repeat(100), FOR_EVER)
      }
      assert.ok(hits > 9_500, `${hits} hits`)
    }))

  test('nulls have a quota of their own, whatever is noted with them, and evict nothing but nulls', () =>
    withTable((table) => {
      const { root } = table
      const child = root.child('a')
      const tags = tagsOf('', ['t'], 0)
      const nulls = [null, EncodedValue.tagged(null, tags), EncodedValue.noted(null, { ttlMs: 1, loadMs: 0, capAtMs: 1 }),
        EncodedValue.tagged(EncodedValue.noted(null, { ttlMs: 1, loadMs: 0, capAtMs: 1 }), tags)]
      for (const [i, value] of nulls.entries()) {
        const before = table.stats().negative.bytes
        child.set(`null${i}`, value, FOR_EVER)
        assert.ok(table.stats().negative.bytes > before)
        assert.equal(child.get(`null${i}`), null)
      }
      for (const [i, value] of nulls.entries()) child.set(`null${i}`, value === null ? [null] : 'null', FOR_EVER)
      child.set('object', EncodedValue.tagged({ a: null }, tags), FOR_EVER)
      assert.equal(table.stats().negative.bytes, 0)
      fill(root, 2_000)
      table.setNegativeQuota(LIMIT)
      for (let i = 0; i < 20_000; i++) {
        ;(i % 2 === 0 ? root : child).set(`unknown${i}`, null, FOR_EVER)
        if (i % 100 === 0 && table.stats().negative.bytes > LIMIT) assert.fail(`${table.stats().negative.bytes} bytes after ${i} writes`)
      }
      const { negative } = table.stats()
      assert.equal(negative.limit, LIMIT)
      assert.ok(negative.bytes > LIMIT / 2)
      assert.ok(present(root, 2_000) > 1_980, `${present(root, 2_000)} of 2000 values`)
      assert.equal(root.get('unknown19998'), null)
    }))

  test('nulls have a twentieth by default, and no place at all with a quota of 0', () =>
    withTable((table) => {
      const { negative, memoryBytes } = table.stats()
      assert.ok(negative.limit > memoryBytes / 30 && negative.limit <= memoryBytes / 20, `${negative.limit} of ${memoryBytes}`)
      table.setNegativeQuota(0)
      assert.equal(table.root.set('k', null, FOR_EVER), 0)
      assert.equal(table.root.get('k'), undefined)
      table.setNegativeQuota(Number.POSITIVE_INFINITY)
      assert.ok(table.root.set('k', null, FOR_EVER) > 0)
      assert.equal(table.root.get('k'), null)
    }))
}
