/** The host's table and journal as a program beside the applications holds them. */
import { readdirSync } from 'node:fs'
import { journalOptionsOf } from '../far'
import type { Journal } from '../journal/contract'
import { openJournal } from '../journal/open'
import { loadNative } from '../l1/native'
import { openShared, type SharedL1 } from '../l1/shared-table'
import type { ParsedOptions } from '../options/schema'
import { tableOptionsOf } from '../open'
import { CacheError } from '../words/errors'

export interface Host {
  table: SharedL1
  journal: Journal
  close(): void
}

/** Attaches to both, making what is missing. Throws ERR_CACHE_NATIVE_MISSING or ERR_CACHE_REGION. */
export function openHost(options: ParsedOptions): Host {
  return hostOn(openShared({ ...tableOptionsOf(options), l0: false }), options)
}

/** As `openHost`, and makes nothing: throws ERR_CACHE_REGION where no process has made the cache with Redis. */
export function findHost(options: ParsedOptions): Host {
  const dir = options.dir ?? `/dev/shm/stratacache-${process.geteuid?.() ?? ''}`
  const region = `${options.name}.${loadNative().layout}.`
  const files = filesOf(dir)
  const table = files.some((file) => file.startsWith(region)) ? openShared({ ...tableOptionsOf(options), l0: false }) : undefined
  const isJournal = (file: string): boolean => file.startsWith(`${options.name}.journal.`) && file.includes(`.${table!.regionId}.`)
  if (table !== undefined && files.some(isJournal)) return hostOn(table, options)
  table?.close()
  throw new CacheError('ERR_CACHE_REGION', `no cache ${JSON.stringify(options.name)} with Redis is in ${dir}: none of this host's processes has opened it`)
}

function hostOn(table: SharedL1, options: ParsedOptions): Host {
  try {
    const journal = openJournal(table.kind, journalOptionsOf(options, table))
    return {
      table, journal,
      close() {
        journal.close()
        table.close()
      },
    }
  } catch (error) {
    table.close()
    throw error
  }
}

function filesOf(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch {
    return []
  }
}
