import * as assert from 'node:assert/strict'
import { writeOf } from '../helpers/redis/write-recorder'
import { suite } from '../helpers/suite'

const line = (envelope: string): string => `+1700000000.123456 [0 lua] "SET" "sc1:{test.7}:d|some|key5" "${envelope}" "PX" "60000"`

suite('the writes that MONITOR tells of', (test) => {
  test('the value is told by its own tag, whatever the bytes before it look like', () => {
    const write = { atS: 1_700_000_000.123456, namespace: 'some', key: 'key5' }
    const header = 'SC\\x01\\x02\\x00\\x00\\x00#kV#\\xd9\\x00'
    assert.deepEqual(writeOf(line(`${header}some|key5#A1.479#and more`)), { ...write, value: '#A1.479#' })
    assert.deepEqual(writeOf(line(`${header}some|key5`)), write)
  })

  test('what is no write of a value is none', () => {
    assert.equal(writeOf('+1700000000.123456 [0 lua] "HSET" "sc1:{test.7}:s" "n" "1"'), undefined)
    assert.equal(writeOf('+1700000000.123456 [0 127.0.0.1:40000] "SET" "sc1:{test.7}:d|some|key5" "#A1.1#"'), undefined)
  })
})
