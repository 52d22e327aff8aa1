import * as assert from 'node:assert/strict'
import type { DiskRecord } from '../../src/journal/contract'
import { FILE_HEAD_BYTES, fileHead, readDiskFile, recordFrame, settledFrame } from '../../src/journal/disk-format'
import { suite } from '../helpers/suite'

const HOST = '00000000000000a1'

function record(key: string, payload = `value of ${key}`): DiskRecord {
  return {
    op: 1, namespace: 'n', key, partition: 7, codec: 1, payload: Buffer.from(payload), softAtMs: 0, hardAtMs: 0, order: 4, mark: 9, atMs: 1,
    epoch: 5, floor: 1023, controlEpoch: 6, fleetEpoch: 3,
  }
}

const keysOf = (bytes: Buffer): string[] | undefined => readDiskFile(bytes)?.records.map(({ key }) => key)

suite('append-only file', (test) => {
  test('comes back as it was written', () => {
    const records = [record('a'), record('clé', ''), record('c', 'x'.repeat(100_000))]
    const file = readDiskFile(Buffer.concat([fileHead(HOST), ...records.map(recordFrame)]))!
    assert.deepEqual([file.hostId, file.isCut], [HOST, false])
    assert.deepEqual(file.records.map((one) => ({ ...one, payload: Buffer.from(one.payload) })), records)
  })

  test('has the bytes that other versions read', () => {
    assert.equal(fileHead(HOST).toString('latin1'), `STDISK01${HOST}`)
    const frame = recordFrame(record('k', 'v'))
    const head = '{"op":1,"namespace":"n","key":"k","partition":7,"codec":1,"softAtMs":0,"hardAtMs":0,"order":4,"mark":9,"atMs":1,"epoch":5,"floor":1023,"controlEpoch":6,"fleetEpoch":3}'
    assert.equal(frame.readUInt32BE(0), frame.length - 8)
    assert.equal(frame.readUInt16BE(8), head.length)
    assert.equal(frame.toString('utf8', 10), `${head}v`)
    assert.equal(frame.readUInt32BE(4), 0xc8f32ff9)
    assert.equal(settledFrame(24).toString('utf8', 10), '{"settled":24}')
  })

  test('cut off anywhere, it is what was whole before', () => {
    const frames = ['a', 'b', 'c'].map((key) => recordFrame(record(key)))
    const whole = Buffer.concat([fileHead(HOST), ...frames])
    for (let length = 0; length <= whole.length; length++) {
      let end = FILE_HEAD_BYTES
      let count = 0
      while (count < 3 && end + frames[count]!.length <= length) end += frames[count++]!.length
      const file = readDiskFile(whole.subarray(0, length))
      assert.deepEqual(file?.records.map(({ key }) => key), length < FILE_HEAD_BYTES ? undefined : ['a', 'b', 'c'].slice(0, count))
      assert.equal(file?.isCut, file && end !== length)
    }
  })

  test('damaged anywhere, it ends before the damage', () => {
    const frames = ['a', 'b'].map((key) => recordFrame(record(key)))
    const whole = Buffer.concat([fileHead(HOST), ...frames])
    for (let at = FILE_HEAD_BYTES; at < whole.length; at++) {
      const hurt = Buffer.from(whole)
      hurt[at]! ^= 0x10
      assert.deepEqual(keysOf(hurt), at < FILE_HEAD_BYTES + frames[0]!.length ? [] : ['a'])
    }
    assert.equal(readDiskFile(Buffer.from('something else, and long enough')), undefined)
  })

  test('what is settled is not told again', () => {
    const frames = ['a', 'b', 'c'].map((key) => recordFrame(record(key)))
    const second = FILE_HEAD_BYTES + frames[0]!.length
    const third = second + frames[1]!.length
    assert.deepEqual(keysOf(Buffer.concat([fileHead(HOST), frames[0]!, frames[1]!, settledFrame(second), frames[2]!])), ['b', 'c'])
    assert.deepEqual(keysOf(Buffer.concat([fileHead(HOST), ...frames, settledFrame(third), settledFrame(second)])), ['c'])
  })
})
