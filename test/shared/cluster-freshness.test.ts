// What the processes of a host share of freshness: back-off, errors, turns, refreshes.
import * as assert from 'node:assert/strict'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'
import { loading, outcomes, runsOf, withWorkers } from '../helpers/workers'

const THREE_PROCESSES = ['process', 'process', 'process'] as const
const ERROR = { name: 'SourceError', message: 'source is down', code: 'E_SOURCE' }

suite('cluster freshness', (test) => {
  test('the error of a load is told to late callers in all processes', () =>
    withWorkers(
      THREE_PROCESSES,
      async (workers) => {
        await workers[0]!.load('k')
        await loading(workers)
        workers[0]!.finish({ error: ERROR })
        await outcomes(workers, 1)
        for (const worker of workers) await worker.load('k', { callers: 5 })
        for (const settled of await outcomes(workers, 16)) assert.deepEqual(settled, { error: ERROR })
        assert.equal(runsOf(workers), 1)
      },
      { errorTtl: '1h' },
    ))

  test('after a failure all processes serve the stale value and leave the source alone', () =>
    withWorkers(
      THREE_PROCESSES,
      async (workers) => {
        await workers[0]!.call('set', 'k', 'stale')
        await workers[1]!.call('expire', 'k')
        await workers[0]!.load('k')
        await loading(workers)
        workers[0]!.finish({ error: ERROR })
        assert.deepEqual(await outcomes(workers, 1), [{ value: 'stale' }])
        await workers[0]!.kill()
        for (const worker of workers.slice(1)) await worker.load('k', { callers: 5 })
        for (const settled of await outcomes(workers, 11)) assert.deepEqual(settled, { value: 'stale' })
        assert.equal(runsOf(workers), 1, 'also after the process that failed is gone')
      },
      { ttl: '1h', grace: '10h', graceBackoff: '1h' },
    ))

  test('a load that hangs is given up at its deadline, for callers of all processes', () =>
    withWorkers(
      THREE_PROCESSES,
      async ([slow, ...others]) => {
        await slow!.load('k')
        await loading([slow!])
        for (const worker of others) await worker.load('k', { callers: 3 })
        for (const settled of await outcomes([slow!, ...others], 7)) {
          assert.equal('error' in settled && settled.error.code, 'ERR_CACHE_LOAD_TIMEOUT')
        }
        await others[0]!.load('k')
        await loading([others[0]!])
        while (others[0]!.isLoading) others[0]!.finish({ value: 'second' })
        await until('the second load is stored', async () => (await others[1]!.call('get', 'k')) === 'second')
        slow!.finish({ value: 'late' })
        assert.equal(await slow!.call('get', 'k'), 'second')
      },
      { hardTimeout: 1_000, errorTtl: 0 },
    ))

  test('a value about to end is refreshed once on the host', () =>
    withWorkers(
      THREE_PROCESSES,
      async (workers) => {
        await workers[0]!.call('set', 'k', 'old', { ttl: '59m' })
        for (const worker of workers) await worker.load('k', { callers: 20 })
        for (const settled of await outcomes(workers, 60)) assert.deepEqual(settled, { value: 'old' })
        assert.equal(runsOf(workers), 1)
        ;(await loading(workers)).finish({ value: 'new' })
        for (const worker of workers) await until('it is refreshed', async () => (await worker.call('get', 'k')) === 'new')
      },
      { ttl: '1d', refreshAhead: '1h', jitter: 0 },
    ))

  test('the turns of a namespace are those of the host, and the dead give theirs back', () =>
    withWorkers(
      THREE_PROCESSES,
      async (workers) => {
        for (const [i, worker] of workers.entries()) for (let n = 0; n < 3; n++) await worker.load(`k${i}-${n}`)
        await until('two loads run', () => runsOf(workers) === 2)
        const victim = await loading(workers)
        const finished = (): number => workers.reduce((sum, { settled }) => sum + settled.length, 0)
        const rest = workers.filter((worker) => worker !== victim)
        await victim.kill()
        let most = 0
        while (finished() < 6) {
          const running = rest.filter(({ isLoading }) => isLoading)
          // Not those whose end is only on its way here: the turn may have gone to another process before.
          most = Math.max(most, rest.reduce((sum, { unfinishedCount }) => sum + unfinishedCount, 0))
          for (const worker of running) worker.finish({ value: 'v' })
          await until('more run or are done', () => finished() === 6 || rest.some(({ isLoading }) => isLoading))
        }
        assert.ok(most <= 2, `${most} ran at once`)
        assert.equal(runsOf(rest), 6)
      },
      { maxConcurrentLoads: 2 },
    ))

  test('callers of a process that shares nothing load for themselves, and store nothing', () =>
    withWorkers(
      ['process', 'process'],
      async ([first, second]) => {
        await first!.load('k', { callers: 3 })
        await loading([first!])
        await second!.load('k', { callers: 3 })
        await loading([second!])
        second!.finish({ value: 'own' })
        assert.deepEqual(await outcomes([second!], 3), Array(3).fill({ value: 'own' }))
        assert.equal(await second!.call('get', 'k'), undefined)
        first!.finish({ value: 'shared' })
        await outcomes([first!], 3)
        assert.equal(await second!.call('get', 'k'), 'shared')
        assert.deepEqual([first!.runCount, second!.runCount], [1, 1])
      },
      { singleFlight: 'process' },
    ))
})
