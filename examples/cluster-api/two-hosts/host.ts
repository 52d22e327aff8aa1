// One simulated host: the example cluster with a region directory of its own, as a program of its own.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { guardChild, guardedDirectory } from '../../../bench/process-guard'
import type { Snapshot } from '../messages'
import type { Note } from '../notes'

const ANSWER_MS = 5_000
const STOP_MS = 8_000

export interface Surroundings {
  redis: string
  /** The database that both hosts share. */
  notesDir: string
  processes: number
}

export class Host {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 })

  private constructor(readonly name: string, readonly url: string, readonly child: ChildProcess) {}

  static async start(name: string, { redis, notesDir, processes }: Surroundings): Promise<Host> {
    const child = fork(join(__dirname, '../main.js'), {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: {
        ...process.env, PORT: '0', WORKERS: String(processes), POOL_THREADS: '0', HOST_NAME: name,
        CACHE: 'shared', CACHE_NAME: 'two-hosts', CACHE_DIR: guardedDirectory(), REDIS: redis, NOTES_DIR: notesDir,
      },
    })
    guardChild(child)
    const ended = once(child, 'exit').then(([code]) => { throw new Error(`${name} ended with exit code ${code} before it listened`) })
    const [{ url }] = await Promise.race([once(child, 'message') as Promise<[{ url: string }]>, ended])
    ended.catch(() => {})
    return new Host(name, url, child)
  }

  get pid(): number {
    return this.child.pid!
  }

  async snapshot(): Promise<Snapshot | undefined> {
    const snapshot = JSON.parse(await this.ask('/api/stats')) as Snapshot | { type?: undefined }
    return snapshot.type === undefined ? undefined : snapshot
  }

  async read(note: string): Promise<Note> {
    return JSON.parse(await this.ask(`/api/notes/${note}`)) as Note
  }

  async write(note: string, text: string): Promise<Note> {
    return JSON.parse(await this.ask(`/api/notes/${note}`, text)) as Note
  }

  /** The body of a good answer; `body` makes it a write. Rejects for every other outcome. */
  ask(path: string, body?: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const asked = request(this.url + path, { agent: this.#agent, method: body === undefined ? 'GET' : 'PUT' }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk) => { text += chunk })
        response.on('end', () => (response.statusCode === 200 ? resolve(text) : reject(new Error(`${this.name} answered ${response.statusCode} to ${path}`))))
        response.on('error', reject)
      })
      asked.setTimeout(ANSWER_MS, () => asked.destroy(new Error(`${this.name} did not answer ${path} in ${ANSWER_MS} ms`)))
      asked.on('error', reject).end(body)
    })
  }

  async stop(): Promise<void> {
    this.#agent.destroy()
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const exited = once(this.child, 'exit')
    this.child.kill('SIGTERM')
    // Its workers end with it.
    const impatience = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS)
    await exited
    clearTimeout(impatience)
  }
}
