import * as assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { buildTail, checkWhole, payloadOf, readHeader } from '../../src/l2/envelope'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'

/** As the script puts it together. */
function envelope(tail: Buffer, codec = 4, flags = 0, suffixBytes = 3): Buffer {
  const head = Buffer.alloc(40)
  head.write('SC\x01')
  head[3] = codec
  head.writeUInt32BE(0x000f0000, 4)
  head.writeUInt32BE(7, 8)
  head[12] = flags
  head.writeUInt16BE(suffixBytes, 14)
  head.writeBigUInt64BE(1_000n, 16)
  head.writeBigUInt64BE(2_000n, 24)
  head.writeBigUInt64BE(500n, 32)
  return Buffer.concat([head, tail])
}

suite('l2 envelope', (test) => {
  test('has golden bytes', () => {
    const bytes = envelope(buildTail('n|k', Buffer.from('value'), 2 ** 40 + 9, 3))
    assert.equal(
      bytes.toString('hex'),
      '53430104000f000000000007' + '00000003' + '00000000000003e8' + '00000000000007d0' + '00000000000001f4' +
        '0000010000000009' + '00000003' + '32ed870f' + '00000005' + '00000000' + '6e7c6b' + '76616c7565',
    )
  })

  test('tells the place among the writes of its host, modulo 2^32', () => {
    const orderOf = (order?: number): number => readHeader(envelope(buildTail('n|k', Buffer.from('value'), 9, 3, order)))!.hostOrder
    assert.equal(orderOf(), 0)
    assert.equal(orderOf(17), 17)
    assert.equal(orderOf(2 ** 40 + 17), 17)
  })

  test('is read as it was written', () => {
    const bytes = envelope(buildTail('n|k', Buffer.from('value'), 9, 3))
    const header = readHeader(bytes)!
    assert.deepEqual(
      [header.codec, header.version, header.isTombstone, header.softAtMs, header.hardAtMs, header.createdAtMs, header.sourceVersion, header.nsEpoch],
      [4, 0x000f0000 * 2 ** 32 + 7, false, 1000, 2000, 500, 9, 3],
    )
    assert.equal(checkWhole(bytes, header, 'n|k'), 'whole')
    assert.equal(payloadOf(bytes, header).toString(), 'value')
  })

  test('of another key is foreign', () => {
    const bytes = envelope(buildTail('n|k', Buffer.from('value'), 0, 0))
    assert.equal(checkWhole(bytes, readHeader(bytes)!, 'n|x'), 'foreign')
  })

  test('of another key is foreign, whatever letters the keys are made of', () => {
    const keys = ['n|', 'n|k', 'n|kk', 'n|\u00e9', 'n|\u00c3\u00a9', 'n|k\u20ac', 'n|\ufffd', 'n|\u{1f600}']
    for (const key of keys) {
      const bytes = envelope(buildTail(key, Buffer.from('k\u20ac'), 0, 0), 4, 0, Buffer.byteLength(key))
      for (const other of keys) assert.equal(checkWhole(bytes, readHeader(bytes)!, other), other === key ? 'whole' : 'foreign', `${key} read as ${other}`)
    }
  })

  test('with any bit of key or payload flipped is no whole value', () => {
    const whole = envelope(buildTail('n|k', Buffer.from('value'), 0, 0))
    for (let bit = 52 * 8; bit < whole.length * 8; bit++) {
      // The spare word is not covered.
      if (bit >= 60 * 8 && bit < 64 * 8) continue
      const bytes = Buffer.from(whole)
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      assert.equal(checkWhole(bytes, readHeader(bytes)!, 'n|k'), 'corrupt', `bit ${bit}`)
    }
  })

  test('never throws on hostile bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, isMagic) => {
        const buffer = Buffer.from(bytes)
        if (isMagic) buffer.write('SC\x01')
        const header = readHeader(buffer)
        if (header !== undefined) assert.notEqual(checkWhole(buffer, header, 'n|k'), 'whole')
      }),
      { seed, numRuns: 5000 },
    )
  })
})
