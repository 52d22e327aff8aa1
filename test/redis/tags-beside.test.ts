// Tags of compressed values and of values of users' codecs, between hosts; how old values are there.
import * as assert from 'node:assert/strict'
import type { Cache, CacheOptions } from '../../src'
import { advanceClock } from '../helpers/cache'
import { poolUp } from '../helpers/pool-up'
import { untilRead, withHosts } from '../helpers/redis-host'
import { RedisOnce } from '../helpers/redis-once'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'
import { cloneCodec, rows } from '../helpers/value-codecs'

const EXACT = { jitter: 0, ttl: '1h', grace: '1h' } as const
const BROTLI = { above: '1kb', algorithm: 'brotli' } as const
const THROUGH = { writeMode: 'through' } as const
const LARGE = rows(200_000)

const FORMS: [name: string, options: CacheOptions, value: unknown][] = [
  ['compressed', { compression: BROTLI }, LARGE],
  ['unpacked by the pool', { compression: BROTLI, memory: '64mb' }, rows(3_000_000)],
  ['of a codec of the user\'s', { codec: cloneCodec() }, { pattern: /x/g }],
  ['of both, validated, and of notes', { codec: cloneCodec(), compression: BROTLI, validate: () => true, sliding: '30m' }, LARGE],
]

suite('tags beside the rest, with Redis', (test) => {
  let server: RedisOnce
  test.before(async () => {
    server = await RedisOnce.start()
  })
  test.before.each(async () => {
    await server.admin.flushall()
  })
  test.after(() => server.stop())

  const untilGone = (cache: Cache, key: string): Promise<void> => until(`${key} is gone`, async () => (await cache.get(key)) === undefined)

  for (const [name, options, value] of FORMS) {
    test(`a value that is ${name} keeps its tags on the way to another host, and is ended there`, () =>
      withHosts(server.url, 3, async ([one, two, three]) => {
        const [here, there] = [one!.open({ ...EXACT, ...options }), two!.open({ ...EXACT, ...options })]
        await Promise.all([here.ready(), there.ready(), poolUp()])
        await here.set('set', value, { tags: ['x', 'y'], ...THROUGH })
        await here.getOrSet('loaded', ({ setTags }) => (setTags(['x']), value))
        await here.set('other', value, { tags: ['z'], ...THROUGH })
        for (const key of ['set', 'loaded', 'other']) await untilRead(there, key, value)
        const entry = await there.getEntry('set')
        assert.deepEqual(entry.hit && entry.tags, ['x', 'y'])
        // A new life is encoded anew.
        assert.equal(await there.touch('set', '2h'), true)
        const touched = await there.getEntry('set')
        assert.deepEqual(touched.hit && [touched.tags, touched.value], [['x', 'y'], value])
        await there.expireByTag('y')
        await untilGone(here, 'set')
        assert.deepEqual(await here.getOrSet('set', () => assert.fail('down')), value, 'its grace')
        await here.deleteByTag('x')
        for (const cache of [here, there]) for (const key of ['set', 'loaded']) await untilGone(cache, key)
        const late = three!.open({ ...EXACT, ...options })
        await late.ready()
        assert.deepEqual(await late.getMany(['set', 'loaded', 'other']), [undefined, undefined, value])
        assert.deepEqual(await there.getOrSet('loaded', () => value, { tags: ['x'] }), value)
        await untilRead(late, 'loaded', value)
      }, { errorTtl: 0 }))
  }

  test('an entry is as old on another host as it is where it was written', () =>
    withHosts(server.url, 2, async ([one, two]) => {
      const here = one!.open(EXACT)
      await here.ready()
      await here.set('k', { v: 1 }, { tags: ['x'], ...THROUGH })
      const startMs = performance.now()
      const ageOf = async (cache: Cache, options?: { skip: 'l1'[] }): Promise<number> => {
        const entry = await cache.getEntry('k', options)
        assert.ok(entry.hit)
        return entry.age
      }
      await until('it is some time old', () => performance.now() - startMs > 700)
      const there = two!.open(EXACT)
      await there.ready()
      await untilRead(there, 'k', { v: 1 })
      for (const [where, ageMs] of [['here', await ageOf(here)], ['there', await ageOf(there)], ['in Redis', await ageOf(there, { skip: ['l1'] })]] as const) {
        assert.ok(ageMs >= 600 && ageMs < performance.now() - startMs + 300, `${where}: ${ageMs} ms`)
      }
      advanceClock(there, 5_000)
      assert.ok((await ageOf(there)) > 5_600)
    }))
})
