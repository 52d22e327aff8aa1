// Single flight over processes and threads: one load, one takeover, one error, and no resurrection.
import * as assert from 'node:assert/strict'
import { suite } from '../helpers/suite'
import { type CacheWorker, loading, outcomes, runsOf, withWorkers } from '../helpers/workers'

const TWO_PROCESSES = ['process', 'process'] as const
const THREE_PROCESSES = ['process', 'process', 'process'] as const

suite('cluster flight', (test) => {
  for (const [place, kinds] of [
    ['processes', THREE_PROCESSES],
    ['threads', ['thread', 'thread', 'thread']],
    ['processes and threads', ['process', 'thread', 'process', 'thread']],
  ] as const) {
    test(`many callers in several ${place} share one loader run`, () =>
      withWorkers(kinds, async (workers) => {
        for (const worker of workers) await worker.load('k', { callers: 20 })
        const owner = await loading(workers)
        owner.finish({ value: { id: 1 } })
        for (const settled of await outcomes(workers, kinds.length * 20)) assert.deepEqual(settled, { value: { id: 1 } })
        assert.equal(runsOf(workers), 1)
        for (const worker of workers) assert.deepEqual(await worker.call('get', 'k'), { id: 1 })
      }))
  }

  test('callers that race for the lease share one loader run, round after round', () =>
    withWorkers(THREE_PROCESSES, async (workers) => {
      for (let round = 1; round <= 30; round++) {
        await Promise.all(workers.map((worker) => worker.load(`k${round}`, { callers: 5 })))
        const owner = await loading(workers)
        owner.finish({ value: round })
        const settled = await outcomes(workers, round * 15)
        assert.equal(settled.filter((each) => 'value' in each && each.value === round).length, 15)
        assert.equal(runsOf(workers), round)
      }
    }))

  test('when the owner is killed, one of those who wait takes over', () =>
    withWorkers(THREE_PROCESSES, async ([victim, ...others]) => {
      await victim!.load('k')
      await loading([victim!])
      for (const worker of others) await worker.load('k', { callers: 10 })
      assert.equal(runsOf(others), 0)
      await victim!.kill()
      const owner = await loading(others)
      owner.finish({ value: 'second' })
      for (const settled of await outcomes(others, 20)) assert.deepEqual(settled, { value: 'second' })
      assert.equal(runsOf(others), 1)
    }))

  test('when a thread that loads is terminated, another thread takes over', () =>
    withWorkers(['thread', 'thread'], async ([victim, other]) => {
      await victim!.load('k')
      await loading([victim!])
      await other!.load('k')
      await victim!.kill()
      await loading([other!])
      other!.finish({ value: 'second' })
      assert.deepEqual(await outcomes([other!], 1), [{ value: 'second' }])
    }))

  test('when the owner closes its cache, one of those who wait takes over', () =>
    withWorkers(THREE_PROCESSES, async ([first, ...others]) => {
      await first!.load('k')
      await loading([first!])
      for (const worker of others) await worker.load('k')
      await first!.ask({ do: 'close' })
      const owner = await loading(others)
      owner.finish({ value: 'second' })
      for (const settled of await outcomes(others, 2)) assert.deepEqual(settled, { value: 'second' })
      assert.equal(runsOf(others), 1)
    }))

  test('when a load outlives its lease, one of those who wait takes over, and the late result is not stored', () =>
    withWorkers(THREE_PROCESSES, async ([slow, ...others]) => {
      await slow!.load('k', { leaseTimeout: 200 })
      await loading([slow!])
      for (const worker of others) await worker.load('k', { callers: 5 })
      const owner = await loading(others)
      owner.finish({ value: 'second' })
      for (const settled of await outcomes(others, 10)) assert.deepEqual(settled, { value: 'second' })
      assert.equal(runsOf(others), 1)
      slow!.finish({ value: 'late' })
      assert.deepEqual(await outcomes([slow!], 1), [{ value: 'late' }])
      for (const worker of others) assert.equal(await worker.call('get', 'k'), 'second')
    }))

  test('the error of a load reaches those who wait for it, and the next caller loads again', () =>
    withWorkers(THREE_PROCESSES, async (workers) => {
      for (const worker of workers) await worker.load('k', { callers: 5 })
      const owner = await loading(workers)
      const error = { name: 'SourceError', message: 'source is down', code: 'E_SOURCE' }
      owner.finish({ error })
      for (const settled of await outcomes(workers, 15)) assert.deepEqual(settled, { error })
      assert.equal(runsOf(workers), 1)
      const other = workers.find((worker) => worker !== owner)!
      await other.load('k')
      await loading([other])
      other.finish({ value: 'up' })
      assert.deepEqual((await outcomes([other], 6)).at(-1), { value: 'up' })
    }, { errorTtl: 0 }))

  test('a loader that finds nothing lets the next one look', () =>
    withWorkers(TWO_PROCESSES, async ([first, second]) => {
      await first!.load('k')
      await loading([first!])
      await second!.load('k')
      first!.finish('nothing')
      await loading([second!])
      second!.finish({ value: 'found' })
      assert.deepEqual(await outcomes([second!], 1), [{ value: 'found' }])
      assert.equal(await first!.call('get', 'k'), 'found')
    }))

  for (const [name, change, left] of [
    ['set', (worker) => worker.call('set', 'k', 'written'), 'written'],
    ['delete', (worker) => worker.call('delete', 'k'), undefined],
    ['expire', (worker) => worker.call('expire', 'k'), undefined],
    ['clear', (worker) => worker.call('clear'), undefined],
  ] as [string, (worker: CacheWorker) => Promise<unknown>, unknown][]) {
    test(`a load is not stored after ${name} in another process`, () =>
      withWorkers(TWO_PROCESSES, async ([loads, changes]) => {
        await loads!.load('k')
        await loading([loads!])
        await change(changes!)
        loads!.finish({ value: 'outdated' })
        assert.deepEqual(await outcomes([loads!], 1), [{ value: 'outdated' }])
        for (const worker of [loads!, changes!]) assert.deepEqual(await worker.call('get', 'k'), left)
      }))
  }

  test('a caller that comes after a delete in another process does not join the load that began before', () =>
    withWorkers(TWO_PROCESSES, async ([loads, changes]) => {
      await loads!.load('k')
      await loading([loads!])
      await changes!.call('delete', 'k')
      await loads!.load('k')
      loads!.finish({ value: 'before' })
      await outcomes([loads!], 1)
      await loading([loads!])
      loads!.finish({ value: 'after' })
      assert.deepEqual(await outcomes([loads!], 2), [{ value: 'before' }, { value: 'after' }])
      assert.equal(await changes!.call('get', 'k'), 'after')
    }))

  test('clear of a namespace in another process ends its loads and no others', () =>
    withWorkers(TWO_PROCESSES, async ([loads, changes]) => {
      await loads!.load('k', { namespace: 'a' })
      await loading([loads!])
      await changes!.ask({ do: 'call', method: 'clear', args: [], namespace: 'a' })
      await loads!.load('k', { namespace: 'b' })
      await changes!.ask({ do: 'call', method: 'clear', args: [], namespace: 'c' })
      loads!.finish({ value: 'in a' })
      await outcomes([loads!], 1)
      await loading([loads!])
      loads!.finish({ value: 'in b' })
      await outcomes([loads!], 2)
      assert.equal(await changes!.ask({ do: 'call', method: 'get', args: ['k'], namespace: 'a' }), undefined)
      assert.equal(await changes!.ask({ do: 'call', method: 'get', args: ['k'], namespace: 'b' }), 'in b')
    }))
})
