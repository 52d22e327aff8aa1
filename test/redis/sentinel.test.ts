// Failovers of the sentinel set of the other tests.
import * as assert from 'node:assert/strict'
import { Redis } from 'ioredis'
import { type SentinelSet, withSentinels } from '../helpers/redis/sentinel'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

/** Two deaths, each with as many votes as the sentinels may need, within the deadline of the file. */
const WATCHDOG_MS = 140_000

async function withClient(set: SentinelSet, body: (client: Redis) => Promise<void>): Promise<void> {
  const client = new Redis({ sentinels: set.addresses, name: set.name, sentinelRetryStrategy: () => 50, retryStrategy: () => 50 })
  client.on('error', () => {})
  try {
    await body(client)
  } finally {
    client.disconnect()
  }
}

suite('a primary with sentinels', (test) => {
  test('hands over in order, and a client follows', () => withSentinels({}, (set) => withClient(set, async (client) => {
    await client.set('before', '1')
    // A failover loses what no replica has.
    assert.equal(await client.wait(2, 5_000), 2)
    const old = await set.settled()
    const primary = await set.failover()
    assert.notEqual(primary, old)
    assert.equal(await primary.info('role'), 'master')
    assert.equal(await old.info('role'), 'slave')
    await until('the client writes to the new primary', async () => {
      await client.set('after', '1').catch(() => {})
      return await primary.ask('EXISTS', 'after') === 1
    })
    assert.equal(await primary.ask('EXISTS', 'before'), 1)
  })))

  test('survives the death of the primary, which follows when it is back', () => withSentinels({ password: 'secret' }, async (set) => {
    const old = await set.settled()
    await old.ask('SET', 'k', 'v')
    await old.ask('WAIT', 2, 5_000)
    const primary = await set.killPrimary()
    assert.notEqual(primary, old)
    assert.equal(await primary.ask('GET', 'k'), 'v')
    await old.restart()
    assert.equal(await set.settled(), primary)
    assert.equal(await old.info('role'), 'slave')
    // And once more, from there.
    assert.notEqual(await set.killPrimary(), primary)
  }))
}, WATCHDOG_MS)
