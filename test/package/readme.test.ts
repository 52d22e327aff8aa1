// Every JavaScript snippet of the README runs as it stands, in a project that depends on this package.
import * as assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { RedisOnce } from '../helpers/redis-once'
import { suite } from '../helpers/suite'

const root = join(__dirname, '../../..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const snippets = [...readme.matchAll(/```js\n(.*?)```/gs)].map((match) => match[1]!)
// A region of this run only, whatever the README calls it.
const regionOf = (name: string): string => `readme-${process.pid}-${name}`

interface Running { child: ChildProcess; output(): string }

suite('README', (test) => {
  let project = ''
  test.before(() => {
    project = mkdtempSync(join(tmpdir(), 'readme-'))
    mkdirSync(join(project, 'node_modules'))
    symlinkSync(root, join(project, 'node_modules/stratacache'))
  })
  test.after(() => rmSync(project, { recursive: true }))

  function start(source: string, env: NodeJS.ProcessEnv = {}): Running {
    const file = join(project, /^import /m.test(source) ? 'snippet.mjs' : 'snippet.cjs')
    writeFileSync(file, source.replace(/name: '([^']+)'/g, (_, name: string) => `name: '${regionOf(name)}'`))
    const child = spawn(process.execPath, ['--disable-warning=STRATACACHE_NOT_SHARED', file], {
      cwd: project, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk) => { output += chunk })
    return { child, output: () => output }
  }

  async function finish(source: string, env?: NodeJS.ProcessEnv): Promise<string> {
    const { child, output } = start(source, env)
    const [code] = await once(child, 'close')
    assert.equal(code, 0, output())
    return output()
  }

  /** Asks a snippet that listens; its cluster ends with its primary. */
  async function askServer(source: string): Promise<string[]> {
    const port = await freePort()
    const { child, output } = start(source, { PORT: String(port) })
    try {
      const ask = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/some/page`, { headers: { connection: 'close' } })).text()
      for (let patience = 200; ; patience -= 1) {
        const first = await ask().catch(() => undefined)
        if (first !== undefined) return [first, ...await Promise.all(Array.from({ length: 12 }, ask))]
        assert.ok(patience > 0 && child.exitCode === null, `nobody listens: ${output()}`)
        await pause(50)
      }
    } finally {
      child.kill('SIGTERM')
      await once(child, 'close')
    }
  }

  async function unlink(name: string): Promise<void> {
    await finish(`require('stratacache').createCache({ name: '${name}' }).close({ unlink: true })`)
  }

  const isShared = async (): Promise<boolean> =>
    (await finish(`const c = require('stratacache').createCache({ name: 'probe' })
      console.log(c.info().l1); c.close({ unlink: true })`)).trim() === 'shared'

  test('has snippets for cluster, for threads, for Redis and for warming up', () => {
    assert.equal(snippets.length, 4)
  })

  test('the cluster snippet serves, and renders a page once on the host', async () => {
    const shared = await isShared()
    const answers = await askServer(snippets.find((text) => text.includes('listen('))!)
    await unlink('shop')
    assert.match(answers[0]!, /^\/some\/page, rendered once on this host, by process \d+\n$/)
    if (shared) assert.equal(new Set(answers).size, 1)
  })

  test('the threads snippet ends by itself, and one thread loads for all', async () => {
    const shared = await isShared()
    const lines = (await finish(snippets.find((text) => text.includes('Worker'))!)).trim().split('\n')
    await unlink('prices')
    assert.equal(lines.length, 5)
    assert.ok(lines.every((line) => /^thread \d has the price that thread \d loaded$/.test(line)), lines.join('\n'))
    if (shared) assert.equal(new Set(lines.map((line) => /that thread (\d)/.exec(line)![1])).size, 1)
  })

  test('the Redis snippet writes, and wins by version', async () => {
    const server = await RedisOnce.start()
    try {
      const output = await finish(snippets.find((text) => text.includes('redis:'))!, { REDIS_URL: server.url })
      assert.equal(output.trim(), 'true 2 connected')
      assert.ok((await server.admin.dbsize()) > 2)
    } finally {
      await unlink('orders')
      await server.stop()
    }
  })

  test('the warm-up snippet finds its entries there, and exports them', async () => {
    const snippet = snippets.find((text) => text.includes('exportHot'))!
    for (const round of ['a cold one', 'a warm one']) assert.equal((await finish(snippet)).trim(), '2 2', round)
    await unlink('catalog')
  })

  test('every file it links to exists', () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => match[1]!)
    assert.ok(links.length > 2)
    assert.deepEqual(links.filter((path) => !existsSync(join(root, path))), [])
  })
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
