import * as assert from 'node:assert/strict'
import { ProcessL1 } from '../../src/l1/process-table'
import type { LeaseToken } from '../../src/l1/table'
import { DEFAULT_TERMS } from '../../src/options/settings'
import type { Below, Found, Missed, TimedWish } from '../../src/sync/below'
import { Flights } from '../../src/sync/flights'
import { type Deferred, deferred } from '../helpers/deferred'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const HOUR = 3_600_000
const MISSED: Missed = { state: 'miss', base: undefined, doubt: 0 }
const TERMS = { ...DEFAULT_TERMS, leaseMs: HOUR }

/** A tier that answers when the test says so. */
class SlowTier implements Below {
  readonly fetches: { wish: TimedWish; answer: Deferred<Found | Missed> }[] = []
  constructor(readonly patienceMs: number) {}

  deadlineOf = ({ startMs }: TimedWish): number => startMs + this.patienceMs
  peek = async (): Promise<unknown> => undefined
  fill = (): void => {}
  fetch(wish: TimedWish): Promise<Found | Missed> {
    const answer = deferred<Found | Missed>()
    this.fetches.push({ wish, answer })
    return answer.promise
  }
}

function setup(patienceMs: number) {
  const table = new ProcessL1({ memory: 1024 * 1024 })
  const tier = new SlowTier(patienceMs)
  const wish = { view: table.root, key: 'k', terms: TERMS }
  return { table, tier, wish, here: new Flights(table, tier), there: new Flights(table, tier) }
}

suite('flights above a slow tier', (test) => {
  test('a wish that gets its lease late tells the tier when it began', async () => {
    const { tier, wish, here, there } = setup(HOUR)
    const first = here.read(wish, HOUR)
    const beforeMs = performance.now()
    const second = there.load({ ...wish, loader: () => 'loaded' })
    const afterMs = performance.now()
    tier.fetches[0]!.answer.resolve(MISSED)
    assert.equal(await first, undefined)
    await until('the second asks the tier', () => tier.fetches.length === 2)
    const { startMs } = tier.fetches[1]!.wish
    assert.ok(startMs >= beforeMs && startMs <= afterMs)
    tier.fetches[1]!.answer.resolve(MISSED)
    assert.equal(await second, 'loaded')
  })

  test('flights that end without a result, one after another, do not keep a load from its loader beyond the tier’s deadline', async () => {
    const { wish, here } = setup(30)
    const { view } = wish
    const lease = (): LeaseToken => {
      const acquired = view.acquire('k', { leaseMs: HOUR, force: false })
      if (acquired.state !== 'granted') throw new Error(acquired.state)
      return acquired.lease
    }
    const first = lease()
    const load = here.load({ ...wish, loader: () => 'loaded' })
    // Somebody else is quicker to get the lease.
    view.abandon('k', first)
    lease()
    assert.equal(await load, 'loaded')
  })

  test('a stale value that comes into doubt after a failure is served no more, and the tier is asked', async () => {
    const { tier, wish, here, there, table } = setup(HOUR)
    const terms = { ...TERMS, life: { ttlMs: HOUR, graceMs: 10 * HOUR }, graceBackoffMs: HOUR }
    table.root.set('k', 'stale', terms.life, undefined, { version: 1, doubt: table.doubt() })
    table.advanceClock(2 * HOUR)
    const call = { ...wish, terms, loader: () => Promise.reject(new Error('down')) }
    const failing = here.load(call)
    tier.fetches[0]!.answer.resolve(MISSED)
    assert.equal(await failing, 'stale')
    let early = 0
    assert.equal(await there.load({ ...call, loader: () => ++early }), 'stale')
    assert.equal(early, 0)
    table.raiseDoubt()
    const asking = there.load({ ...call, loader: () => 'loaded' })
    await until('the tier is asked', () => tier.fetches.length === 2)
    tier.fetches[1]!.answer.resolve(MISSED)
    assert.equal(await asking, 'loaded')
  })

  test('one flight is waited for, however long its loader takes', async () => {
    const { wish, here } = setup(1)
    const { view } = wish
    const acquired = view.acquire('k', { leaseMs: HOUR, force: false })
    const load = here.load({ ...wish, loader: () => 'loaded here' })
    const startMs = performance.now()
    await until('the deadline of the tier is over', () => performance.now() > startMs + 100)
    if (acquired.state === 'granted') view.publish('k', acquired.lease, 'loaded there', TERMS.life)
    assert.equal(await load, 'loaded there')
  })
})
