/** A process that holds entries and says what that costs it. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { SharedTable } from '../src/table'
import type { Conditions } from './sub-bench'
import { openLruCache, openMap } from './subjects/in-process'
import { openBento } from './subjects/libraries'
import { openCache, openCacheWithoutL0, regionOf } from './subjects/stratacache'
import type { OpenSubject, Subject } from './subjects/subject'
import { type Dataset, type DatasetName, dataset } from './workload'

interface HoldOrder {
  subject: string
  trial: DatasetName
  conditions: Conditions
  isFiller: boolean
  /** Reads every entry, as often as a server might. */
  reads: boolean
}

export interface Held {
  /** Bytes of PSS above what the process had before it opened the subject. */
  growth: number
  /** Of that, in the region's file. */
  regionGrowth?: number
  /** The region without its free segments. */
  account?: number
  /** Entries that cannot be read. */
  missing: number
}

interface Holder extends Subject {
  account?(): number
  path?: string
}

interface Kind {
  open(data: Dataset, conditions: Conditions): Holder | Promise<Holder>
  isShared: boolean
}

/** In bytes: just enough that next to nothing is evicted. Room that is left over would count with its index. */
const ROOM = { factor: 0.95 }
/** In entries: nothing is evicted. */
const ROOM_FOR_ALL = { factor: 1.05 }

const own = (open: OpenSubject<Subject>): Kind => ({ open: (data, conditions) => open(data, conditions, ROOM_FOR_ALL), isShared: false })
const shared = (open: OpenSubject<Subject>): Kind => ({ open: (data, conditions) => open(data, conditions, ROOM), isShared: true })

export const HOLDERS: Record<string, Kind> = {
  SharedTable: { open: openAccounted, isShared: true },
  cache: shared(openCache),
  'cache, no L0': shared(openCacheWithoutL0),
  Map: own(openMap),
  'lru-cache': own(openLruCache),
  bentocache: {
    open: (data) => {
      const cache = openBento(data, {})
      return { get: (key) => cache.get({ key }), set: (key, value) => cache.set({ key, value, ttl: 3_600_000 }), close: () => {} }
    },
    isShared: false,
  },
}

function openAccounted(data: Dataset, conditions: Conditions): Holder {
  const table = new SharedTable(regionOf(data, conditions, ROOM))
  const account = (): number => {
    const { memoryBytes, detail } = table.stats()
    return memoryBytes - (detail['freeSegments'] ?? 0) * (detail['segmentBytes'] ?? 0)
  }
  return { get: (key) => table.get(key), set: (key, value) => table.set(key, value as string), close: () => table.close(), account, path: table.path }
}

let report: (() => Promise<Held>) | undefined

/** Opens, fills and measures; leaves `report` for a later look at the same. */
async function hold({ subject, trial, conditions, isFiller, reads }: HoldOrder): Promise<Held> {
  const data = dataset(trial, conditions.isQuick)
  rehearse(data)
  const before = await settledPss()
  const holder = await HOLDERS[subject]!.open(data, conditions)
  if (isFiller) {
    for (let id = 0; id < data.count; id++) await holder.set(data.keys.fresh(id), data.value(id))
  }
  for (let pass = 0; reads && pass < 2; pass++) await missingOf(holder, data)
  report = async () => {
    const growth = await settledPss() - before
    const { account, path } = holder
    return {
      growth,
      ...(path === undefined ? {} : { regionGrowth: pssOf(path) }),
      ...(account === undefined ? {} : { account: account() }),
      // Last, since reading may bring in what was not there.
      missing: await missingOf(holder, data),
    }
  }
  return report()
}

/** Makes all keys and values once for nothing: the young generation has then been used in full. */
function rehearse(data: Dataset): void {
  for (let id = 0; id < data.count; id++) {
    data.keys.fresh(id)
    data.value(id)
  }
}

async function missingOf(holder: Holder, { count, keys }: Dataset): Promise<number> {
  let missing = 0
  for (let id = 0; id < count; id++) {
    if ((await holder.get(keys.fresh(id))) === undefined) missing++
  }
  return missing
}

/** PSS of this process once the garbage collector has given back what it can. */
async function settledPss(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.()
    await sleep(20)
  }
  return kibIn(readFileSync('/proc/self/smaps_rollup', 'latin1'), 'Pss')
}

function pssOf(path: string): number {
  const maps = readFileSync('/proc/self/smaps', 'latin1').split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/)
  return maps.filter((map) => map.split('\n')[0]!.endsWith(path)).reduce((sum, map) => sum + kibIn(map, 'Pss'), 0)
}

const kibIn = (text: string, name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN) * 1024

export type HolderOrder = { hold: HoldOrder } | { report: true }

if (process.send !== undefined && require.main === module) {
  process.on('message', (message: HolderOrder) => {
    const answer = 'hold' in message ? hold(message.hold) : report!()
    void answer.then((held) => process.send!(held))
  })
}
