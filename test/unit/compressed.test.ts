import * as assert from 'node:assert/strict'
import * as zlib from 'node:zlib'
import * as fc from 'fast-check'
import { Codec, decode, EncodedValue, encodeToBytes } from '../../src/wire/codec'
import { type Algorithm, CODEC_OF, deferring, hasAlgorithm, LEVELS, MAX_RAW_BYTES, pack, Packed, usualAlgorithm, withReady } from '../../src/wire/compressed'
import { readNotes } from '../../src/wire/notes'
import { registerCodec } from '../../src/wire/value-codec'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'
import { cloneCodec, jsonCodec, rows } from '../helpers/value-codecs'

const ALGORITHMS = (['zstd', 'brotli', 'gzip'] as const).filter(hasAlgorithm)
const BAD = { code: 'ERR_CACHE_PAYLOAD' }

function packed(value: unknown, algorithm: Algorithm = 'brotli'): Buffer {
  const { codec, bytes } = encodeToBytes(value)
  return Buffer.from(pack(codec, bytes, { algorithm, level: LEVELS[algorithm][2] })!)
}

/** As `pack`, of bytes and a size that need not fit each other. */
function forged(codec: number, declaredBytes: number, compressed: Uint8Array): Buffer {
  const head = Buffer.alloc(8)
  head[0] = codec
  head.writeUInt32LE(declaredBytes, 4)
  return Buffer.concat([head, compressed])
}

suite('compressed', (test) => {
  for (const algorithm of ALGORITHMS) {
    test(`${algorithm} round-trips any text that repeats, whatever encodes it`, () => {
      const values = fc.tuple(fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), fc.integer({ min: 20, max: 200 }), fc.boolean())
      fc.assert(fc.property(values, ([text, times, isInside]) => {
        const value = isInside ? { text: text.toWellFormed().repeat(times) } : text.repeat(times)
        const { codec, bytes } = encodeToBytes(value)
        const payload = pack(codec, bytes, { algorithm, level: LEVELS[algorithm][0] })
        if (payload !== undefined) assert.deepEqual(decode(CODEC_OF[algorithm], payload), value)
      }), { seed, numRuns: 200 })
    })
  }

  test('a value that does not become a twentieth smaller is not packed', () => {
    const noise = Buffer.from(Array.from({ length: 4096 }, (_, i) => (Math.imul(i + 1, 2_654_435_761) ^ Math.imul(i, i * 40_503)) >>> 13))
    assert.equal(pack(Codec.bytes, zlib.brotliCompressSync(noise), { algorithm: 'brotli', level: 4 }), undefined)
  })

  test('a value that inflates to more or less than it declares is refused', () => {
    const bytes = Buffer.alloc(1_000_000, 'a')
    for (const [codec, compressed] of [[Codec.brotli, zlib.brotliCompressSync(bytes)], [Codec.gzip, zlib.gzipSync(bytes)]] as const) {
      assert.deepEqual(decode(codec, forged(Codec.bytes, bytes.length, compressed)), bytes)
      for (const declared of [0, 1, bytes.length - 1, bytes.length + 1, MAX_RAW_BYTES + 1, 2 ** 32 - 1]) {
        assert.throws(() => decode(codec, forged(Codec.bytes, declared, compressed)), BAD, String(declared))
      }
    }
  })

  test('no bytes whatever throw anything but ERR_CACHE_PAYLOAD', () => {
    const good = packed(rows(4_000))
    const codecs = fc.integer({ min: Codec.noted, max: 127 })
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, change]) => {
        const bytes = Buffer.from(good)
        bytes[at]! ^= change
        return bytes
      }),
      fc.nat(good.length).map((end) => good.subarray(0, end)),
    )
    fc.assert(fc.property(codecs, hostile, (codec, bytes) => {
      try {
        decode(codec, bytes)
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'ERR_CACHE_PAYLOAD')
      }
    }), { seed, numRuns: 1_000 })
  })

  test('neither notes nor compressed values lie inside compressed ones', () => {
    const inner = packed('a'.repeat(1_000))
    for (const codec of [Codec.noted, Codec.brotli, Codec.gzip, 127]) {
      assert.throws(() => decode(Codec.brotli, forged(codec, inner.length, zlib.brotliCompressSync(inner))), BAD)
    }
  })

  test('zstd is the usual one where this Node has it, and a miss where not', () => {
    assert.equal(usualAlgorithm(), hasAlgorithm('zstd') ? 'zstd' : 'brotli')
    assert.throws(() => decode(Codec.zstd, forged(Codec.bytes, 100, Buffer.alloc(50, 1))), BAD)
  })

  test('notes are read without decompressing', () => {
    const noted = EncodedValue.noted(new EncodedValue(Codec.brotli, forged(Codec.bytes, 100, Buffer.alloc(9))), { etag: 'e', ttlMs: 5, loadMs: 6, capAtMs: 7 })
    assert.deepEqual(readNotes(noted.payload as Uint8Array), { etag: 'e', ttlMs: 5, loadMs: 6, capAtMs: 7 })
    assert.deepEqual(decode(Codec.noted, EncodedValue.noted(new EncodedValue(Codec.brotli, packed('x'.repeat(500))), { ttlMs: 0, loadMs: 0, capAtMs: 0 }).payload as Uint8Array), 'x'.repeat(500))
  })

  test('what is put off is unpacked elsewhere, and then not again', () => {
    const bytes = packed('y'.repeat(100_000))
    const found = deferring(50_000, () => decode(Codec.brotli, bytes))
    assert.ok(found instanceof Packed)
    assert.deepEqual(Buffer.from(found.bytes), bytes)
    assert.equal(withReady(found, Buffer.from('what was unpacked'), () => decode(Codec.brotli, bytes)), 'what was unpacked')
    assert.equal(deferring(200_000, () => decode(Codec.brotli, bytes)), 'y'.repeat(100_000))
    assert.equal(decode(Codec.brotli, bytes), 'y'.repeat(100_000), 'only within the step')
  })
})

