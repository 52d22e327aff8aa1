import * as assert from 'node:assert/strict'
import { Names, splitSuffix, suffixOf } from '../../src/l2/names'
import { partitionOf } from '../../src/words/partition'
import { partitionSlots, readSlotRanges, slotOfTag } from '../../src/l2/slots'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'

const ALPHABET = ['a', 'b', '|', '/', ':', '{', '}', '*', '?', '[', '\0', ' ', '.', '1', 'é', '🙂', '__proto__']

suite('l2 names', (test) => {
  test('partitions are stable for ever', () => {
    const pairs: [string, string, string?][] = [['', 'a'], ['users', '42'], ['a/b', 'k|x'], ['n', 'é🙂'], ['', 'x', 'group'], ['other', 'y', 'group']]
    assert.deepEqual(pairs.map((pair) => partitionOf(...pair)), GOLDEN)
  })

  test('100,000 random pairs of namespace and key never share a name', () => {
    let state = seed >>> 0
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
    const word = (max: number): string => Array.from({ length: 1 + random(max) }, () => ALPHABET[random(ALPHABET.length)]!).join('')
    const names = new Names('shop')
    const pairByName = new Map<string, string>()
    for (let round = 0; round < 100_000; round++) {
      const namespace = random(4) === 0 ? '' : word(3).replaceAll('|', 'x')
      const key = word(5)
      const pair = JSON.stringify([namespace, key])
      const name = names.data(partitionOf(namespace, key), suffixOf(namespace, key))
      assert.equal(pairByName.get(name) ?? pair, pair)
      pairByName.set(name, pair)
      assert.deepEqual(splitSuffix(suffixOf(namespace, key)), { namespace, key })
    }
  })

  test('all keys of a partition have its tag, whatever the key holds', () => {
    const names = new Names('shop')
    for (const name of [names.data(17, '{x}|{y}'), names.state(17), names.log(17)]) {
      assert.equal(/\{([^}]*)\}/.exec(name)![1], 'shop.17')
    }
  })

  test('names of caches and prefixes that could change the tag are refused', () => {
    for (const [cache, prefix] of [['a{b', 'sc1'], ['', 'sc1'], ['a}', 'sc1'], ['a', '{x}'], ['a', '']] as const) {
      assert.throws(() => new Names(cache, prefix), { code: 'ERR_CACHE_OPTION' })
    }
  })

  test('slots are those of Redis', () => {
    assert.deepEqual(['123456789', 'user1000', 'shop.0'].map(slotOfTag), [0x31c3, 3443, partitionSlots('shop')[0]])
    assert.equal(partitionSlots('shop').length, 257)
  })

  test('an answer about slots is believed only in its form', () => {
    assert.deepEqual(readSlotRanges([[0, 5, [Buffer.from('h'), 1, Buffer.from('id')]]], 'x'), [{ first: 0, last: 5, host: 'h', port: 1 }])
    assert.equal(readSlotRanges([[0, 5, [null, 1]]], 'asked')![0]!.host, 'asked')
    for (const hostile of [null, 1, [1], [[0, 99_999, ['h', 1]]], [['__proto__', 1, ['h', 1]]], [[0, 1, 'h']]]) {
      assert.equal(readSlotRanges(hostile, 'x'), undefined)
    }
  })
})

// zlib.crc32(b'users|42') % 256 in any language.
const GOLDEN = [203, 92, 240, 119, 197, 197]
