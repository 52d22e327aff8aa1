import * as assert from 'node:assert/strict'
import { CacheError, describe, misuse } from '../../src/words/errors'
import { suite } from '../helpers/suite'

suite('errors', (test) => {
  test('an error carries its code, name and cause', () => {
    const cause = new Error('inner')
    const error = new CacheError('ERR_CACHE_KEY', 'bad', { cause })
    assert.ok(error instanceof Error)
    assert.deepEqual([error.name, error.code, error.message, error.cause], ['CacheError', 'ERR_CACHE_KEY', 'bad', cause])
    assert.deepEqual(Object.keys(error), ['code'])
  })

  test('instanceof recognises the errors of another loaded copy, and no others', () => {
    const id = require.resolve('../../src/words/errors')
    delete require.cache[id]
    const copy = require(id) as typeof import('../../src/words/errors')
    assert.notEqual(copy.CacheError, CacheError)
    assert.ok(new copy.CacheError('ERR_CACHE_KEY', 'bad') instanceof CacheError)
    assert.ok(!(new Error('x') instanceof CacheError))
    assert.equal(CacheError[Symbol.hasInstance](null), false)
  })

  test('a message says what was expected and what was given', () => {
    assert.equal(misuse('ERR_CACHE_OPTION', 'ttl', 'a duration', -1).message, 'ttl must be a duration, got -1')
  })

  test('a description is short and tells nothing of the inside of objects', () => {
    const described = [undefined, null, 'a', 'x'.repeat(100), 7, 7n, {}, { password: 'p' }, [1], () => 1, Promise.resolve()]
    assert.deepEqual(described.map(describe), [
      'undefined',
      'null',
      '"a"',
      `"${'x'.repeat(40)}…"`,
      '7',
      '7n',
      'an object',
      'an object',
      'an array',
      'a function',
      'a promise',
    ])
  })
})
