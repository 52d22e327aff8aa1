// A group among other loads: whom it waits for, whom it does not, and who joins a later run.
import * as assert from 'node:assert/strict'
import { ProcessL1 } from '../../src/l1/process-table'
import { DEFAULT_TERMS, type Terms } from '../../src/options/settings'
import type { Below, Claim, FleetClaims, Found, Missed, TimedWish } from '../../src/sync/below'
import { Flights } from '../../src/sync/flights'
import { GroupLoad } from '../../src/sync/group-load'
import { type Deferred, deferred } from '../helpers/deferred'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const HOUR = 3_600_000
const TERMS: Terms = { ...DEFAULT_TERMS, errorTtlMs: 0, leaseMs: HOUR }
const MISSED: Missed = { state: 'miss', base: undefined, doubt: 0 }

/** A tier that answers, and lets claims be won, when the test says so. */
class SlowTier implements Below {
  readonly fetches = new Map<string, Deferred<Found | Missed>>()
  readonly taken = new Set<string>()
  readonly claims: FleetClaims = {
    claim: async ({ key }: TimedWish): Promise<Claim> => (this.taken.has(key) ? { state: 'taken', leftMs: HOUR } : { state: 'won' }),
    release: () => {},
  }

  deadlineOf = ({ startMs }: TimedWish): number => startMs + HOUR
  peek = async (): Promise<unknown> => undefined
  fill = ({ view, key, terms }: TimedWish, lease: number, value: unknown): void => void view.publish(key, lease, value, terms.life)
  fetch({ key }: TimedWish): Promise<Found | Missed> {
    const answer = deferred<Found | Missed>()
    this.fetches.set(key, answer)
    return answer.promise
  }
}

/** Two isolates' worth of flights over one table, and groups that note their runs. */
function setup(below?: Below) {
  const table = new ProcessL1({ memory: 1024 * 1024 })
  const view = table.root
  const runs: string[][] = []
  const ask = (flights: Flights, keys: string[], over: Partial<Terms> = {}, wait?: Promise<void>): Promise<unknown[]> => {
    const terms = { ...TERMS, ...over }
    const group = new GroupLoad(flights, async (asked) => {
      runs.push(asked)
      await wait
      return asked.map((key) => `${key}!`)
    }, { view, terms, maxSize: keys.length })
    const loads = keys.map((key) => group.load({ view, key, terms }))
    group.seal()
    return Promise.all(loads)
  }
  return { table, view, runs, ask, here: new Flights(table, below), there: new Flights(table, below) }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

suite('group of loads', (test) => {
  test('keys whose load elsewhere ends without a result join one later run', async () => {
    const { view, runs, ask, here } = setup()
    const leases = ['b', 'c'].map((key) => (view.acquire(key, { leaseMs: HOUR, force: false }) as { lease: number }).lease)
    const many = ask(here, ['a', 'b', 'c', 'd'])
    await until('what is free is loaded', () => view.peek('d') !== undefined)
    assert.deepEqual(runs, [['a', 'd']])
    view.abandon('b', leases[0]!)
    view.abandon('c', leases[1]!)
    assert.deepEqual(await many, ['a!', 'b!', 'c!', 'd!'])
    assert.deepEqual(runs, [['a', 'd'], ['b', 'c']])
  })

  test('with singleFlight process, what another process loads is in the run too, and not stored', async () => {
    const { view, runs, ask, here, there } = setup()
    const wait = deferred<void>()
    const theirs = ask(there, ['b'], {}, wait.promise)
    assert.deepEqual(await ask(here, ['a', 'b'], { singleFlight: 'process' }), ['a!', 'b!'])
    await turn()
    assert.deepEqual(runs, [['b'], ['a', 'b']])
    assert.deepEqual([view.peek('a'), view.peek('b')], ['a!', undefined])
    wait.resolve()
    assert.deepEqual(await theirs, ['b!'])
  })

  test('the run waits until the tier has answered for each key, and is given those it does not have', async () => {
    const tier = new SlowTier()
    const { runs, ask, here } = setup(tier)
    const many = ask(here, ['a', 'b', 'c'])
    tier.fetches.get('a')!.resolve(MISSED)
    tier.fetches.get('b')!.resolve({ state: 'value', value: 'below' })
    await turn()
    assert.deepEqual(runs, [])
    tier.fetches.get('c')!.resolve(MISSED)
    assert.deepEqual(await many, ['a!', 'below', 'c!'])
    assert.deepEqual(runs, [['a', 'c']])
  })

  test('the run does not wait for a key that another host loads', async () => {
    const tier = new SlowTier()
    const { view, runs, ask, here } = setup(tier)
    tier.taken.add('b')
    const many = ask(here, ['a', 'b', 'c'], { singleFlight: 'fleet' })
    for (const answer of tier.fetches.values()) answer.resolve(MISSED)
    await until('the others are loaded', () => view.peek('c') !== undefined)
    assert.deepEqual(runs, [['a', 'c']])
    view.set('b', 'from there', TERMS.life)
    assert.deepEqual(await many, ['a!', 'from there', 'c!'])
  })

  test('two groups that wait for each other’s keys both end', async () => {
    const tier = new SlowTier()
    const { runs, ask, here, there } = setup(tier)
    const calls = [ask(here, ['a']), ask(there, ['b'])]
    const crossed = [ask(here, ['c', 'b', 'd']), ask(there, ['e', 'a', 'c'])]
    for (const answer of tier.fetches.values()) answer.resolve(MISSED)
    assert.deepEqual(await Promise.all(crossed), [['c!', 'b!', 'd!'], ['e!', 'a!', 'c!']])
    assert.deepEqual(await Promise.all(calls), [['a!'], ['b!']])
    assert.deepEqual(runs.flat().sort(), ['a', 'b', 'c', 'd', 'e'])
  })

  test('without room for leases every key is loaded, once per run, and none is stored', async () => {
    const { view, runs, ask, here } = setup()
    const acquire = view.acquire.bind(view)
    view.acquire = () => ({ state: 'unavailable' })
    assert.deepEqual(await ask(here, ['a', 'b', 'a']), ['a!', 'b!', 'a!'])
    view.acquire = acquire
    assert.deepEqual(runs, [['a', 'b']])
    assert.equal(view.peek('a'), undefined)
  })
})
