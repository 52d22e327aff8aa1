import * as assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import type { Change, DoubtReason, FeedOptions, LinkState } from '../../src/l2/contract'
import { RedisFeed } from '../../src/l2/feed'
import { decodeMessage, type Message } from '../../src/l2/message'
import { Names } from '../../src/l2/names'
import { Writer } from '../../src/l2/writer'
import { encode } from '../../src/wire/codec'
import { configFor, ORIGIN, Records, within } from '../helpers/l2'
import { withProxy } from '../helpers/redis/proxy'
import { RedisOnce } from '../helpers/redis-once'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const names = new Names('shop')
const DEADLINE_MS = 5000
/** What is promised to the fleet. */
const STALE_MS = 2000

class Ear {
  readonly changes: Change[] = []
  readonly clears: [namespace: string, epoch: number, why: string][] = []
  readonly doubts: [partition: number, reason: DoubtReason][] = []
  readonly links: LinkState[] = []
  heardMs = 0
  offsetMs = Number.NaN
  readonly feed: RedisFeed

  constructor(url: string, options: Partial<FeedOptions> = {}) {
    this.feed = new RedisFeed(configFor(url), {
      onChange: (change) => this.changes.push(change),
      onClear: (namespace, epoch, why) => this.clears.push([namespace, epoch, why]),
      onDoubt: (...doubt) => this.doubts.push(doubt),
      onHeard: (sinceMs) => { this.heardMs = sinceMs },
      onLink: (state) => this.links.push(state),
      onClock: (offsetMs) => { this.offsetMs = offsetMs },
    }, { origin: ORIGIN, heartbeatMs: 200, ...options })
    this.feed.start()
  }

  get keys(): string[] {
    return this.changes.map(({ key }) => key)
  }

  connected(): Promise<void> {
    return until('the feed is connected', () => this.feed.link === 'connected')
  }

  /** Everything up to now has been heard. */
  async caughtUp(): Promise<void> {
    const nowMs = Number(process.hrtime.bigint()) / 1e6
    await until('everything up to now is heard', () => this.heardMs > nowMs)
  }
}

