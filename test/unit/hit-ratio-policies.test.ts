import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { Lru } from '../../bench/hit-ratio/policies/lru'
import type { Policy } from '../../bench/hit-ratio/policies/policy'
import { S3Fifo } from '../../bench/hit-ratio/policies/s3-fifo'
import { Sieve } from '../../bench/hit-ratio/policies/sieve'
import { WTinyLfu } from '../../bench/hit-ratio/policies/w-tinylfu'
import { cacheSizes, hitRatio, replay } from '../../bench/hit-ratio/replay'
import { denseTrace, loadTrace, loop, shiftingPopularity, zipf, zipfWithScan } from '../../bench/hit-ratio/traces'
import { suite } from '../helpers/suite'

/** One character per access: h for a hit, - for a miss. */
function outcome(policy: Policy, keys: number[]): string {
  return keys.map((key) => (policy.access(key) ? 'h' : '-')).join('')
}

suite('hit ratio reference policies', (test) => {
  test('LRU evicts what was used longest ago', () => {
    // 2 evicts 1 (0 was just used), 1 evicts 0, 0 evicts 2.
    assert.equal(outcome(new Lru(2, 3), [0, 1, 0, 2, 1, 0]), '--h---')
  })

  test('SIEVE spares visited keys in place and remembers its hand', () => {
    // 3: the hand clears 0 and evicts 1. 4: it goes on at 2 and evicts it. 1: it clears 3 and evicts 4.
    assert.equal(outcome(new Sieve(3, 5), [0, 1, 2, 0, 3, 0, 4, 0, 3, 1, 4]), '---h-h-hh--')
  })

  test('S3-FIFO promotes, demotes to the ghost and brings back to main', () => {
    // small 1, main 3, ghost 3. 4: 0 goes to main, 1 to the ghost. 1 and 2 come back into main, 3 goes to the ghost.
    // 5: main re-inserts 0 and evicts 1, which no ghost remembers. 1: 4 goes to the ghost.
    const keys = [0, 1, 2, 3, 0, 0, 4, 1, 2, 0, 5, 1, 0, 4]
    assert.equal(outcome(new S3Fifo(4, 6), keys), '----hh---h--h-')
  })

  test('S3-FIFO promotes after one hit if told so', () => {
    // 4: 0 has one hit; it stays in main with promoteAt 1 and is evicted first otherwise.
    assert.equal(outcome(new S3Fifo(4, 5, { promoteAt: 1 }), [0, 1, 2, 3, 0, 4, 0]), '----h-h')
    assert.equal(outcome(new S3Fifo(4, 5), [0, 1, 2, 3, 0, 4, 0]), '----h--')
  })

  test('W-TinyLFU admits from the window only what was seen more often than the victim', () => {
    const fill = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    // 10 pushes 9 out of the window, which ties with 0 and is dropped; so is 10 in its turn.
    // 11 pushes 9 out again, seen twice by now: it replaces 1, the oldest in probation after 0 was hit.
    const policy = new WTinyLfu(10, 12, 0.1)
    assert.equal(outcome(policy, [...fill, 10, 9, 0, 11, 1, 9]), `${'-'.repeat(10)}--h--h`)
  })

  test('as many keys as the capacity stay for good', () => {
    for (const capacity of [2, 7, 64]) {
      const trace = loop({ length: capacity, requests: 10 * capacity })
      for (const policy of policies(capacity, trace.distinct)) {
        assert.equal(replay(policy, trace).hits, 9 * capacity, `${policy.name} at ${capacity}`)
      }
    }
  })

  test('no policy beats the optimum, which a capacity overrun soon would', () => {
    const trace = zipf({ population: 200, requests: 5_000, skew: 0.6, seed: 3 })
    for (const capacity of [2, 7, 64, 190]) {
      const optimum = optimalHits(trace.keys, capacity)
      for (const policy of policies(capacity, trace.distinct)) {
        assert.ok(replay(policy, trace).hits <= optimum, `${policy.name} at ${capacity}`)
      }
    }
  })

  test('a cache as large as the trace misses every key once', () => {
    const trace = zipf({ population: 300, requests: 5_000, skew: 1, seed: 1 })
    for (const policy of policies(trace.distinct, trace.distinct)) {
      const { requests, hits } = replay(policy, trace)
      assert.equal(requests - hits, trace.distinct, policy.name)
    }
  })

  test('a capacity below two is refused', () => {
    for (const make of [Lru, Sieve, S3Fifo, WTinyLfu]) assert.throws(() => new make(1, 10), RangeError)
  })
})

