// Redis stalls, is cut off and comes back: no public call waits longer than its deadline, and nothing is lost.
import * as assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { CacheInfo, CacheOptions } from '../../src'
import { SOURCE_ERROR } from '../helpers/redis/call-mix'
import type { RoundResult } from '../helpers/redis/caller'
import { type Caller, withCallers } from '../helpers/redis/callers'
import { DeafListener } from '../helpers/redis/deaf-listener'
import { eventually } from '../helpers/redis/eventually'
import { FaultProxy } from '../helpers/redis/proxy'
import { onHostClock, type Punctuality, together } from '../helpers/redis/punctuality'
import { RedisServer } from '../helpers/redis/server'
import { scale } from '../helpers/scale'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'

const SOFT_MS = 100
const HARD_MS = 400
const CALLERS = ['process', 'process', 'process', 'thread'] as const
/** Calls that began while Redis was away and whose lateness could be judged. */
const JUDGED_PER_KIND = 10_000 * scale
const CALLS_PER_KIND = 18_000 * scale
const SECONDS_PER_KIND = 11 * scale
const STALL_MS = 1_200
const HEALTHY_MS = 600
const MAX_NAMED = 10

interface Place {
  server: RedisServer
  proxy: FaultProxy
}

/** Begins a stall; what it returns ends it. */
type Stall = (place: Place) => Promise<() => Promise<void>>

const every = (ms: number, act: () => void): (() => Promise<void>) => {
  act()
  const timer = setInterval(act, ms)
  return async () => clearInterval(timer)
}

const STALLS: Record<string, Stall> = {
  'a black hole': async ({ proxy }) => {
    proxy.blackHole()
    return () => proxy.heal()
  },
  'answers that take longer than the soft timeout, and longer than the hard one': async ({ proxy }) => {
    proxy.delay(randomInt(2) === 0 ? 90 : 300)
    return () => proxy.heal()
  },
  'connections cut in the middle of a message': async ({ proxy }) => {
    const end = every(30, () => proxy.cutAfter(randomInt(2) === 0 ? 'up' : 'down', randomInt(1, 400)))
    return async () => {
      await end()
      await proxy.heal()
    }
  },
  'connections reset, again and again': async ({ proxy }) => every(5, () => proxy.reset()),
  'a server that is stopped': async ({ server }) => {
    server.pause()
    return async () => server.resume()
  },
  'CLIENT PAUSE ALL': async ({ server }) => {
    await server.ask('CLIENT', 'PAUSE', STALL_MS, 'ALL')
    return async () => {}
  },
  'CLIENT PAUSE WRITE': async ({ server }) => {
    await server.ask('CLIENT', 'PAUSE', STALL_MS, 'WRITE')
    return async () => {}
  },
  'a full backlog': async ({ proxy }) => {
    await proxy.refuse()
    proxy.reset()
    const deaf = await DeafListener.on(proxy.port)
    return async () => {
      await deaf.end()
      await proxy.accept()
    }
  },
  'connections refused': async ({ proxy }) => {
    await proxy.refuse()
    proxy.reset()
    return () => proxy.accept()
  },
  'a trickle': async ({ proxy }) => {
    proxy.trickle(16, 20)
    return async () => {
      await proxy.heal()
      // What has been taken apart is still on its way.
      proxy.reset()
    }
  },
}

/** What a call may say: the source's own error, a write that Redis has not confirmed, no room for another, others in between until its end. */
const ALLOWED = new Set([SOURCE_ERROR, 'ERR_CACHE_L2_TIMEOUT', 'ERR_CACHE_JOURNAL_FULL', 'ERR_CACHE_CONFLICT'])

