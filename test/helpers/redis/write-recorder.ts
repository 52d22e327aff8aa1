/** The order in which a Redis executed the writes of a cache, as MONITOR tells it. */
import { type Socket, connect } from 'node:net'
import { until } from '../until'
import type { RedisServer } from './server'

/** Text of a value that only one write has. */
const TAG = /#[\w.]+#/
const WRITE = /^\+([\d.]+) \[\d+ lua\] "SET" "[^"]*?:d\|([^"|]*)\|([^"]*)" "(.*)$/

export interface Recorded {
  /** On the server's clock. */
  atS: number
  namespace: string
  key: string
  /** Absent: a tombstone. */
  value?: string
}

/** The write that a line of MONITOR tells of. */
export function writeOf(line: string): Recorded | undefined {
  const found = WRITE.exec(line)
  if (found === null) return undefined
  const [, atS, namespace, key, envelope] = found as unknown as [string, string, string, string, string]
  // Behind times, sums and lengths, whose bytes may look like anything.
  const payload = envelope.slice(envelope.lastIndexOf(`${namespace}|${key}`))
  const value = TAG.exec(payload)?.[0]
  return { atS: Number(atS), namespace, key, ...(value === undefined ? {} : { value }) }
}

/** What several servers of one machine have executed, in order. */
export function inOrder(recorders: readonly WriteRecorder[]): Recorded[] {
  return recorders.flatMap(({ writes }) => writes).sort((one, other) => one.atS - other.atS)
}

export class WriteRecorder {
  readonly writes: Recorded[] = []
  readonly #socket: Socket
  #rest = ''
  #isRecording = false

  private constructor(server: RedisServer) {
    this.#socket = connect({ path: server.socket })
    this.#socket.on('data', (chunk: Buffer) => this.#hear(chunk.toString('latin1')))
    this.#socket.on('error', () => {})
    this.#socket.write('MONITOR\r\n')
  }

  static async start(server: RedisServer): Promise<WriteRecorder> {
    const recorder = new WriteRecorder(server)
    await until('the monitor records', () => recorder.#isRecording)
    return recorder
  }

  /** Resolves when everything the server has executed so far has been heard. */
  async settled(server: RedisServer): Promise<void> {
    const mark = `settled-${Math.random()}`
    let hasHeard = false
    this.#listen = (line) => (hasHeard ||= line.includes(mark))
    await server.ask('ECHO', mark)
    await until('the monitor has told all', () => hasHeard)
  }

  stop(): void {
    this.#socket.destroy()
  }

  #listen: (line: string) => void = () => {}

  #hear(text: string): void {
    const lines = (this.#rest + text).split('\r\n')
    this.#rest = lines.pop()!
    for (const line of lines) {
      this.#isRecording = true
      this.#listen(line)
      const write = writeOf(line)
      if (write !== undefined) this.writes.push(write)
    }
  }
}
