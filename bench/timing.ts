/**
 * How long calls take, by a plain loop.
 *
 * Keys come in blocks built between the timed stretches, so that building them is not counted and
 * they are as warm in the caches as keys just made are. A block is long against the clock's cost.
 */
import type { Dataset } from './workload'

const BLOCK = 512

export interface Timing {
  nsPerCall: number
  calls: number
  /** Calls that gave undefined. */
  misses: number
}

export type Blocks = () => readonly string[]

/** Blocks of keys, each a new string. */
export function freshKeys({ keys }: Dataset, ids: Uint32Array, start = 0, block = BLOCK): Blocks {
  let at = start % ids.length
  const out: string[] = new Array(block)
  return () => {
    for (let i = 0; i < block; i++) {
      out[i] = keys.fresh(ids[at]!)
      at = at + 1 === ids.length ? 0 : at + 1
    }
    return out
  }
}

/** Blocks of the very string objects in `known`. */
export function sameKeys(known: readonly string[], ids: Uint32Array, start = 0, block = BLOCK): Blocks {
  let at = start % ids.length
  const out: string[] = new Array(block)
  return () => {
    for (let i = 0; i < block; i++) {
      out[i] = known[ids[at]!]!
      at = at + 1 === ids.length ? 0 : at + 1
    }
    return out
  }
}

/** Times `call` for `ms` milliseconds after warming up for half of that. */
export function timeCalls(call: (key: string) => unknown, blocks: Blocks, ms: number): Timing {
  runCalls(call, blocks, ms / 2)
  return runCalls(call, blocks, ms)
}

function runCalls(call: (key: string) => unknown, blocks: Blocks, ms: number): Timing {
  const enough = ms * 1e6
  let spent = 0
  let calls = 0
  let misses = 0
  while (spent < enough) {
    const keys = blocks()
    const begin = process.hrtime.bigint()
    for (let i = 0; i < keys.length; i++) {
      if (call(keys[i]!) === undefined) misses++
    }
    spent += Number(process.hrtime.bigint() - begin)
    calls += keys.length
  }
  return { nsPerCall: spent / calls, calls, misses }
}

/** As `timeCalls`, each call awaited before the next. */
export async function timeAwaited(call: (key: string) => Promise<unknown>, blocks: Blocks, ms: number): Promise<Timing> {
  await runAwaited(call, blocks, ms / 2)
  return runAwaited(call, blocks, ms)
}

async function runAwaited(call: (key: string) => Promise<unknown>, blocks: Blocks, ms: number): Promise<Timing> {
  const enough = ms * 1e6
  let spent = 0
  let calls = 0
  let misses = 0
  while (spent < enough) {
    const keys = blocks()
    const begin = process.hrtime.bigint()
    for (let i = 0; i < keys.length; i++) {
      if ((await call(keys[i]!)) === undefined) misses++
    }
    spent += Number(process.hrtime.bigint() - begin)
    calls += keys.length
  }
  return { nsPerCall: spent / calls, calls, misses }
}
