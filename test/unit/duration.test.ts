import * as assert from 'node:assert/strict'
import { parseDuration } from '../../src/words/duration'
import { suite } from '../helpers/suite'

suite('duration', (test) => {
  test('a number is milliseconds, text has a unit', () => {
    const cases: [given: unknown, ms: number][] = [
      [0, 0],
      [250, 250],
      ['250ms', 250],
      ['1s', 1_000],
      ['1.5s', 1_500],
      ['5m', 300_000],
      [' 2 h ', 7_200_000],
      ['2d', 172_800_000],
      ['1w', 604_800_000],
    ]
    for (const [given, ms] of cases) assert.equal(parseDuration(given, 'ttl'), ms)
  })

  test('a part of a millisecond counts as a whole one', () => {
    assert.equal(parseDuration(0.2, 'ttl'), 1)
    assert.equal(parseDuration('0.2ms', 'ttl'), 1)
  })

  test('refuses what is no span of time', () => {
    for (const given of [-1, Number.NaN, Number.POSITIVE_INFINITY, 1e15, '', '5', '5 minutes', '-5m', 'm', null, {}, 5n]) {
      assert.throws(() => parseDuration(given, 'ttl'), { code: 'ERR_CACHE_OPTION', message: /^ttl must be / })
    }
  })
})
