// The judge of histories: lets the good ones pass and finds every fault that was planted.
import * as assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { assertGood, type Operation, type Verdict } from '../helpers/redis/history'
import { checkAcrossHosts, checkLinearizable, checkNothingLost } from '../helpers/redis/register-checker'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'

type Line = [who: string, op: 'w' | 'd' | 'r', version: number, start: number, end: number, more?: Partial<Operation>]

const OPS = { w: 'write', d: 'delete', r: 'read' } as const

/** Histories of key k in ms; `p@h` is a process on a host. */
const told = (...lines: Line[]): Operation[] => lines.map(operation)

function operation([who, op, version, start, end, more]: Line): Operation {
  const [process, host] = who.split('@') as [string, string?]
  return {
    process, ...(host === undefined ? {} : { host }), key: 'k', op: OPS[op], version,
    startNs: start * 1e6, endNs: end * 1e6, result: 'done', ...more,
  }
}

function finds(verdict: Verdict, words: RegExp): void {
  assert.equal(verdict.count, 1, verdict.violations.join('\n'))
  assert.match(verdict.violations[0]!, words)
}

suite('one host, judged', (test) => {
  const good: Record<string, Operation[]> = {
    'reads after writes': told(['a', 'w', 1, 0, 1], ['b', 'r', 1, 2, 3], ['a', 'w', 2, 4, 5], ['b', 'r', 2, 6, 7]),
    'a read during a write sees the old or the new': told(
      ['a', 'w', 1, 0, 1], ['a', 'w', 2, 2, 9], ['b', 'r', 1, 3, 4], ['b', 'r', 2, 5, 6], ['c', 'r', 1, 3, 8]),
    'a write of unknown end seen much later': told(
      ['a', 'w', 1, 0, 1], ['a', 'w', 2, 2, 3, { result: 'unknown' }], ['b', 'r', 1, 4, 5], ['b', 'r', 2, 6, 7]),
    'a miss at any time': told(['a', 'w', 1, 0, 1], ['b', 'r', 0, 2, 3], ['b', 'r', 1, 4, 5]),
    'operations that touch': told(['a', 'w', 1, 0, 1], ['a', 'w', 2, 1, 2], ['b', 'r', 1, 2, 3]),
    'a read that failed says nothing': told(['a', 'w', 2, 0, 1], ['b', 'r', 1, 2, 3, { result: 'failed' }]),
  }
  for (const [title, history] of Object.entries(good)) {
    test(`passes ${title}`, () => assertGood(checkLinearizable(history)))
  }

  const bad: [title: string, words: RegExp, history: Operation[]][] = [
    ['a stale read', /older than a: write of version 2/, told(['a', 'w', 1, 0, 1], ['a', 'w', 2, 2, 3], ['b', 'r', 1, 4, 5])],
    ['a read that goes back behind another read', /older than b: read of version 2/,
      told(['a', 'w', 1, 0, 1], ['a', 'w', 2, 2, 9], ['b', 'r', 2, 3, 4], ['c', 'r', 1, 5, 6])],
    ['a read from the future', /write began later/, told(['b', 'r', 1, 0, 1], ['a', 'w', 1, 2, 3, { result: 'unknown' }])],
    ['a value nobody wrote', /nobody wrote/, told(['a', 'w', 1, 0, 1], ['b', 'r', 7, 2, 3])],
    ['a value whose write failed', /write failed/, told(['a', 'w', 1, 0, 1, { result: 'failed' }], ['b', 'r', 1, 2, 3])],
    ['a deleted value that comes back', /older than a: delete of version 2/, told(['a', 'w', 1, 0, 1], ['a', 'd', 2, 2, 3], ['b', 'r', 1, 4, 5])],
    ['a delete read as a value', /is a delete/, told(['a', 'd', 1, 0, 1], ['b', 'r', 1, 2, 3])],
    ['versions against the order of writes', /began after a: write of version 2/, told(['a', 'w', 2, 0, 1], ['b', 'w', 1, 2, 3])],
    ['two writes of one version', /has the version of/, told(['a', 'w', 1, 0, 1], ['b', 'w', 1, 0, 3])],
    ['a mixed value', /with the value y, written was x/, told(['a', 'w', 1, 0, 1, { value: 'x' }], ['b', 'r', 1, 2, 3, { value: 'y' }])],
    ['a clock that runs backwards', /ended before it began/, told(['a', 'w', 1, 1, 0])],
  ]
  for (const [title, words, history] of bad) {
    test(`finds ${title}`, () => finds(checkLinearizable(history), words))
  }

  test('finds misses where they count', () => {
    const strictly = (...lines: Line[]): Verdict => checkLinearizable(told(...lines), { missesCount: true })
    finds(strictly(['a', 'w', 1, 0, 1], ['b', 'r', 0, 2, 3]), /miss of k .* though a: write of version 1/)
    finds(strictly(['a', 'd', 1, 0, 1], ['a', 'w', 2, 2, 3], ['b', 'r', 0, 4, 5]), /though a: write of version 2/)
    assertGood(strictly(['b', 'r', 0, 0, 1], ['a', 'w', 1, 2, 3], ['a', 'd', 2, 4, 6], ['b', 'r', 0, 5, 6], ['b', 'r', 0, 7, 8]))
    assertGood(strictly(['a', 'w', 1, 0, 1], ['a', 'd', 2, 2, 3, { result: 'unknown' }], ['b', 'r', 0, 9, 10]))
  })

  test('keeps keys apart', () => {
    const [first, second, read] = told(['a', 'w', 1, 0, 1], ['a', 'w', 2, 2, 3], ['b', 'r', 1, 4, 5])
    assertGood(checkLinearizable([first!, { ...second!, key: 'other' }, read!]))
  })

  test('says nothing good of an empty history', () => assert.throws(() => assertGood(checkLinearizable([])), /empty/))

  test('passes every history of a real register, and finds one stale read put into it', () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 })), { minLength: 2, maxLength: 60 })
    fc.assert(fc.property(steps, (list) => {
      let version = 1
      // Each step takes effect at its own instant, and is seen to last a while around it.
      const history = told(['z', 'w', 1, -20, -10], ...list.map(([isWrite, before, after], i): Line =>
        isWrite ? [`p${i}`, 'w', ++version, i - before, i + after] : [`p${i}`, 'r', version, i - before, i + after]))
      assertGood(checkLinearizable(history))
      const stale = told(['z', 'w', version + 1, 100, 101], ['z', 'r', version, 102, 103])
      finds(checkLinearizable([...history, ...stale]), /is older than/)
    }), { seed })
  })

  test('judges half a million operations on one key at once', () => {
    const lines: Line[] = []
    for (let i = 1; i <= 250_000; i++) lines.push(['a', 'w', i, 4 * i, 4 * i + 1], ['b', 'r', i, 4 * i + 2, 4 * i + 3])
    const history = lines.map(operation)
    assertGood(checkLinearizable(history))
    assertGood(checkAcrossHosts(history, { stalenessNs: 1e6 }))
  })
})

