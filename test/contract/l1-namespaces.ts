import * as assert from 'node:assert/strict'
import type { Test } from 'uvu'
import type { L1View } from '../../src/l1/table'
import { FOR_EVER, type WithTable } from './with-table'

const ASK = { leaseMs: 3_600_000, force: false }

function lease(view: L1View): number {
  const acquired = view.acquire('loading', ASK)
  assert.equal(acquired.state, 'granted')
  return (acquired as { lease: number }).lease
}

export function namespaceContract(test: Test, withTable: WithTable): void {
  test('a key is another key in every namespace', () =>
    withTable(({ root }) => {
      const views = [root, root.child('a'), root.child('a').child('b'), root.child('b'), root.child('a-b')]
      for (const [i, view] of views.entries()) view.set('k', i, FOR_EVER)
      for (const [i, view] of views.entries()) assert.equal(view.get('k'), i)
      views[1]!.delete('k')
      assert.equal(root.get('k'), 0)
      assert.equal(views[1]!.get('k'), undefined)
    }))

  test('a namespace and its keys cannot be taken for another one', () =>
    withTable(({ root }) => {
      root.child('a').set('b/k', 1, FOR_EVER)
      root.child('a').set('b:k', 1, FOR_EVER)
      assert.equal(root.child('a').child('b').get('k'), undefined)
      assert.equal(root.get('a/b/k'), undefined)
      assert.equal(root.get('a:b:k'), undefined)
    }))

  test('the same name is the same namespace, and its path is known', () =>
    withTable(({ root }) => {
      root.child('a').child('b').set('k', 1, FOR_EVER)
      assert.equal(root.child('a').child('b').get('k'), 1)
      assert.equal(root.namespace, '')
      assert.equal(root.child('a').child('b').namespace, 'a/b')
    }))

  test('clear drops the namespace and those below it, and nothing else', () =>
    withTable(({ root }) => {
      const a = root.child('a')
      const below = a.child('below')
      const sibling = root.child('sibling')
      for (const view of [root, a, below, sibling]) view.set('k', { v: 1 }, FOR_EVER)
      for (const view of [root, a, below, sibling]) assert.deepEqual(view.get('k'), { v: 1 })
      a.clear()
      assert.equal(a.get('k'), undefined)
      assert.equal(a.entry('k'), undefined)
      assert.equal(below.get('k'), undefined)
      assert.deepEqual(sibling.get('k'), { v: 1 })
      assert.deepEqual(root.get('k'), { v: 1 })
    }))

  test('clear of the root drops everything', () =>
    withTable(({ root }) => {
      const deep = root.child('a').child('b').child('c')
      deep.set('k', 1, FOR_EVER)
      root.set('k', 1, FOR_EVER)
      root.clear()
      assert.equal(deep.get('k'), undefined)
      assert.equal(root.get('k'), undefined)
    }))

  test('what is stored after a clear stays, with a higher version', () =>
    withTable(({ root }) => {
      const view = root.child('a')
      const before = view.set('k', 1, FOR_EVER)
      view.clear()
      assert.equal(view.delete('k'), false)
      assert.equal(view.touch('k', FOR_EVER), false)
      const after = view.set('k', 2, FOR_EVER, { if: 'absent' })
      assert.ok(after > before)
      assert.equal(view.get('k'), 2)
      root.child('b').clear()
      assert.equal(view.get('k'), 2)
    }))

  test('clear ends the loads of the namespace and of those below it, and no others', () =>
    withTable(({ root }) => {
      const a = root.child('a')
      const below = a.child('below')
      const sibling = root.child('sibling')
      const leases = [a, below, sibling, root].map(lease)
      a.clear()
      const published = [a, below, sibling, root].map((view, i) => view.publish('loading', leases[i]!, 1, FOR_EVER) > 0)
      assert.deepEqual(published, [false, false, true, true])
      lease(a)
      lease(below)
    }))

  for (const bad of ['', 'a/b', 'a b', 'é', 'n'.repeat(65), 7, undefined]) {
    test(`refuses ${JSON.stringify(bad)} as a namespace`, () =>
      withTable(({ root }) => {
        assert.throws(() => root.child(bad as string), { code: 'ERR_CACHE_ARGUMENT' })
      }))
  }

  test('after close every call is refused', () =>
    withTable((table) => {
      const { root } = table
      const child = root.child('a')
      table.close()
      for (const view of [root, child]) {
        const calls: [name: string, call: () => unknown][] = [
          ['get', () => view.get('k')],
          ['peek', () => view.peek('k')],
          ['entry', () => view.entry('k')],
          ['has', () => view.has('k')],
          ['getMany', () => view.getMany(['k'])],
          ['getMany of nothing', () => view.getMany([])],
          ['set', () => view.set('k', 1, FOR_EVER)],
          ['delete', () => view.delete('k')],
          ['touch', () => view.touch('k', FOR_EVER)],
          ['expire', () => view.expire('k')],
          ['acquire', () => view.acquire('k', ASK)],
          ['publish', () => view.publish('k', 1, 1, FOR_EVER)],
          ['fail', () => view.fail('k', 1, new Error('x'), 1)],
          ['abandon', () => view.abandon('k', 1)],
          ['clear', () => view.clear()],
          ['invalidate', () => view.invalidate('k', 1, () => true)],
          ['revalidated', () => view.revalidated('k', 1, 1)],
          ['epoch', () => view.epoch()],
          ['fleetEpoch', () => view.fleetEpoch()],
          ['setFleetEpoch', () => view.setFleetEpoch(1)],
          ['setQuota', () => view.setQuota(1024)],
          ['setNegativeQuota', () => table.setNegativeQuota(1024)],
          ['child', () => view.child('b')],
          ['stats', () => table.stats()],
          ['onLeaseEnd', () => table.onLeaseEnd(() => {})],
          ['advanceClock', () => table.advanceClock(1)],
          ['doubt', () => table.doubt()],
          ['raiseDoubt', () => table.raiseDoubt()],
          ['flush', () => table.flush()],
          ['nowMs', () => table.nowMs()],
        ]
        for (const [name, call] of calls) assert.throws(call, { code: 'ERR_CACHE_CLOSED' }, name)
      }
      table.close()
    }))
}
