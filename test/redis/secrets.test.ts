// Whatever goes wrong with Redis, and whoever tells of it: no password and no value is in what is told.
import * as assert from 'node:assert/strict'
import { inspect } from 'node:util'
import Redis from 'ioredis'
import { type Cache, type CacheOptions, createCache } from '../../src'
import { linked, type SimulatedHost, withFleet } from '../helpers/redis/fleet'
import { FaultProxy } from '../helpers/redis/proxy'
import { type RedisServer, withRedis } from '../helpers/redis/server'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const USER = 'user-Zq7'
const PASSWORD = 'pass-Xk9/+word'
const WRONG = 'wrong-Yp3-word'
const VALUE = 'value-Wm5-secret'
const SECRETS = [PASSWORD, encodeURIComponent(PASSWORD), WRONG, VALUE]
/** Anything that could carry one of them in another form. */
const FORMS = SECRETS.flatMap((secret) => [secret, Buffer.from(secret).toString('base64').replace(/=+$/, ''), Buffer.from(secret).toString('hex')])

const urlOf = (port: number, password = PASSWORD): string => `redis://${USER}:${encodeURIComponent(password)}@127.0.0.1:${port}`
const ACL = ['user default on nopass ~* &* +@all', `user ${USER} on >${PASSWORD} ~* &* +@all`]
const L2 = { softTimeout: 50, hardTimeout: 150, closeTimeout: 100, journal: 1024 * 1024 } as const

/** As deep as it goes: hidden properties, causes, what a handler or a serializer would see. */
function allOf(told: unknown): string {
  const deep = inspect(told, { depth: 30, showHidden: true, getters: true, maxArrayLength: null, maxStringLength: null })
  const parts = [deep, JSON.stringify(told), String(told)]
  for (let error = told; error instanceof Error; error = error.cause) {
    parts.push(error.message, error.stack ?? '', ...Object.getOwnPropertyNames(error).map((name) => inspect((error as unknown as Record<string, unknown>)[name], { depth: 30 })))
  }
  return parts.join('\n')
}

function isClean(what: string, told: unknown): void {
  const text = allOf(told)
  for (const form of FORMS) assert.ok(!text.includes(form), `${what} tells ${form}:\n${text}`)
}

/** Every public call once; what they reject with. */
async function everyCall(cache: Cache, round: number): Promise<unknown[]> {
  const through = cache.namespace('through', { writeMode: 'through' })
  const key = `k${round}`
  const calls: Promise<unknown>[] = [
    cache.get(key), cache.has(key), cache.getEntry(key), cache.getMany([key, 'other']),
    cache.getOrSet(`load${round}`, () => VALUE), cache.wrap(`wrap${round}`, () => VALUE), cache.getOrSet({ key: `call${round}`, factory: () => VALUE, forceFresh: true }),
    through.get(key), through.getOrSet(key, () => VALUE),
  ]
  for (const space of [cache, through]) {
    calls.push(
      space.set(key, VALUE), space.setMany([{ key: 'many', value: VALUE }]), space.set(key, VALUE, { ifAbsent: true }), space.set(key, VALUE, { version: round + 1 }),
      space.set(`${key}-around`, VALUE, { writeMode: 'around' }), space.set('large', VALUE + 'x'.repeat(300_000)),
      space.touch(key, 1_000), space.expire(key), space.delete(`${key}-gone`), space.deleteMany(['many']), space.namespace('below').clear(),
    )
  }
  const settled = await Promise.allSettled(calls)
  return settled.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
}

/** Makes all calls a few times and looks at everything the cache tells; gives the codes of the errors. */
async function tellsNothing({ cache, log }: SimulatedHost, rounds = 3): Promise<Set<string>> {
  const codes = new Set<string>()
  for (let round = 0; round < rounds; round++) {
    for (const error of await everyCall(cache, round)) {
      codes.add(String((error as { code?: string }).code))
      isClean('an error', error)
    }
    isClean('info', cache.info())
    isClean('stats', cache.stats())
    isClean('the log', log)
    for (const { payload: _value, ...letter } of cache.deadLetters()) isClean('a dead letter, besides its value', letter)
  }
  return codes
}

