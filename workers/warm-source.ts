/** The thread in which the module of a source runs. */
import type { MessagePort } from 'node:worker_threads'
import { checkSource, type WarmItem, type WarmModule } from '../src/warm/source'
import type { FromThread, ToThread, WarmTask } from '../src/warm/threaded'

const BATCH = 64

/** Ends when the other side closes the port. Rejects with what the source throws. */
export async function warmSource({ module, data, port }: WarmTask): Promise<void> {
  const exported = (await import(module)) as Partial<WarmModule> & { default?: Partial<WarmModule> & { default?: Partial<WarmModule> } }
  // A CommonJS file that was compiled from an ES module has its default within its default.
  const found = [exported, exported.default, exported.default?.default].find((each) => each?.source !== undefined)
  const source = found?.source ?? exported.default
  const items = checkSource(typeof source === 'function' ? await (source as (data: unknown) => unknown)(data) : source)
  const batches = batched(items as AsyncIterable<WarmItem>)
  let ready = batches.next()
  ready.catch(() => {})
  await new Promise<void>((resolve, reject) => {
    port.on('close', resolve)
    port.on('message', (message: ToThread) => {
      if (message !== 'next') return void load(port, message, found?.factory, data)
      ready.then(({ value, done }) => {
        send(port, { items: done === true ? [] : value, isLast: done === true })
        if (done !== true) ready = batches.next()
        ready.catch(() => {})
      }).catch(reject)
    })
  })
}

async function load(port: MessagePort, { load: id, key }: { load: number; key: string }, factory: WarmModule['factory'], data: unknown): Promise<void> {
  try {
    if (factory === undefined) throw new TypeError('the module of the source must export a factory for keys without values, it does not')
    send(port, { loaded: id, value: await factory(key, data) })
  } catch (error) {
    send(port, { failed: id, error: error instanceof Error ? error : new Error(String(error)) })
  }
}

function send(port: MessagePort, message: FromThread): void {
  port.postMessage(message)
}

async function* batched(items: AsyncIterable<WarmItem>): AsyncGenerator<WarmItem[]> {
  let batch: WarmItem[] = []
  for await (const item of items) {
    batch.push(item)
    if (batch.length < BATCH) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
