/** The door to lmdb, an optional package. Its environments as few plain calls; everything else stays in here. */
import type * as Lmdb from 'lmdb'
import { CacheError } from '../words/errors'

/** One transaction: reads see what it has written. All of it or nothing is there afterwards. */
export interface Transaction {
  get(key: Uint8Array): Buffer | undefined
  put(key: Uint8Array, value: Uint8Array): void
  remove(key: Uint8Array): void
  /** The first keys from `start` on, below `end`, in the order of their bytes. */
  keys(start: Uint8Array, end: Uint8Array, limit: number): Buffer[]
}

/** Reads between writes see what was committed when `renew` was called last, or in a later turn of the loop. */
export interface Environment extends Pick<Transaction, 'get' | 'keys'> {
  renew(): void
  has(key: Uint8Array): boolean
  /** Runs the step in a transaction that excludes those of all processes; resolves when it is on the disk. */
  write(step: (transaction: Transaction) => void): Promise<void>
  /** How long a file with all pages would be. One that is shorter may only lack pages that nothing uses. */
  wholeBytes(): number
  /** Gives up what processes that were killed were reading. */
  tidy(): void
  close(): Promise<void>
}

const MAX_READERS = 1_022

let loaded: typeof Lmdb | undefined

/** Throws ERR_CACHE_OPTION where the package is not installed. */
export function checkLmdb(): void {
  load()
}

/** Throws what lmdb throws. `path` names a file, which is made if it is not there. */
export function openEnvironment(path: string): Environment {
  const root = load().open<Buffer, Buffer>({
    path, noSubdir: true, encoding: 'binary', keyEncoding: 'binary', overlappingSync: false, maxReaders: MAX_READERS, maxDbs: 1,
  })
  const keys = (start: Uint8Array, end: Uint8Array, limit: number): Buffer[] => [...root.getKeys({ start: Buffer.from(start), end: Buffer.from(end), limit })].map((key) => Buffer.from(key))
  const transaction: Transaction = {
    get: (key) => root.getBinary(key as Buffer),
    put: (key, value) => void root.put(key as Buffer, value as Buffer),
    remove: (key) => void root.remove(key as Buffer),
    keys,
  }
  return {
    get: transaction.get,
    keys,
    renew: () => root.resetReadTxn(),
    has: (key) => root.doesExist(key as Buffer),
    write: async (step) => {
      // A step that throws would leave the half of it: lmdb commits what was written before.
      await root.childTransaction(() => step(transaction))
    },
    wholeBytes: () => {
      const { lastPageNumber, pageSize } = root.getStats() as { lastPageNumber: number; pageSize: number }
      return (lastPageNumber + 1) * pageSize
    },
    tidy: () => void (root as unknown as { readerCheck(): number }).readerCheck(),
    close: () => root.close(),
  }
}

function load(): typeof Lmdb {
  if (loaded !== undefined) return loaded
  try {
    loaded = require('lmdb') as typeof Lmdb
    return loaded
  } catch (cause) {
    throw new CacheError('ERR_CACHE_OPTION', "disk needs the package lmdb, which does not load here: npm install lmdb", { cause })
  }
}
