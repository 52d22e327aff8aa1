/** The order in which a Redis executed the writes of a cache, as MONITOR tells it. */
import { type Socket, connect } from 'node:net'
import { valuesInOrder } from '../fleet/aof'
import { until } from '../until'
import type { RedisServer } from './server'

/** Text of a value that only one write has. */
const TAG = /#[\w.]+#/
const DATA_KEY = /:d\|([^|]*)\|(.*)$/
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
  return recorded(Number(atS), namespace, key, envelope)
}

function recorded(atS: number, namespace: string, key: string, envelope: string): Recorded {
  // Behind times, sums and lengths, whose bytes may look like anything.
  const payload = envelope.slice(envelope.lastIndexOf(`${namespace}|${key}`))
  const value = TAG.exec(payload)?.[0]
  return { atS, namespace, key, ...(value === undefined ? {} : { value }) }
}

/** What replicas of each other have executed, by their append-only files: each key in order. A file that began anew has less. */
export function inFiles(servers: readonly RedisServer[]): Recorded[] {
  const valuesByName = new Map<string, Buffer[]>()
  for (const { dir } of servers) {
    for (const [name, values] of valuesInOrder(dir)) {
      if (values.length > (valuesByName.get(name)?.length ?? 0)) valuesByName.set(name, values)
    }
  }
  return [...valuesByName].flatMap(([name, values]) => {
    const found = DATA_KEY.exec(name)
    return found === null ? [] : values.map((value) => recorded(0, found[1]!, found[2]!, value.toString('latin1')))
  })
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
