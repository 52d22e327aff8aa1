// Invalidations that never arrive: how long the old value is served, and what onReconnect makes of it.
import * as assert from 'node:assert/strict'
import { DEEP_MESSAGES, keysOfPartitions, type Gap, type GapKind, GapMaker } from '../helpers/redis/gap-maker'
import { withHosts } from '../helpers/redis/hosts'
import { withProxy } from '../helpers/redis/proxy'
import { withRedis } from '../helpers/redis/server'
import { times } from '../helpers/scale'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const STALE_MS = 2_000
const MOST = 10_000
const KEYS = 128

const all: Gap[] = []

suite('gaps', (test) => {
  let state = seed
  const random = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state / 0x80000000
  }
  /** 1 to 10,000, as many of each order of magnitude, but fewer of the last two. */
  const size = (): number => {
    const dice = random()
    const [from, to] = dice < 0.6 ? [1, 100] : dice < 0.92 ? [100, 1_000] : [1_000, MOST]
    return Math.round(from * (to / from) ** random())
  }

  const induce = (kind: GapKind, count: number, sizeOf = size, deep = DEEP_MESSAGES): Promise<void> => withRedis({}, (server) =>
    withProxy(server, (left) => withProxy(server, async (right) => {
      const plan = (port: number, processes: number) =>
        ({ processes, options: { redis: `redis://127.0.0.1:${port}`, l2: { hardTimeout: '20s' } } })
      await withHosts([plan(server.port, 1), plan(left.port, 2), plan(right.port, 2)], async ([writing, one, other], cache) => {
        const writer = writing!.processes[0]!
        const makers = [
          new GapMaker(writer, one!, left, server, keysOfPartitions(KEYS, 0, 2), cache),
          new GapMaker(writer, other!, right, server, keysOfPartitions(KEYS, 1, 2), cache),
        ]
        for (const maker of makers) await maker.start()
        const doubtBefore = await one!.processes[0]!.ask('doubt')
        const checked = async (): Promise<number> =>
          (await Promise.all(one!.processes.map(async (process) => (await process.ask('detail'))['reader.same']!))).reduce((sum, same) => sum + same)
        const checkedBefore = await checked()
        let left_ = count
        const gaps: Gap[] = []
        await Promise.all(makers.map(async (maker) => {
          while (left_-- > 0) gaps.push(await maker.make(kind, sizeOf(), random, deep))
          // The keys that did not change are read on, and checked at their next reading.
          if (kind === 'deep' && maker === makers[0]) await until('entries are checked by version', async () => (await checked()) > checkedBefore)
          await maker.end()
        }))
        all.push(...gaps)
        console.log(`${kind}: ${figures(gaps)}`)
        assert.equal(gaps.length, count)
        for (const { lost, staleMs } of gaps) {
          assert.ok(lost >= 1)
          assert.ok(Math.max(...staleMs) <= STALE_MS, `stale for ${Math.max(...staleMs)} ms`)
        }
        if (kind === 'deep') {
          assert.ok(await one!.processes[0]!.ask('doubt') > doubtBefore, 'the log reached back far enough each time')
        }
      })
    })))

  test('a gap before a message that arrives is closed from the log', () => induce('busy', times(110)))
  test('a gap on quiet partitions is noticed through the heartbeat', () => induce('quiet', times(120)))
  test('gaps of thousands of messages are closed as fast', () => induce('quiet', times(10), () => Math.round(MOST * (0.3 + 0.7 * random()))))
  test('when nothing at all arrives, the connections are made anew', () => induce('silent', times(20)))
  test('where the log does not reach back far enough, entries are checked by version', () => induce('deep', times(38), () => Math.min(size(), 1_000)))
  test('gaps of 10,000 messages of one partition', () => induce('deep', times(2), () => 1, MOST))

  test('all gaps together', () => {
    console.log(`all: ${figures(all)}`)
    assert.equal(all.length, times(110) + times(120) + times(10) + times(20) + times(38) + times(2))
    assert.ok(Math.max(...all.map(({ lostOfOne }) => lostOfOne)) >= MOST)
  })
})

function figures(gaps: readonly Gap[]): string {
  const stale = gaps.flatMap(({ staleMs }) => staleMs).sort((a, b) => a - b)
  const lost = gaps.map((gap) => gap.lost).sort((a, b) => a - b)
  const at = (share: number): string => (stale[Math.min(stale.length - 1, Math.floor(stale.length * share))] ?? 0).toFixed(1)
  const sum = lost.reduce((total, one) => total + one, 0)
  return `${gaps.length} gaps, ${sum} messages lost (${lost[0]} to ${lost.at(-1)}), ${stale.length} keys stale for p50 ${at(0.5)}, p99 ${at(0.99)}, max ${at(1)} ms`
}
