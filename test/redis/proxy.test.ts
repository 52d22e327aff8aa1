// Each fault of the proxy, in front of a real server.
import * as assert from 'node:assert/strict'
import { once } from 'node:events'
import { type Socket, connect } from 'node:net'
import { Redis } from 'ioredis'
import { type FaultProxy, withProxy } from '../helpers/redis/proxy'
import { type RedisServer, withRedis } from '../helpers/redis/server'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

type Body = (proxy: FaultProxy, server: RedisServer) => Promise<void>

const behindProxy = (body: Body) => () => withRedis({}, (server) => withProxy(server, (proxy) => body(proxy, server)))

/** A bare connection, and all that came back over it. */
class Line {
  received = ''
  error: NodeJS.ErrnoException | undefined
  hasEnded = false
  readonly #socket: Socket

  private constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.on('data', (chunk) => { this.received += chunk.toString('latin1') })
    this.#socket.on('error', (error) => { this.error = error })
    this.#socket.on('close', () => { this.hasEnded = true })
  }

  static async open({ port }: { port: number }): Promise<Line> {
    const line = new Line(port)
    await once(line.#socket, 'connect')
    return line
  }

  send(text: string): void {
    this.#socket.write(text)
  }

  async answer(text: string): Promise<void> {
    await until(`the answer ${JSON.stringify(text)}`, () => this.received.includes(text))
  }

  async end(): Promise<void> {
    await until('the connection ends', () => this.hasEnded)
  }

  close(): void {
    this.#socket.destroy()
  }
}

async function subscriber(proxy: FaultProxy, protocol: 2 | 3 = 3): Promise<{ client: Redis; heard: string[] }> {
  const client = new Redis({ host: proxy.host, port: proxy.port, protocol })
  const heard: string[] = []
  client.on('message', (_, message: string) => heard.push(message))
  await client.subscribe('c')
  return { client, heard }
}

