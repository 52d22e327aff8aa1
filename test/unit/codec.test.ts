import * as assert from 'node:assert/strict'
import { addExtension, Packr } from 'msgpackr'
import * as fc from 'fast-check'
import { Codec, decode, encode, encodeToBytes, EncodedValue } from '../../src/wire/codec'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'
import { ROUND_TRIPS } from '../helpers/values'

/** The bytes the native side makes of a payload. */
function bytesOf(codec: number, payload: string | Uint8Array): Uint8Array {
  if (typeof payload !== 'string') return Uint8Array.from(payload)
  return Buffer.from(payload, codec === Codec.latin1 ? 'latin1' : codec === Codec.utf8 ? 'utf8' : 'utf16le')
}

function roundTrip(value: unknown): unknown {
  const { codec, payload } = encode(value)
  return decode(codec, bytesOf(codec, payload))
}

suite('codec', (test) => {
  for (const [kind, value] of ROUND_TRIPS) {
    test(`round-trips ${kind}`, () => assert.deepEqual(roundTrip(value), value))
  }

  test('round-trips an invalid date', () => {
    assert.ok(Number.isNaN((roundTrip(new Date(Number.NaN)) as Date).getTime()))
  })

  test('round-trips any JSON and any string', () => {
    const kept = fc.jsonValue().filter((value) => !JSON.stringify(value).includes('__proto__') && !hasMinusZero(value))
    fc.assert(fc.property(kept, (value) => assert.deepEqual(roundTrip(value), value)), { seed, numRuns: 500 })
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => roundTrip(text) === text), { seed, numRuns: 500 })
  })

  for (const [kind, value] of ROUND_TRIPS) {
    test(`round-trips ${kind} as bytes`, () => {
      const { codec, bytes } = encodeToBytes(value)
      assert.deepEqual(decode(codec, Uint8Array.from(bytes)), value)
    })
  }

  test('what is encoded already is taken as it is, with its strings as bytes where bytes are wanted', () => {
    const cases: [codec: number, text: string, bytes: Buffer][] = [
      [Codec.latin1, 'f\xfc', Buffer.from([0x66, 0xfc])],
      [Codec.utf8, 'f\xfc', Buffer.from([0x66, 0xc3, 0xbc])],
      [Codec.utf16, '\ud800', Buffer.from([0x00, 0xd8])],
    ]
    for (const [codec, text, bytes] of cases) {
      const value = new EncodedValue(codec, text)
      assert.equal(encode(value), value)
      assert.deepEqual(encodeToBytes(value), { codec, bytes })
    }
    const packed = new EncodedValue(Codec.msgpack, Buffer.from([0xc0]))
    assert.deepEqual(encodeToBytes(packed), { codec: Codec.msgpack, bytes: packed.payload })
  })

  test('chooses the codec by the value', () => {
    const cases: [value: unknown, codec: number][] = [
      ['ascii', Codec.latin1],
      ['füür', Codec.latin1],
      [`${'a'.repeat(9)}€`, Codec.utf8],
      ['缓存', Codec.utf16],
      ['\ud800', Codec.utf16],
      [Buffer.from('b'), Codec.bytes],
      [{ a: 1 }, Codec.msgpack],
      [new Date(), Codec.msgpack],
      [null, Codec.msgpack],
      [new Map(), Codec.msgpackRecords],
      [{ deep: [new Map()] }, Codec.msgpackRecords],
    ]
    for (const [value, codec] of cases) assert.equal(encode(value).codec, codec)
  })

  test('numbers of the codecs never change', () => {
    assert.deepEqual(Codec, { latin1: 0, utf8: 1, utf16: 2, bytes: 3, msgpack: 4, msgpackRecords: 5, noted: 6, named: 7, zstd: 8, brotli: 9, gzip: 10, tagged: 11 })
    assert.deepEqual(decode(4, Buffer.from('82a161d3000000000000000aa16293010203', 'hex')), { a: 10n, b: [1, 2, 3] })
    assert.deepEqual(
      decode(5, Buffer.from('d4724091a16d81a16b01', 'hex')),
      { m: new Map([['k', 1]]) },
    )
  })

  test('every payload with records stands alone', () => {
    const values = Array.from({ length: 50 }, (_, i) => ({ [`field${i}`]: i, map: new Map([[i, { [`x${i}`]: 1 }]]) }))
    const payloads = values.map((value) => bytesOf(Codec.msgpackRecords, encode(value).payload))
    for (const [i, payload] of [...payloads.entries()].reverse()) {
      assert.deepEqual(decode(Codec.msgpackRecords, payload), values[i])
    }
  })

  test('what is decoded does not alias the bytes it came from', () => {
    for (const value of [Buffer.from('abc'), { inner: Buffer.from('abc') }, 'abc', { inner: new Uint8Array([1, 2, 3]) }]) {
      const { codec, payload } = encode(value)
      const bytes = bytesOf(codec, payload)
      const decoded = decode(codec, bytes)
      bytes.fill(0xff)
      assert.deepEqual(decoded, value)
    }
  })

  test('what it cannot carry comes back as documented', () => {
    class Point {
      constructor(
        readonly x: number,
        readonly y: number,
      ) {}
    }
    assert.deepEqual(roundTrip(new Point(1, 2)), { x: 1, y: 2 })
    assert.deepEqual(roundTrip({ toJSON: undefined, url: new URL('http://a/') }), { toJSON: undefined, url: 'http://a/' })
    assert.ok(Object.is(roundTrip(-0), 0))
    assert.deepEqual(roundTrip(JSON.parse('{"__proto__":{"polluted":1}}')), { __proto_: { polluted: 1 } })
    assert.deepEqual(roundTrip([, 1]), [undefined, 1])
    assert.deepEqual(roundTrip({ text: '\ud800' }), { text: '\ufffd\ufffd\ufffd' })
    assert.ok(Buffer.isBuffer(roundTrip(new Uint8Array([1]))))
  })

  const cycle: { self?: unknown } = {}
  cycle.self = cycle
  for (const [kind, value] of [
    ['undefined', undefined],
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a promise', Promise.resolve(1)],
    ['an error', new Error('e')],
    ['a regular expression', /x/],
    ['a weak map', new WeakMap()],
    ['a cycle', cycle],
    ['a function inside', [{ f: () => 1 }]],
    ['a promise inside', { p: Promise.resolve(1) }],
    ['a function inside a Map', new Map([['f', () => 1]])],
  ] as const) {
    test(`refuses ${kind} and goes on working`, () => {
      assert.throws(() => encode(value), { code: 'ERR_CACHE_VALUE', message: /^value must be / })
      assert.deepEqual(roundTrip({ ok: [1, 2] }), { ok: [1, 2] })
      assert.deepEqual(roundTrip(new Map([[1, { ok: 2 }]])), new Map([[1, { ok: 2 }]]))
    })
  }

  test('refuses the extensions it never writes', () => {
    const foreign = new Packr({ moreTypes: true, structuredClone: true })
    const shared = {}
    const inputs = [new Error('e'), /x/, [shared, shared]].map((value) => foreign.pack(value))
    for (const bytes of inputs) assert.throws(() => decode(Codec.msgpack, bytes), { code: 'ERR_CACHE_PAYLOAD' })
    assert.throws(() => decode(9, Buffer.from('a')), { code: 'ERR_CACHE_PAYLOAD' })
  })

  test('shares no extensions with other users of msgpackr', () => {
    class Money {
      cents = 5
    }
    addExtension({ Class: Money, type: 0x01, write: () => 'money', read: () => 'money' })
    assert.deepEqual(roundTrip(new Money()), { cents: 5 })
    const theirs = new Packr({ moreTypes: true })
    assert.ok(theirs.unpack(theirs.pack(/x/)) instanceof RegExp)
  })

  test('damaged bytes are refused or decoded, never worse', () => {
    const whole = bytesOf(Codec.msgpackRecords, encode({ m: new Map([[1, [new Date(), 'x'.repeat(50)]]]), s: new Set([1n]) }).payload)
    const damage = fc.tuple(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), fc.constantFrom(4, 5))
    const property = fc.property(damage, ([at, byte, length, codec]) => {
      const bytes = Uint8Array.from(whole)
      bytes[at] = byte
      try {
        decode(codec, bytes.subarray(0, length))
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'ERR_CACHE_PAYLOAD')
      }
    })
    fc.assert(property, { seed, numRuns: 2_000 })
  })
})

function hasMinusZero(value: unknown): boolean {
  if (Object.is(value, -0)) return true
  return typeof value === 'object' && value !== null && Object.values(value).some(hasMinusZero)
}
