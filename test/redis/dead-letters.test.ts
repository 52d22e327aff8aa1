// What Redis refuses for good is kept, told, and can be written again or thrown away.
import * as assert from 'node:assert/strict'
import { Names } from '../../src/l2/names'
import { partitionOf } from '../../src/words/partition'
import { untilLetters, withHosts } from '../helpers/redis-host'
import { RedisOnce } from '../helpers/redis-once'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const names = new Names('shop')
const dataOf = (key: string): string => names.data(partitionOf('n', key), `n|${key}`)
const stateOf = (key: string): string => names.state(partitionOf('n', key))

suite('dead letters', (test) => {
  let server: RedisOnce
  test.before(async () => {
    server = await RedisOnce.start()
  })
  test.before.each(async () => {
    await server.admin.flushall()
  })
  test.after(() => server.stop())

  /** Makes Redis refuse the key's partition until it is healed. */
  async function spoil(key: string): Promise<() => Promise<void>> {
    await server.admin.set(stateOf(key), 'a string where a hash is needed')
    return async () => void (await server.admin.del(stateOf(key)))
  }

  test('say what was refused and why; written again they arrive, and are gone', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const cache = here!.open()
      const shop = cache.namespace('n')
      await cache.ready()
      const heal = await spoil('k')
      await shop.set('k', { n: 1 }, '1h')
      const [letter] = await untilLetters(cache, 1)
      assert.deepEqual([letter!.namespace, letter!.key, letter!.op], ['n', 'k', 1])
      assert.match(letter!.reason, /ERR_CACHE_L2_REFUSED/)
      await heal()
      assert.equal(await cache.retryDeadLetters([letter!.id + 8]), 0)
      assert.equal(await cache.retryDeadLetters(), 1)
      assert.deepEqual(cache.deadLetters(), [])
      const other = there!.open().namespace('n')
      await until('it is on the other host', async () => (await other.get<{ n: number }>('k'))?.n === 1)
      const entry = await other.getEntry('k')
      assert.ok(entry.hit && entry.ttlLeft > 3_200_000 && entry.ttlLeft <= 3_600_000)
      assert.ok(await server.admin.exists(dataOf('k')))
    }))

  test('of deletes are written again too, and are refused again where nothing was mended', () =>
    withHosts(server.url, 1, async ([here]) => {
      const cache = here!.open()
      await cache.ready()
      const heal = await spoil('k')
      await cache.namespace('n').delete('k')
      await untilLetters(cache, 1)
      assert.equal(await cache.retryDeadLetters(), 1)
      const [again] = await untilLetters(cache, 1)
      assert.equal(again!.op, 2)
      await heal()
      assert.equal(await cache.retryDeadLetters([again!.id]), 1)
      await cache.namespace('n').set('k', 1, { writeMode: 'through' })
      assert.deepEqual(cache.deadLetters(), [])
    }))

  test('that are discarded are gone for every process', () =>
    withHosts(server.url, 1, async ([here]) => {
      const [cache, same] = [here!.open(), here!.open({ coordinator: 'off' })]
      await cache.ready()
      await spoil('k')
      const shop = cache.namespace('n')
      for (let i = 1; i <= 3; i++) {
        await shop.set('k', i)
        await untilLetters(cache, i)
      }
      const [first, second] = same.deadLetters()
      assert.equal(same.discardDeadLetters([first!.id]), 1)
      assert.equal(cache.discardDeadLetters([first!.id]), 0)
      assert.deepEqual(cache.deadLetters()[0], second)
      assert.equal(cache.discardDeadLetters(), 2)
      assert.deepEqual(same.deadLetters(), [])
    }))

  test('whose value was not kept stay when they are written again', () =>
    withHosts(server.url, 1, async ([here]) => {
      const cache = here!.open()
      await cache.ready()
      await spoil('k')
      await cache.namespace('n').set('k', 'v'.repeat(100_000))
      const [letter] = await untilLetters(cache, 1)
      assert.deepEqual([letter!.bytes, letter!.payload], [100_000, undefined])
      assert.equal(await cache.retryDeadLetters(), 0)
      assert.equal(cache.deadLetters().length, 1)
    }))
})
