/** One process of a simulated host, with our cache or with bentocache; its parent tells it what to do. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { peer } from '../peers'
import { Random } from '../random'
import { guardChild } from '../process-guard'
import { openHost } from './hosts'

export interface Setup {
  subject: 'stratacache' | 'bentocache'
  scratch: string
  host: string
  url: string
  index: number
}

export type Order =
  | { do: 'open'; setup: Setup }
  /** So many calls, a set in ten of them, with a rest after every 20. */
  | { do: 'work'; calls: number; keys: number }
  | { do: 'set'; key: string; value: string }
  /** Reads until the value is there. */
  | { do: 'read'; key: string; value: string }
  /** Looks until another value than this comes; answers when the look began that brought it. */
  | { do: 'watch'; key: string; value: string }
  | { do: 'close' }

/** Times are nanoseconds of the monotonic clock, which all processes share. */
export type Reply = { atNs: bigint; value?: unknown } | { failure: string }

interface Client {
  get(key: string): Promise<unknown>
  getOrSet(key: string, factory: () => Promise<string>): Promise<unknown>
  set(key: string, value: string): Promise<unknown>
  close(): Promise<unknown>
}

interface Bento {
  get(options: object): Promise<unknown>
  getOrSet(options: object): Promise<unknown>
  set(options: object): Promise<unknown>
  disconnectAll(): Promise<void>
}

/** A participant as its parent has it. */
export class Participant {
  readonly #child: ChildProcess
  readonly #ended: Promise<[Reply]>

  static async start(setup: Setup): Promise<Participant> {
    const child = fork(__filename, { serialization: 'advanced', execArgv: ['--no-warnings'] })
    guardChild(child)
    const participant = new Participant(child)
    await participant.ask({ do: 'open', setup })
    return participant
  }

  constructor(child: ChildProcess) {
    this.#child = child
    this.#ended = once(child, 'exit').then(() => [{ failure: 'a participant ended' }])
  }

  async ask(order: Order): Promise<{ atNs: bigint; value?: unknown }> {
    const answered = new Promise<[Reply]>((resolve) => this.#child.once('message', (reply: Reply) => resolve([reply])))
    this.#child.send(order)
    const [reply] = await Promise.race([answered, this.#ended])
    if ('failure' in reply) throw new Error(reply.failure)
    return reply
  }

  async stop(): Promise<void> {
    await this.ask({ do: 'close' }).catch(() => {})
    this.#child.kill('SIGKILL')
    await this.#ended
  }
}

async function open({ subject, url, ...host }: Setup): Promise<Client> {
  if (subject === 'stratacache') {
    const cache = await openHost({ ...host, url })
    return { get: (key) => cache.get(key), getOrSet: (key, factory) => cache.getOrSet(key, factory), set: (key, value) => cache.set(key, value), close: () => cache.close() }
  }
  const { BentoCache, bentostore } = peer<{ BentoCache: new (options: object) => Bento; bentostore(): Store }>('bentocache')
  interface Store { useL1Layer(driver: unknown): Store; useL2Layer(driver: unknown): Store; useBus(driver: unknown): Store }
  const { memoryDriver } = peer<{ memoryDriver(options: object): unknown }>('bentocache/drivers/memory')
  const { redisDriver, redisBusDriver } = peer<Record<'redisDriver' | 'redisBusDriver', (options: object) => unknown>>('bentocache/drivers/redis')
  const { hostname, port } = new URL(url)
  const connection = { host: hostname, port: Number(port) }
  const store = bentostore().useL1Layer(memoryDriver({ maxItems: 100_000 })).useL2Layer(redisDriver({ connection })).useBus(redisBusDriver({ connection }))
  const bento = new BentoCache({ default: 'both', ttl: '10m', stores: { both: store } })
  return {
    get: (key) => bento.get({ key }),
    getOrSet: (key, factory) => bento.getOrSet({ key, factory }),
    set: (key, value) => bento.set({ key, value }),
    close: () => bento.disconnectAll(),
  }
}

const rest = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const nap = new Int32Array(new SharedArrayBuffer(4))
const LOOK_MS = 0.05
const DEADLINE_MS = 10_000

let client: Client
let index = 0

async function obey(order: Order): Promise<Reply> {
  const startMs = performance.now()
  switch (order.do) {
    case 'open':
      client = await open(order.setup)
      index = order.setup.index
      break
    case 'work':
      await work(order.calls, order.keys)
      break
    case 'set': {
      const atNs = process.hrtime.bigint()
      await client.set(order.key, order.value)
      return { atNs }
    }
    case 'read':
      while ((await client.get(order.key)) !== order.value) {
        if (performance.now() - startMs > DEADLINE_MS) throw new Error(`${order.value} did not come within ${DEADLINE_MS} ms`)
        await rest(1)
      }
      break
    case 'watch':
      for (;;) {
        const atNs = process.hrtime.bigint()
        const value = await client.get(order.key)
        if (value !== order.value) return { atNs, value }
        if (performance.now() - startMs > DEADLINE_MS) throw new Error(`the old value was served for ${DEADLINE_MS} ms`)
        await new Promise(setImmediate)
        Atomics.wait(nap, 0, 0, LOOK_MS)
      }
    case 'close':
      await client.close()
  }
  return { atNs: process.hrtime.bigint() }
}

async function work(calls: number, keys: number): Promise<void> {
  const random = new Random(index + 1)
  for (let i = 0; i < calls; i++) {
    const key = `user:${random.below(keys)}:profile`
    if (i % 10 === index % 10) await client.set(key, 'v'.repeat(1024))
    else if (typeof (await client.getOrSet(key, async () => 'v'.repeat(1024))) !== 'string') throw new Error(`${key} has no value`)
    if (i % 20 === 19) await rest(1)
  }
}

if (process.send !== undefined && require.main === module) {
  process.on('message', (order: Order) => {
    void obey(order).catch((error: Error): Reply => ({ failure: error.message })).then((reply) => process.send!(reply))
  })
}
