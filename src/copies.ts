/** What a cache with `disk` has beside its table. Loaded only then. */
import { Copies } from './disk/copies'
import { copyDirectoryOf } from './disk/copy-directory'
import type { Journal } from './journal/contract'
import type { TableCopies } from './l1/copies'
import type { L1Table } from './l1/table'
import type { ParsedOptions } from './options/schema'
import { isOfMark, versionOfEntry } from './sync/versions'

/** Where copies lie; plain data. */
export interface CopiesPlace {
  directory: string
  maxBytes: number
  minHits: number
  hasFar: boolean
}

export function copiesPlaceOf({ name, dir, disk, redis }: ParsedOptions): CopiesPlace | undefined {
  if (disk === undefined) return undefined
  return { directory: copyDirectoryOf({ name, dir, path: disk.path }), maxBytes: disk.maxBytes, minHits: disk.minHits, hasFar: redis !== undefined }
}

/**
 * The copies of a table that the host shares; a table within the process has none. `journal`: with Redis, what it knows of
 * versions. Throws ERR_CACHE_OPTION where lmdb is not installed, and ERR_CACHE_DISK for a directory
 * that cannot be made, ERR_CACHE_REGION for one that is not ours alone.
 */
export function openCopies(options: ParsedOptions, table: L1Table, journal: () => Journal | undefined): Copies | undefined {
  const place = copiesPlaceOf(options)
  if (place === undefined) return undefined
  if (table.copies === undefined) {
    options.logger?.warn({ cache: options.name }, 'the disk is not used: the table is of this isolate alone')
    return undefined
  }
  return new Copies(table as L1Table & { copies: TableCopies }, {
    ...place, isUser: true,
    fleetVersionOf: (entry) => {
      const known = journal()
      const version = known === undefined ? undefined : versionOfEntry(known, entry)
      return version === undefined || version === 0 || isOfMark(version) ? undefined : version
    },
    warn: (fields, message) => options.logger?.warn({ cache: options.name, ...fields }, message),
  })
}

/** For whoever changes the table and neither reads nor writes copies. */
export function watchCopies(place: CopiesPlace, table: L1Table): Copies | undefined {
  if (table.copies === undefined) return undefined
  return new Copies(table as L1Table & { copies: TableCopies }, { ...place, isUser: false, fleetVersionOf: () => undefined, warn: () => {} })
}
