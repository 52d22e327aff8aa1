import * as assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { decodeMessage, encodeHeartbeat, encodeRelease } from '../../src/l2/message'
import { encode } from '../../src/wire/codec'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'

const pack = (value: unknown): Buffer => Buffer.from(encode(value).payload as Uint8Array)
const sound = (): unknown[] => [17, '123', 5, 7, 'host', 9, 0, 1, 'n|k', 0, '', 2, '|k|x']

suite('l2 message', (test) => {
  test('tells each change with the version of its sequence', () => {
    assert.deepEqual(decodeMessage(pack(sound())), {
      partition: 17, epoch: 123, seqFirst: 5, seqLast: 7, origin: 'host', isFirst: false,
      events: [
        { kind: 1, version: 5 * 1024 + 9, namespace: 'n', key: 'k' },
        { kind: 0 },
        { kind: 2, version: 7 * 1024 + 9, namespace: '', key: 'k|x' },
      ],
    })
  })

  test('of a clear tells the epoch', () => {
    assert.deepEqual(decodeMessage(pack([256, '1', 1, 1, 'h', 0, 1, 5, 'a/b', 4_000_000_000]))?.partition, 256)
    const { events } = decodeMessage(pack([256, '1', 1, 1, 'h', 0, 1, 5, 'a/b', 4_000_000_000])) as { events: unknown }
    assert.deepEqual(events, [{ kind: 5, namespace: 'a/b', nsEpoch: 4_000_000_000 }])
  })

  test('sequences far above 2^32 are exact', () => {
    const seq = 2 ** 42 - 1
    const message = decodeMessage(pack([1, '9', seq, seq, 'h', 1023, 0, 1, 'n|k']))
    assert.deepEqual((message as { events: { version: number }[] }).events[0]!.version, 2 ** 52 - 1)
  })

  test('a heartbeat comes back as it was sent', () => {
    assert.deepEqual(decodeMessage(encodeHeartbeat('host', 7)), { partition: -1, origin: 'host', counter: 7 })
  })

  test('the end of a load for all hosts names its key', () => {
    assert.deepEqual(decodeMessage(encodeRelease('host', 'a/b|k|x')), { partition: -2, origin: 'host', namespace: 'a/b', key: 'k|x' })
    assert.equal(encodeRelease('h', '|k').toString('hex'), '93fea168a27c6b')
    for (const wrong of [[-2, 'host'], [-2, 7, '|k'], [-2, 'host', 'no bar']]) assert.equal(decodeMessage(pack(wrong)), undefined)
  })

  test('anything that is not exactly a message is none', () => {
    const wrong = [
      null, 7, 'text', {}, [], [-1], [-1, 7, 'x'],
      ...sound().map((_, index) => sound().with(index, { bad: true })),
      [...sound(), 1], sound().slice(0, -1), sound().with(2, 0), sound().with(3, 4_000_000), sound().with(0, 257), sound().with(7, 4), sound().with(1, '-1'),
    ]
    for (const value of wrong) {
      if (Array.isArray(value) && typeof value[6] === 'object') continue
      assert.equal(decodeMessage(pack(value)), undefined, JSON.stringify(value))
    }
  })

  test('hostile bytes never throw and never hang', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        decodeMessage(bytes)
      }),
      { seed, numRuns: 20_000 },
    )
    const base = pack(sound())
    fc.assert(
      fc.property(fc.nat(base.length - 1), fc.nat(255), fc.nat(base.length), (at, byte, cut) => {
        const bytes = Buffer.from(base)
        bytes[at] = byte
        decodeMessage(bytes.subarray(0, cut))
        decodeMessage(bytes)
      }),
      { seed, numRuns: 20_000 },
    )
    for (const bomb of ['dd7fffffff', 'df7fffffff', 'c67fffffff', 'db7fffffff', '91'.repeat(100_000)]) {
      assert.equal(decodeMessage(Buffer.from(bomb, 'hex')), undefined)
    }
  })
})