suite('hit ratio traces and replay', (test) => {
  test('keys are renumbered by first occurrence', () => {
    const trace = denseTrace('t', [70, 5, 70, 900, 5])
    assert.deepEqual([...trace.keys], [0, 1, 0, 2, 1])
    assert.equal(trace.distinct, 3)
  })

  test('a trace file is gzip of little-endian 32-bit ids', () => {
    const folder = mkdtempSync(join(tmpdir(), 'hit-ratio-'))
    try {
      const path = join(folder, 'tiny.u32.gz')
      writeFileSync(path, gzipSync(Buffer.from([1, 2, 0, 0, 255, 255, 255, 255, 1, 2, 0, 0])))
      const trace = loadTrace(path)
      assert.equal(trace.name, 'tiny')
      assert.deepEqual([...trace.keys], [0, 1, 0])
      writeFileSync(path, gzipSync(Buffer.from([1, 2, 3])))
      assert.throws(() => loadTrace(path), /32-bit/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('generators depend on the seed only', () => {
    const options = { population: 1000, requests: 2000, skew: 1 }
    assert.deepEqual(zipf({ ...options, seed: 9 }), zipf({ ...options, seed: 9 }))
    assert.notDeepEqual(zipf({ ...options, seed: 9 }).keys, zipf({ ...options, seed: 10 }).keys)
  })

  test('generators make what they say', () => {
    assert.deepEqual([...loop({ length: 3, requests: 7 }).keys], [0, 1, 2, 0, 1, 2, 0])

    const plain = zipf({ population: 100, requests: 20_000, skew: 1 })
    const harmonic = Array.from({ length: 100 }, (_, rank) => 1 / (rank + 1)).reduce((sum, share) => sum + share)
    assert.ok(Math.abs(share(plain.keys) - 1 / harmonic) < 0.02)

    const scanned = zipfWithScan({ population: 100, requests: 20_000, skew: 1, scan: 0.3 })
    assert.ok(Math.abs((scanned.distinct - 100) / 20_000 - 0.3) < 0.02)

    const shifted = shiftingPopularity({ population: 1000, requests: 20_000, skew: 1.2, shifts: 1, step: 500 })
    assert.notEqual(mostFrequent(shifted.keys.subarray(0, 10_000)), mostFrequent(shifted.keys.subarray(10_000)))
  })

  test('replay counts, sizes follow the distinct keys', () => {
    const trace = loop({ length: 3, requests: 9 })
    const result = replay(new Lru(3, trace.distinct), trace)
    assert.deepEqual(result, { requests: 9, hits: 6 })
    assert.equal(hitRatio(result), 6 / 9)
    assert.equal(hitRatio({ requests: 0, hits: 0 }), 0)
    assert.deepEqual(cacheSizes({ ...trace, distinct: 2606 }), [500, 521])
    assert.deepEqual(cacheSizes({ ...trace, distinct: 60_734 }), [3036, 6073, 12_146])
  })
})

function policies(capacity: number, keys: number): Policy[] {
  return [
    new Lru(capacity, keys),
    new Sieve(capacity, keys),
    new S3Fifo(capacity, keys),
    new S3Fifo(capacity, keys, { promoteAt: 1 }),
    new WTinyLfu(capacity, keys, 0.01),
    new WTinyLfu(capacity, keys, 0.1),
  ]
}

/** Belady: evict the key whose next request is farthest away. */
function optimalHits(keys: Uint32Array, capacity: number): number {
  const next = new Array<number>(keys.length)
  const seen = new Map<number, number>()
  for (let i = keys.length - 1; i >= 0; i--) {
    next[i] = seen.get(keys[i]!) ?? Infinity
    seen.set(keys[i]!, i)
  }
  const nextUse = new Map<number, number>()
  let hits = 0
  keys.forEach((key, i) => {
    if (nextUse.has(key)) hits++
    else if (nextUse.size >= capacity) {
      const [victim] = [...nextUse].reduce((far, entry) => (entry[1] > far[1] ? entry : far))
      nextUse.delete(victim)
    }
    nextUse.set(key, next[i]!)
  })
  return hits
}

function counts(keys: Uint32Array): Map<number, number> {
  const seen = new Map<number, number>()
  for (const key of keys) seen.set(key, (seen.get(key) ?? 0) + 1)
  return seen
}

function mostFrequent(keys: Uint32Array): number {
  return [...counts(keys)].sort((a, b) => b[1] - a[1])[0]![0]
}

function share(keys: Uint32Array): number {
  return counts(keys).get(mostFrequent(keys))! / keys.length
}
