/** The program `stratacache` as a test runs it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { guardChild } from '../../bench/process-guard'
import { until } from './until'

const MAIN = join(__dirname, '../../src/cli/main.js')

/** Without variables of ours that the machine may have set. */
function environment(more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^STRATACACHE_(?!ADDON|REDIS_SERVER)/.test(name))
  return { ...Object.fromEntries(inherited), ...more }
}

export interface Ended { code: number | null; out: string; err: string }

export function runCli(args: readonly string[], env: NodeJS.ProcessEnv = {}): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', env: environment(env), timeout: 30_000 })
  return { code: status, out: stdout, err: stderr }
}

export type Line = Record<string, unknown> & { event?: string; level: string; message: string }

export class Daemon {
  readonly lines: Line[] = []
  readonly #child: ChildProcess
  readonly #exited: Promise<[code: number | null, signal: NodeJS.Signals | null]>
  errors = ''

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#child = spawn(process.execPath, [MAIN, 'daemon', ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: environment(env) })
    guardChild(this.#child)
    this.#exited = once(this.#child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
    let rest = ''
    this.#child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      const parts = (rest + chunk).split('\n')
      rest = parts.pop()!
      for (const part of parts) this.lines.push(JSON.parse(part) as Line)
    })
    this.#child.stderr!.setEncoding('utf8').on('data', (chunk: string) => { this.errors += chunk })
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** The first line with that event and these fields, when it has come. */
  async says(event: string, fields: Record<string, unknown> = {}): Promise<Line> {
    const find = (): Line | undefined =>
      this.lines.find((line) => line.event === event && Object.entries(fields).every(([name, value]) => line[name] === value))
    const all = (): string => `${this.lines.map((line) => JSON.stringify(line)).join('\n')}\n${this.errors}`
    await until(`the daemon says ${event} ${JSON.stringify(fields)}`, () => find() !== undefined).catch((error: Error) => {
      throw new Error(`${error.message}; it said:\n${all()}`)
    })
    return find()!
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Resolves with the exit code, or the signal that ended it. */
  async ended(): Promise<number | string | null> {
    const [code, signal] = await this.#exited
    return code ?? signal
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.#exited
  }
}