suite('stalls', (test) => {
  let server: RedisServer
  let proxy: FaultProxy
  const judged: Punctuality[] = []
  const options = (): CacheOptions => ({ redis: `redis://127.0.0.1:${proxy.port}`, grace: '1h', l2: { softTimeout: SOFT_MS, hardTimeout: HARD_MS } })

  test.before(async () => {
    server = await RedisServer.start()
  })
  test.before.each(async () => {
    await server.ask('FLUSHALL')
    proxy = await FaultProxy.listen(server)
  })
  test.after.each(() => proxy.close())
  test.after(async () => {
    await server.remove()
    const sum = together(judged)
    process.stdout.write(`${say('all stalls', sum)}\n`)
  })

  for (const [name, stall] of Object.entries(STALLS)) {
    test(`${name}: no call is late, and afterwards the journal is drained and the breaker closed`, async () => {
      await withCallers(CALLERS, options(), async (callers) => {
        // What a host wrote before it first heard of Redis ends in its table then: the stale values have to be there to serve.
        await recovered(callers)
        await callers[0]!.ask('prepare')
        await recovered(callers)
        const rounds = callers.map((caller, index) => caller.ask('round', {
          seed: seed + index, calls: CALLS_PER_KIND / CALLERS.length, perSecond: CALLS_PER_KIND / CALLERS.length / SECONDS_PER_KIND, softMs: SOFT_MS, hardMs: HARD_MS,
        }))
        const { results, stalledMs } = await whileStalling({ server, proxy }, stall, Promise.all(rounds))
        const punctuality = together(results.map((result) => result.punctuality))
        const errors = summed(results)
        const inStalls = results.flatMap(({ begunMs }) => begunMs).filter((ms) => stalledMs.some(([fromMs, toMs]) => fromMs <= ms && ms < toMs)).length
        judged.push(punctuality)
        process.stdout.write(`${say(name, punctuality)}, ${inStalls} of them begun in a stall; ${JSON.stringify(errors)}\n`)
        assert.deepEqual(Object.keys(errors).filter((code) => !ALLOWED.has(code)), [])
        assert.equal(punctuality.calls, CALLS_PER_KIND)
        assert.ok(inStalls - punctuality.excused >= JUDGED_PER_KIND, `${inStalls} calls began in a stall, ${punctuality.excused} could not be judged`)
        assert.ok(punctuality.waited > 0, 'no call has waited for Redis: nothing was tested')
        assert.equal(punctuality.late, 0, `late: ${punctuality.who.slice(0, MAX_NAMED).join('; ')}`)
        await recovered(callers)
      })
    })
  }

  test('an open breaker is one for the host: nobody waits, one probe at a time tries, and the first answer closes it', async () => {
    await withCallers(['process', 'process', 'process'], options(), async (callers) => {
      await recovered(callers)
      const before = await readsAt(server)
      // Commands reach Redis, so that it counts what it is asked; answers do not come back.
      proxy.stall('down')
      let isAsking = true
      let misses = 0
      const asking = callers.map(async (caller, index) => {
        while (isAsking) await caller.ask('call', 'get', `missing:${index}:${misses++}`)
      })
      try {
        await eventually('the breaker is open for all', async () => (await infos(callers)).every(({ l2 }) => l2!.breaker === 'open'))
        const openedMs = performance.now()
        assert.ok((await readsAt(server)) - before >= 5, 'it opens after failures')
        const [opened, openedAt] = [await readerReads(callers), await readsAt(server)]
        await eventually('three probes have been made', async () => (await readerReads(callers)) >= opened + 3)
        const probes = (await readerReads(callers)) - opened
        const spanMs = performance.now() - openedMs
        // Each failed probe doubles the pause before the next: 500, 1000, 2000, ... The first pause may be over.
        const most = Math.log2(spanMs / 500 + 1) + 2
        assert.ok(probes <= most, `${probes} probes in ${Math.round(spanMs)} ms`)
        assert.ok((await readsAt(server)) - openedAt <= most)
        const asked = await readerReads(callers)
        const missesBefore = misses
        await eventually('a thousand misses later', async () => misses > missesBefore + 1_000)
        // None of them waited: but for a probe that may have been due, none has asked.
        assert.ok((await readerReads(callers)) - asked <= 1)
      } finally {
        isAsking = false
        await Promise.allSettled(asking)
      }
      await proxy.heal()
      await recovered(callers)
    })
  })

  test('a cache opens while nobody listens, works, and brings everything to Redis when somebody does', async () => {
    await proxy.refuse()
    await withCallers(['process', 'process'], options(), async (callers) => {
      for (const [index, caller] of callers.entries()) {
        for (let key = 0; key < 200; key++) await caller.ask('call', 'set', `early:${index}:${key}`, key)
        assert.equal(await caller.ask('call', 'get', `early:${index}:7`), 7)
        assert.equal((await caller.ask('info')).l2!.degraded, true)
      }
      // Each sees what the other wrote, without Redis.
      assert.equal(await callers[0]!.ask('call', 'get', 'early:1:9'), 9)
      await proxy.accept()
      await recovered(callers)
      await withCallers(['process'], { ...options(), name: (await callers[0]!.ask('info')).name }, async ([elsewhere]) => {
        await recovered([elsewhere!])
        for (const index of [0, 1]) assert.equal(await elsewhere!.ask('call', 'get', `early:${index}:199`), 199)
      })
    })
  })
})

