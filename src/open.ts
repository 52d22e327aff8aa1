/** Chooses the near tier: the shared table, or where no binary loads the table within the process. */
import { ProcessL1 } from './l1/process-table'
import type { L1Table } from './l1/table'
import type { ParsedOptions } from './options'
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
  const { name, memory, dir, averageEntryBytes, l0 } = options
  const l0Sizes = l0 === false ? l0 : { maxItems: l0.maxItems, maxBytes: l0.maxBytes ?? defaultL0Bytes(memory) }
  const table = shared.openShared({ name, memory, averageEntryBytes, l0: l0Sizes, ...(dir === undefined ? {} : { dir }) })
  for (const warning of table.warnings) options.logger?.warn({ cache: name, path: table.path }, warning)
  return { table, path: table.path, layout: table.layout }
}

/** What is decoded exists once per isolate, so it is bounded by a share of what the host shares. */
function defaultL0Bytes(memory: number): number {
  return Math.min(Math.max(memory / 4, 4 * 1024 * 1024), 64 * 1024 * 1024)
}

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
