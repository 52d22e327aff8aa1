// The example cluster as a person meets it: started, asked, killed at, stopped.
import * as assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { join } from 'node:path'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

interface Response { status: number; headers: Record<string, string | undefined>; body: string }

const main = join(__dirname, '../../examples/cluster-api/main.js')
let server: ChildProcess
let url = ''
let cacheKind = ''

// A connection of its own for each request, so that all processes get their turn.
function ask(path: string, method = 'GET'): Promise<Response> {
  return new Promise((resolve, reject) => {
    const asked = request(url + path, { method, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk) => { body += chunk })
      response.on('end', () => resolve({
        status: response.statusCode ?? 0, headers: response.headers as Response['headers'], body,
      }))
    })
    asked.setTimeout(5_000, () => asked.destroy(new Error(`no answer to ${path}`)))
    asked.on('error', reject).end()
  })
}

const isHit = ({ headers }: Response): boolean => /^(l0|l1|wait)$/.test(headers['x-cache-tier'] ?? '')

suite('example cluster', (test) => {
  test('starts and says where', async () => {
    server = fork(main, {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { ...process.env, PORT: '0', WORKERS: '2', CACHE: 'shared', CACHE_NAME: `demo-test-${process.pid}` },
    })
    ;[{ url }] = await once(server, 'message') as [{ url: string }]
    await until('the first figures', async () => {
      cacheKind = JSON.parse((await ask('/api/stats')).body).cache?.kind ?? ''
      return /shared memory|fallback/.test(cacheKind)
    })
  })

  test('serves one self-contained page under a strict policy', async () => {
    const { status, headers, body } = await ask('/')
    assert.equal(status, 200)
    assert.match(headers['content-security-policy'] ?? '', /^default-src 'none'; style-src 'sha256-[^']+'; script-src 'sha256-/)
    assert.doesNotMatch(body, /(src|href)="(https?:)?\/\//)
    assert.doesNotMatch(body, /\/\* (style|script) \*\//)
  })

  test('says in the headers who answered, and answers the same from every tier', async () => {
    const first = await ask('/readme/piscina')
    assert.equal(first.headers['x-cache-tier'], 'load')
    assert.match(first.headers['server-timing'] ?? '', /^cache;desc="load";dur=[\d.]+, load;dur=[\d.]+$/)
    assert.match(first.body, /worker pool/)
    const later = await Promise.all(Array.from({ length: 12 }, () => ask('/readme/piscina')))
    const processes = new Set(later.map(({ headers }) => headers['x-process']))
    assert.equal(processes.size, 2)
    assert.ok(later.every(({ body }) => body === first.body))
    const loads = later.filter((response) => !isHit(response)).length
    assert.ok(cacheKind === 'shared memory' ? loads === 0 : loads <= 1, `${loads} more loads`)
  })

  test('searches on threads and in processes with one result', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask('/api/search?q=Worker%20%20threads')))
    assert.ok(answers.some(({ headers }) => /^\d+ thread \d+$/.test(headers['x-process'] ?? '')))
    assert.equal(new Set(answers.map(({ body }) => body)).size, 1)
    const { query, matches } = JSON.parse(answers[0]!.body)
    assert.equal(query, 'worker threads')
    assert.equal(matches[0].name, 'piscina')
  })

  test('describes packages and their dependencies as JSON', async () => {
    const list = JSON.parse((await ask('/api/packages')).body) as { name: string }[]
    assert.ok(list.length > 50)
    const info = JSON.parse((await ask('/api/packages/@types/node')).body)
    assert.equal(info.name, '@types/node')
    assert.ok(info.files > 10 && info.bytes > 1000)
    const graph = JSON.parse((await ask('/api/graph/autocannon')).body)
    assert.deepEqual(graph.levels[0], ['autocannon'])
    assert.match((await ask('/graph/autocannon')).body, /<svg /)
  })

  test('refuses what is not there', async () => {
    for (const path of ['/readme/no-such-package', '/readme/..%2f..%2fpackage.json', '/nothing']) {
      assert.equal((await ask(path)).status, 404, path)
    }
    assert.equal((await ask('/readme/%E0%A4%A')).status, 400)
    assert.equal((await ask('/readme/piscina', 'DELETE')).status, 405)
  })

  test('streams figures in which every request is counted', async () => {
    const counted = async () => JSON.parse((await ask('/api/stats')).body).total.requests as number
    await until('all requests in the figures', async () => await counted() >= 25)
    assert.equal(await counted(), 25)
    const events = await fetch(`${url}/events`)
    const { value } = await events.body!.getReader().read()
    assert.match(new TextDecoder().decode(value), /^retry: 1000\n\ndata: \{"type":"snapshot"/)
  })

  test('survives the death of a process, and so does what it cached', async () => {
    const victim = Number((await ask('/readme/uvu')).headers['x-process'])
    process.kill(victim, 'SIGKILL')
    await until('a successor', async () => {
      // A connection that cluster hands to a process at the moment of its death is answered by nobody.
      const stats = await ask('/api/stats').catch(() => undefined)
      const { members = [] } = JSON.parse(stats?.body ?? '{}') as { members?: { pid: number }[] }
      const pids = new Set(members.map(({ pid }) => pid))
      return pids.size === 2 && !pids.has(victim)
    })
    const again = await Promise.all(Array.from({ length: 6 }, () => ask('/readme/uvu')))
    assert.ok(again.every(({ status }) => status === 200))
    if (cacheKind === 'shared memory') assert.ok(again.every(isHit))
  })

  test('empties the cache for every process at once', async () => {
    await ask('/readme/marked')
    assert.equal((await ask('/api/clear', 'POST')).status, 200)
    if (cacheKind === 'shared memory') assert.equal((await ask('/readme/marked')).headers['x-cache-tier'], 'load')
  })

  test('ends cleanly on SIGTERM', async () => {
    const exited = once(server, 'exit')
    server.kill('SIGTERM')
    assert.deepEqual(await exited, [0, null])
  })

  test.after(() => { server?.kill('SIGKILL') })
})
