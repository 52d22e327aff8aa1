import * as assert from 'node:assert/strict'
import { ProcessL1 } from '../../src/l1/process-table'
import { DEFAULT_TERMS } from '../../src/options/settings'
import { Flights } from '../../src/sync/flights'
import type { Loader } from '../../src/sync/loader-context'
import { deferred } from '../helpers/deferred'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const HOUR = 3_600_000

/** Two isolates' worth of flights over one table, as if they were two processes. */
function setup() {
  const table = new ProcessL1({ memory: 1024 * 1024 })
  const terms = { ...DEFAULT_TERMS, errorTtlMs: 0, leaseMs: HOUR }
  const load = (flights: Flights, loader: Loader, over: Partial<typeof terms> = {}) =>
    flights.load({ view: table.root, key: 'k', loader, terms: { ...terms, ...over } })
  return { table, view: table.root, here: new Flights(table), there: new Flights(table), load }
}

/** A loader under the test's control, and how often it was run. */
function source() {
  const runs: ReturnType<typeof deferred<unknown>>[] = []
  const loader: Loader = () => {
    const run = deferred<unknown>()
    runs.push(run)
    return run.promise
  }
  return { runs, loader }
}

const never: Loader = () => assert.fail('this loader must not run')

suite('flights', (test) => {
  test('all callers of an isolate share one run and its result', async () => {
    const { here, load, view } = setup()
    const { runs, loader } = source()
    const callers = [load(here, loader), load(here, never), load(here, never)]
    runs[0]!.resolve({ a: 1 })
    assert.deepEqual(await Promise.all(callers), [{ a: 1 }, { a: 1 }, { a: 1 }])
    assert.deepEqual(view.get('k'), { a: 1 })
    assert.equal(runs.length, 1)
  })

  test('callers of another isolate wait for the run and read what it stored', async () => {
    const { here, there, load } = setup()
    const { runs, loader } = source()
    const callers = [load(here, loader), load(there, never), load(there, never)]
    runs[0]!.resolve('v')
    assert.deepEqual(await Promise.all(callers), ['v', 'v', 'v'])
  })

  test('a loader’s error reaches all callers of the flight, here and there', async () => {
    const { here, there, load } = setup()
    const { runs, loader } = source()
    const callers = [load(here, loader), load(here, never), load(there, never)]
    const error = Object.assign(new Error('down'), { code: 'E_DOWN' })
    runs[0]!.reject(error)
    for (const caller of callers) await assert.rejects(caller, { message: 'down', code: 'E_DOWN' })
    const retry = load(here, () => 'up')
    assert.equal(await retry, 'up', 'the next caller loads again')
  })

  test('a loader that throws at once rejects', async () => {
    const { here, load } = setup()
    await assert.rejects(
      load(here, () => {
        throw new RangeError('at once')
      }),
      { name: 'RangeError' },
    )
  })

  test('undefined is shared by the isolate, not stored, and the next caller loads', async () => {
    const { here, there, load, view } = setup()
    const first = source()
    const callers = [load(here, first.loader), load(here, never)]
    const elsewhere = load(there, () => 'found there')
    first.runs[0]!.resolve(undefined)
    assert.deepEqual(await Promise.all(callers), [undefined, undefined])
    assert.equal(await elsewhere, 'found there')
    assert.equal(view.get('k'), 'found there')
  })

  test('a value that cannot be stored is the error of the flight', async () => {
    const { here, load } = setup()
    const callers = [load(here, async () => () => 1), load(here, never)]
    for (const caller of callers) await assert.rejects(caller, { code: 'ERR_CACHE_VALUE' })
    assert.equal(await load(here, () => 'fine'), 'fine')
  })

  test('a caller that comes after a delete does not join the load that began before', async () => {
    const { here, load, view } = setup()
    const before = source()
    const after = source()
    const early = load(here, before.loader)
    view.delete('k')
    const late = load(here, after.loader)
    before.runs[0]!.resolve('old')
    after.runs[0]!.resolve('new')
    assert.deepEqual([await early, await late], ['old', 'new'])
    assert.equal(view.get('k'), 'new')
  })

  test('a set during the load wins; the caller gets what was loaded', async () => {
    const { here, load, view } = setup()
    const { runs, loader } = source()
    const caller = load(here, loader)
    view.set('k', 'written', { ttlMs: 0, graceMs: 0 })
    runs[0]!.resolve('loaded')
    assert.equal(await caller, 'loaded')
    assert.equal(view.get('k'), 'written')
  })

  test('those who wait elsewhere take a value that was set meanwhile', async () => {
    const { here, there, load, view } = setup()
    const { loader } = source()
    void load(here, loader)
    const waiting = load(there, never)
    view.set('k', 'written', { ttlMs: 0, graceMs: 0 })
    assert.equal(await waiting, 'written')
  })

  test('when a load outlives its lease, one of those who wait takes over', async () => {
    const { here, there, load, view, table } = setup()
    const hung = source()
    const second = source()
    const owner = load(here, hung.loader)
    const waiting = [load(there, second.loader), load(there, second.loader)]
    table.advanceClock(2 * HOUR)
    await until('somebody took over', () => second.runs.length > 0)
    second.runs[0]!.resolve('second')
    assert.deepEqual(await Promise.all(waiting), ['second', 'second'])
    hung.runs[0]!.resolve('first')
    assert.equal(await owner, 'first')
    assert.equal(view.get('k'), 'second')
    assert.equal(second.runs.length, 1)
  })

  test('those who joined a load of their own isolate do not hang with it', async () => {
    const { here, load } = setup()
    const hung = source()
    const short = { leaseMs: 20 }
    void load(here, hung.loader, short)
    assert.equal(await load(here, () => 'second', short), 'second')
  })

  test('without a lease to be had, everybody loads and nothing is stored', async () => {
    const { here, load, view } = setup()
    view.acquire = () => ({ state: 'unavailable' })
    assert.deepEqual(await Promise.all([load(here, () => 1), load(here, () => 2)]), [1, 2])
    assert.equal(view.get('k'), undefined)
  })

  test('who waits in vain loads for itself', async () => {
    const { here, load, view } = setup()
    view.acquire = () => ({ state: 'busy', lease: 1 })
    assert.equal(await load(here, () => 'own', { leaseMs: 20 }), 'own')
    assert.equal(view.get('k'), undefined)
  })

  test('forceFresh loads over a fresh value', async () => {
    const { here, load, view } = setup()
    view.set('k', 'old', { ttlMs: 0, graceMs: 0 })
    assert.equal(await load(here, never), 'old')
    assert.equal(await load(here, () => 'new', { forceFresh: true }), 'new')
    assert.equal(view.get('k'), 'new')
  })

  test('forceFresh never takes the result of a load that began before, and forced callers share', async () => {
    const { here, load } = setup()
    const before = source()
    const forced = source()
    const early = load(here, before.loader)
    const late = [1, 2, 3].map(() => load(here, forced.loader, { forceFresh: true }))
    before.runs[0]!.resolve('before')
    await until('a forced load runs', () => forced.runs.length > 0)
    forced.runs[0]!.resolve('after')
    assert.deepEqual(await Promise.all([early, ...late]), ['before', 'after', 'after', 'after'])
    assert.equal(forced.runs.length, 1)
  })

  const grace = { life: { ttlMs: HOUR, graceMs: 10 * HOUR } }

  test('with grace, others are served the stale value while one loads', async () => {
    const { here, there, load, view, table } = setup()
    view.set('k', 'stale', grace.life)
    table.advanceClock(2 * HOUR)
    const { runs, loader } = source()
    const owner = load(here, loader, grace)
    assert.deepEqual(await Promise.all([load(here, never, grace), load(there, never, grace)]), ['stale', 'stale'])
    runs[0]!.resolve('fresh')
    assert.equal(await owner, 'fresh')
  })

  test('with grace, a failed load serves the stale value and the host leaves the source alone for a while', async () => {
    const { here, there, load, view, table } = setup()
    view.set('k', 'stale', grace.life)
    table.advanceClock(2 * HOUR)
    const down: Loader = () => Promise.reject(new Error('down'))
    assert.equal(await load(here, down, grace), 'stale')
    assert.equal(await load(here, never, grace), 'stale')
    assert.equal(await load(there, never, grace), 'stale')
    await until('the source is tried again', async () => (await load(there, () => 'up', grace)) === 'up')
    assert.equal(view.get('k'), 'up')
  })

  test('with grace but nothing stale, a failed load rejects', async () => {
    const { here, load } = setup()
    await assert.rejects(load(here, () => Promise.reject(new Error('down')), grace), { message: 'down' })
  })

  test('a load that ends after close still answers', async () => {
    const { here, load, table } = setup()
    const { runs, loader } = source()
    const callers = [load(here, loader), load(here, never)]
    here.close()
    table.close()
    runs[0]!.resolve('v')
    assert.deepEqual(await Promise.all(callers), ['v', 'v'])
  })

  test('a load that fails after close still rejects with its own error', async () => {
    const { here, load, table } = setup()
    const { runs, loader } = source()
    const caller = load(here, loader, grace)
    here.close()
    table.close()
    runs[0]!.reject(new Error('down'))
    await assert.rejects(caller, { message: 'down' })
  })

  test('who waits for another isolate is refused when the cache closes', async () => {
    const { here, there, load, table } = setup()
    const { loader } = source()
    void load(here, loader)
    const waiting = load(there, never)
    there.close()
    table.close()
    await assert.rejects(waiting, { code: 'ERR_CACHE_CLOSED' })
  })

  test('a cache that closes gives its leases back', async () => {
    const { here, there, load } = setup()
    const { runs, loader } = source()
    const owner = load(here, loader)
    const waiting = load(there, () => 'other')
    here.close()
    assert.equal(await waiting, 'other')
    runs[0]!.resolve('late')
    assert.equal(await owner, 'late')
  })
})
