// `stratacache daemon`: a leader that is a process of its own, and its page.
import * as assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { runCli } from '../helpers/cli'
import { drained, fill, onStage, pendingBytes, withHostB } from '../helpers/daemon-stage'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const SECRET = 'open-sesame'

/** What `path` of the page answers to a request with these headers. */
function ask(url: string, path: string, { method = 'GET', ...headers }: Record<string, string> = {}): Promise<{ status: number; headers: Record<string, unknown>; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(new URL(path, url), { method, headers, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk) => { body += chunk })
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }))
    })
    asked.on('error', reject).end()
  })
}

suite('stratacache daemon', (test) => {
  test('leads for processes that never do: their writes reach Redis and other hosts, changes elsewhere reach them', () => onStage(async (stage) => {
    const cache = stage.open()
    const daemon = stage.daemon()
    const { term } = await daemon.says('lead')
    assert.equal(term, 1)
    await cache.ready()
    await cache.set('a', 'here')
    await withHostB(stage, async (other) => {
      await until('the other host has it', async () => await other.get('a') === 'here')
      await other.set('a', 'there')
      await until('this host has the change', async () => await cache.get('a') === 'there')
    })
    assert.deepEqual([cache.info().l2?.link, cache.info().l2?.term], ['connected', 1])
  }))

  test('applications write to the journal while no daemon runs, and it drains as soon as one starts', () => onStage(async (stage) => {
    const cache = stage.open()
    const keys = await fill(cache, 500)
    assert.equal(cache.info().l2?.term, 0)
    assert.ok(pendingBytes(cache) > 0)
    assert.equal(await cache.get('k7'), 1)
    assert.equal(await stage.server.ask('DBSIZE'), 0)
    stage.daemon()
    await drained(cache)
    await withHostB(stage, async (other) => {
      assert.deepEqual(await other.getMany(keys), keys.map(() => 1))
    })
  }))

  test('where the name of its region is removed, it goes on with the region that has the name next', () => onStage(async (stage) => {
    const daemon = stage.daemon()
    await daemon.says('link', { state: 'connected' })
    const first = stage.open()
    await first.set('a', 1, { writeMode: 'through' })
    await first.close({ unlink: true })
    const next = stage.open()
    await daemon.says('stop', { signal: 'region removed' })
    await until('it leads again', () => next.info().l2!.link === 'connected')
    assert.equal(await next.get('a'), 1)
    await withHostB(stage, async (other) => {
      await next.set('a', 2)
      await until('the other host has it', async () => await other.get('a') === 2)
      await other.set('a', 3)
      await until('this host has the change', async () => await next.get('a') === 3)
    })
  }))

  test('a host whose leader died while Redis was away checks what it has, so a change elsewhere is seen all the same', () => onStage(async (stage) => {
    await withHostB(stage, async (other) => {
      const daemon = stage.daemon()
      await daemon.says('link', { state: 'connected' })
      const cache = stage.open()
      await other.set('a', 'old', { writeMode: 'through' })
      assert.equal(await cache.get('a'), 'old')
      await stage.server.stop()
      await daemon.says('link', { state: 'lost' })
      await daemon.kill()
      await stage.server.restart()
      await other.set('a', 'new', { writeMode: 'through' })
      let absent = 0
      // That Redis answers again, misses of other keys show.
      await until('the change is seen without a leader', async () => await cache.get(`x${absent++}`) === undefined && await cache.get('a') === 'new')
      assert.equal(cache.info().l2?.link, 'lost')
    })
  }, { durable: true }))

  test('a daemon killed in the middle of writes is followed by another, and nothing acknowledged is lost', () => onStage(async (stage) => {
    const cache = stage.open()
    for (let round = 1; round <= 4; round++) {
      const daemon = stage.daemon()
      await daemon.says('lead', { term: round })
      const writing = fill(cache, 600, round)
      await until('some of it is on its way', () => (cache.stats().detail['journal.settled'] ?? 0) > (round - 1) * 600 + 20)
      await daemon.kill()
      await writing
    }
    const last = stage.daemon()
    await last.says('lead', { term: 5 })
    await drained(cache)
    await withHostB(stage, async (other) => {
      const keys = Array.from({ length: 600 }, (_, i) => `k${i}`)
      assert.deepEqual(await other.getMany(keys), keys.map(() => 4))
    })
    last.signal('SIGTERM')
    assert.equal(await last.ended(), 0)
  }))

  test('SIGTERM sends what the journal holds, then ends', () => onStage(async (stage) => {
    const cache = stage.open()
    const daemon = stage.daemon(['--l2-close-timeout', '30s'])
    await daemon.says('link', { state: 'connected' })
    stage.server.pause()
    await fill(cache, 2_000)
    assert.ok(pendingBytes(cache) > 0)
    daemon.signal('SIGTERM')
    await daemon.says('stop', { signal: 'SIGTERM' })
    stage.server.resume()
    assert.equal(await daemon.ended(), 0)
    await daemon.says('end', { level: 'info', pendingBytes: 0 })
    assert.equal(pendingBytes(cache), 0)
  }))

  test('SIGTERM without Redis ends in time and leaves the rest to the next', () => onStage(async (stage) => {
    const cache = stage.open()
    await stage.server.stop()
    const daemon = stage.daemon(['--l2-close-timeout', '200ms'])
    await daemon.says('link', { state: 'lost' })
    await fill(cache, 100)
    daemon.signal('SIGTERM')
    assert.equal(await daemon.ended(), 0)
    const { pendingBytes: left } = await daemon.says('end', { level: 'warn' })
    assert.ok(Number(left) > 0)
    await stage.server.restart()
    stage.daemon()
    await drained(cache)
  }))

  test('a second signal ends it without waiting', () => onStage(async (stage) => {
    const cache = stage.open()
    const daemon = stage.daemon(['--l2-close-timeout', '1h'])
    await daemon.says('link', { state: 'connected' })
    await stage.server.stop()
    await fill(cache, 100)
    daemon.signal('SIGTERM')
    await daemon.says('stop')
    daemon.signal('SIGINT')
    assert.equal(await daemon.ended(), 0)
  }))

  test('starts while Redis is away and leads when it comes', () => onStage(async (stage) => {
    await stage.server.stop()
    const daemon = stage.daemon()
    const { error } = await daemon.says('link', { state: 'lost' })
    assert.equal((error as { code?: string } | undefined)?.code, 'ERR_CACHE_L2_UNAVAILABLE')
    await stage.server.restart()
    await daemon.says('link', { state: 'connected' })
    const cache = stage.open()
    await cache.set('a', 1, { writeMode: 'through' })
  }))

  test('of two daemons one leads, and the other takes over when it is killed or ends', () => onStage(async (stage) => {
    const cache = stage.open()
    const first = stage.daemon()
    await first.says('lead', { term: 1 })
    const second = stage.daemon()
    await second.says('start')
    await cache.set('a', 1, { writeMode: 'through' })
    assert.equal(second.lines.some(({ event }) => event === 'lead'), false)
    await first.kill()
    await second.says('lead', { term: 2 })
    await cache.set('a', 2, { writeMode: 'through' })
    const third = stage.daemon()
    await third.says('start')
    second.signal('SIGTERM')
    assert.equal(await second.ended(), 0)
    await third.says('lead', { term: 3 })
    await cache.set('a', 3, { writeMode: 'through' })
  }))

  test('says a password neither in its log nor on its page, and warns of one on the command line', () => onStage(async (stage) => {
    const url = `redis://:${SECRET}@127.0.0.1:${stage.server.port}`
    const daemon = stage.daemon(['--page', '0', '--redis', url], { STRATACACHE_REDIS: '' })
    const { page } = await daemon.says('start')
    await daemon.says('link', { state: 'connected' })
    await daemon.says('exposed', { level: 'warn' })
    const file = join(stage.dir, 'secret')
    writeFileSync(file, `${url}\n`)
    const other = stage.daemon(['--redis-file', file], { STRATACACHE_REDIS: '' })
    await other.says('start')
    assert.equal(other.lines.some(({ event }) => event === 'exposed'), false)
    await until('the page has figures', async () => (await ask(String(page), '/state')).body !== 'null')
    for (const path of ['/', '/state']) assert.equal((await ask(String(page), path)).body.includes(SECRET), false)
    assert.equal(JSON.stringify([daemon.lines, other.lines, daemon.errors]).includes(SECRET), false)
    stage.server.stop()
    await daemon.says('link', { state: 'lost' })
    assert.equal(JSON.stringify(daemon.lines).includes(SECRET), false)
  }, { password: SECRET }))
})

