// A process or thread of a host that calls everything there is, steadily, and watches its deadlines.
import { existsSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { type Cache, type CacheInfo, type CacheOptions, createCache, type DeadLetter } from '../../../src'
import { CallMix } from './call-mix'
import { Judge, onHostClock, type Punctuality } from './punctuality'

export interface Round {
  seed: number
  calls: number
  perSecond: number
  softMs: number
  hardMs: number
}

export interface RoundResult {
  punctuality: Punctuality
  /** How often each error came, by its code. */
  errors: Record<string, number>
  /** When each call began, on a clock of all processes. */
  begunMs: number[]
}

/** What was due while the loop was held up is made up for in bursts of so many. */
const MAX_BURST = 40
const TICK_MS = 5

let cache: Cache | undefined
const logged: string[] = []
const log = (level: string) => (fields: object, text?: string): void => void logged.push(`${level} ${JSON.stringify(fields)} ${text ?? ''}`)
const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }

const orders = {
  open(options: CacheOptions): CacheInfo {
    cache = createCache({ ...options, logger })
    return cache.info()
  },
  info: (): CacheInfo => cache!.info(),
  detail: (): Record<string, number> => cache!.stats().detail,
  deadLetters: (): DeadLetter[] => cache!.deadLetters(),
  log: (): string[] => logged,
  async call(method: 'ready' | 'get' | 'set' | 'delete' | 'clear' | 'getEntry', ...args: unknown[]): Promise<unknown> {
    return (cache![method] as (...args: unknown[]) => unknown)(...args)
  },
  /** What stays fresh, and what is stale for as long as the test takes. */
  prepare: (): Promise<void> => CallMix.prepare(cache!),
  round: (order: Round): Promise<RoundResult> => round(cache!, order),
  close: (options?: { unlink?: boolean }): Promise<void> => cache!.close(options),
  /** Its loop is busy until the file is there. */
  block(path: string): void {
    while (!existsSync(path)) continue
  },
}

export type CallerOrders = typeof orders

async function round(on: Cache, { seed, calls, perSecond, softMs, hardMs }: Round): Promise<RoundResult> {
  const mix = new CallMix(on, seed)
  const judge = new Judge()
  const errors: Record<string, number> = {}
  const begunMs: number[] = []
  const pending = new Set<Promise<void>>()
  const startMs = performance.now()
  let begun = 0
  const begin = (): void => {
    const { what, isStale, waitsForOthers, run } = mix.next()
    begunMs.push(onHostClock(performance.now()))
    const heard = (error: unknown): void => {
      if (error === undefined) return
      const code = String((error as { code?: unknown }).code ?? error)
      errors[code] = (errors[code] ?? 0) + 1
    }
    const watched: Promise<void> = judge.watch({ what, deadlineMs: isStale ? softMs : hardMs, waitsForOthers }, run, heard).then(() => void pending.delete(watched))
    pending.add(watched)
  }
  while (begun < calls) {
    const due = Math.min(calls, Math.floor((performance.now() - startMs) * perSecond / 1000))
    for (let burst = 0; begun < due && burst < MAX_BURST; burst++, begun++) {
      begin()
      // What the call has yet to do at once, it does now.
      await null
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS))
  }
  await Promise.all(pending)
  return { punctuality: judge.seen, errors, begunMs }
}

async function receive({ id, name, args }: { id: number; name: keyof CallerOrders; args: unknown[] }): Promise<void> {
  const answer = await Promise.resolve().then(() => (orders[name] as (...args: unknown[]) => unknown)(...args)).then(
    (result) => ({ id, result }),
    (error: Error & { code?: string }) => ({ id, refused: { message: error.message, code: error.code } }),
  )
  if (parentPort === null) process.send?.(answer)
  else parentPort.postMessage(answer)
}

if (parentPort !== null) parentPort.on('message', receive)
else {
  process.on('message', receive)
  process.on('disconnect', () => process.exit())
}
