import * as assert from 'node:assert/strict'
import type { Operation } from '../helpers/redis/history'
import { checkHost } from '../helpers/redis/zone-checker'
import { suite } from '../helpers/suite'

const operation = (op: Operation['op'], value: string | undefined, startNs: number, endNs: number, more: Partial<Operation> = {}): Operation =>
  ({ process: 'p', host: 'A', key: 'k', op, version: 0, ...(value === undefined ? {} : { value }), startNs, endNs, result: 'done', ...more })
const write = (value: string, start: number, end: number, more?: Partial<Operation>): Operation => operation('write', value, start, end, more)
const read = (value: string | undefined, start: number, end: number, more?: Partial<Operation>): Operation => operation('read', value, start, end, more)
const remove = (start: number, end: number): Operation => operation('delete', undefined, start, end)
const faults = (...history: Operation[]): number => checkHost(history, 'A').count

suite('zone checker', (test) => {
  test('one after the other is good, misses and all', () => {
    assert.equal(faults(write('a', 1, 2), read('a', 3, 4), write('b', 5, 6), read(undefined, 7, 8), read('b', 9, 10), remove(11, 12)), 0)
  })
  test('what overlaps may have happened in either order', () => {
    assert.equal(faults(write('a', 1, 10), write('b', 1, 10), read('b', 2, 3), read('a', 11, 12)), 0)
    assert.equal(faults(write('a', 1, 2), write('b', 3, 9), read('b', 4, 5), read('b', 10, 11)), 0)
  })
  test('a value that was replaced does not come back', () => {
    assert.equal(faults(write('a', 1, 2), write('b', 3, 4), read('a', 5, 6)), 1)
    assert.equal(faults(write('a', 1, 2), write('b', 3, 9), read('b', 4, 5), read('a', 6, 7)), 1)
    assert.equal(faults(write('a', 1, 2), remove(3, 4), read('a', 5, 6)), 1)
  })
  test('two values do not take turns', () => {
    assert.ok(faults(write('a', 1, 20), write('b', 1, 20), read('a', 2, 3), read('b', 4, 5), read('a', 6, 7)) > 0)
  })
  test("another host's write takes effect when it is read", () => {
    const far = { host: 'B' }
    assert.equal(faults(write('x', 1, 2, far), write('a', 3, 4), read('a', 5, 6), read('x', 7, 8)), 0)
    assert.ok(faults(write('x', 1, 2, far), write('a', 3, 4), read('x', 5, 6), read('a', 7, 8)) > 0)
    assert.equal(faults(write('a', 3, 4), read('a', 5, 6), read('a', 9, 10), write('x', 1, 2, far)), 0)
  })
  test('a write without an answer may never have happened', () => {
    assert.equal(faults(write('a', 1, 2), write('b', 3, 4, { result: 'unknown' }), read('a', 5, 6)), 0)
    assert.equal(faults(write('a', 1, 2), write('b', 3, 4, { result: 'unknown' }), read('a', 5, 6), read('b', 7, 8)), 0)
    assert.ok(faults(write('a', 1, 2), write('b', 3, 4, { result: 'unknown' }), read('b', 5, 6), read('a', 7, 8)) > 0)
  })
  test('a value from nowhere, and one from the future', () => {
    assert.equal(faults(write('a', 1, 2), read('c', 3, 4)), 1)
    assert.ok(faults(read('a', 1, 2), write('a', 3, 4)) > 0)
  })
})
