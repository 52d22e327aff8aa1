/** Chooses the near tier: the shared table, or where no binary loads the table within the process. */
import { ProcessL1 } from './l1/process-table'
import type { L0Sizes } from './l1/shared-table'
import type { L1Table } from './l1/table'
import type { ParsedOptions } from './options/schema'
import { CacheError } from './words/errors'

export interface OpenedTable {
  table: L1Table
  /** The region's file; undefined for a table within the process. */
  path?: string
  /** What processes must agree on to share the region. */
  layout?: string
  /** Why the table is not shared, when it is not. */
  fallbackReason?: string
}

let hasWarned = false

/**
 * Opens what the options ask for. `STRATACACHE_L1=process` in the environment chooses the table
 * within the process without a warning.
 *
 * Throws ERR_CACHE_NATIVE_MISSING with `fallback: 'error'`, and whatever the region is refused for:
 * a region that exists and cannot be used is never quietly replaced.
 */
export function openTable(options: ParsedOptions): OpenedTable {
  if (process.env['STRATACACHE_L1'] === 'process') {
    return openProcess(options, 'STRATACACHE_L1=process is set')
  }
  try {
    return openShared(options)
  } catch (error) {
    if (!(error instanceof CacheError) || error.code !== 'ERR_CACHE_NATIVE_MISSING') throw error
    if (options.fallback === 'error') throw error
    warnOnce(options, error)
    return openProcess(options, error.message)
  }
}

function openShared(options: ParsedOptions): OpenedTable {
  // Loaded late: a process that never shares never loads the binary.
  const shared = require('./l1/shared-table') as typeof import('./l1/shared-table')
  const { name, memory, averageEntryBytes, l0 } = options
  const l0Sizes = l0 === false ? l0 : sizesOfL0(l0, memory, averageEntryBytes)
  const table = shared.openShared({ ...tableOptionsOf(options), l0: l0Sizes })
  for (const warning of table.warnings) options.logger?.warn({ cache: name, path: table.path }, warning)
  return { table, path: table.path, layout: table.layout }
}

/** What finds and shapes the region; plain data. */
export function tableOptionsOf({ name, memory, dir, averageEntryBytes, disk }: ParsedOptions): {
  name: string
  memory: number
  averageEntryBytes: number
  hasDisk: boolean
  dir?: string
} {
  return { name, memory, averageEntryBytes, hasDisk: disk !== undefined, ...(dir === undefined ? {} : { dir }) }
}

/**
 * What is decoded exists once per isolate, so it is bounded by a share of what the host shares; and strings that
 * are cheap to make anew get only a part of it. Who says how many bytes means them for everything alike.
 */
function sizesOfL0({ maxItems, maxBytes }: { maxItems: number; maxBytes: number | undefined }, memory: number, entryBytes: number): L0Sizes {
  if (maxBytes !== undefined) return { maxItems, maxBytes }
  const share = Math.min(Math.max(memory / 2, 4 * MIB), 256 * MIB)
  // Half as many places again as there are entries of that size: then few of the sets of places overflow.
  return { maxItems: Math.min(maxItems, Math.ceil((share / entryBytes) * 1.5)), maxBytes: share, maxCheapBytes: Math.min(share, memory / 4, 64 * MIB) }
}

const MIB = 1024 * 1024

function openProcess(options: ParsedOptions, fallbackReason: string): OpenedTable {
  return { table: new ProcessL1({ memory: options.memory }), fallbackReason }
}

function warnOnce(options: ParsedOptions, error: Error): void {
  options.logger?.warn({ code: 'ERR_CACHE_NATIVE_MISSING', cache: options.name }, error.message)
  if (hasWarned) return
  hasWarned = true
  process.emitWarning(`${error.message} Caches are not shared between processes and threads.`, {
    type: 'StratacacheWarning',
    code: 'STRATACACHE_NOT_SHARED',
  })
}
