// The program `stratacache`: info, acl, and what it refuses.
import * as assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Cache } from '../../src'
import { withDirectory } from '../helpers/cache'
import { type Daemon, runCli } from '../helpers/cli'
import { drained, fill, onStage, type Stage } from '../helpers/daemon-stage'
import { deferred } from '../helpers/deferred'
import { RedisServer } from '../helpers/redis/server'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const SECRET = 'open-sesame'

suite('stratacache info', (test) => {
  test('tells how the host stands, and by its exit code whether it is in step', () => onStage(async (stage) => {
    const where = ['--name', stage.name, '--dir', stage.dir]
    const none = runCli(['info', ...where])
    assert.equal(none.code, 1)
    assert.match(none.err, /^stratacache: ERR_CACHE_REGION: no cache "[^"]+" with Redis is in /)
    const daemon = stage.daemon()
    await daemon.says('link', { state: 'connected' })
    const cache = stage.open()
    await fill(cache, 10)
    await drained(cache)
    const { code, out } = runCli(['info', ...where, '--json', '--check'])
    const state = JSON.parse(out) as { leader: { pid: number; term: number }; link: { state: string }; journal: { settled: number; pendingBytes: number }; cache: { entries: number }; breaker: string; deadLetters: { total: number } }
    assert.equal(code, 0)
    assert.deepEqual([state.leader, state.link.state, state.journal.settled, state.journal.pendingBytes, state.cache.entries, state.breaker, state.deadLetters.total],
      [{ term: 1, pid: daemon.pid }, 'connected', 10, 0, 10, 'closed', 0])
    assert.match(runCli(['info', ...where]).out, new RegExp(`leader   term 1, process ${daemon.pid}\nlink     connected, heard \\d+\\.\\d s ago\njournal  0 B of `))
    await daemon.kill()
    await until('the host knows that it hears nothing', () => cache.info().l2?.degraded === true)
    assert.equal(runCli(['info', ...where, '--check']).code, 3)
  }))
})

