import * as assert from 'node:assert/strict'
import { parseSize } from '../../src/words/size'
import { suite } from '../helpers/suite'

suite('size', (test) => {
  test('a number is bytes, text has a unit in powers of 1024', () => {
    const cases: [given: unknown, bytes: number][] = [
      [0, 0],
      [4096, 4096],
      ['10b', 10],
      ['1kb', 1024],
      ['256mb', 256 * 1024 ** 2],
      ['256MB', 256 * 1024 ** 2],
      ['1 GiB', 1024 ** 3],
      ['1.5gb', 1.5 * 1024 ** 3],
      ['2tib', 2 * 1024 ** 4],
    ]
    for (const [given, bytes] of cases) assert.equal(parseSize(given, 'memory'), bytes)
  })

  test('refuses what is no amount of memory', () => {
    for (const given of [-1, Number.NaN, Number.POSITIVE_INFINITY, '', '64', '64m', 'mb', '-1mb', null, {}]) {
      assert.throws(() => parseSize(given, 'memory'), { code: 'ERR_CACHE_OPTION', message: /^memory must be / })
    }
  })
})
