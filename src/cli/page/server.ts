/** The daemon's page: on loopback, read-only. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CacheError } from '../../words/errors'
import type { HostState } from '../host-state'
import { daemonPage } from './document'
import { answer, HEADERS, isForUs } from './guard'
import { Stream } from './stream'

const HOST = '127.0.0.1'
const CONNECTIONS = 64
const JSON_TYPE = 'application/json; charset=utf-8'

export interface PageServer {
  url: string
  publish(state: HostState): void
  close(): Promise<void>
}

/** Throws ERR_CACHE_OPTION when the port cannot be had. */
export async function startPage(port: number): Promise<PageServer> {
  const page = daemonPage()
  const stream = new Stream<HostState>()
  const respond = (request: IncomingMessage, response: ServerResponse): void => {
    if (!isForUs(request)) return answer(response, 421, JSON_TYPE, '{"error":"no host of that name is here"}')
    if (request.method !== 'GET') {
      response.setHeader('allow', 'GET')
      return answer(response, 405, JSON_TYPE, '{"error":"only GET here"}')
    }
    const path = (request.url ?? '/').split('?', 1)[0]
    if (path === '/') return answer(response, 200, 'text/html; charset=utf-8', page.html, page.policy)
    if (path === '/state') return answer(response, 200, JSON_TYPE, JSON.stringify(stream.latest() ?? null))
    if (path !== '/events') return answer(response, 404, JSON_TYPE, '{"error":"nothing at this address"}')
    if (!stream.listen(response, HEADERS)) answer(response, 503, JSON_TYPE, '{"error":"too many pages listen"}')
  }
  const server = createServer({ maxHeaderSize: 8 * 1024, requestTimeout: 10_000 }, respond)
  server.maxConnections = CONNECTIONS
  server.listen(port, HOST)
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new CacheError('ERR_CACHE_OPTION', `--page ${port} cannot be listened on (${(error as NodeJS.ErrnoException).code})`)
  }
  return {
    url: `http://${HOST}:${(server.address() as AddressInfo).port}/`,
    publish: (state) => stream.publish(state),
    async close() {
      stream.end()
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