suite('codecs of users', (test) => {
  test('round-trips what the codec can, and any JSON', () => {
    const codec = cloneCodec('clone@unit')
    registerCodec(codec)
    fc.assert(fc.property(fc.jsonValue(), (value) => {
      const { codec: number, bytes } = encodeToBytes(EncodedValue.by(codec, value))
      assert.deepEqual(decode(number, Buffer.from(bytes)), value)
    }), { seed, numRuns: 300 })
    const odd = [new Error('kept'), /re/g, 'text', Buffer.from('bytes')]
    for (const value of odd) assert.deepEqual(decode(Codec.named, Buffer.from(encodeToBytes(EncodedValue.by(codec, value)).bytes)), value)
  })

  test('golden bytes: the name, then the bytes of the codec', () => {
    const { codec, bytes } = encodeToBytes(EncodedValue.by(jsonCodec(1), [1]))
    assert.equal(codec, 7)
    assert.equal(Buffer.from(bytes).toString('latin1'), '\x06json@1v1[1]')
  })

  test('null is of the built-in codec, so that everybody can read it', () => {
    assert.equal(EncodedValue.by(jsonCodec(1), null).codec, Codec.msgpack)
  })

  test('an unknown codec, a codec that throws and one that decodes to nothing are refused as payloads', () => {
    const bytes = Buffer.from(encodeToBytes(EncodedValue.by(cloneCodec('stranger@1'), 5)).bytes)
    assert.throws(() => decode(Codec.named, bytes), { ...BAD, message: /codec stranger@1/ })
    registerCodec({ ...cloneCodec('stranger@1'), decode: () => assert.fail('broken') })
    assert.throws(() => decode(Codec.named, bytes), { ...BAD, message: /stranger@1/ })
    registerCodec({ ...cloneCodec('stranger@1'), decode: () => undefined })
    assert.throws(() => decode(Codec.named, bytes), BAD)
    for (const damaged of ['', '\x00', '\x09a@1', '\x03a\n1..']) assert.throws(() => decode(Codec.named, Buffer.from(damaged)), BAD)
  })

  test('what the codec refuses is ERR_CACHE_VALUE', () => {
    const refusing = { ...cloneCodec('refusing@1'), encode: () => assert.fail('no') }
    assert.throws(() => EncodedValue.by(refusing, 1), { code: 'ERR_CACHE_VALUE' })
    assert.throws(() => EncodedValue.by({ ...refusing, encode: () => 'text' as unknown as Uint8Array }, 1), { code: 'ERR_CACHE_VALUE' })
  })
})
