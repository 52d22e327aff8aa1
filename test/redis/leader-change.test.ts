// What a new leader knows of Redis from the one before: no doubt without a reason, none missed with one.
import * as assert from 'node:assert/strict'
import { Cache } from '../../src'
import { untilRead, withHosts } from '../helpers/redis-host'
import { RedisOnce } from '../helpers/redis-once'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

/** Long enough for nobody to take a dead leader for one that is stuck: that raises doubt by itself. */
const PATIENT = { l2: { heartbeat: '30s' } } as const

const doubtOf = (cache: Cache): number => Cache.tableOf(cache).doubt()

suite('a change of leader', (test) => {
  let server: RedisOnce
  test.before(async () => {
    server = await RedisOnce.start('--appendonly', 'yes', '--appendfsync', 'always')
  })
  test.after(() => server.stop())

  test('on the same server raises no doubt', () =>
    withHosts(server.url, 1, async ([here]) => {
      const reader = here!.open({ coordinator: 'off' })
      const first = await here!.spawn()
      await first.call('set', 'k', 1)
      await reader.set('through', 1, { writeMode: 'through' })
      const doubt = doubtOf(reader)
      const term = reader.info().l2!.term
      await first.kill()
      await here!.spawn()
      await until('another leads', () => reader.info().l2!.term > term)
      await reader.set('through', 2, { writeMode: 'through' })
      assert.equal(doubtOf(reader), doubt)
    }, PATIENT))

  test('together with one of the server raises doubt, though the sequences are the same', () =>
    withHosts(server.url, 2, async ([here, there]) => {
      const reader = here!.open({ coordinator: 'off' })
      const first = await here!.spawn()
      await first.call('set', 'k', 1)
      await reader.set('through', 1, { writeMode: 'through' })
      const doubt = doubtOf(reader)
      await first.kill()
      await server.kill()
      await server.restart()
      await here!.spawn()
      await until('doubt is raised', () => doubtOf(reader) !== doubt)
      await untilRead(reader, 'k', 1)
      await untilRead(there!.open(), 'k', 1)
    }, PATIENT))
})
