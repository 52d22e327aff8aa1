import type { L1Table } from '../../src/l1/table'

/** The memory of a table under contract, in bytes. */
export const TABLE_BYTES = 8 * 1024 * 1024

/** Opens an empty table of its own for one test and closes it afterwards. */
export type WithTable = (body: (table: L1Table) => void | Promise<void>) => Promise<void>

export const FOR_EVER = { ttlMs: 0, graceMs: 0 }
