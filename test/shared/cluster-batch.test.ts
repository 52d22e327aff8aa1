// Batches, updates and stampedes of several processes of a host.
import * as assert from 'node:assert/strict'
import type { CacheOptions } from '../../src'
import type { LoadReport } from '../helpers/batch-worker'
import { type BatchWorker, withBatchWorkers } from '../helpers/batch-workers'
import { uniqueName, withDirectory } from '../helpers/cache'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

function withProcesses(count: number, body: (workers: BatchWorker[]) => Promise<void>, options: CacheOptions = {}): Promise<void> {
  return withDirectory((dir) => {
    const settings: CacheOptions = { name: uniqueName(), dir, memory: '16mb', fallback: 'error', ...options }
    return withBatchWorkers(Array.from({ length: count }, () => settings), body)
  })
}

/** Of loads in several processes: how often the loader ran, and how many callers got what. */
function summed(reports: readonly LoadReport[]): LoadReport {
  const outcomes: Record<string, number> = {}
  for (const report of reports) for (const [outcome, count] of Object.entries(report.outcomes)) outcomes[outcome] = (outcomes[outcome] ?? 0) + count
  return { runs: reports.reduce((sum, { runs }) => sum + runs, 0), outcomes }
}

const load = (workers: readonly BatchWorker[], key: string, callers: number, fails: boolean): Promise<LoadReport> =>
  Promise.all(workers.map((worker) => worker.ask<LoadReport>({ do: 'load', key, callers, ms: 100, fails }))).then(summed)

suite('batches and updates of a host', (test) => {
  test('1,000 callers in 8 processes on one cold key: one run of the loader', () =>
    withProcesses(8, async (workers) => {
      for (let round = 0; round < 3; round++) {
        assert.deepEqual(await load(workers, `cold${round}`, 125, false), { runs: 1, outcomes: { value: 1_000 } })
      }
    }))

  test('20 callers in 4 processes on a failing cold key: one run of the loader, and everyone is told its error', () =>
    withProcesses(4, async (workers) => {
      for (let round = 0; round < 3; round++) {
        assert.deepEqual(await load(workers, `failing${round}`, 5, true), { runs: 1, outcomes: { 'down E_DOWN': 20 } })
      }
    }, { errorTtl: '30s' }))

  test('getOrSetMany of overlapping keys in 4 processes loads each key once, and each call gets all', () =>
    withProcesses(4, async (workers) => {
      for (let round = 0; round < 5; round++) {
        const keysFrom = (first: number): string[] => Array.from({ length: 12 }, (_, i) => `${round}:${(first + i) % 24}`)
        const lists = workers.map((_, w) => [0, 1, 2].map((call) => keysFrom(w * 5 + call * 3)))
        const reports = await Promise.all(workers.map((worker, w) =>
          worker.ask<{ asked: string[][]; results: unknown[][] }>({ do: 'many', keyLists: lists[w]!, ms: 20 })))
        const asked = reports.flatMap((report) => report.asked).flat()
        assert.equal(asked.length, new Set(asked).size, 'no key twice')
        assert.deepEqual(new Set(asked), new Set(lists.flat(2)))
        for (const [w, { results }] of reports.entries()) {
          assert.deepEqual(results, lists[w]!.map((keys) => keys.map((key) => `value of ${key}`)))
        }
      }
    }))

  test('when a process dies with a batch, another one loads its keys with one run', () =>
    withProcesses(2, async ([victim, survivor]) => {
      const keys = ['a', 'b', 'c', 'd']
      const lost = victim!.ask({ do: 'many', keyLists: [keys], ms: 3_600_000 })
      lost.catch(() => {})
      await victim!.ask({ do: 'get', key: 'a' })
      const taken = survivor!.ask<{ asked: string[][]; results: unknown[][] }>({ do: 'many', keyLists: [[...keys, 'e']], ms: 1 })
      await until('the survivor has loaded what nobody else does', async () => (await survivor!.ask({ do: 'get', key: 'e' })) !== undefined)
      await victim!.kill()
      const { asked, results } = await taken
      assert.deepEqual(results, [['a', 'b', 'c', 'd', 'e'].map((key) => `value of ${key}`)])
      assert.deepEqual(asked[0], ['e'])
      assert.deepEqual(asked.slice(1).flat().sort(), keys)
    }))

  for (const how of ['incr', 'update'] as const) {
    test(`${how} by 4 processes at once is exact, and each sum is given once`, () =>
      withProcesses(4, async (workers) => {
        const times = how === 'incr' ? 5_000 : 250
        const sums = await Promise.all(workers.map((worker) => worker.ask<number[]>({ do: how, key: 'n', times, atOnce: 5 })))
        assert.deepEqual(sums.flat().sort((a, b) => a - b), Array.from({ length: 4 * times }, (_, i) => i + 1))
        assert.equal(await workers[0]!.ask({ do: 'get', key: 'n' }), 4 * times)
      }))
  }

  test('of source versions that 4 processes write at once the highest stands, and no reader goes back', () =>
    withProcesses(4, async (workers) => {
      const count = 2_000
      const reports = await Promise.all(workers.map((worker, i) => {
        const versions = Array.from({ length: count }, (_, n) => 4 * n + i + 1)
        return worker.ask<{ seen: number[]; stored: number }>({ do: 'newer', key: 'row', versions })
      }))
      for (const { seen } of reports) assert.deepEqual(seen, seen.toSorted((a, b) => a - b))
      assert.equal(await workers[0]!.ask({ do: 'get', key: 'row' }), 4 * count)
      assert.ok(reports.some(({ stored }) => stored > 0))
    }))

  test('when a process dies within an update, the next one goes on', () =>
    withProcesses(2, async ([victim, survivor]) => {
      const held = victim!.ask({ do: 'hold', key: 'n' })
      held.catch(() => {})
      await until('it holds the turn', () => victim!.isHolding)
      const next = survivor!.ask<number[]>({ do: 'update', key: 'n', times: 1, atOnce: 1 })
      await victim!.kill()
      assert.deepEqual(await next, [1])
    }, { leaseTimeout: '10m' }))

  test('of pulls in 4 processes, exactly one gets each value', () =>
    withProcesses(4, async (workers) => {
      const keys = Array.from({ length: 200 }, (_, i) => `k${i}`)
      await workers[0]!.ask({ do: 'many', keyLists: [keys], ms: 1 })
      const pulled = await Promise.all(workers.map((worker) => worker.ask<unknown[]>({ do: 'pull', keys })))
      for (const [i, key] of keys.entries()) {
        assert.deepEqual(pulled.map((values) => values[i]).filter((value) => value !== undefined), [`value of ${key}`])
      }
    }))
})
