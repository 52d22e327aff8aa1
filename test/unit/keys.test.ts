import * as assert from 'node:assert/strict'
import { checkKey, checkNamespaceName, namespacePath } from '../../src/words/keys'
import { suite } from '../helpers/suite'

suite('keys', (test) => {
  test('accepts well-formed strings of 1 to 1024 UTF-8 bytes', () => {
    for (const key of ['a', 'k'.repeat(1024), '€'.repeat(341), '😀'.repeat(256), '\0', ' ', '__proto__']) checkKey(key)
  })

  test('refuses everything else and says why', () => {
    const cases: [key: unknown, reason: RegExp][] = [
      ['', /empty/],
      ['k'.repeat(1025), /got 1025/],
      ['€'.repeat(342), /got 1026/],
      ['😀'.repeat(257), /got 1028/],
      ['\ud800', /lone surrogate/],
      [`${'k'.repeat(400)}\udc00`, /lone surrogate/],
      [1, /string/],
      [null, /string/],
      [['a'], /string/],
    ]
    for (const [key, message] of cases) assert.throws(() => checkKey(key), { code: 'ERR_CACHE_KEY', message })
  })

  test('a namespace path cannot be read in two ways', () => {
    assert.equal(namespacePath('', 'a'), 'a')
    assert.equal(namespacePath('a', 'b'), 'a/b')
    assert.throws(() => checkNamespaceName('a/b'), { code: 'ERR_CACHE_ARGUMENT' })
  })
})
