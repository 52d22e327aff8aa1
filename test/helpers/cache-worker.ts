// A process or thread on the test's cache: does what it is told and reports what its loaders do.
import { parentPort } from 'node:worker_threads'
import { Cache, type CacheOptions, createCache, type Namespace } from '../../src'

/** What a worker is told. Every message but `finish` is answered under its id. */
export type Order =
  | { id: number; do: 'open'; options: CacheOptions }
  /** Starts `callers` calls of getOrSet and answers at once; each reports `settled` later. */
  | { id: number; do: 'load'; key: string; callers: number; namespace?: string; leaseTimeout?: number }
  | { id: number; do: 'call'; method: 'get' | 'set' | 'delete' | 'expire' | 'clear' | 'deleteByTag' | 'warm' | 'exportHot' | 'importHot'; args: unknown[]; namespace?: string }
  /** Moves this process's notion of now. */
  | { id: number; do: 'advance'; ms: number }
  | { id: number; do: 'close' }
  /** Ends the loader run of that number. */
  | { do: 'finish'; run: number; outcome: Outcome }

/** `etag`: the loader gives the etag that it was told. */
export type Outcome = 'etag' | { value: unknown } | { error: { name: string; message: string; code: string } } | 'nothing'

export type Report =
  | { id: number; result: unknown }
  | { id: number; refused: string }
  /** A loader run has begun; the number is for `finish`. */
  | { loading: number }
  | { settled: Settled }

export type Settled =
  | { value: unknown }
  | { error: { name: string; message: string; code: string | undefined } }

const finishByRun = new Map<number, (outcome: Outcome) => void>()
let runs = 0
let cache: Cache | undefined

function report(message: Report): void {
  if (parentPort !== null) parentPort.postMessage(message)
  else process.send?.(message)
}

async function loader({ etag }: { etag: string | undefined }): Promise<unknown> {
  const run = ++runs
  const outcome = await new Promise<Outcome>((resolve) => {
    finishByRun.set(run, resolve)
    report({ loading: run })
  })
  if (outcome === 'nothing') return undefined
  if (outcome === 'etag') return etag
  if ('value' in outcome) return outcome.value
  const { name, message, code } = outcome.error
  throw Object.assign(new Error(message), { name, code })
}

function spaceOf({ namespace }: { namespace?: string }): Namespace {
  return namespace === undefined ? cache! : cache!.namespace(namespace)
}

function load(order: Order & { do: 'load' }): void {
  const space = spaceOf(order)
  const { leaseTimeout } = order
  for (let i = 0; i < order.callers; i++) {
    space.getOrSet(order.key, loader, { leaseTimeout }).then(
      (value) => report({ settled: { value } }),
      ({ name, message, code }) => report({ settled: { error: { name, message, code } } }),
    )
  }
}

async function obey(order: Order): Promise<unknown> {
  switch (order.do) {
    case 'open':
      cache = createCache(order.options)
      return cache.info()
    case 'load':
      return load(order)
    case 'call':
      return (spaceOf(order)[order.method] as (...args: unknown[]) => Promise<unknown>)(...order.args)
    case 'advance':
      return Cache.tableOf(cache!).advanceClock(order.ms)
    case 'close':
      return cache!.close()
    case 'finish':
      return finishByRun.get(order.run)!(order.outcome)
  }
}

async function receive(order: Order): Promise<void> {
  try {
    const result = await obey(order)
    if ('id' in order) report({ id: order.id, result })
  } catch (error) {
    if (!('id' in order)) throw error
    report({ id: order.id, refused: String(error) })
  }
}

if (parentPort !== null) {
  parentPort.on('message', receive)
} else {
  process.on('message', receive)
  process.on('disconnect', () => process.exit())
}
