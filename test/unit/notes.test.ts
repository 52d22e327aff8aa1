import * as assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { decode, EncodedValue } from '../../src/wire/codec'
import { behindNotes, readNotes, withoutCap, writeNotes } from '../../src/wire/notes'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'

const BARE = { ttlMs: 0, loadMs: 0, capAtMs: Number.POSITIVE_INFINITY }

suite('notes', (test) => {
  test('lie as they always did', () => {
    const notes = { etag: 'é', lastModified: new Date(1), ttlMs: 1, loadMs: 2, capAtMs: 3 }
    assert.equal(
      writeNotes(notes, 4, Buffer.from([0xc0])).toString('hex'),
      '0400020000000000' + '000000000000f03f' + '0000000000000040' + '000000000000f03f' + '0000000000000840' + 'c3a9' + 'c0',
    )
  })

  test('whatever is noted comes back, and so does the value', () => {
    const positive = fc.double({ min: 0, max: 1e12, noNaN: true })
    const property = fc.property(
      fc.record({
        etag: fc.option(fc.string({ minLength: 1, unit: 'grapheme' }), { nil: undefined }),
        lastModified: fc.option(fc.date({ noInvalidDate: true }), { nil: undefined }),
        ttlMs: positive, loadMs: positive, capAtMs: fc.oneof(positive, fc.constant(Number.POSITIVE_INFINITY)),
      }),
      fc.oneof(fc.string({ unit: 'grapheme' }), fc.jsonValue(), fc.constant(new Map([[1, 2]]))),
      (given, value) => {
        const notes = Object.fromEntries(Object.entries(given).filter(([, each]) => each !== undefined)) as typeof BARE
        const { codec, payload } = EncodedValue.noted(value, notes)
        assert.deepEqual(readNotes(payload as Buffer), notes)
        assert.deepEqual(decode(codec, payload as Buffer), decode(codec, EncodedValue.noted(value, BARE).payload as Buffer))
      },
    )
    fc.assert(property, { seed })
  })

  test('a cap is no more once the value leaves its host', () => {
    const bytes = writeNotes({ ...BARE, ttlMs: 7, capAtMs: 9 }, 0, Buffer.from('v'))
    assert.deepEqual(readNotes(withoutCap(bytes)), { ...BARE, ttlMs: 7 })
    assert.equal(readNotes(bytes).capAtMs, 9)
  })

  test('damaged bytes are refused', () => {
    const whole = writeNotes({ ...BARE, etag: 'abc' }, 0, Buffer.alloc(0))
    for (const bytes of [Buffer.alloc(0), whole.subarray(0, 20), whole.subarray(0, whole.length - 1)]) {
      assert.throws(() => behindNotes(bytes), { code: 'ERR_CACHE_PAYLOAD' })
    }
    whole[0] = 6
    assert.throws(() => decode(6, whole), { code: 'ERR_CACHE_PAYLOAD' })
  })
})
