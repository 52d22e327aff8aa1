/** A port on loopback whose backlog is full: whoever connects to it waits for ever. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type Socket, connect } from 'node:net'
import { guardChild } from '../../../bench/process-guard'

const LISTEN = "const [port] = process.argv.slice(1); require('node:net').createServer().listen({ port: Number(port), host: '127.0.0.1', backlog: 1 }, () => process.stdout.write('up'))"
const FILLERS = 4

export class DeafListener {
  readonly #fillers: Socket[] = []

  private constructor(readonly child: ChildProcess) {}

  /** Takes the port, which must be free, and answers nobody. */
  static async on(port: number): Promise<DeafListener> {
    const child = spawn(process.execPath, ['-e', LISTEN, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] })
    guardChild(child)
    await once(child.stdout!, 'data')
    // Stopped, it accepts nothing: the kernel keeps as many as the backlog takes and ignores the others.
    child.kill('SIGSTOP')
    const deaf = new DeafListener(child)
    for (let count = 0; count < FILLERS; count++) deaf.#fillers.push(connect({ port, host: '127.0.0.1' }).on('error', () => {}))
    return deaf
  }

  async end(): Promise<void> {
    for (const filler of this.#fillers) filler.destroy()
    const exited = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await exited
  }
}
