// The page that shows both hosts and their Redis, and has a button for each thing to try.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { readPage } from '../../../src/cli/page/document'
import { answer, HEADERS, isForUs, isFromUs } from '../../../src/cli/page/guard'
import { Stream } from '../../../src/cli/page/stream'
import { settings } from '../settings'
import type { Stage } from './stage'
import type { Told } from './story'
import type { Answers } from './traffic'

const HOST = '127.0.0.1'
const JSON_TYPE = 'application/json; charset=utf-8'
const SHOWN = 14

interface HostFigures extends Answers {
  name: string
  url: string
  link: string
  isInStep: boolean
  term: number
  pendingBytes: number
  entries: number
  invalidations: number
}

export interface Figures {
  at: number
  redis: { isRunning: boolean; port: number }
  hosts: HostFigures[]
  story: Told[]
}

export interface Page {
  url: string
  close(): Promise<void>
}

export async function openPage(stage: Stage): Promise<Page> {
  const page = readPage(join(__dirname, '../../../../examples/cluster-api/page'), 'hosts')
  const stream = new Stream<Figures>()
  const actions: Record<string, () => Promise<unknown>> = {
    '/api/write/a': () => stage.cross(stage.hosts[0]),
    '/api/write/b': () => stage.cross(stage.hosts[1]),
    '/api/redis/stop': () => stage.stopRedis(),
    '/api/redis/start': () => stage.startRedis(),
  }
  const json = (response: ServerResponse, status: number, value: unknown): void => answer(response, status, JSON_TYPE, JSON.stringify(value))
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (!isForUs(request)) return json(response, 421, { error: 'no host of that name is here' })
    const path = (request.url ?? '/').split('?', 1)[0]!
    if (request.method === 'POST' && Object.hasOwn(actions, path)) {
      if (!isFromUs(request)) return json(response, 403, { error: 'not from here' })
      // What it does is told on the page; a crossing may take until Redis is back.
      actions[path]!().catch((error: Error) => stage.story.tell('note', error.message))
      return json(response, 202, { begun: true })
    }
    if (request.method !== 'GET') return json(response, 405, { error: 'only GET here' })
    if (path === '/') return answer(response, 200, 'text/html; charset=utf-8', page.html, page.policy)
    if (path === '/api/figures') return json(response, 200, stream.latest() ?? null)
    if (path !== '/events') return json(response, 404, { error: 'nothing at this address' })
    if (!stream.listen(response, HEADERS)) json(response, 503, { error: 'too many pages listen' })
  }
  const server = createServer((request, response) => void respond(request, response))
  server.listen(settings.port, HOST)
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EADDRINUSE' ? new Error(`Port ${settings.port} is taken. Try another: PORT=3001 npm start -- --redis`) : error
  })

  const collector = new Collector(stage)
  const clock = setInterval(() => void collector.collect().then((figures) => stream.publish(figures)), 1_000)
  return {
    url: `http://${HOST}:${(server.address() as AddressInfo).port}/`,
    async close() {
      clearInterval(clock)
      stream.end()
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** A second of both hosts. */
class Collector {
  readonly #stage: Stage
  #windows

  constructor(stage: Stage) {
    this.#stage = stage
    this.#windows = stage.traffic.map((traffic) => traffic.window())
  }

  async collect(): Promise<Figures> {
    const { hosts, redis, story, traffic } = this.#stage
    const windows = this.#windows
    this.#windows = traffic.map((each) => each.window())
    for (const window of windows) window.end()
    const snapshots = await Promise.all(hosts.map((host) => host.snapshot().catch(() => undefined)))
    return {
      at: Date.now(),
      redis: { isRunning: redis.isRunning, port: redis.port },
      hosts: hosts.map(({ name, url }, index) => {
        const { link = 'unknown', isDegraded = true, term = 0, pendingBytes = 0, invalidations = 0 } = snapshots[index]?.cache.redis ?? {}
        return { name, url, link, isInStep: !isDegraded, term, pendingBytes, invalidations, entries: snapshots[index]?.cache.entries ?? 0, ...windows[index]!.answers }
      }),
      story: story.latest(SHOWN),
    }
  }
}