suite('the page of stratacache daemon', (test) => {
  test('shows the state, to loopback names and by GET alone, under a strict policy', () => onStage(async (stage) => {
    const cache = stage.open()
    const daemon = stage.daemon(['--page', '0'])
    const { page } = await daemon.says('start')
    const url = String(page)
    await daemon.says('link', { state: 'connected' })
    await fill(cache, 100)
    await drained(cache)
    await until('the state is on the page', async () => {
      const state = JSON.parse((await ask(url, '/state')).body) as { journal?: { settled: number }; link: { state: string } } | null
      return state?.journal?.settled === 100 && state.link.state === 'connected'
    })
    const { status, headers, body } = await ask(url, '/')
    assert.equal(status, 200)
    assert.match(String(headers['content-security-policy']), /^default-src 'none'; style-src 'sha256-[^']+'; script-src 'sha256-[^']+'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/)
    assert.deepEqual(
      ['x-content-type-options', 'x-frame-options', 'referrer-policy', 'cache-control', 'cross-origin-resource-policy'].map((name) => headers[name]),
      ['nosniff', 'DENY', 'no-referrer', 'no-store', 'same-origin'])
    assert.doesNotMatch(body, /(src|href)="(https?:)?\/\//)
    assert.doesNotMatch(body, /\/\* (style|script) \*\//)
    const { port } = new URL(url)
    const statusFor = async (host: string): Promise<number> => (await ask(url, '/', { host })).status
    assert.deepEqual(await Promise.all([`localhost:${port}`, `[::1]:${port}`, 'evil.example', `evil.example:${port}`, '127.0.0.1:1'].map(statusFor)), [200, 200, 421, 421, 421])
    assert.deepEqual(await Promise.all(['POST', 'PUT', 'DELETE', 'HEAD'].map(async (method) => (await ask(url, '/', { method })).status)), [405, 405, 405, 405])
    assert.equal((await ask(url, '/nothing')).status, 404)
    const events = await fetch(new URL('/events', url))
    const { value } = await events.body!.getReader().read()
    assert.match(new TextDecoder().decode(value), /^retry: 1000\n\ndata: \{"at":/)
    const taken = runCli(['daemon', '--name', stage.name, '--dir', stage.dir, '--page', port], { STRATACACHE_REDIS: 'redis://127.0.0.1:1' })
    assert.deepEqual([taken.code, taken.err], [2, `stratacache: ERR_CACHE_OPTION: --page ${port} cannot be listened on (EADDRINUSE)\n`])
  }))
})