/** Stall, health, stall, ... for as long as the callers call; ends healthy. `stalledMs`: from when to when, on a clock of all processes. */
async function whileStalling(place: Place, stall: Stall, calling: Promise<RoundResult[]>): Promise<{ results: RoundResult[]; stalledMs: [number, number][] }> {
  const stalledMs: [number, number][] = []
  let isOver = false
  const over = calling.finally(() => (isOver = true))
  const settled = over.then(() => {}, () => {})
  while (!isOver) {
    const end = await stall(place)
    const fromMs = onHostClock(performance.now())
    await Promise.race([pause(STALL_MS), settled])
    stalledMs.push([fromMs, onHostClock(performance.now())])
    await end()
    await Promise.race([pause(HEALTHY_MS), settled])
  }
  return { results: await over, stalledMs }
}

function infos(callers: readonly Caller[]): Promise<CacheInfo[]> {
  return Promise.all(callers.map((caller) => caller.ask('info')))
}

async function recovered(callers: readonly Caller[]): Promise<void> {
  await eventually('linked, drained, closed', async () => {
    // A breaker learns from a read, if from nothing else.
    await Promise.all(callers.map((caller) => caller.ask('call', 'get', `probe:${Math.random()}`)))
    const pendingBytes = (await callers[0]!.ask('detail'))['journal.pending_bytes']
    return pendingBytes === 0 && (await infos(callers)).every(({ l2 }) => l2!.link === 'connected' && !l2!.degraded && l2!.breaker === 'closed')
  })
}

/** How many reads the callers have handed to their connections. */
async function readerReads(callers: readonly Caller[]): Promise<number> {
  const details = await Promise.all(callers.map((caller) => caller.ask('detail')))
  return details.reduce((sum, detail) => sum + detail['reader.reads']!, 0)
}

/** How many reads of values Redis has been asked for. */
async function readsAt(server: RedisServer): Promise<number> {
  return Number(/calls=(\d+)/.exec((await server.info('cmdstat_mget')) ?? '')?.[1] ?? 0)
}

function summed(results: readonly RoundResult[]): Record<string, number> {
  const sum: Record<string, number> = {}
  for (const { errors } of results) for (const [code, count] of Object.entries(errors)) sum[code] = (sum[code] ?? 0) + count
  return sum
}

function say(name: string, { calls, waited, late, excused, maxLateMs, maxWitnessMs, maxBeyondMs, maxAtOnceMs }: Punctuality): string {
  const ms = (value: number): string => `${value.toFixed(1)} ms`
  return `${name}: ${calls} calls, ${waited} waited, ${late} late; beyond deadline at most ${ms(maxLateMs)} (witnesses ${ms(maxWitnessMs)}), beyond the witness ${ms(maxBeyondMs)}, ${excused} excused; at once at most ${ms(maxAtOnceMs)}`
}
