// Tags of two hosts on one Redis: what one clears, the other no longer serves, whatever is lost on the way.
import * as assert from 'node:assert/strict'
import type { Cache } from '../../src'
import { Names } from '../../src/l2/names'
import { partitionOf } from '../../src/words/partition'
import { deferred } from '../helpers/deferred'
import { untilLetters, untilRead, withHosts } from '../helpers/redis-host'
import { RedisOnce } from '../helpers/redis-once'
import { withProxy } from '../helpers/redis/proxy'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const names = new Names('shop')
const THROUGH = { writeMode: 'through' } as const
const OPTIONS = { jitter: 0, ttl: '1h' } as const

suite('tags with Redis', (test) => {
  let server: RedisOnce
  test.before(async () => {
    server = await RedisOnce.start()
  })
  test.before.each(async () => {
    await server.admin.flushall()
  })
  test.after(() => server.stop())

  const untilGone = (cache: Cache, key: string): Promise<void> => until(`${key} is gone`, async () => (await cache.get(key)) === undefined)
  const untilHeld = (cache: Cache, key: string): Promise<void> => until(`${key} is in the table`, async () => (await cache.get(key)) !== undefined && cache.peek(key) !== undefined)

  test('deleteByTag on one host ends the entries of the other, in its table and in Redis', () =>
    withHosts(server.url, 3, async ([one, two, three]) => {
      const [here, there] = [one!.open(OPTIONS), two!.open(OPTIONS)]
      await Promise.all([here.ready(), there.ready()])
      await here.set('a', { v: 1 }, { tags: ['x', 'y'], ...THROUGH })
      await here.set('b', 'text', { tags: ['y'], ...THROUGH })
      await here.set('c', 3, THROUGH)
      for (const key of ['a', 'b', 'c']) await untilHeld(there, key)
      const entry = await there.getEntry('a')
      assert.deepEqual(entry.hit && entry.tags, ['x', 'y'])
      await there.deleteByTag('x')
      assert.equal(await there.get('a'), undefined, 'at once on its own host, past Redis too')
      await untilGone(here, 'a')
      assert.equal(await here.get('b'), 'text')
      assert.equal(await there.get('b'), 'text')
      // A host that starts later reads what was cleared.
      const late = three!.open(OPTIONS)
      await late.ready()
      assert.deepEqual(await late.getMany(['a', 'b', 'c']), [undefined, 'text', 3])
      assert.equal(await here.getOrSet('a', () => 'anew', { tags: ['x'] }), 'anew')
      await untilRead(there, 'a', 'anew')
      await untilRead(late, 'a', 'anew')
    }))

  test('expireByTag leaves the grace on every host', () =>
    withHosts(server.url, 2, async ([one, two]) => {
      const graced = { ...OPTIONS, grace: '1h' } as const
      const [here, there] = [one!.open(graced), two!.open(graced)]
      await Promise.all([here.ready(), there.ready()])
      await here.set('held', 'old', { tags: ['x'], ...THROUGH })
      await here.set('not held', 'old', { tags: ['x'], ...THROUGH })
      await untilHeld(there, 'held')
      await here.expireByTag('x')
      for (const cache of [here, there]) await untilGone(cache, 'held')
      for (const key of ['held', 'not held']) {
        await untilGone(there, key)
        assert.equal(await there.getOrSet(key, () => Promise.reject(new Error('down')), { tags: ['x'] }), 'old')
      }
      assert.equal(await here.getOrSet('held', () => 'new', { tags: ['x'] }), 'new')
      await untilRead(there, 'held', 'new')
    }))

  test('a write after a clear of its tag stands, on its own host and on the others', () =>
    withHosts(server.url, 2, async ([one, two]) => {
      const [here, there] = [one!.open(OPTIONS), two!.open(OPTIONS)]
      await Promise.all([here.ready(), there.ready()])
      for (let n = 0; n < 30; n++) {
        await here.set('k', n, { tags: ['x'] })
        await here.deleteByTag('x')
        assert.equal(await here.get('k'), undefined)
        await here.set('k', `${n} again`, { tags: ['x'] })
        assert.equal(await here.get('k'), `${n} again`)
      }
      await untilRead(there, 'k', '29 again')
      assert.equal(await here.get('k'), '29 again')
      await here.set('done', 1, THROUGH)
      assert.equal(await here.get('k'), '29 again')
    }))

  test('what was written before a clear, and had not been sent, is not brought back by Redis, nor what was there before it', () =>
    withProxy({ host: '127.0.0.1', port: server.port }, (proxy) => withHosts(server.url, 2, async ([one, two]) => {
      const here = one!.open({ ...OPTIONS, redis: `redis://127.0.0.1:${proxy.port}`, l2: { hardTimeout: '20s' } })
      const there = two!.open(OPTIONS)
      await Promise.all([here.ready(), there.ready()])
      await there.set('k', 'older, untagged', THROUGH)
      await untilHeld(here, 'k')
      proxy.stall()
      await here.set('k', 'tagged', { tags: ['x'] })
      assert.equal(await here.get('k'), 'tagged')
      await here.deleteByTag('x')
      proxy.resume()
      await here.set('after', 1, THROUGH)
      assert.equal(await here.get('k'), undefined)
      await untilGone(there, 'k')
      assert.equal(await there.get('k'), undefined)
    })))

  test('between a clear and its arrival in Redis the host does not take from there what it has cleared', () =>
    withHosts(server.url, 2, async ([one, two]) => {
      const there = two!.open(OPTIONS)
      await there.ready()
      for (const key of ['k', 'l']) await there.set(key, 'old', { tags: ['x'], ...THROUGH })
      const leading = await one!.spawn(OPTIONS)
      const here = one!.open({ ...OPTIONS, coordinator: 'off' })
      await untilRead(here, 'k', 'old')
      // Nobody brings the clear to Redis while others of the host read there.
      await leading.kill()
      await here.deleteByTag('x')
      assert.deepEqual(await here.getMany(['k', 'l']), [undefined, undefined])
      assert.equal(await here.getOrSet('l', () => 'new', { tags: ['x'] }), 'new')
      const next = one!.open(OPTIONS)
      await next.ready()
      await untilGone(there, 'k')
      assert.equal(await here.get('k'), undefined)
    }))

  test('lost messages are made up for from the log', () =>
    withProxy({ host: '127.0.0.1', port: server.port }, (proxy) => withHosts(server.url, 2, async ([one, two]) => {
      const here = one!.open(OPTIONS)
      const there = two!.open({ ...OPTIONS, redis: `redis://127.0.0.1:${proxy.port}` })
      await Promise.all([here.ready(), there.ready()])
      for (let n = 0; n < 5; n++) {
        await here.set('k', n, { tags: [`t${n}`], ...THROUGH })
        await untilRead(there, 'k', n)
        await untilHeld(there, 'k')
        const { dropped } = proxy.counts
        proxy.dropMessages(({ payload }) => payload.includes('#d'))
        await here.deleteByTag(`t${n}`)
        await untilGone(there, 'k')
        assert.ok(proxy.counts.dropped > dropped, 'the message did get lost')
        proxy.dropMessages(0)
      }
    })))

  test('a host that was down when a tag was cleared does not bring back what it had', () =>
    withHosts(server.url, 2, async ([one, two]) => {
      const here = one!.open(OPTIONS)
      await here.ready()
      // Its table outlives its processes.
      const first = await two!.spawn(OPTIONS)
      await here.set('k', 'old', { tags: ['x'], ...THROUGH })
      await here.set('other', 'old', { tags: ['y'], ...THROUGH })
      for (const key of ['k', 'other']) await until(`${key} is there`, async () => (await first.call('get', key)) === 'old')
      await first.kill()
      await here.deleteByTag('x')
      await here.set('sent', 1, THROUGH)
      const again = two!.open(OPTIONS)
      await again.ready()
      await untilGone(again, 'k')
      assert.equal(await again.get('other'), 'old')
    }))

  test('a tag cleared on another host while a load runs keeps the late result out, in every tier', () =>
    withHosts(server.url, 2, async ([one, two]) => {
      const [here, there] = [one!.open(OPTIONS), two!.open(OPTIONS)]
      await Promise.all([here.ready(), there.ready()])
      await here.set('witness', 1, { tags: ['x'], ...THROUGH })
      for (const isHeard of [true, false]) {
        const [began, source] = [deferred<void>(), deferred<string>()]
        const loading = here.getOrSet('k', async ({ setTags }) => {
          began.resolve()
          const value = await source.promise
          setTags(['x'])
          return value
        })
        await began.promise
        await there.deleteByTag('x')
        await there.set('sent', 1, THROUGH)
        if (isHeard) await untilGone(here, 'witness')
        source.resolve('late')
        assert.equal(await loading, 'late')
        await here.set('sent too', 1, THROUGH)
        await untilGone(here, 'k')
        await untilGone(there, 'k')
        assert.equal(await here.get('k'), undefined)
      }
    }))

  test('large values, touched and conditional writes keep their tags', () =>
    withHosts(server.url, 2, async ([one, two]) => {
      const [here, there] = [one!.open(OPTIONS), two!.open(OPTIONS)]
      await Promise.all([here.ready(), there.ready()])
      await here.set('large', 'v'.repeat(600_000), { tags: ['x'] })
      await here.set('touched', { v: 1 }, { tags: ['x'] })
      await here.touch('touched', '2h')
      assert.ok((await here.set('absent', 1, { tags: ['x'], ifAbsent: true })) > 0)
      await here.set('around', 1, { tags: ['x'], writeMode: 'around' })
      for (const key of ['large', 'touched', 'absent', 'around']) {
        await until(`${key} has its tags there`, async () => {
          const entry = await there.getEntry(key)
          return entry.hit && entry.tags.join() === 'x'
        })
      }
      await there.deleteByTag('x')
      for (const cache of [here, there]) for (const key of ['large', 'touched', 'absent', 'around']) await untilGone(cache, key)
    }))

  test('a conditional write sees what a tag has ended as absent', () =>
    withHosts(server.url, 2, async ([one, two]) => {
      const [here, there] = [one!.open(OPTIONS), two!.open(OPTIONS)]
      await Promise.all([here.ready(), there.ready()])
      const version = await here.set('k', 1, { tags: ['x'], ...THROUGH })
      await here.set('l', 1, { tags: ['x'], ...THROUGH })
      await there.deleteByTag('x')
      for (const cache of [here, there]) await untilGone(cache, 'k')
      assert.equal(await here.set('k', 2, { ifVersion: version }), 0)
      assert.ok((await here.set('l', 2, { ifAbsent: true })) > 0)
      assert.equal(await here.set('l', 3, { ifAbsent: true }), 0)
      await untilRead(there, 'l', 2)
      assert.equal(await there.get('k'), undefined)
    }))

  test('updates and counters of several hosts begin anew after a tag has ended the value', () =>
    withHosts(server.url, 2, async ([one, two]) => {
      const [here, there] = [one!.open(OPTIONS), two!.open(OPTIONS)]
      await Promise.all([here.ready(), there.ready()])
      for (const key of ['n', 'pulled', 'updated']) await here.set(key, 5, { tags: ['x'], ...THROUGH })
      assert.equal(await there.incr('n'), 6)
      const entry = await there.getEntry('n')
      assert.deepEqual(entry.hit && entry.tags, ['x'])
      await here.deleteByTag('x')
      for (const cache of [here, there]) for (const key of ['n', 'pulled', 'updated']) await untilGone(cache, key)
      assert.equal(await there.incr('n'), 1)
      assert.equal(await here.incr('n'), 2)
      assert.equal(await there.pull('pulled'), undefined)
      assert.equal(await there.update('updated', (value) => (value === undefined ? 'anew' : 'seen'), { tags: ['y'] }), 'anew')
      await untilRead(here, 'updated', 'anew')
    }))

  test('a dead letter whose tag was cleared meanwhile is not written again', () =>
    withHosts(server.url, 1, async ([one]) => {
      const cache = one!.open(OPTIONS)
      await cache.ready()
      const state = names.state(partitionOf('', 'k'))
      await server.admin.set(state, 'a string where a hash is needed')
      await cache.set('k', 1, { tags: ['x'] })
      await untilLetters(cache, 1)
      await server.admin.del(state)
      assert.equal(await cache.retryDeadLetters(), 1)
      await cache.set('sent', 1, THROUGH)
      const entry = await cache.getEntry('k')
      assert.deepEqual(entry.hit && entry.tags, ['x'])
      await server.admin.set(state, 'again')
      await cache.set('k', 2, { tags: ['x'] })
      await untilLetters(cache, 1)
      await server.admin.del(state)
      await cache.deleteByTag('x')
      assert.equal(await cache.retryDeadLetters(), 0)
      assert.equal(await cache.get('k'), undefined)
    }))

  test('what lies on the disk of a host that rebooted is not brought back past a clear', () =>
    withHosts(server.url, 2, async ([one, two]) => {
      const there = two!.open(OPTIONS)
      await there.ready()
      const leading = await one!.spawn({ ...OPTIONS, durability: 'disk' })
      await leading.call('set', 'sent', 1)
      await untilRead(there, 'sent', 1)
      await leading.kill()
      const writer = await one!.spawn({ ...OPTIONS, durability: 'disk', coordinator: 'off' })
      await writer.call('set', 'k', 'old', { tags: ['x'] })
      await writer.call('set', 'other', 'old', { tags: ['y'] })
      await there.deleteByTag('x')
      await there.set('sent', 2, THROUGH)
      await one!.reboot()
      const cache = one!.open({ ...OPTIONS, durability: 'disk' })
      await untilRead(there, 'other', 'old')
      assert.equal(await there.get('k'), undefined)
      assert.equal(await cache.get('k'), undefined)
      assert.deepEqual(await cache.getEntry('other').then((entry) => entry.hit && entry.tags), ['y'])
    }))

  test('FLUSHALL forgets the clears, and nothing old comes back', () =>
    withHosts(server.url, 2, async ([one, two]) => {
      const [here, there] = [one!.open(OPTIONS), two!.open(OPTIONS)]
      await Promise.all([here.ready(), there.ready()])
      await here.set('k', 'old', { tags: ['x'], ...THROUGH })
      await untilHeld(there, 'k')
      await here.deleteByTag('x')
      await untilGone(there, 'k')
      await server.admin.flushall()
      await until('it is written anew', async () => {
        await here.set('k', 'new', { tags: ['x'], ...THROUGH })
        return (await there.get('k')) === 'new'
      })
      await there.deleteByTag('x')
      for (const cache of [here, there]) await untilGone(cache, 'k')
    }))
})
