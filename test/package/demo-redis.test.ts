// The example with two hosts as a person meets it: its tour, its page, and that nothing of it stays.
import * as assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { Told } from '../../examples/cluster-api/two-hosts/story'
import { withDirectory } from '../helpers/cache'
import { isAlive } from '../helpers/is-alive'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const MAIN = join(__dirname, '../../examples/cluster-api/two-hosts/main.js')
const PATIENCE_MS = 50_000

interface Ready { url: string; hosts: { name: string; url: string; pid: number }[]; redis: string }
interface Answer { status: number; body: string; type: string; policy: string }

class Demo {
  readonly told: Told[] = []
  ready: Ready | undefined
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown[]>

  constructor(dir: string, args: string[] = []) {
    this.#child = fork(MAIN, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], env: { ...process.env, PORT: '0', AWAY_MS: '1500', TMPDIR: dir } })
    this.#exited = once(this.#child, 'exit')
    this.#child.on('message', (message: Ready & { type: string; told: Told }) => {
      if (message.type === 'ready') this.ready = message
      else this.told.push(message.told)
    })
  }

  async tells(kind: Told['kind'], what: (told: Told) => boolean = () => true): Promise<Told> {
    const find = (): Told | undefined => this.told.find((told) => told.kind === kind && what(told))
    await until(`the example tells of ${kind}`, () => find() !== undefined || this.#child.exitCode !== null, PATIENCE_MS).catch((error: Error) => {
      throw new Error(`${error.message}; it told:\n${this.told.map(({ text }) => text).join('\n')}`)
    })
    const told = find()
    assert.ok(told, 'it ended before')
    return told
  }

  stop(): void {
    this.#child.kill('SIGTERM')
  }

  ended(): Promise<unknown[]> {
    return this.#exited
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }
}

async function withDemo(args: string[], body: (demo: Demo, dir: string) => Promise<void>): Promise<void> {
  await withDirectory(async (dir) => {
    const demo = new Demo(dir, args)
    try {
      await until('the example is ready', () => demo.ready !== undefined, PATIENCE_MS)
      await body(demo, dir)
    } finally {
      await demo.kill()
    }
  })
}

function ask(url: string, path: string, { method = 'GET', body, headers = {} }: { method?: string; body?: string; headers?: Record<string, string> } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(new URL(path, url), { method, headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk) => { text += chunk })
      response.on('end', () => resolve({ status: response.statusCode!, body: text, type: String(response.headers['content-type']), policy: String(response.headers['content-security-policy']) }))
    })
    asked.setTimeout(10_000, () => asked.destroy(new Error(`no answer to ${path}`)))
    asked.on('error', reject).end(body)
  })
}

const noteOf = async (url: string, note: string): Promise<string> => (JSON.parse((await ask(url, `/api/notes/${note}`)).body) as { text: string }).text

async function pidsOf({ hosts }: Ready): Promise<number[]> {
  const workers = await Promise.all(hosts.map(async ({ url }) => {
    let members: { pid: number }[] = []
    await until('the host has its figures', async () => (members = (JSON.parse((await ask(url, '/api/stats')).body) as { members?: { pid: number }[] }).members ?? []).length > 0)
    return members.map(({ pid }) => pid)
  }))
  return [...new Set([...hosts.map(({ pid }) => pid), ...workers.flat()])]
}

const isListening = (url: string): Promise<boolean> => new Promise((resolve) => {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname, () => { socket.destroy(); resolve(true) })
  socket.on('error', () => resolve(false))
})

async function nothingStays(dir: string, pids: number[], { redis, url }: Ready): Promise<void> {
  await until('its processes are gone', () => !pids.some(isAlive))
  await until('its directories are gone', () => readdirSync(dir).length === 0)
  assert.deepEqual(await Promise.all([redis, url].map(isListening)), [false, false])
}

suite('example with two hosts and Redis', (test) => {
  test('its tour: writes cross, both hosts answer while Redis is away, and are in step afterwards', () => withDemo(['--tour'], async (demo, dir) => {
    const pids = await pidsOf(demo.ready!)
    const { hosts } = demo.ready!
    await demo.tells('redis', ({ figures }) => figures['isRunning'] === false)
    assert.equal(await isListening(demo.ready!.redis), false)
    for (const { url } of hosts) assert.equal((await ask(url, '/readme/piscina')).status, 200)
    assert.deepEqual(await demo.ended(), [0, null])
    const crossings = demo.told.filter(({ kind }) => kind === 'crossing')
    assert.deepEqual(new Set(crossings.map(({ figures }) => `${figures['from']} ${figures['to']}`)), new Set(['host A host B', 'host B host A']))
    assert.equal(crossings.filter(({ figures }) => figures['wasAway'] === true).length, 1)
    for (const { figures } of crossings) assert.ok(Number(figures['ms']) > 0)
    const answers = demo.told.filter(({ kind }) => kind === 'answers')
    assert.deepEqual(answers.map(({ figures }) => [figures['host'], figures['failed']]), [['host A', 0], ['host B', 0]])
    assert.ok(answers.every(({ figures }) => Number(figures['answered']) > 0))
    await nothingStays(dir, pids, demo.ready!)
  }))

  test('without --tour it stays, its page works by hand, and SIGTERM ends all of it', () => withDemo([], async (demo, dir) => {
    const { url, hosts: [a, b] } = demo.ready!
    const pids = await pidsOf(demo.ready!)
    const { status, policy, body, type } = await ask(url, '/')
    assert.deepEqual([status, type], [200, 'text/html; charset=utf-8'])
    assert.match(policy, /^default-src 'none'; style-src 'sha256-[^']+'; script-src 'sha256-/)
    assert.doesNotMatch(body, /(src|href)="(https?:)?\/\/|\/\* (style|script) \*\//)
    const origin = new URL(url).origin
    const post = async (headers: Record<string, string>): Promise<number> => (await ask(url, '/api/redis/stop', { method: 'POST', headers })).status
    assert.deepEqual(await Promise.all([post({}), post({ origin: 'http://evil.example' }), post({ origin, 'sec-fetch-site': 'same-site' }), post({ origin, host: 'evil.example' })]), [403, 403, 403, 421])
    // The tour has passed by.
    await demo.tells('crossing', ({ figures }) => figures['wasAway'] === true)
    assert.equal((await ask(url, '/api/redis/stop', { method: 'POST', headers: { origin } })).status, 202)
    await until('Redis is stopped', async () => !await isListening(demo.ready!.redis))
    assert.equal((await ask(a!.url, '/api/notes/by-hand', { method: 'PUT', body: 'hello' })).status, 200)
    assert.equal(await noteOf(a!.url, 'by-hand'), 'hello')
    assert.equal((await ask(url, '/api/redis/start', { method: 'POST', headers: { origin } })).status, 202)
    await until('the other host has the note', async () => await noteOf(b!.url, 'by-hand') === 'hello', PATIENCE_MS)
    demo.stop()
    assert.deepEqual(await demo.ended(), [0, null])
    await nothingStays(dir, pids, demo.ready!)
  }))
})