async function onHost(options: CacheOptions, body: (host: SimulatedHost) => Promise<void>): Promise<void> {
  await withFleet(1, { l2: L2, ...options }, async ([host]) => {
    await host!.cache.ready()
    await body(host!)
    await tellsNothing(host!, 1)
  })
}

const withServer = (body: (server: RedisServer) => Promise<void>): Promise<void> => withRedis({ acl: ACL }, body)
const hasLogged = ({ log }: SimulatedHost, text: string): Promise<void> => until(`the log has ${text}`, () => JSON.stringify(log).includes(text))

suite('secrets', (test) => {
  const outside: string[] = []
  const restore: (() => void)[] = []

  // What a library prints, or leaves for the process, passes no logger.
  test.before(() => {
    for (const stream of [process.stderr, process.stdout]) {
      const write = stream.write.bind(stream) as (...args: unknown[]) => boolean
      stream.write = ((chunk: unknown, ...rest: unknown[]) => {
        outside.push(Buffer.isBuffer(chunk) ? chunk.toString() : String(chunk))
        return write(chunk, ...rest)
      }) as typeof stream.write
      restore.push(() => void (stream.write = write as typeof stream.write))
    }
    const warned = (warning: unknown): void => void outside.push(allOf(warning))
    process.on('warning', warned)
    restore.push(() => process.off('warning', warned))
  })
  test.after(() => {
    for (const undo of restore) undo()
  })
  test.after.each(() => isClean('what was printed', outside.splice(0)))

  test('with a right password, while Redis is stalled, cut off and away', () => withServer(async (server) => {
    const proxy = await FaultProxy.listen(server)
    try {
      await onHost({ redis: urlOf(proxy.port) }, async (host) => {
        await linked([host])
        await tellsNothing(host, 1)
        proxy.blackHole()
        const codes = await tellsNothing(host)
        assert.ok(codes.has('ERR_CACHE_L2_TIMEOUT'))
        await proxy.heal()
        for (let cut = 0; cut < 5; cut++) {
          proxy.cutAfter(cut % 2 === 0 ? 'up' : 'down', 50)
          await tellsNothing(host, 1)
        }
        await proxy.refuse()
        proxy.reset()
        await hasLogged(host, 'lost')
        await tellsNothing(host)
        assert.equal(host.cache.info().l2!.host, `127.0.0.1:${proxy.port}`)
      })
    } finally {
      await proxy.close()
    }
  }))

  test('with a full journal', () => withServer(async (server) => {
    await onHost({ redis: urlOf(server.port) }, async (host) => {
      await linked([host])
      server.pause()
      const fill = async (): Promise<boolean> => {
        const results = await Promise.allSettled(Array.from({ length: 40 }, (_, index) => host.cache.set(`fill${index}`, VALUE + 'x'.repeat(8_000))))
        const errors = results.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error & { code: string }] : []))
        for (const error of errors) isClean('an error', error)
        return errors.some(({ code }) => code === 'ERR_CACHE_JOURNAL_FULL')
      }
      await until('the journal is full', fill)
      await tellsNothing(host)
      server.resume()
    })
  }))

  test('with a wrong password', () => withServer(async (server) => {
    await onHost({ redis: urlOf(server.port, WRONG) }, async (host) => {
      await hasLogged(host, 'ERR_CACHE_L2_AUTH')
      await tellsNothing(host)
    })
  }))

  test('with a wrong password in options, in options that no thread can be sent, and in an instance of the driver', () => withServer(async (server) => {
    await onHost({ redis: { host: '127.0.0.1', port: server.port, username: USER, password: WRONG } }, async (host) => {
      await hasLogged(host, 'ERR_CACHE_L2_AUTH')
      await tellsNothing(host)
    })
    await onHost({ redis: { host: '127.0.0.1', port: server.port, username: USER, password: WRONG, retryStrategy: () => null } }, async (host) => {
      await hasLogged(host, 'ERR_CACHE_L2_AUTH')
      await tellsNothing(host, 1)
    })
    const instance = new Redis({ host: '127.0.0.1', port: server.port, username: USER, password: WRONG, lazyConnect: true })
    await onHost({ redis: instance }, async (host) => {
      await hasLogged(host, 'ERR_CACHE_L2_AUTH')
      await tellsNothing(host, 1)
    })
    instance.disconnect()
  }))

  test('with a password that is revoked, and with permissions that are taken away', () => withServer(async (server) => {
    await onHost({ redis: urlOf(server.port) }, async (host) => {
      await linked([host])
      await server.ask('ACL', 'SETUSER', USER, '-evalsha')
      await tellsNothing(host, 1)
      await hasLogged(host, 'ERR_CACHE_L2_DENIED')
      assert.deepEqual(host.cache.deadLetters(), [])
      await tellsNothing(host)
      await server.ask('ACL', 'SETUSER', USER, 'resetpass')
      await server.ask('CLIENT', 'KILL', 'USER', USER)
      await hasLogged(host, 'ERR_CACHE_L2_AUTH')
      await tellsNothing(host)
    })
  }))

  test('with values that Redis refuses: another type under the key, no memory', () => withServer(async (server) => {
    await onHost({ redis: urlOf(server.port) }, async (host) => {
      await host.cache.set('typed', VALUE)
      await linked([host])
      const [name] = (await server.ask('KEYS', '*typed*')) as string[]
      await server.ask('DEL', name!)
      await server.ask('LPUSH', name!, VALUE)
      for (const error of await Promise.allSettled([host.cache.set('typed', VALUE, { writeMode: 'through' })])) isClean('an error', error.status === 'rejected' ? error.reason : undefined)
      await tellsNothing(host)
      await server.ask('CONFIG', 'SET', 'maxmemory', 1)
      await tellsNothing(host)
    })
  }))

  test('through a socket whose URL has a user and password', () => withServer(async (server) => {
    const urlOfSocket = (password: string): string => `unix://${USER}:${encodeURIComponent(password)}@${server.socket}`
    await onHost({ redis: urlOfSocket(PASSWORD) }, async (host) => {
      await linked([host])
      await tellsNothing(host)
      assert.equal(host.cache.info().l2!.host, server.socket)
    })
    await onHost({ redis: urlOfSocket(WRONG) }, async (host) => {
      await hasLogged(host, 'ERR_CACHE_L2_AUTH')
      await tellsNothing(host, 1)
    })
  }))

  test('with servers that cannot be named as they were', async () => {
    const bad: unknown[] = [
      `redis://${USER}:${PASSWORD}@[::1`, `http://${USER}:${PASSWORD}@127.0.0.1`, `${USER}:${PASSWORD}@127.0.0.1:6379`, `redis://${USER}:${PASSWORD}@127.0.0.1:99999999`,
      `unix://:${PASSWORD}@/path.sock`, `unix://${USER}:a@${WRONG}@/path.sock`, `unix://${WRONG}/path.sock`, `redis://${USER}:12/${WRONG}@127.0.0.1`, `redis://${USER}:12?${WRONG}@h`,
      { port: WRONG }, { host: `redis://:${WRONG}@h` }, { path: `unix://:${WRONG}@/p` }, { db: WRONG }, { host: 'h', keyPrefix: WRONG }, { sentinels: [{ host: urlOf(1, WRONG) }], name: 'm' },
      { cluster: { nodes: [{ host: 'h', port: WRONG }] } }, { cluster: { nodes: [`unix://:${WRONG}@/p`] } },
      [urlOf(1)], { cluster: { nodes: [], options: { redisOptions: { password: PASSWORD } } } }, { cluster: { nodes: [urlOf(1, WRONG), 7] } }, `rediss://${USER}:${encodeURIComponent(PASSWORD)}@127.0.0.1:1?db=x`,
    ]
    for (const redis of bad) {
      let cache: Cache | undefined
      try {
        cache = createCache({ redis: redis as string, l2: L2 })
        isClean('info', cache.info())
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'ERR_CACHE_OPTION', inspect(error))
        isClean('a refusal', error)
      } finally {
        await cache?.close({ unlink: true })
      }
    }
  })
})
