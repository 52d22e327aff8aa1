import * as assert from 'node:assert/strict'
import type { Test } from 'uvu'
import type { AcquireOptions, L1View, LeaseToken } from '../../src/l1/table'
import { until } from '../helpers/until'
import { FOR_EVER, type WithTable } from './with-table'

const HOUR = 3_600_000
const ASK: AcquireOptions = { leaseMs: HOUR, force: false }

function granted(view: L1View, key = 'k', options: AcquireOptions = ASK): LeaseToken {
  const acquired = view.acquire(key, options)
  assert.equal(acquired.state, 'granted')
  return (acquired as { lease: LeaseToken }).lease
}

export function leaseContract(test: Test, withTable: WithTable): void {
  test('one caller is granted the lease, the others are told which lease is in the way', () =>
    withTable((table) => {
      const lease = granted(table.root)
      assert.deepEqual(table.root.acquire('k', ASK), { state: 'busy', lease })
      assert.deepEqual(table.root.acquire('k', { ...ASK, force: true }), { state: 'busy', lease })
      assert.equal(table.stats().loads, 1)
    }))

  test('expire ends a load, and the memory of a failed one, also where a value lies that has ended', () =>
    withTable((table) => {
      const { root } = table
      const late = { ms: HOUR, failures: 1 }
      /** A value that has ended, in a slot of its own: a failed load stands beside it. */
      const ended = (): void => {
        root.set('k', 1, { ttlMs: 100, graceMs: 100 })
        table.advanceClock(150)
        root.fail('k', granted(root), new Error('down'), HOUR, late)
        table.advanceClock(100)
        assert.equal(root.entry('k'), undefined)
      }
      ended()
      const lease = granted(root)
      assert.equal(root.expire('k'), false)
      assert.equal(root.publish('k', lease, 2, FOR_EVER), 0)
      ended()
      assert.equal(root.acquire('k', { ...ASK, heedsLate: true }).state, 'failed')
      assert.equal(root.expire('k'), false)
      root.abandon('k', granted(root, 'k', { ...ASK, heedsLate: true }))
    }))

  test('leases of different keys are different', () =>
    withTable(({ root }) => {
      const tokens = new Set(Array.from({ length: 50 }, (_, i) => granted(root, `k${i}`)))
      assert.equal(tokens.size, 50)
    }))

  test('a fresh value is a hit, unless the caller insists', () =>
    withTable(({ root }) => {
      const version = root.set('k', { a: 1 }, FOR_EVER)
      const acquired = root.acquire('k', ASK)
      assert.equal(acquired.state, 'hit')
      const { entry } = acquired as { entry: { value: unknown; version: number; isStale: boolean } }
      assert.deepEqual([entry.value, entry.version, entry.isStale], [{ a: 1 }, version, false])
      granted(root, 'k', { ...ASK, force: true })
    }))

  test('expire ends the load of a key whose value has ended, and makes its failure forgotten', () =>
    withTable((table) => {
      const { root } = table
      const late = { ms: HOUR, failures: 1 }
      const end = (): void => {
        root.set('k', 'old', { ttlMs: HOUR, graceMs: HOUR })
        table.advanceClock(1.5 * HOUR)
        root.fail('k', granted(root), new Error('down'), HOUR, late)
        table.advanceClock(HOUR)
      }
      end()
      const lease = granted(root)
      assert.equal(root.expire('k'), false)
      assert.equal(root.publish('k', lease, 'outdated', FOR_EVER), 0)
      end()
      root.fail('k', granted(root), new Error('down'), HOUR, late)
      assert.equal(root.acquire('k', { ...ASK, heedsLate: true }).state, 'failed')
      assert.equal(root.expire('k'), false)
      assert.equal(root.acquire('k', { ...ASK, heedsLate: true }).state, 'granted')
    }))

  test('a stale value is readable while its key is loaded', () =>
    withTable((table) => {
      table.root.set('k', 'old', { ttlMs: HOUR, graceMs: 10 * HOUR })
      table.advanceClock(2 * HOUR)
      const lease = granted(table.root)
      assert.equal(table.root.entry('k')?.value, 'old')
      assert.ok(table.root.publish('k', lease, 'new', FOR_EVER) > 0)
      assert.equal(table.root.get('k'), 'new')
    }))

  test('publish stores the value once and ends the lease', () =>
    withTable(({ root }) => {
      const before = root.set('k', 'x', FOR_EVER)
      root.delete('k')
      const lease = granted(root)
      assert.ok(root.publish('k', lease, 'loaded', FOR_EVER) > 0)
      assert.equal(root.get('k'), 'loaded')
      assert.ok((root.entry('k')?.version ?? 0) > before)
      assert.equal(root.publish('k', lease, 'again', FOR_EVER), 0)
      assert.equal(root.get('k'), 'loaded')
      assert.equal(root.acquire('k', ASK).state, 'hit')
    }))

  test('publish keeps to the life it is given', () =>
    withTable((table) => {
      table.root.publish('k', granted(table.root), 'v', { ttlMs: 2 * HOUR, graceMs: 0 })
      table.advanceClock(HOUR)
      assert.equal(table.root.get('k'), 'v')
      table.advanceClock(2 * HOUR)
      assert.equal(table.root.get('k'), undefined)
    }))

  const changes: [name: string, change: (view: L1View) => void, left: unknown][] = [
    ['set', (view) => view.set('k', 'set', FOR_EVER), 'set'],
    ['delete', (view) => view.delete('k'), undefined],
    ['expire', (view) => view.expire('k'), undefined],
    ['clear', (view) => view.clear(), undefined],
  ]
  for (const start of ['nothing', 'a value'] as const) {
    for (const [name, change, left] of changes) {
      test(`a load over ${start} that began before ${name} is never published`, () =>
        withTable(({ root }) => {
          if (start === 'a value') root.set('k', 'before', FOR_EVER)
          const lease = granted(root, 'k', { ...ASK, force: true })
          change(root)
          assert.equal(root.publish('k', lease, 'outdated', FOR_EVER), 0)
          assert.equal(root.get('k'), left)
        }))
    }
  }

  test('delete ends a load even where no value is, and says that none was there', () =>
    withTable(({ root }) => {
      const lease = granted(root)
      assert.equal(root.delete('k'), false)
      const next = granted(root)
      assert.notEqual(next, lease)
      assert.equal(root.publish('k', lease, 'outdated', FOR_EVER), 0)
      assert.ok(root.publish('k', next, 'loaded', FOR_EVER) > 0)
    }))

  test('a set that is refused by its condition does not end a load', () =>
    withTable(({ root }) => {
      root.set('k', 'old', FOR_EVER)
      const lease = granted(root, 'k', { ...ASK, force: true })
      assert.equal(root.set('k', 'new', FOR_EVER, { if: 'absent' }), 0)
      assert.ok(root.publish('k', lease, 'loaded', FOR_EVER) > 0)
      assert.equal(root.get('k'), 'loaded')
    }))

  test('changes of other keys do not end a load', () =>
    withTable(({ root }) => {
      const lease = granted(root)
      root.set('other', 1, FOR_EVER)
      root.delete('another')
      root.child('elsewhere').clear()
      assert.ok(root.publish('k', lease, 'loaded', FOR_EVER) > 0)
    }))

  test('an abandoned lease goes to the next caller', () =>
    withTable(({ root }) => {
      const lease = granted(root)
      root.abandon('k', lease)
      assert.equal(root.get('k'), undefined)
      assert.notEqual(granted(root), lease)
    }))

  test('a lease past its deadline goes to one caller, and its owner can no longer publish', () =>
    withTable((table) => {
      const { root } = table
      const lease = granted(root)
      table.advanceClock(2 * HOUR)
      const next = granted(root)
      assert.deepEqual(root.acquire('k', ASK), { state: 'busy', lease: next })
      assert.equal(root.publish('k', lease, 'late', FOR_EVER), 0)
      root.abandon('k', lease)
      root.fail('k', lease, new Error('late'), HOUR)
      assert.deepEqual(root.acquire('k', ASK), { state: 'busy', lease: next })
      assert.ok(root.publish('k', next, 'loaded', FOR_EVER) > 0)
      assert.equal(root.get('k'), 'loaded')
    }))

  test('the error of a flight reaches those who waited for it and nobody else', () =>
    withTable(({ root }) => {
      const lease = granted(root)
      const failure = Object.assign(new RangeError('source is down'), { code: 'E_SOURCE', command: 'AUTH secret' })
      root.fail('k', lease, failure, HOUR)
      const acquired = root.acquire('k', { ...ASK, awaited: lease })
      assert.equal(acquired.state, 'failed')
      const error = (acquired as { error: Error & { code?: string } }).error
      assert.ok(error instanceof Error)
      assert.deepEqual([error.name, error.message, error.code], ['RangeError', 'source is down', 'E_SOURCE'])
      const next = granted(root)
      root.abandon('k', next)
      granted(root, 'k', { ...ASK, awaited: next })
    }))

  test('the error of a flight is forgotten after its time', () =>
    withTable((table) => {
      const lease = granted(table.root)
      table.root.fail('k', lease, new Error('down'), HOUR)
      table.advanceClock(2 * HOUR)
      granted(table.root, 'k', { ...ASK, awaited: lease })
    }))

  const LATE: AcquireOptions = { ...ASK, heedsLate: true }

  test('a failure that is told to all reaches those who come late, over a fresh value and a stale one too', () =>
    withTable((table) => {
      const { root } = table
      root.fail('k', granted(root), new RangeError('down'), 2 * HOUR, { ms: HOUR, failures: 1 })
      const acquired = root.acquire('k', LATE)
      assert.equal(acquired.state, 'failed')
      assert.deepEqual(String((acquired as { error: unknown }).error), 'RangeError: down')
      granted(root, 'k')
      root.set('v', 1, { ttlMs: HOUR, graceMs: 4 * HOUR })
      root.fail('v', granted(root, 'v', { ...ASK, force: true }), new Error('down'), 2 * HOUR, { ms: HOUR / 2, failures: 1 })
      assert.equal(root.acquire('v', LATE).state, 'hit')
      assert.equal(root.acquire('v', { ...LATE, force: true }).state, 'failed')
      table.advanceClock(0.75 * HOUR)
      granted(root, 'v', { ...LATE, force: true })
    }))

  test('failures in a row are counted for whoever loads next', () =>
    withTable((table) => {
      const { root } = table
      const failuresAtGrant = (): number => {
        const acquired = root.acquire('k', LATE)
        assert.equal(acquired.state, 'granted')
        const { lease, failures } = acquired as { lease: LeaseToken; failures: number }
        root.fail('k', lease, new Error('down'), 4 * HOUR, { ms: HOUR, failures: failures + 1 })
        table.advanceClock(2 * HOUR)
        return failures
      }
      assert.deepEqual([failuresAtGrant(), failuresAtGrant(), failuresAtGrant()], [0, 1, 2])
      table.advanceClock(4 * HOUR)
      assert.equal(failuresAtGrant(), 0, 'the count is forgotten')
    }))

  for (const [name, change] of changes.filter(([name]) => name !== 'expire')) {
    test(`${name} makes a failure that is told to all forgotten`, () =>
      withTable(({ root }) => {
        root.fail('k', granted(root), new Error('down'), HOUR, { ms: HOUR, failures: 3 })
        change(root)
        const acquired = root.acquire('k', { ...LATE, force: true })
        assert.equal(acquired.state, 'granted')
        assert.equal((acquired as { failures: number }).failures, 0)
      }))
  }

  test('a permit is a lease that is not counted as a load', () =>
    withTable((table) => {
      granted(table.root, 'k', { ...ASK, isPermit: true })
      assert.equal(table.root.acquire('k', ASK).state, 'busy')
      assert.equal(table.stats().loads, 0)
    }))

  const ends: [name: string, end: (view: L1View, lease: LeaseToken) => void][] = [
    ['publish', (view, lease) => view.publish('k', lease, 1, FOR_EVER)],
    ['fail', (view, lease) => view.fail('k', lease, new Error('down'), HOUR)],
    ['abandon', (view, lease) => view.abandon('k', lease)],
    ['set', (view) => view.set('k', 1, FOR_EVER)],
    ['delete', (view) => view.delete('k')],
    ['clear', (view) => view.clear()],
  ]
  for (const [name, end] of ends) {
    test(`those who wait hear of a lease ended by ${name}`, () =>
      withTable(async (table) => {
        let calls = 0
        const stop = table.onLeaseEnd(() => calls++)
        const lease = granted(table.root)
        assert.equal(table.root.acquire('k', ASK).state, 'busy')
        end(table.root, lease)
        await until('the listener is called', () => calls > 0)
        stop()
      }))
  }

  test('a listener that was stopped hears nothing more', () =>
    withTable(async (table) => {
      let stopped = 0
      let listening = 0
      table.onLeaseEnd(() => stopped++)()
      table.onLeaseEnd(() => listening++)
      const lease = granted(table.root)
      table.root.acquire('k', ASK)
      table.root.abandon('k', lease)
      await until('the other listener is called', () => listening > 0)
      assert.equal(stopped, 0)
    }))
}
