/**
 * How long calls take, by a plain loop.
 *
 * Each key is made for its call, as a server makes it, inside the timed stretch; a second stretch that only makes
 * keys is timed right after it and taken off. So what stays is the call, on a key as cold as it is in real use.
 */
import type { Dataset } from './workload'

const BLOCK = 512

export interface Timing {
  nsPerCall: number
  calls: number
  /** Calls that gave undefined. */
  misses: number
}

/** Gives the key of the next call. */
export type NextKey = () => string

export type Blocks = () => readonly string[]

/** Keys built anew for each call. */
export function freshKeys({ keys }: Dataset, ids: Uint32Array, start = 0): NextKey {
  let at = start % ids.length
  return () => {
    at = at + 1 === ids.length ? 0 : at + 1
    return keys.fresh(ids[at]!)
  }
}

/** The very string objects in `known`. */
export function sameKeys(known: readonly string[], ids: Uint32Array, start = 0): NextKey {
  let at = start % ids.length
  return () => {
    at = at + 1 === ids.length ? 0 : at + 1
    return known[ids[at]!]!
  }
}

/** Keys made beforehand, some at a time, for what is timed call by call or takes many keys at once. */
export function blocksOf(next: NextKey, block = BLOCK): Blocks {
  return () => Array.from({ length: block }, next)
}

/** Times `call` for `ms` milliseconds after warming up for half of that. */
export function timeCalls(call: (key: string) => unknown, next: NextKey, ms: number): Timing {
  runCalls(call, next, ms / 2)
  return runCalls(call, next, ms)
}

function runCalls(call: (key: string) => unknown, next: NextKey, ms: number): Timing {
  const enough = ms * 1e6
  let spent = 0
  let makingKeys = 0
  let calls = 0
  let misses = 0
  while (spent < enough) {
    const begin = process.hrtime.bigint()
    for (let i = 0; i < BLOCK; i++) {
      if (call(next()) === undefined) misses++
    }
    spent += Number(process.hrtime.bigint() - begin)
    makingKeys += timeMaking(next)
    calls += BLOCK
  }
  return { nsPerCall: (spent - makingKeys) / calls, calls, misses }
}

const sink = { length: 0 }

function timeMaking(next: NextKey): number {
  const begin = process.hrtime.bigint()
  // Kept where the compiler must see it, else it would not make the keys.
  for (let i = 0; i < BLOCK; i++) sink.length = next().length
  return Number(process.hrtime.bigint() - begin)
}

/** As `timeCalls`, each call awaited before the next. */
export async function timeAwaited(call: (key: string) => Promise<unknown>, next: NextKey, ms: number): Promise<Timing> {
  await runAwaited(call, next, ms / 2)
  return runAwaited(call, next, ms)
}

async function runAwaited(call: (key: string) => Promise<unknown>, next: NextKey, ms: number): Promise<Timing> {
  const enough = ms * 1e6
  let spent = 0
  let makingKeys = 0
  let calls = 0
  let misses = 0
  while (spent < enough) {
    const begin = process.hrtime.bigint()
    for (let i = 0; i < BLOCK; i++) {
      if ((await call(next())) === undefined) misses++
    }
    spent += Number(process.hrtime.bigint() - begin)
    makingKeys += timeMaking(next)
    calls += BLOCK
  }
  return { nsPerCall: (spent - makingKeys) / calls, calls, misses }
}
