// Frames of RESP come out whole and byte for byte, however the bytes arrive.
import * as assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { type DropRule, PushDropper } from '../helpers/redis/push-dropper'
import { RespFrames } from '../helpers/redis/resp-frames'
import { encodeCommand, Push, RedisError, readReply } from '../helpers/redis/resp-reply'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'

const FRAMES = [
  '+OK\r\n', '-ERR no\r\n', ':42\r\n', ':-1\r\n', '$0\r\n\r\n', '$-1\r\n', '$5\r\na\r\nbc\r\n', '*0\r\n', '*-1\r\n', '_\r\n', '#t\r\n',
  ',1.5\r\n', ',-inf\r\n', '(123456789012345678901\r\n', '=7\r\ntxt:abc\r\n', '!5\r\nERR x\r\n',
  '*2\r\n*2\r\n:1\r\n$1\r\n*\r\n*0\r\n', '%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n+c\r\n', '~1\r\n:7\r\n', '|1\r\n+ttl\r\n:5\r\n*1\r\n:9\r\n',
  '>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nm1\r\n', '>3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$2\r\nm2\r\n',
  '>4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\nc\r\n$2\r\nm3\r\n', '>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n',
]

/** Bytes in pieces of the given lengths, over and over. */
function pieces(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const cuts: Buffer[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const end = at + lengths[i % lengths.length]!
    cuts.push(bytes.subarray(at, end))
    at = end
  }
  return cuts
}

const aStream = fc.array(fc.constantFrom(...FRAMES), { maxLength: 30 })
const someLengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 })
const isMessage = (frame: string): boolean => /^>\d\r\n\$\d\r\n[ps]?message/.test(frame)

const through = (dropper: PushDropper, chunks: readonly Buffer[]): string =>
  chunks.map((chunk) => dropper.push(chunk).toString('latin1')).join('')

suite('frames of RESP', (test) => {
  test('are the same in pieces of any length', () => {
    fc.assert(fc.property(aStream, someLengths, (stream, lengths) => {
      const frames = new RespFrames()
      const seen = pieces(Buffer.from(stream.join('')), lengths).flatMap((piece) => frames.push(piece).map(String))
      assert.deepEqual(seen, stream)
      assert.equal(frames.held, 0)
    }), { seed })
  })

  test('a large one in many pieces costs no more than its bytes', () => {
    const large = Buffer.concat([Buffer.from('$50000000\r\n'), Buffer.alloc(50_000_000), Buffer.from('\r\n+OK\r\n')])
    const frames = new RespFrames()
    const lengths = pieces(large, [65_536]).flatMap((piece) => frames.push(piece).map((frame) => frame.length))
    assert.deepEqual(lengths, [large.length - 5, 5])
  })

  test('what is not RESP is refused', () => {
    for (const text of ['hello\r\n', '$x\r\n', '*1.5\r\n', '$1\r\nabc\r\n', '\x16\x03\x01\r\n']) {
      assert.throws(() => new RespFrames().push(Buffer.from(text)), /not RESP/, text)
    }
  })

  test('are read as what they say', () => {
    const read = (text: string) => readReply(Buffer.from(text))
    assert.deepEqual(read('*3\r\n:1\r\n$2\r\nab\r\n_\r\n'), [1, Buffer.from('ab'), null])
    assert.deepEqual(read('=7\r\ntxt:abc\r\n'), Buffer.from('abc'))
    assert.deepEqual(read('%1\r\n+a\r\n#f\r\n'), [Buffer.from('a'), false])
    assert.deepEqual(read('|1\r\n+ttl\r\n:5\r\n*1\r\n,-inf\r\n'), [Number.NEGATIVE_INFINITY])
    assert.deepEqual(read('>1\r\n(7\r\n'), new Push([7n]))
    assert.ok(read('-ERR no\r\n') instanceof RedisError)
    assert.equal(encodeCommand(['SET', 'k', Buffer.from('ü')]).toString(), '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\nü\r\n')
  })
})

suite('messages dropped from a stream', (test) => {
  test('without a rule every byte passes as soon as it comes', () => {
    fc.assert(fc.property(aStream, someLengths, (stream, lengths) => {
      const dropper = new PushDropper(() => undefined)
      for (const piece of pieces(Buffer.from(stream.join('')), lengths)) {
        assert.equal(dropper.push(piece).toString('latin1'), piece.toString('latin1'))
      }
    }), { seed })
  })

  test('are exactly those that the rule names, in pieces of any length', () => {
    fc.assert(fc.property(aStream, someLengths, fc.constantFrom('m1', 'm2', 'm3'), (stream, lengths, unwanted) => {
      const dropper = new PushDropper(() => ({ payload }) => String(payload) === unwanted)
      const passed = through(dropper, pieces(Buffer.from(stream.join('')), lengths))
      assert.equal(passed, stream.filter((frame) => !(isMessage(frame) && frame.includes(unwanted))).join(''))
    }), { seed })
  })

  test('a rule that comes and goes never breaks a frame', () => {
    fc.assert(fc.property(aStream, someLengths, fc.array(fc.boolean(), { minLength: 1 }), (stream, lengths, phases) => {
      let rule: DropRule | undefined
      const dropper = new PushDropper(() => rule)
      const chunks = pieces(Buffer.from(stream.join('')), lengths)
      let passed = ''
      chunks.forEach((chunk, i) => {
        rule = phases[i % phases.length] ? () => true : undefined
        passed += dropper.push(chunk).toString('latin1')
      })
      rule = undefined
      passed += dropper.push(Buffer.from('+END\r\n')).toString('latin1')
      const frames = new RespFrames().push(Buffer.from(passed)).map(String)
      assert.deepEqual(frames.filter((frame) => !isMessage(frame)), [...stream.filter((frame) => !isMessage(frame)), '+END\r\n'])
    }), { seed })
  })

  test('in RESP2 only a subscriber has messages', () => {
    const message = '*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n'
    const subscribed = '*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n'
    const unsubscribed = '*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n'
    const dropper = new PushDropper(() => () => true)
    const passed = through(dropper, [message, subscribed, message, unsubscribed, message].map((text) => Buffer.from(text)))
    assert.equal(passed, message + subscribed + unsubscribed + message)
  })

  test('a stream that is not RESP passes, and a rule for it is refused', () => {
    let rule: DropRule | undefined
    const dropper = new PushDropper(() => rule)
    assert.equal(dropper.push(Buffer.from('\x16\x03')).toString('latin1'), '\x16\x03')
    assert.equal(dropper.push(Buffer.from('\x01\r\n!')).toString('latin1'), '\x01\r\n!')
    rule = () => true
    assert.throws(() => dropper.push(Buffer.from('x')), /not RESP/)
  })
})
