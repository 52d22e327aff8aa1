// One reader of a storm: reads all keys in every turn of its loop and tells when they have changed.
import { parentPort, workerData } from 'node:worker_threads'
import { type CacheOptions, createCache } from '../../../src'

const { options, keys } = workerData as { options: CacheOptions; keys: readonly string[] }
const cache = createCache(options)
let isEnding = false
parentPort!.on('message', () => (isEnding = true))

async function read(): Promise<void> {
  let told: string | undefined
  while (!isEnding) {
    const values = await Promise.all(keys.map((key) => cache.get(key)))
    const text = values.join()
    if (values.every((value) => value !== undefined) && text !== told) parentPort!.postMessage(told = text)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await cache.close()
  parentPort!.close()
}

void read()
