/**
 * One participant of the throughput benchmark: a process of its own, or a thread of a piscina pool.
 *
 * All participants get the time at which a window opens and how long it stays open, so that they
 * run together; a window of kind 'cpu' computes without touching memory and shows what a second
 * core of this machine is worth at that moment.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fill } from './fill'
import { Random } from './random'
import type { Conditions } from './sub-bench'
import { openLruCache } from './subjects/in-process'
import { openLmdb } from './subjects/lmdb'
import { openCache, openTable } from './subjects/stratacache'
import type { OpenSubject, Subject } from './subjects/subject'
import { type DatasetName, dataset, isWhole, zipfIds } from './workload'

export interface Setup {
  subject: string
  trial: DatasetName
  conditions: Conditions
  /** Which participant: each begins elsewhere in the sequence of keys. */
  index: number
}

export interface Window {
  kind: 'cpu' | 'calls'
  startAt: number
  ms: number
}

export interface Count {
  perSecond: number
  gets: number
  misses: number
  checked: number
  torn: number
}

export const OPEN: Record<string, { open: OpenSubject<Subject>; isShared: boolean }> = {
  SharedTable: { open: openTable, isShared: true },
  /** A table for each process: what two at once lose although they share nothing. */
  'SharedTable, one each': { open: openTable, isShared: false },
  cache: { open: openCache, isShared: true },
  lmdb: { open: openLmdb, isShared: true },
  'lru-cache': { open: openLruCache, isShared: false },
}

const PER_TICK = 1024
const SETS_IN_100 = 10

/** A participant ready to run windows. Where nothing is shared, it fills a cache of its own. */
export async function participant({ subject, trial, conditions, index }: Setup): Promise<(window: Window) => Promise<Count>> {
  const data = dataset(trial, conditions.isQuick)
  const { open, isShared } = OPEN[subject]!
  const cache = await open(data, isShared ? conditions : { ...conditions, scratch: scratchOf(conditions, index) }, { factor: 2 })
  if (!isShared) fill(cache, data)
  const values = Array.from({ length: 256 }, (_, i) => data.value(i * 7, index + 1))
  const ids = zipfIds(data.count)
  const random = new Random(index + 77)
  const choices = Uint8Array.from({ length: 4096 }, () => (random.below(100) < SETS_IN_100 ? 1 : 0))
  let at = index * 100_003
  const batch = (count: Count): void => {
    for (let i = 0; i < PER_TICK; i++, at++) {
      const key = data.keys.fresh(ids[at & (ids.length - 1)]!)
      if (choices[at & 4095] === 1) cache.set(key, values[at & 255])
      else look(cache.get(key), at, count)
    }
  }
  batch({ perSecond: 0, gets: 0, misses: 0, checked: 0, torn: 0 })
  return (window) => run(window, window.kind === 'cpu' ? compute : batch)
}

function scratchOf({ scratch }: Conditions, index: number): string {
  const own = join(scratch, String(index))
  mkdirSync(own, { recursive: true, mode: 0o700 })
  return own
}

function look(value: unknown, at: number, count: Count): void {
  count.gets++
  if (value === undefined) count.misses++
  else if ((at & 15) === 0) {
    count.checked++
    if (!isWhole(value)) count.torn++
  }
}

async function run({ startAt, ms }: Window, work: (count: Count) => void): Promise<Count> {
  const count: Count = { perSecond: 0, gets: 0, misses: 0, checked: 0, torn: 0 }
  while (Date.now() < startAt);
  const begin = process.hrtime.bigint()
  let batches = 0
  let spent = 0
  for (; spent < ms * 1e6; batches++) {
    work(count)
    // A new tick as a server has it: lmdb reads one snapshot for a whole tick.
    await new Promise(setImmediate)
    spent = Number(process.hrtime.bigint() - begin)
  }
  return { ...count, perSecond: (batches * PER_TICK * 1e9) / spent }
}

let state = 1

function compute(): void {
  for (let i = 0; i < PER_TICK * 150; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
  }
}

export type Message = { setup: Setup } | { window: Window }

let running: Promise<(window: Window) => Promise<Count>> | undefined

/** A task of the piscina pool; the first of a thread brings the setup. */
export default async function task({ setup, window }: { setup: Setup; window: Window }): Promise<Count> {
  running ??= participant(setup)
  const go = await running
  return go(window)
}

if (process.send !== undefined && require.main === module) {
  process.on('message', (message: Message) => {
    if ('setup' in message) {
      running = participant(message.setup)
      void running.then(() => process.send!('ready'))
    } else void running!.then((go) => go(message.window)).then((count) => process.send!(count))
  })
}
