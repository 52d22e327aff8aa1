import table from '../dist/src/table.js'

export const { SharedTable, CacheError } = table
