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
  const table = openShared({ ...tableOptionsOf(options), l0: false })
  try {
    const journal = openJournal(table.kind, journalOptionsOf(options))
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

/** As `openHost`, and makes nothing: throws ERR_CACHE_REGION where no process has made the cache with Redis. */
export function findHost(options: ParsedOptions): Host {
  const dir = options.dir ?? `/dev/shm/stratacache-${process.geteuid?.() ?? ''}`
  const region = `${options.name}.${loadNative().layout}.`
  const files = filesOf(dir)
  const isThere = files.some((file) => file.startsWith(region)) && files.some((file) => file.startsWith(`${options.name}.journal.`))
  if (!isThere) throw new CacheError('ERR_CACHE_REGION', `no cache ${JSON.stringify(options.name)} with Redis is in ${dir}: none of this host's processes has opened it`)
  return openHost(options)
}

function filesOf(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch {
    return []
  }
}
