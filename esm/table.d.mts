export * from '../dist/src/table.js'
