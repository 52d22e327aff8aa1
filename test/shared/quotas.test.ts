// Quotas of a host: kept by all its processes together, exact after any of them is killed in the middle of its writes.
import * as assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Cache, createCache } from '../../src'
import type { SharedL1 } from '../../src/l1/shared-table'
import { uniqueName, withDirectory } from '../helpers/cache'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const SCRIPT = join(__dirname, '..', 'helpers', 'quota-worker.js')
const KIB = 1024
const PROCESSES = 3

type Options = { name: string; dir: string; memory: string; fallback: 'error' }

interface Told {
  rounds: number
}

class Flooder {
  rounds = 0
  readonly #child: ChildProcess

  constructor(options: Options, kind: 'unknown' | 'bounded', seed: number) {
    this.#child = fork(SCRIPT, [JSON.stringify(options), kind, String(seed)])
    this.#child.on('message', ({ rounds }: Told) => (this.rounds = rounds))
  }

  async kill(): Promise<void> {
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exit
  }
}

function withHost(body: (cache: Cache, options: Options) => Promise<void>): Promise<void> {
  return withDirectory(async (dir) => {
    const options: Options = { name: uniqueName(), dir, memory: '8mb', fallback: 'error' }
    const cache = createCache(options)
    try {
      await body(cache, options)
    } finally {
      await cache.close({ unlink: true })
    }
  })
}

/** When nobody writes any more: what counts is what is there, which the audit walks. */
function isExact(cache: Cache): boolean {
  const { violations, ownedByDead, isCounted } = (Cache.tableOf(cache) as SharedL1).audit()
  return violations.length === 0 && ownedByDead === 0 && isCounted
}

suite('quotas of a host', (test) => {
  test('floods of unknown keys from several processes evict no values', () =>
    withHost(async (cache, options) => {
      const count = 4_000
      for (let i = 0; i < count; i++) await cache.set(`hit${i}`, { i, text: 'v'.repeat(200) })
      for (let i = 0; i < count; i++) await cache.get(`hit${i}`)
      const flooders = Array.from({ length: PROCESSES }, (_, i) => new Flooder(options, 'unknown', i))
      try {
        // Several times as many as the table has room for.
        await until('each process has asked for 15,000 unknown keys', () => {
          const { negative } = cache.stats()
          assert.ok(negative.bytes < negative.limit * 1.1, `${negative.bytes} of ${negative.limit}`)
          return flooders.every(({ rounds }) => rounds >= 15)
        }, 60_000)
      } finally {
        await Promise.all(flooders.map((flooder) => flooder.kill()))
      }
      let kept = 0
      for (let i = 0; i < count; i++) if ((await cache.get(`hit${i}`)) !== undefined) kept++
      process.stdout.write(`${kept} of ${count} values kept\n`)
      assert.ok(kept >= count * 0.98, `${kept} of ${count}`)
      assert.ok(cache.stats().negative.bytes > cache.stats().negative.limit / 2)
    }))

  test('a quota holds for all processes together, and is exact after they were killed', () =>
    withHost(async (cache, options) => {
      const limit = 256 * KIB
      const bounded = cache.namespace('bounded', { quota: limit })
      for (let round = 0; round < 8; round++) {
        const flooders = Array.from({ length: PROCESSES }, (_, i) => new Flooder(options, 'bounded', round * PROCESSES + i))
        try {
          await until('each process has written', () => flooders.every(({ rounds }) => rounds >= 2), 60_000)
        } finally {
          await Promise.all(flooders.map((flooder) => flooder.kill()))
        }
        await until('what the dead left is repaired and counted', () => isExact(cache))
        await bounded.set('after', round)
        assert.equal(await bounded.get('after'), round)
        const { bytes } = cache.stats().quotas['bounded']!
        assert.ok(bytes <= limit && bytes > limit / 2, `${bytes} of ${limit}`)
      }
    }))

  test('what a quota was set to stands for processes that come later, and for all of the host', () =>
    withHost(async (cache, options) => {
      cache.namespace('bounded', { quota: '256kb' })
      const other = createCache(options)
      try {
        assert.equal(other.stats().quotas['bounded']!.limit, 256 * KIB)
        other.namespace('bounded', { quota: '128kb' })
        assert.equal(cache.stats().quotas['bounded']!.limit, 128 * KIB)
      } finally {
        await other.close()
      }
    }))
})
