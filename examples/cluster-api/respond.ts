// From a request to a response: the page, the figures, or a question and who answered it.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type Piscina from 'piscina'
import type { Activity } from './activity'
import { PAGE_POLICY } from './html'
import { LIVE_PAGE, LIVE_POLICY } from './live-page'
import { noteAt } from './notes'
import type { Note } from './notes'
import { questionOf } from './questions'
import type { Question } from './questions'
import { settings } from './settings'
import type { Answer, Store } from './store'

interface Parts { store: Store; pool: Piscina | undefined; activity: Activity }

type ThreadAnswer = Answer & { thread?: number }

export async function respond(parts: Parts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader('x-process', process.pid)
  response.setHeader('x-content-type-options', 'nosniff')
  try {
    const url = new URL(request.url ?? '/', 'http://localhost')
    if (request.method === 'POST' && url.pathname === '/api/clear') return await clear(parts, request, response)
    if (request.method === 'PUT') return await write(parts, url.pathname, request, response)
    if (request.method !== 'GET') return sendJson(response, 405, { error: 'only GET here' })
    if (url.pathname === '/') return send(response, 200, 'text/html; charset=utf-8', LIVE_PAGE, LIVE_POLICY)
    if (url.pathname === '/events') return listen(parts, response)
    if (url.pathname === '/api/stats') return sendJson(response, 200, parts.activity.stream.latest() ?? {})
    const question = questionOf(url)
    if (!question) return sendJson(response, 404, { error: 'nothing at this address' })
    await answer(parts, question, response)
  } catch (error) {
    const isTheirs = error instanceof URIError
    sendJson(response, isTheirs ? 400 : 500, { error: (error as Error).message })
  }
}

async function answer({ store, pool, activity }: Parts, question: Question, response: ServerResponse): Promise<void> {
  const started = performance.now()
  let label = 'process'
  try {
    const { value, tier, loadMs, thread }: ThreadAnswer = pool && question.isHeavy
      ? await pool.run(question.key.slice('search/'.length), { name: 'answerSearch' })
      : await store.answer(question)
    if (thread !== undefined) label = `thread ${thread}`
    const isPage = question.type === 'html'
    const body = isPage ? String(value) : JSON.stringify(value)
    const ms = performance.now() - started
    activity.count(label, ms, tier)
    response.setHeader('x-cache-tier', tier)
    response.setHeader('x-process', label === 'process' ? process.pid : `${process.pid} ${label}`)
    response.setHeader('server-timing',
      `cache;desc="${tier}";dur=${(ms - loadMs).toFixed(3)}, load;dur=${loadMs.toFixed(3)}`)
    send(response, 200, isPage ? 'text/html; charset=utf-8' : JSON_TYPE, body, PAGE_POLICY)
  } catch (error) {
    activity.count(label, performance.now() - started)
    throw error
  }
}

function listen({ activity }: Parts, response: ServerResponse): void {
  if (!activity.stream.listen(response)) sendJson(response, 503, { error: 'too many pages listen' })
}

// Other sites' pages can make a browser send a POST; they do not get to empty the cache.
async function clear({ store }: Parts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.headers['sec-fetch-site'] === 'cross-site') return sendJson(response, 403, { error: 'not from here' })
  await store.clear()
  sendJson(response, 200, { cleared: true })
}

const MAX_NOTE = 2_000

async function write({ store }: Parts, path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const note = noteAt(path)
  if (note === undefined) return sendJson(response, 405, { error: 'only GET here' })
  if (request.headers['sec-fetch-site'] === 'cross-site') return sendJson(response, 403, { error: 'not from here' })
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
    if (text.length > MAX_NOTE) return sendJson(response, 413, { error: `a note has at most ${MAX_NOTE} letters` })
  }
  const value: Note = { text, by: settings.hostName, process: process.pid }
  // The database first: who loads from now on loads this.
  await note.write(value)
  await store.write(note.key, value)
  sendJson(response, 200, value)
}

const JSON_TYPE = 'application/json; charset=utf-8'

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  send(response, status, JSON_TYPE, JSON.stringify(value), "default-src 'none'")
}

function send(response: ServerResponse, status: number, type: string, body: string, policy: string): void {
  if (response.headersSent) return
  response.writeHead(status, {
    'content-type': type, 'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store', 'content-security-policy': policy,
  })
  response.end(body)
}