suite('l2 feed', (test) => {
  let server: RedisOnce
  let writer: Writer
  let records: Records
  const ears: Ear[] = []
  const listen = (options: Partial<FeedOptions> = {}): Ear => {
    const ear = new Ear(server.url, options)
    ears.push(ear)
    return ear
  }
  const write = async (...keys: string[]): Promise<void> => {
    const outcomes = await writer.write(keys.map((key) => records.make(key, { partition: 5 })), within(DEADLINE_MS))
    for (const { results } of outcomes) for (const result of results) assert.equal(result.state, 'applied', JSON.stringify(result))
  }
  /** Sequence and log go on, the message is not published. */
  const writeUnheard = async (...keys: string[]): Promise<void> => {
    await server.admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await write(...keys)
  }

  /** State and log go on, and no message is published to anybody. */
  const writeSilently = async (key: string): Promise<void> => {
    const [, fields] = (await server.admin.xrevrangeBuffer(names.log(5), '+', '-', 'COUNT', 1))[0]!
    const { epoch, seqLast } = decodeMessage(fields[1]!) as Message
    const seq = seqLast + 1
    const message = Buffer.from(encode([5, String(epoch), seq, seq, 'silent', 3, 0, 1, `n|${key}`]).payload as Uint8Array)
    await server.admin.multi().hset(names.state(5), 'n', seq).xadd(names.log(5), `${seq}-0`, 'm', message).exec()
  }

  test.before(async () => {
    server = await RedisOnce.start()
  })
  test.before.each(async () => {
    await server.admin.flushall()
    await server.admin.config('RESETSTAT')
    writer = new Writer(configFor(server.url), { origin: ORIGIN })
    records = new Records()
  })
  test.after.each(async () => {
    for (const { feed } of ears.splice(0)) await feed.stop()
    await writer.close()
  })
  test.after(() => server.stop())

  test('changes come in order, each once, with version, kind and origin', async () => {
    const ear = listen()
    await ear.connected()
    await write('a', 'b')
    await writer.write([records.make('a', { partition: 5, op: 2 }), records.make('b', { partition: 5, op: 3 })], within(DEADLINE_MS))
    await until('all are heard', () => ear.changes.length === 4)
    assert.deepEqual(ear.changes.map(({ key, kind }) => [key, kind]), [['a', 1], ['b', 1], ['a', 2], ['b', 3]])
    assert.deepEqual(new Set(ear.changes.map(({ origin, namespace, partition }) => [origin, namespace, partition].join())), new Set([`${ORIGIN},n,5`]))
    assert.deepEqual(ear.doubts, [])
    assert.ok(Math.abs(ear.offsetMs - (Date.now() - Number(process.hrtime.bigint()) / 1e6)) < 500)
    assert.match(ear.feed.runId, /^[0-9a-f]{40}$/)
  })

  test('clears are told with their epoch; at the start those that were', async () => {
    const ear = listen()
    await ear.connected()
    await writer.write([records.make('', { op: 5, namespace: 'a', partition: 256 })], within(DEADLINE_MS))
    await until('the clear is heard', () => ear.clears.some(([namespace]) => namespace === 'a'))
    const late = listen()
    await late.connected()
    assert.deepEqual(late.clears.map(([namespace, , why]) => [namespace, why]).sort(), [['', 'first'], ['a', 'first']])
    assert.ok(late.clears.find(([namespace]) => namespace === '')![1] > 0)
    assert.deepEqual([...ear.doubts, ...late.doubts], [])
  })

  test('messages lost while the connection was cut are replayed', async () => {
    const ear = listen()
    await ear.connected()
    await write('before')
    await until('it is heard', () => ear.keys.includes('before'))
    for (let round = 0; round < 5; round++) await writeUnheard(`gap${round}a`, `gap${round}b`)
    await write('after')
    await until('all are heard', () => ear.changes.length === 12, STALE_MS * 2)
    assert.deepEqual(ear.keys, ['before', ...[0, 1, 2, 3, 4].flatMap((round) => [`gap${round}a`, `gap${round}b`]), 'after'])
    assert.deepEqual(ear.doubts, [])
  })

  test('a message lost on a living connection is found by the next one, and held back order is kept', async () => {
    const ear = listen({ heartbeatMs: 60_000 })
    await ear.connected()
    await write('first')
    await until('it is heard', () => ear.changes.length === 1)
    await writeSilently('silent')
    await write('second')
    await until('all are heard', () => ear.changes.length === 3, STALE_MS)
    assert.deepEqual(ear.keys, ['first', 'silent', 'second'])
  })

  test('a quiet partition whose only message was lost is found by the heartbeat within the bound', async () => {
    const ear = listen({ heartbeatMs: 500 })
    await ear.connected()
    await write('first')
    await ear.caughtUp()
    await writeSilently('quiet')
    const startMs = performance.now()
    await until('the quiet change is heard', () => ear.keys.includes('quiet'), STALE_MS)
    assert.ok(performance.now() - startMs < STALE_MS)
    assert.deepEqual(ear.doubts, [])
  })

  test('a log that does not reach back is doubt, and the present goes on', async () => {
    const ear = listen()
    await ear.connected()
    await write('first')
    await until('it is heard', () => ear.changes.length === 1)
    await writeUnheard('lost1', 'lost2')
    await server.admin.del(names.log(5))
    await until('it is doubted', () => ear.doubts.length > 0 || ear.keys.includes('lost2'), STALE_MS)
    if (ear.doubts.length > 0) assert.deepEqual(ear.doubts, [[5, 'range-gone']])
    await write('after')
    await until('the present is heard', () => ear.keys.at(-1) === 'after')
  })

  test('a feed that starts where another stood hears what came between', async () => {
    const ear = listen()
    await ear.connected()
    await write('first')
    await until('it is heard', () => ear.changes.length === 1)
    const from = ear.feed.positions()
    await ear.feed.stop()
    await write('between1')
    await write('between2')
    const next = listen({ from })
    await until('it is replayed', () => next.changes.length === 2)
    assert.deepEqual(next.keys, ['between1', 'between2'])
    assert.deepEqual(next.doubts, [])
    assert.deepEqual(ear.keys, ['first'])
  })

  test('a position far behind is doubted, not guessed', async () => {
    for (let round = 0; round < 30; round++) await write(`k${round}`)
    const ear = listen()
    await ear.connected()
    const from = ear.feed.positions()
    from.seqs[5] = 2
    const behind = listen({ from, replayMessages: 10 })
    await behind.connected()
    assert.deepEqual(behind.doubts, [[5, 'range-gone']])
    const unknown = ear.feed.positions()
    unknown.epochs[5] = 0
    const blind = listen({ from: unknown })
    await blind.connected()
    assert.deepEqual(blind.doubts, [[5, 'epoch']])
  })

  test('FLUSHALL is doubt within the bound, and all hosts learn the new root epoch', async () => {
    const ears2 = [listen({ origin: 'a'.repeat(16) }), listen({ origin: 'b'.repeat(16) })]
    for (const ear of ears2) await ear.connected()
    await write('k')
    await ears2[0]!.caughtUp()
    const startMs = performance.now()
    await server.admin.flushall()
    for (const ear of ears2) {
      await until('it is doubted', () => ear.doubts.some(([partition, reason]) => partition === 5 && reason === 'epoch'), STALE_MS)
      await until('the root has an epoch', () => ear.clears.some(([, , why]) => why === 'reset'), STALE_MS)
    }
    assert.ok(performance.now() - startMs < STALE_MS)
    const roots = ears2.map((ear) => ear.clears.filter(([namespace]) => namespace === '').at(-1)![1])
    await until('both agree', () => new Set(ears2.map((ear) => ear.clears.filter(([namespace]) => namespace === '').at(-1)![1])).size === 1)
    assert.ok(roots.every((epoch) => epoch > 0))
    await write('again')
    for (const ear of ears2) await until('changes are heard', () => ear.keys.includes('again'))
  })

  test('a server that was started again is doubt, and is heard again', async () => {
    const ear = listen()
    await ear.connected()
    await write('k')
    await ear.caughtUp()
    await server.kill()
    await until('the loss is told', () => ear.links.includes('lost'))
    await server.restart()
    await until('it is doubted', () => ear.doubts.some(([, reason]) => reason === 'server' || reason === 'epoch'))
    await ear.connected()
    await until('a write is heard', async () => {
      await writer.write([records.make('again', { partition: 5 })], within(500))
      return ear.keys.includes('again')
    })
  })

  test('a stalled server is noticed without any event of the connection', async () => {
    const ear = listen()
    await ear.connected()
    await ear.caughtUp()
    server.signal('SIGSTOP')
    try {
      await until('the loss is told', () => ear.links.at(-1) === 'lost', STALE_MS)
    } finally {
      server.signal('SIGCONT')
    }
    await ear.connected()
    await write('after')
    await until('changes are heard', () => ear.keys.includes('after'))
  })

  test('messages that are none are counted and ignored', async () => {
    const ear = listen()
    await ear.connected()
    for (const text of ['', 'x', '\xc1', '[1,2]']) await server.admin.publish(names.channel, text)
    await write('k')
    await until('changes are heard', () => ear.keys.includes('k'))
    assert.equal(ear.feed.stats()['garbled'], 4)
  })

  test('a slow reader that the server cuts off misses nothing', async () => {
    await server.admin.config('SET', 'client-output-buffer-limit', 'pubsub 100kb 0 0')
    const ear = listen()
    await ear.connected()
    // Blocks this loop while another process publishes.
    const script = `const{Writer}=require(${JSON.stringify(require.resolve('../../src/l2/writer'))});const{Records,configFor,within}=require(${JSON.stringify(require.resolve('../helpers/l2'))});
      (async()=>{const w=new Writer(configFor(${JSON.stringify(server.url)}),{origin:'child',logCap:8192});const r=new Records();
      for(let i=0;i<300;i++)await w.write(Array.from({length:100},(_,k)=>r.make('k'+i+'x'.repeat(200)+k,{partition:6,payload:'v'})),within(5000));await w.close()})()`
    const child = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' })
    assert.equal(child.status, 0, child.stderr)
    await until('all changes are heard, or doubted', () => ear.changes.length === 30_000 || ear.doubts.length > 0, 20_000)
    assert.deepEqual(ear.doubts, [])
    assert.deepEqual(ear.changes.map(({ version }) => version), ear.changes.map(({ version }) => version).sort((a, b) => a - b))
  })

  test('where not even the heartbeat comes back, the states tell what is missing, on the same connections', () =>
    withProxy({ host: '127.0.0.1', port: server.port }, async (proxy) => {
      const ear = new Ear(`redis://127.0.0.1:${proxy.port}`, { heartbeatMs: 2_000 })
      ears.push(ear)
      await ear.connected()
      proxy.dropMessages(() => true)
      await write('unheard')
      await until('it is read from the log', () => ear.keys.includes('unheard'))
      assert.equal(ear.feed.stats()['resubscriptions'], 1)
    }))

  test('a server whose answers come later than the next heartbeat keeps its connections, and is heard', () =>
    withProxy({ host: '127.0.0.1', port: server.port }, async (proxy) => {
      const ear = new Ear(`redis://127.0.0.1:${proxy.port}`, { heartbeatMs: 400 })
      ears.push(ear)
      await ear.connected()
      proxy.delay(300)
      const { heartbeats } = ear.feed.stats()
      await until('some heartbeats are late', () => ear.feed.stats()['heartbeats']! >= heartbeats! + 6)
      await ear.caughtUp()
      assert.ok(ear.feed.stats()['missedHeartbeats']! >= 4)
      assert.equal(ear.feed.stats()['resubscriptions'], 1)
      assert.deepEqual(ear.links, ['connecting', 'connected'])
    }))
})