suite('several hosts, judged', (test) => {
  const within = (...lines: Line[]): Verdict => checkAcrossHosts(told(...lines), { stalenessNs: 10e6 })

  test('passes an old value on another host for so long', () =>
    assertGood(within(['a@x', 'w', 1, 0, 1], ['a@x', 'w', 2, 2, 3], ['b@y', 'r', 1, 12, 14], ['b@y', 'r', 2, 15, 16])))

  test('finds an old value after that', () =>
    finds(within(['a@x', 'w', 1, 0, 1], ['a@x', 'w', 2, 2, 3], ['b@y', 'r', 1, 14, 15]), /more than 10 ms late, b@y: read of version 1/))

  test('counts from when anybody has seen a write of unknown end', () =>
    finds(within(['a@x', 'w', 1, 0, 1], ['a@x', 'w', 2, 2, 3, { result: 'unknown' }], ['c@z', 'r', 2, 4, 5], ['b@y', 'r', 1, 20, 21]), /late, b@y/))

  test('finds reads of one host that go back, whichever process reads', () =>
    finds(within(['a@x', 'w', 1, 0, 1], ['a@x', 'w', 2, 2, 3], ['b@y', 'r', 2, 4, 5], ['c@y', 'r', 1, 6, 7]), /on host y, c@y/))

  test('finds a host that does not see its own write', () =>
    finds(within(['b@y', 'w', 1, 0, 1], ['a@x', 'w', 2, 2, 3], ['c@x', 'r', 1, 4, 5]), /on host x, c@x/))

  test('finds values nobody wrote', () => finds(within(['a@x', 'w', 1, 0, 1], ['b@y', 'r', 3, 2, 3]), /nobody wrote/))
})

suite('the final state, judged', (test) => {
  const unknown = { result: 'unknown' } as const
  const ends = (version: number | undefined, ...lines: Line[]): Verdict =>
    checkNothingLost(told(...lines), new Map([['k', version === undefined ? undefined : { version }]]))

  test('passes the newest acknowledged write, or a newer one', () => {
    assertGood(ends(2, ['a', 'w', 1, 0, 1], ['a', 'w', 2, 2, 3]))
    assertGood(ends(3, ['a', 'w', 2, 0, 1], ['a', 'w', 3, 2, 3, unknown]))
    assertGood(ends(2, ['a', 'w', 2, 0, 1], ['a', 'w', 3, 2, 3, unknown]))
    assertGood(ends(undefined, ['a', 'w', 1, 0, 1], ['a', 'd', 2, 2, 3]))
    assertGood(ends(undefined, ['a', 'w', 1, 0, 1], ['a', 'd', 2, 2, 3, unknown]))
    assertGood(ends(undefined, ['a', 'w', 1, 0, 1, unknown]))
  })

  test('finds a lost write', () => {
    finds(ends(undefined, ['a', 'w', 1, 0, 1]), /was acknowledged, and in the end k is absent/)
    finds(ends(undefined, ['a', 'd', 1, 0, 1], ['a', 'w', 2, 2, 3]), /k is absent/)
  })

  test('finds older over newer', () => {
    finds(ends(1, ['a', 'w', 1, 0, 1], ['a', 'w', 2, 2, 3]), /the older version 1/)
    finds(ends(1, ['a', 'w', 1, 0, 1], ['a', 'd', 2, 2, 3]), /the older version 1/)
  })

  test('finds what should not be there', () => {
    finds(ends(9, ['a', 'w', 1, 0, 1]), /nobody wrote/)
    finds(ends(2, ['a', 'w', 1, 0, 1], ['a', 'w', 2, 2, 3, { result: 'failed' }]), /failed/)
    finds(checkNothingLost(told(['a', 'w', 1, 0, 1]), new Map([['k', { version: 1 }], ['q', { version: 1 }]])), /there is q/)
    finds(checkNothingLost(told(['a', 'w', 1, 0, 1, { value: 'x' }]), new Map([['k', { version: 1, value: 'y' }]])), /with the value y/)
  })
})