suite('the fault proxy', (test) => {
  test('without a fault passes and counts every byte', behindProxy(async (proxy) => {
    const line = await Line.open(proxy)
    const value = 'x'.repeat(3_000_000)
    const set = `*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${value.length}\r\n${value}\r\n`
    line.send(set)
    await line.answer('+OK\r\n')
    line.send('GET k\r\n')
    const answers = `+OK\r\n$${value.length}\r\n${value}\r\n`
    await until('all is back', () => line.received.length >= answers.length)
    assert.ok(line.received === answers)
    const sent = set.length + 'GET k\r\n'.length
    assert.deepEqual(proxy.counts, { connections: 1, up: sent, down: answers.length, dropped: 0 })
    line.send('QUIT\r\n')
    await line.end()
    await until('the proxy has let go', () => proxy.open === 0)
  }))

  test('delays, in order', behindProxy(async (proxy) => {
    const line = await Line.open(proxy)
    proxy.delay(30)
    const started = performance.now()
    line.send('ECHO 1\r\n')
    line.send('ECHO 2\r\n')
    await line.answer('$1\r\n1\r\n$1\r\n2\r\n')
    assert.ok(performance.now() - started >= 59, 'less than a delay up and a delay down')
    line.close()
  }))

  test('stalls the way up: the server does not see the command until it is resumed', behindProxy(async (proxy, server) => {
    const line = await Line.open(proxy)
    proxy.stall('up')
    line.send('SET k v\r\n')
    assert.equal(await server.ask('EXISTS', 'k'), 0)
    assert.equal(proxy.counts.up, 0)
    proxy.resume()
    await line.answer('+OK\r\n')
    line.close()
  }))

  test('stalls the way down: the command is done and the answer comes late', behindProxy(async (proxy, server) => {
    const line = await Line.open(proxy)
    line.send('PING\r\n')
    await line.answer('+PONG\r\n')
    proxy.stall('down')
    line.send('SET k v\r\n')
    await until('it is done', async () => await server.ask('EXISTS', 'k') === 1)
    assert.equal(line.received, '+PONG\r\n')
    proxy.resume()
    await line.answer('+OK\r\n')
    line.close()
  }))

  test('stalled, it lets the server feel that nobody reads', behindProxy(async (proxy, server) => {
    await server.ask('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 1mb 0 0')
    const { client } = await subscriber(proxy)
    proxy.stall('down')
    const message = Buffer.alloc(100_000)
    await until('the server cuts the slow subscriber', async () => await server.ask('PUBLISH', 'c', message) === 0)
    client.disconnect()
  }))

  test('cuts after exactly so many bytes up', behindProxy(async (proxy, server) => {
    const line = await Line.open(proxy)
    proxy.cutAfter('up', 9 + 8)
    line.send('SET k v\r\n')
    await line.answer('+OK\r\n')
    line.send('SET k w\r\n')
    await line.end()
    assert.equal(await server.ask('GET', 'k'), 'v')
    assert.equal(proxy.counts.up, 17)
  }))

  test('cuts after exactly so many bytes down, when the command is done', behindProxy(async (proxy, server) => {
    const line = await Line.open(proxy)
    proxy.cutAfter('down', 3)
    line.send('SET k v\r\n')
    await line.end()
    assert.equal(line.received, '+OK')
    assert.equal(await server.ask('GET', 'k'), 'v')
    const next = await Line.open(proxy)
    next.send('PING\r\n')
    await next.answer('+PONG\r\n')
    next.close()
  }))

  test('a black hole accepts and loses everything, until it is healed', behindProxy(async (proxy, server) => {
    const before = await Line.open(proxy)
    before.send('PING\r\n')
    await before.answer('+PONG\r\n')
    proxy.blackHole()
    const during = await Line.open(proxy)
    for (const line of [before, during]) line.send('SET k v\r\n')
    await until('both are accepted', () => proxy.open === 2)
    await proxy.heal()
    for (const line of [before, during]) await line.end()
    assert.equal(before.received + during.received, '+PONG\r\n')
    assert.equal(await server.ask('EXISTS', 'k'), 0)
    const after = await Line.open(proxy)
    after.send('PING\r\n')
    await after.answer('+PONG\r\n')
    after.close()
  }))

  test('resets every connection', behindProxy(async (proxy) => {
    const lines = [await Line.open(proxy), await Line.open(proxy)]
    await until('both are through', () => proxy.open === 2)
    proxy.reset()
    for (const line of lines) {
      await line.end()
      assert.equal(line.error?.code, 'ECONNRESET')
    }
  }))

  test('refuses new connections, keeps the open ones, and accepts again on its port', behindProxy(async (proxy) => {
    const line = await Line.open(proxy)
    await until('it is through', () => proxy.open === 1)
    await proxy.refuse()
    await assert.rejects(Line.open(proxy), /ECONNREFUSED/)
    line.send('PING\r\n')
    await line.answer('+PONG\r\n')
    await proxy.accept()
    const next = await Line.open(proxy)
    next.send('PING\r\n')
    await next.answer('+PONG\r\n')
    line.close()
    next.close()
  }))

  test('ends connections when the server is gone, and refuses as it does', behindProxy(async (proxy, server) => {
    const line = await Line.open(proxy)
    line.send('PING\r\n')
    await line.answer('+PONG\r\n')
    await server.kill()
    await line.end()
    const next = await Line.open(proxy)
    await next.end()
    await server.restart()
    const last = await Line.open(proxy)
    last.send('PING\r\n')
    await last.answer('+PONG\r\n')
    last.close()
  }))

  for (const protocol of [2, 3] as const) {
    test(`drops the next messages, as many as were asked for, in RESP${protocol}`, behindProxy(async (proxy, server) => {
      const { client, heard } = await subscriber(proxy, protocol)
      await server.ask('PUBLISH', 'c', '1')
      await until('the first is heard', () => heard.length === 1)
      proxy.dropMessages(3)
      for (const message of ['2', '3', '4', '5', '6']) await server.ask('PUBLISH', 'c', message)
      await until('the last is heard', () => heard.includes('6'))
      assert.deepEqual(heard, ['1', '5', '6'])
      assert.equal(proxy.counts.dropped, 3)
      assert.equal(client.status, 'ready')
      client.disconnect()
    }))

    test(`drops the messages it is told to until it is healed, in RESP${protocol}`, behindProxy(async (proxy, server) => {
      const { client, heard } = await subscriber(proxy, protocol)
      proxy.dropMessages(({ payload }) => Number(payload) % 2 === 0)
      const numbers = Array.from({ length: 1_000 }, (_, i) => i)
      await Promise.all(numbers.map((i) => server.ask('PUBLISH', 'c', i)))
      await until('the last is heard', () => heard.includes('999'))
      assert.deepEqual(heard, numbers.filter((i) => i % 2 === 1).map(String))
      await proxy.heal()
      await server.ask('PUBLISH', 'c', '1000')
      await until('an even one is heard', () => heard.includes('1000'))
      client.disconnect()
    }))
  }

  test('drops nothing from who only reads', behindProxy(async (proxy, server) => {
    proxy.dropMessages(() => true)
    await server.ask('RPUSH', 'list', 'message', 'c', 'x')
    const client = new Redis({ host: proxy.host, port: proxy.port, protocol: 2 })
    assert.deepEqual(await client.lrange('list', 0, -1), ['message', 'c', 'x'])
    assert.equal(proxy.counts.dropped, 0)
    client.disconnect()
  }))
})
