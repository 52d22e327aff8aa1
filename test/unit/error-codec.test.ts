import * as assert from 'node:assert/strict'
import { decodeError, encodeError } from '../../src/wire/error-codec'
import { CacheError } from '../../src/words/errors'
import { suite } from '../helpers/suite'

const roundTrip = (error: unknown): unknown => decodeError(encodeError(error))

suite('error codec', (test) => {
  test('name, message, code and stack arrive', () => {
    const sent = Object.assign(new TypeError('no such user'), { code: 'E_USER' })
    const received = roundTrip(sent) as Error & { code: string }
    assert.ok(received instanceof Error)
    assert.deepEqual(
      [received.name, received.message, received.code, received.stack],
      ['TypeError', 'no such user', 'E_USER', sent.stack],
    )
  })

  test('a numeric code stays a number', () => {
    assert.equal((roundTrip(Object.assign(new Error('x'), { code: 11000 })) as { code: number }).code, 11000)
  })

  test('nothing else arrives: drivers keep commands and credentials in other fields', () => {
    const sent = Object.assign(new Error('refused'), { command: { args: ['hunter2'] }, config: { password: 'hunter2' } })
    const bytes = Buffer.from(encodeError(sent))
    assert.ok(!bytes.includes('hunter2'))
    assert.deepEqual(Object.keys(roundTrip(sent) as Error), [])
  })

  test('an error of this package arrives as one', () => {
    const received = roundTrip(new CacheError('ERR_CACHE_VALUE', 'bad'))
    assert.ok(received instanceof CacheError)
    assert.equal(received.code, 'ERR_CACHE_VALUE')
  })

  test('primitives arrive as themselves', () => {
    for (const thrown of ['text', 7, null, undefined, true, 5n]) assert.equal(roundTrip(thrown), thrown)
  })

  test('whatever else is thrown arrives as an error', () => {
    const hostile = {
      get message(): string {
        throw new Error('no')
      },
    }
    for (const thrown of [{}, { message: 5n }, () => 1, Symbol('s'), hostile, Object.create(null)]) {
      assert.ok(roundTrip(thrown) instanceof Error)
    }
  })

  test('an object with a message keeps it', () => {
    assert.equal((roundTrip({ message: 'plain', code: 'E' }) as Error).message, 'plain')
  })

  test('is cut to a size that fits beside values', () => {
    const long = Object.assign(new Error('m'.repeat(100_000)), { code: 'c'.repeat(100_000), name: 'n'.repeat(100_000) })
    assert.ok(encodeError(long).length < 16_384)
  })
})
