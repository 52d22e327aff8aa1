import * as assert from 'node:assert/strict'
import { type Copy, readCopy, writeCopy } from '../../src/disk/record'
import { randomOf } from '../helpers/random'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'

const KEY = Buffer.from('cshop\0user:7')
const COPY: Copy = {
  codec: 4, payload: Buffer.from('a value'), hasFar: true, number: 2 ** 40 + 1, life: '00ff12345678abcd', epochSum: 3, doubt: 7, fleetVersion: 2 ** 50,
  tagClock: 1.7e15, tableMs: 12_345, wallMs: 1.7e12, softLeftMs: Number.POSITIVE_INFINITY, hardLeftMs: 60_000, ageMs: 20,
}

suite('copies as bytes', (test) => {
  test('what is written is read', () => {
    assert.deepEqual(readCopy(KEY, writeCopy(KEY, COPY)), COPY)
    const empty = { ...COPY, payload: Buffer.alloc(0), hasFar: false }
    assert.deepEqual(readCopy(KEY, writeCopy(KEY, empty)), empty)
  })

  test('under another key it is none', () => {
    const bytes = writeCopy(KEY, COPY)
    for (const other of ['cshop\0user:8', 'cshop/user\0:7', 'c\0shopuser:7', '']) assert.equal(readCopy(Buffer.from(other), bytes), undefined)
  })

  test('with any bit changed, cut off or longer it is none', () => {
    const bytes = writeCopy(KEY, COPY)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = Buffer.from(bytes)
      damaged[bit >> 3]! ^= 1 << (bit & 7)
      assert.equal(readCopy(KEY, damaged), undefined, `bit ${bit}`)
    }
    for (let length = 0; length < bytes.length; length++) assert.equal(readCopy(KEY, bytes.subarray(0, length)), undefined)
    assert.equal(readCopy(KEY, Buffer.concat([bytes, Buffer.of(0)])), undefined)
  })

  test('bytes of chance are none', () => {
    const random = randomOf(seed)
    for (let n = 0; n < 2_000; n++) {
      const bytes = Buffer.from(Array.from({ length: Math.floor(random() * 300) }, () => Math.floor(random() * 256)))
      assert.equal(readCopy(KEY, bytes), undefined)
    }
  })
})