suite('stratacache acl', (test) => {
  /** Everything that a cache does with Redis, on both hosts. */
  async function useAll({ server }: Stage, daemon: Daemon, cache: Cache, other: Cache): Promise<void> {
    const through = { writeMode: 'through' } as const
    await cache.set('a', 'x'.repeat(100), { ...through, ttl: '1h' })
    assert.equal(await cache.set('a', 2, { ...through, ifAbsent: true }), 0)
    await cache.set('b', 1, { ...through, version: 5 })
    assert.equal(await cache.set('b', 2, { ...through, version: 4 }), 0)
    assert.equal(await cache.touch('a', '2h'), true)
    assert.equal(await cache.touch('a', Number.POSITIVE_INFINITY), true)
    assert.equal(await cache.expire('a'), true)
    await cache.delete('b')
    await cache.getOrSet('loaded', () => 'by a loader')
    await drained(cache)
    assert.equal(await other.get('loaded'), 'by a loader')
    // Checked by version.
    Cache.tableOf(other).raiseDoubt()
    assert.equal(await other.get('loaded'), 'by a loader')
    await other.namespace('n').set('k', 1, through)
    assert.equal(await cache.namespace('n').get('k'), 1)
    await other.namespace('n').clear()
    await until('the namespace is cleared on this host', async () => await cache.namespace('n').get('k') === undefined)
    // Missed messages are replayed.
    assert.equal(await cache.get('loaded'), 'by a loader')
    daemon.signal('SIGSTOP')
    await server.ask('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await other.set('loaded', 'changed', through)
    daemon.signal('SIGCONT')
    await until('the missed change is here', async () => await cache.get('loaded') === 'changed')
  }

  test('a user with exactly its line can do everything, and everything in it is used', () => onStage(async (stage) => {
    const { server, name } = stage
    const line = runCli(['acl', '--name', name, '--user', 'app', '--durability', 'replicated']).out.trim()
    assert.match(line, /^ACL SETUSER app reset on ~sc1:\{/)
    const [, , ...words] = line.split(' ')
    await server.ask('ACL', 'SETUSER', ...words, `>${SECRET}`)
    await server.ask('ACL', 'LOG', 'RESET')
    const redis = `redis://app:${SECRET}@127.0.0.1:${server.port}`
    const replica = await RedisServer.start({ config: { replicaof: `127.0.0.1 ${server.port}` } })
    let cache: Cache
    try {
      await until('the replica follows', async () => String(await server.ask('INFO', 'replication')).includes('state=online'))
      const daemon = stage.daemon(['--durability', 'replicated'], { STRATACACHE_REDIS: redis })
      await daemon.says('link', { state: 'connected' })
      cache = stage.open({ redis })
      await withDirectory(async (dir) => {
        const other = stage.open({ dir, coordinator: 'auto', redis })
        await other.ready()
        await useAll(stage, daemon, cache, other)
        await other.close()
      })
    } finally {
      await replica.remove()
    }
    assert.deepEqual(await server.ask('ACL', 'LOG'), [])
    assert.deepEqual(cache.deadLetters(), [])
    const used = String(await server.ask('INFO', 'commandstats'))
    const allowed = words.filter((word) => word.startsWith('+')).map((word) => word.slice(1))
    const unused = allowed.filter((command) => !used.includes(`cmdstat_${command}:`))
    // The script has them for hosts that have gone, and for changing a life without the value.
    assert.deepEqual(unused.filter((command) => !['hdel', 'setrange', 'persist', 'pexpire'].includes(command)), [])
  }))

  test('nothing of its line opens another cache, not even one whose name begins alike', () => onStage(async ({ server }) => {
    const [, , ...words] = runCli(['acl', '--name', 'shop', '--user', 'app']).out.trim().split(' ')
    await server.ask('ACL', 'SETUSER', ...words)
    const may = async (...command: string[]): Promise<boolean> => await server.ask('ACL', 'DRYRUN', 'app', ...command) === 'OK'
    assert.deepEqual(await Promise.all([
      may('MGET', 'sc1:{shop.7}:d|n|k'), may('MGET', 'sc1:{shop.256}:d|k}:s'), may('PUBLISH', 'sc1:{shop}:m', ''),
    ]), [true, true, true])
    assert.deepEqual(await Promise.all([
      may('MGET', 'sc1:{shop.x.7}:d|k'), may('MGET', 'sc1:{shop2.7}:d|k'), may('MGET', 'sc1:{shop.1234}:d|k'), may('MGET', 'other'),
      may('PUBLISH', 'sc1:{shop2}:m', ''), may('PUBLISH', '__redis__:invalidate', ''), may('FLUSHALL'), may('KEYS', '*'), may('CONFIG', 'GET', '*'), may('EVAL', 'return 1', '0'),
    ]), Array.from({ length: 10 }, () => false))
  }))

  const withUsers = (more: string[], body: (stage: Stage, redis: (user: string) => string, daemon: Daemon) => Promise<void>): Promise<void> => onStage(async (stage) => {
    const { server, name } = stage
    for (const [user, own] of [['leader', []], ['app', ['--reads-only', ...more]]] as const) {
      const [, , ...words] = runCli(['acl', '--name', name, '--user', user, ...own]).out.trim().split(' ')
      await server.ask('ACL', 'SETUSER', ...words, `>${SECRET}`)
    }
    await server.ask('ACL', 'LOG', 'RESET')
    const redis = (user: string): string => `redis://${user}:${SECRET}@127.0.0.1:${server.port}`
    const daemon = stage.daemon([], { STRATACACHE_REDIS: redis('leader') })
    await daemon.says('link', { state: 'connected' })
    await body(stage, redis, daemon)
  })
  test('with --reads-only it is what processes need that leave everything else to a daemon', () => withUsers([], async (stage, redis, daemon) => {
    const cache = stage.open({ redis: redis('app') })
    await withDirectory(async (dir) => {
      const other = stage.open({ dir, coordinator: 'auto', redis: redis('leader') })
      await other.ready()
      await useAll(stage, daemon, cache, other)
      Cache.tableOf(cache).raiseDoubt()
      assert.equal(await cache.get('loaded'), 'changed')
      await other.close()
    })
    assert.deepEqual(await stage.server.ask('ACL', 'LOG'), [])
  }))

  const claims = async ({ server }: Stage): Promise<number> => ((await server.ask('KEYS', '*:f*|k')) as unknown[]).length

  test('with --single-flight fleet readers may claim, and nothing else', () => withUsers(['--single-flight', 'fleet'], async (stage, redis) => {
    const cache = stage.open({ redis: redis('app'), singleFlight: 'fleet' })
    const loaded = deferred<string>()
    const load = cache.getOrSet('k', () => loaded.promise)
    await until('the claim is in Redis', async () => await claims(stage) === 1)
    loaded.resolve('v')
    assert.equal(await load, 'v')
    await until('it is given back', async () => await claims(stage) === 0)
    assert.deepEqual(await stage.server.ask('ACL', 'LOG'), [])
    const may = async (...command: string[]): Promise<boolean> => await stage.server.ask('ACL', 'DRYRUN', 'app', ...command) === 'OK'
    assert.equal(await may('SET', `sc1:{${stage.name}.7}:d|k`, 'v'), false)
  }))

  test('without it each host loads for itself, and reads go on', () => withUsers([], async (stage, redis) => {
    const cache = stage.open({ redis: redis('app'), singleFlight: 'fleet' })
    for (let i = 0; i < 20; i++) assert.equal(await cache.getOrSet(`k${i}`, () => i), i)
    assert.equal(cache.info().l2?.breaker, 'closed')
  }))

  test('takes user, database, name and kind from the connection', () => {
    const env = { STRATACACHE_REDIS: '{"host":"h","username":"u","password":"open-sesame","db":3,"connectionName":"me"}' }
    const { out } = runCli(['acl', '--name', 'shop', '--l2-foreign-writers'], env)
    assert.match(out, /^ACL SETUSER u reset on .* \+select \+client\|setname \+client\|id \+client\|tracking\n$/)
    assert.doesNotMatch(out, /open-sesame|cluster|wait/)
    assert.match(runCli(['acl'], { STRATACACHE_REDIS: '{"cluster":{"nodes":["h:1"]}}' }).out, /\+cluster\|slots \+asking\n$/)
  })
})

suite('misuse of the command line', (test) => {
  const cases: [words: string[], env: NodeJS.ProcessEnv, message: string][] = [
    [['deamon'], {}, 'there is no command "deamon". Did you mean daemon?'],
    [[`redis://:${SECRET}@h`], {}, 'the command must be one of daemon, info, acl'],
    [['daemon'], {}, 'stratacache daemon needs --redis, STRATACACHE_REDIS or --redis-file'],
    [['daemon', '--mmeory', '1gb'], {}, 'stratacache daemon has no option "--mmeory". Did you mean --memory?'],
    [['daemon', '--zzzzzzz'], {}, 'stratacache daemon has no option "--zzzzzzz". See stratacache daemon --help.'],
    [['daemon', '--memory'], {}, '--memory needs a value'],
    [['daemon', '--l2-foreign-writers=yes'], {}, '--l2-foreign-writers takes no value'],
    [['daemon', `redis://:${SECRET}@h`], {}, 'stratacache daemon takes options only, got 1 other word'],
    [['daemon', '--redis', `http://:${SECRET}@h`], {}, 'redis must be a redis://, rediss:// or unix:// URL, the path of a socket, ioredis options or an ioredis instance, got another text'],
    [['daemon'], { STRATACACHE_REDIS: `{"password":"${SECRET}"` }, 'redis begins as JSON and is not well-formed'],
    [['daemon'], { STRATACACHE_REDIS: '{"cluster":{}}' }, 'redis.cluster.nodes must be a list of nodes, at least one, got undefined'],
    [['daemon', '--redis-file', '/nowhere/secret'], {}, '--redis-file must be a readable file, "/nowhere/secret" is not (ENOENT)'],
    [['daemon', '--redis', 'redis://h', '--redis-file', 'f'], {}, '--redis and --redis-file exclude each other (so do their variables)'],
    [['daemon', '--memory', '1kb'], {}, '--memory must be at least 1 MiB, got "1kb"'],
    [['daemon'], { STRATACACHE_MEMORY: 'much' }, 'STRATACACHE_MEMORY must be bytes or a size like \'64mb\', \'1gib\', got "much"'],
    [['daemon', '--l2-heartbeat', '1ms'], {}, '--l2-heartbeat must be a whole number from 50 to 60000, got 1'],
    [['daemon'], { STRATACACHE_L2_FOREIGN_WRITERS: 'maybe' }, 'STRATACACHE_L2_FOREIGN_WRITERS must be true or false, got "maybe"'],
    [['daemon', '--name', '../x'], {}, '--name must be 1 to 64 letters, digits or any of "._-", got "../x"'],
    [['daemon', '--on-reconnect', 'pray'], {}, "--on-reconnect must be 'replay', 'revalidate', 'flush' or 'keep', got \"pray\""],
    [['daemon', '--redis', 'redis://h', '--page', '70000'], {}, '--page must be a port from 0 to 65535, got "70000"'],
    [['acl', '--user', 'a b'], {}, '--user must be 1 to 128 letters without blanks or any of ">~&+#%<", got "a b"'],
  ]
  for (const [words, env, message] of cases) {
    test(`${words.join(' ').replace(SECRET, '…')} ${Object.keys(env).join(' ')} is refused: ${message}`, () => {
      const { code, out, err } = runCli(words, env)
      assert.deepEqual([code, out, err], [2, '', `stratacache: ERR_CACHE_OPTION: ${message}\n`])
    })
  }

  test('a directory that others may read is refused before anything is done', () => {
    const dir = mkdtempSync(join(tmpdir(), 'stratacache-open-'))
    try {
      writeFileSync(join(dir, 'x'), '')
      const { code, out, err } = runCli(['daemon', '--dir', join(dir, 'x')], { STRATACACHE_REDIS: 'redis://127.0.0.1:1' })
      assert.deepEqual([code, out], [1, ''])
      assert.match(err, /^stratacache: ERR_CACHE_REGION: .* must be a directory/)
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

  test('the package names the program, and it says with what it runs', () => {
    const root = join(__dirname, '../../..')
    const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: Record<string, string> }
    assert.match(readFileSync(join(root, bin['stratacache']!), 'utf8'), /^#!\/usr\/bin\/env node\n/)
  })

  test('help and version are there without anything else', () => {
    const { version } = JSON.parse(readFileSync(join(__dirname, '../../../package.json'), 'utf8')) as { version: string }
    assert.deepEqual(runCli(['--version']), { code: 0, out: `${version}\n`, err: '' })
    assert.equal(runCli([]).code, 2)
    for (const words of [['--help'], ['daemon', '--help'], ['info', '-h'], ['acl', '--help']]) {
      const { code, out, err } = runCli(words)
      assert.deepEqual([code, err], [0, ''])
      assert.match(out, /^stratacache /)
    }
  })
})
