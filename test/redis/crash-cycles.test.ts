// Acknowledged writes survive the death of everything: applications, the leader, a coordinator of its own, Redis.
import * as assert from 'node:assert/strict'
import { Random } from '../../bench/random'
import { type Cache, createCache } from '../../src'
import { valuesInOrder } from '../helpers/fleet/aof'
import { type Fleet, withFleet } from '../helpers/fleet/fleet'
import { acknowledged, judge, type Stored, storedIn } from '../helpers/fleet/judge'
import { HOSTS, KEYS, originOf } from '../helpers/fleet/keys'
import type { Member, MemberProcess } from '../helpers/fleet/member-process'
import { assertGood } from '../helpers/redis/history'
import { scale } from '../helpers/scale'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const WRITES = 200_000
const CYCLES = 44
/** What each writer may begin before and after the kill of a cycle. */
const WRITES_BEFORE = 700
const WRITES_AFTER = 500
const WATCHDOG_MS = 280_000

/** Host 0 has a leader among its applications, host 1 `stratacache daemon`. */
const PLACES: readonly { host: number; coordinator: 'auto' | 'daemon' }[] = [
  { host: 0, coordinator: 'auto' }, { host: 0, coordinator: 'auto' }, { host: 0, coordinator: 'auto' },
  { host: 1, coordinator: 'daemon' }, { host: 1, coordinator: 'daemon' },
]
const LED = 0
const COORDINATED = 1

const VICTIMS = ['application', 'leader', 'coordinator', 'redis', 'leader and redis', 'coordinator and redis', 'a host', 'everything'] as const
type Victim = (typeof VICTIMS)[number]

class Crashes {
  readonly kills: Record<Victim, number> = Object.fromEntries(VICTIMS.map((victim) => [victim, 0])) as Record<Victim, number>
  cycles = 0
  readonly #fleet: Fleet
  readonly #random: Random
  readonly #byPlace = new Map<number, MemberProcess>()
  #coordinator!: Member

  constructor(fleet: Fleet, random: Random) {
    this.#fleet = fleet
    this.#random = random
  }

  async start(): Promise<void> {
    this.#startCoordinator()
    PLACES.forEach((_, place) => this.#startWriter(place))
    await this.#fleet.ready()
  }

  async cycle(): Promise<void> {
    const fleet = this.#fleet
    const victim = VICTIMS[this.cycles++ % VICTIMS.length]!
    const from = fleet.logBytes
    for (const member of fleet.members) member.allow(WRITES_BEFORE)
    // A line for what is intended and one for its end; the instant is drawn from the time in which all write.
    const until_ = from + LINE_BYTES * 2 * PLACES.length * WRITES_BEFORE * this.#random.next()
    await until('the moment of the kill', () => {
      fleet.check()
      return fleet.logBytes >= until_ || [...fleet.members].every(({ isIdle }) => isIdle)
    }, DEADLINE_MS)
    const restart = await this.#kill(victim)
    this.kills[victim]++
    for (const member of fleet.members) member.allow(WRITES_AFTER)
    await restart()
    await fleet.ready()
    await fleet.idle()
  }

  /** Resolves to what brings back what was killed. */
  async #kill(victim: Victim): Promise<() => Promise<void>> {
    const { server } = this.#fleet
    const writers = [...this.#byPlace.keys()]
    const parts = {
      redis: victim.includes('redis') || victim === 'everything',
      coordinator: victim.includes('coordinator') || victim === 'everything',
      places: [] as number[],
    }
    if (victim === 'application') parts.places = [this.#random.below(PLACES.length)]
    if (victim.startsWith('leader')) parts.places = [await this.#leader()]
    if (victim === 'everything') parts.places = writers
    if (victim === 'a host') {
      const host = this.#random.below(HOSTS)
      parts.places = writers.filter((place) => PLACES[place]!.host === host)
      parts.coordinator = host === COORDINATED
    }
    await Promise.all([
      parts.redis ? server.kill() : undefined,
      parts.coordinator ? this.#fleet.kill(this.#coordinator) : undefined,
      ...parts.places.map((place) => this.#fleet.kill(this.#byPlace.get(place)!)),
    ])
    return async () => {
      for (const place of parts.places) this.#startWriter(place).allow(WRITES_AFTER)
      if (parts.coordinator) this.#startCoordinator()
      if (parts.redis) await server.restart()
    }
  }

  async #leader(): Promise<number> {
    let leader: number | undefined
    await until('a process leads', () => {
      const { leaderPid } = this.#fleet.journal(LED).status
      leader = [...this.#byPlace].find(([, { pid }]) => pid === leaderPid)?.[0]
      return leader !== undefined
    })
    return leader!
  }

  #startWriter(place: number): MemberProcess {
    const { host, coordinator } = PLACES[place]!
    const member = this.#fleet.start(host, coordinator, place)
    this.#byPlace.set(place, member)
    return member
  }

  #startCoordinator(): void {
    this.#coordinator = this.#fleet.startDaemon(COORDINATED)
  }
}

const LINE_BYTES = 32
const DEADLINE_MS = 60_000

/** Every host, also one that has never heard of anything, shows what Redis has. */
async function assertShown(fleet: Fleet, stored: readonly (readonly Stored[])[]): Promise<void> {
  const final = stored.map((list) => list.at(-1)?.origin)
  const newHost = HOSTS
  for (let host = 0; host <= newHost; host++) {
    const cache = createCache(fleet.cacheOptions(host, host === newHost ? 'auto' : 'off'))
    try {
      await cache.ready()
      await until(`host ${host} shows what Redis has`, () => shows(cache, final), DEADLINE_MS)
    } finally {
      await cache.close()
    }
  }
}

async function shows(cache: Cache, final: readonly Stored['origin'][]): Promise<boolean> {
  const values = await cache.getMany(KEYS.map(({ name }) => name))
  return values.every((value, key) => {
    const origin = originOf(value)
    return origin?.place === final[key]?.place && origin?.counter === final[key]?.counter
  })
}

suite('crashes', (test) => {
  for (let round = 0; round < scale; round++) {
    test(`no acknowledged write is lost, and nothing older replaces something newer, round ${round + 1}`, () =>
      withFleet(seed + round, async (fleet) => {
        const crashes = new Crashes(fleet, new Random(seed + round))
        await crashes.start()
        let writes = 0
        while (crashes.cycles < CYCLES || writes < WRITES) {
          await crashes.cycle()
          if (crashes.cycles >= CYCLES) writes = acknowledged(fleet.witnesses())
        }
        await fleet.drained([LED, COORDINATED])
        const witnesses = fleet.witnesses()
        const stored = storedIn(valuesInOrder(fleet.server.dir), fleet.name)
        await assertShown(fleet, stored)
        const verdicts = judge(witnesses, stored)
        const operations = verdicts[0]!.operations + verdicts[1]!.operations
        process.stdout.write(`${acknowledged(witnesses)} acknowledged writes, ${stored.flat().length} stored, ${operations} operations judged, ` +
          `${crashes.cycles} cycles: ${JSON.stringify(crashes.kills)}\n`)
        assert.deepEqual(verdicts.flatMap(({ violations }) => violations), [])
        for (const verdict of verdicts) assertGood(verdict)
        assert.ok(VICTIMS.every((victim) => crashes.kills[victim] > 0))
      }))
  }
}, WATCHDOG_MS)
