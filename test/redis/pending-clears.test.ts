// A clear that has not reached Redis yet: its own host does not read there what it has cleared.
import * as assert from 'node:assert/strict'
import { untilRead, withHosts } from '../helpers/redis-host'
import { RedisOnce } from '../helpers/redis-once'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

suite('pending clears', (test) => {
  let server: RedisOnce
  test.before(async () => {
    server = await RedisOnce.start()
  })
  test.after(() => server.stop())

  test('of a namespace, or of one above it, are heeded by every read of the host', () =>
    withHosts(server.url, 2, async ([one, two]) => {
      const there = two!.open()
      await there.ready()
      for (const key of ['k', 'l']) await there.namespace('n').namespace('m').set(key, 'old', { writeMode: 'through' })
      await there.set('k', 'of the root', { writeMode: 'through' })
      const leading = await one!.spawn()
      const here = one!.open({ coordinator: 'off' })
      const space = here.namespace('n').namespace('m')
      await until('it is read', async () => (await space.get('k')) === 'old')
      // Nobody brings the clear to Redis while others of the host read there.
      await leading.kill()
      await here.namespace('n').clear()
      assert.deepEqual(await space.getMany(['k', 'l']), [undefined, undefined])
      assert.equal(await here.get('k'), 'of the root')
      assert.equal(await space.getOrSet('l', () => 'new'), 'new')
      await one!.open().ready()
      await until('it is gone', async () => (await there.namespace('n').namespace('m').get('k')) === undefined)
      await untilRead(here, 'k', 'of the root')
    }))
})
