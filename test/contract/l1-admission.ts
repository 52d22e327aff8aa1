import * as assert from 'node:assert/strict'
import type { Test } from 'uvu'
import type { Admission } from '../../src/l1/table'
import { FOR_EVER, type WithTable } from './with-table'

/** Lets in what has `ok`, with a mark; counts what it is shown. */
class Marking implements Admission {
  count = 0

  decoded(value: unknown): unknown {
    this.count++
    return (value as { ok?: boolean }).ok === true ? { ...(value as object), seen: true } : undefined
  }
}

export function admissionContract(test: Test, withTable: WithTable): void {
  test('a copy is an object of its own, and as fresh as what get gives', () =>
    withTable((table) => {
      const { root } = table
      root.set('k', { a: [1] }, { ttlMs: 1_000, graceMs: 1_000 })
      const [one, other] = [root.copy('k'), root.copy('k')]
      assert.deepEqual([one, other], [{ a: [1] }, { a: [1] }])
      assert.notEqual(one, other)
      assert.notEqual(one, root.get('k'))
      assert.ok(root.copy('k') !== undefined && root.ttlLeftMs() <= 1_000)
      assert.equal(root.copy('none'), undefined)
      root.set('text', 'x'.repeat(5_000), FOR_EVER)
      assert.equal(root.copy('text'), 'x'.repeat(5_000))
      table.advanceClock(1_500)
      assert.equal(root.copy('k'), undefined)
    }))

  test('an admission stands before every read, and what it refuses is absent', () =>
    withTable(({ root }) => {
      const view = root.admitting(new Marking())
      root.set('good', { ok: true }, FOR_EVER)
      root.set('bad', { ok: false }, FOR_EVER)
      const good = { ok: true, seen: true }
      for (let i = 0; i < 2; i++) {
        assert.deepEqual([view.get('good'), view.peek('good'), view.copy('good'), view.entry('good')?.value, ...view.getMany(['good', 'bad'])], [good, good, good, good, good, undefined])
        assert.deepEqual([view.get('bad'), view.peek('bad'), view.copy('bad'), view.entry('bad'), view.has('bad'), view.has('good')], [undefined, undefined, undefined, undefined, false, true])
      }
      const ask = { leaseMs: 1_000, force: false }
      assert.equal(view.acquire('good', ask).state, 'hit')
      const acquired = view.acquire('bad', ask)
      assert.ok(acquired.state === 'granted')
      assert.ok(view.publish('bad', acquired.lease, { ok: true }, FOR_EVER) > 0)
      assert.deepEqual([view.get('bad'), view.child('n').get('bad')], [good, undefined])
    }))

  test('another admission does not take what one has let in', () =>
    withTable(({ root }) => {
      const [one, other] = [new Marking(), new Marking()]
      root.set('k', { ok: true }, FOR_EVER)
      for (const admission of [one, other, one]) root.admitting(admission).get('k')
      assert.deepEqual([one.count, other.count], [2, 1])
    }))
}
