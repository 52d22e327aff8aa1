import * as assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { aboutOf, withoutCap } from '../../src/wire/about'
import { decode, EncodedValue } from '../../src/wire/codec'
import { readStamp, readTags, restamped, slotOf, tagsOf, writeTags } from '../../src/wire/tags'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'

suite('tags', (test) => {
  test('lie as they always did', () => {
    const tags = { names: ['é', 'b'], slots: Uint16Array.of(0x1234, 2), clock: 1, sequence: 2 }
    assert.equal(
      writeTags(tags, 4, Buffer.from([0xc0])).toString('hex'),
      '0400020023000000' + '000000000000f03f' + '0000000000000040' + '34120200' + '0200c3a9' + '010062' + 'c0',
    )
  })

  test('have the slots they always had, in each namespace others', () => {
    assert.deepEqual([slotOf('', 'a'), slotOf('shop', 'a'), slotOf('shop/eu', 'ü')], [0xc5c5, 0x269e, 0x1f2e])
    assert.notEqual(slotOf('', 'a'), slotOf('shop', 'a'))
  })

  test('whatever is tagged comes back, with its notes and tags', () => {
    const property = fc.property(
      fc.uniqueArray(fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }), { minLength: 1, maxLength: 128 }),
      fc.oneof(fc.string({ unit: 'grapheme' }), fc.jsonValue(), fc.constant(new Map([[1, 2]]))),
      fc.boolean(), fc.nat(),
      (names, value, isNoted, clock) => {
        const notes = { ttlMs: 1, loadMs: 2, capAtMs: 3 }
        const tags = tagsOf('some', names, clock)
        const { codec, payload } = EncodedValue.tagged(isNoted ? EncodedValue.noted(value, notes) : value, tags)
        assert.deepEqual(decode(codec, payload as Uint8Array), decode(...bare(value)))
        const about = aboutOf(codec, payload)!
        assert.deepEqual(about.notes, isNoted ? notes : undefined)
        assert.deepEqual(about.tags, tags)
        const other = restamped(payload as Uint8Array, clock + 1, 5)
        assert.deepEqual(readStamp(other), { slots: tags.slots, clock: clock + 1, sequence: 5 })
        const uncapped = aboutOf(codec, withoutCap(codec, payload as Uint8Array))!
        assert.deepEqual(uncapped, { tags, ...(isNoted ? { notes: { ...notes, capAtMs: Number.POSITIVE_INFINITY } } : {}) })
      },
    )
    fc.assert(property, { seed })
  })

  test('damaged bytes are told as such', () => {
    const { payload } = EncodedValue.tagged({ a: 1 }, tagsOf('', ['one', 'two'], 3))
    const bytes = payload as Buffer
    const property = fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(bytes.length), (at, byte, length) => {
      const damaged = Buffer.from(bytes.subarray(0, length))
      if (at < length) damaged[at] = byte
      for (const read of [readTags, readStamp]) {
        try {
          read(damaged)
        } catch (error) {
          assert.equal((error as { code: string }).code, 'ERR_CACHE_PAYLOAD')
        }
      }
    })
    fc.assert(property, { seed, numRuns: 2_000 })
    assert.throws(() => readTags(bytes.subarray(0, 10)), { code: 'ERR_CACHE_PAYLOAD' })
  })
})

function bare(value: unknown): [codec: number, bytes: Uint8Array] {
  const { codec, payload } = EncodedValue.of(value)
  return [codec, typeof payload === 'string' ? Buffer.from(payload, codec === 0 ? 'latin1' : codec === 1 ? 'utf8' : 'utf16le') : Uint8Array.from(payload)]
}
