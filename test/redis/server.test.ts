// The servers of the other tests: they keep port and data, and never outlive their test.
import * as assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { isAlive } from '../helpers/is-alive'
import { RedisServer, withRedis } from '../helpers/redis/server'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

suite('a redis-server of the test', (test) => {
  test('answers on its port and its socket, and is gone afterwards', async () => {
    const { dir, pid } = await withRedis({}, async (server) => {
      const overTcp = new Redis({ host: server.host, port: server.port })
      const overSocket = new Redis({ path: server.socket })
      await overTcp.set('k', 'v')
      assert.equal(await overSocket.get('k'), 'v')
      overTcp.disconnect()
      overSocket.disconnect()
      return { dir: server.dir, pid: server.pid! }
    })
    assert.equal(existsSync(dir), false)
    assert.equal(isAlive(pid), false)
  })

  test('is gone when the test fails', async () => {
    let pid = 0
    await assert.rejects(withRedis({}, async (server) => {
      pid = server.pid!
      throw new Error('planted')
    }), /planted/)
    assert.equal(isAlive(pid), false)
  })

  test('keeps port and acknowledged data over SIGKILL and restart when it is durable', () =>
    withRedis({ durable: true }, async (server) => {
      const { port } = server
      for (let i = 0; i < 100; i++) await server.ask('SET', `k${i}`, i)
      await server.kill()
      assert.equal(server.isRunning, false)
      await assert.rejects(server.ask('PING'))
      await server.restart()
      assert.equal(server.port, port)
      assert.equal(await server.ask('DBSIZE'), 100)
      assert.equal(await server.ask('GET', 'k99'), '99')
    }))

  test('loses everything at a restart when it is not durable', () =>
    withRedis({}, async (server) => {
      await server.ask('SET', 'k', 'v')
      const before = await server.info('run_id')
      await server.restart()
      assert.equal(await server.ask('DBSIZE'), 0)
      assert.notEqual(await server.info('run_id'), before)
    }))

  test('a paused one is connected and silent until it is resumed', () =>
    withRedis({}, async (server) => {
      const client = new Redis({ host: server.host, port: server.port })
      await client.ping()
      server.pause()
      let answered = false
      const answer = client.get('k').then(() => { answered = true })
      // The state is read back from the kernel: T is stopped by a signal.
      await until('it is stopped', () => / T /.test(readFileSync(`/proc/${server.pid}/stat`, 'latin1')))
      assert.equal(answered, false)
      assert.equal(client.status, 'ready')
      server.resume()
      await answer
      client.disconnect()
    }))

  test('a paused one can be stopped', () => withRedis({}, async (server) => {
    server.pause()
    await server.stop()
    assert.equal(server.isRunning, false)
  }))

  test('refuses clients without its password', () =>
    withRedis({ password: 'opensesame' }, async (server) => {
      assert.equal(await server.ask('PING'), 'PONG')
      const client = new Redis({ host: server.host, port: server.port, lazyConnect: true })
      client.on('error', () => {})
      await client.connect().catch(() => {})
      await assert.rejects(client.get('k'), /NOAUTH/)
      client.disconnect()
    }))

  test('holds users to the lines of its ACL', () =>
    withRedis({ acl: ['user app on >pw ~p:* &p:* +get +ping'] }, async (server) => {
      const client = new Redis({
        host: server.host, port: server.port, username: 'app', password: 'pw', enableReadyCheck: false, disableClientInfo: true,
      })
      assert.equal(await client.get('p:a'), null)
      await assert.rejects(client.get('q:a'), /NOPERM/)
      client.disconnect()
    }))

  test('speaks TLS under a certificate that must be trusted', () =>
    withRedis({ tls: true }, async (server) => {
      const options = { host: server.host, port: server.port }
      const trusting = new Redis({ ...options, tls: { ca: server.certificates!.caText } })
      assert.equal(await trusting.ping(), 'PONG')
      trusting.disconnect()
      const doubting = new Redis({ ...options, tls: {}, lazyConnect: true, retryStrategy: () => null })
      const refused = once(doubting, 'error')
      await doubting.connect().catch(() => {})
      assert.match(String(await refused), /self-signed|unable to verify/i)
      doubting.disconnect()
    }))

  test('takes directives and refuses writes over its memory', () =>
    withRedis({ config: { maxmemory: '2mb', 'maxmemory-policy': 'noeviction' } }, async (server) => {
      await assert.rejects(async () => {
        for (let i = 0; i < 100; i++) await server.ask('SET', `k${i}`, Buffer.alloc(100_000))
      }, /OOM/)
    }))

  test('says why it does not start', () =>
    assert.rejects(RedisServer.start({ config: { maxmemory: 'plenty' } }), /maxmemory/))

  test('does not outlive a test process that is killed', async () => {
    const script = `require(${JSON.stringify(join(__dirname, '../helpers/redis/server.js'))})
      .RedisServer.start().then((server) => { console.log(JSON.stringify({ pid: server.pid, dir: server.dir })) })`
    const orphan = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = await once(orphan.stdout, 'data')
    const { pid, dir } = JSON.parse(String(line)) as { pid: number; dir: string }
    assert.equal(isAlive(pid), true)
    orphan.kill('SIGKILL')
    await until('the server is gone', () => !isAlive(pid))
    await until('its directory is gone', () => !existsSync(dir))
  })
})
