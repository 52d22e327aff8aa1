/** lmdb: the usual answer to "one copy for all processes". Its file lies in memory and is never synced. */
import { join } from 'node:path'
import { peer } from '../peers'
import type { OpenSubject, Subject } from './subject'

interface Lmdb {
  open(options: object): {
    get(key: string): unknown
    putSync(key: string, value: unknown): boolean
    transactionSync(work: () => void): void
    close(): Promise<void>
  }
}

export const openLmdb: OpenSubject<Subject> = (data, { scratch }) => {
  const database = peer<Lmdb>('lmdb').open({
    path: join(scratch, 'lmdb'),
    encoding: data.kind === 'string' ? 'string' : data.kind === 'buffer' ? 'binary' : 'msgpack',
    noSync: true,
    mapSize: 4 * 1024 ** 3,
  })
  return {
    get: (key) => database.get(key),
    set: (key, value) => database.putSync(key, value),
    close: () => database.close(),
    together: (sets) => database.transactionSync(sets),
  }
}
