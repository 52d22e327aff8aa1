import * as assert from 'node:assert/strict'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as required from '../../src'
import { suite } from '../helpers/suite'

const ESM = pathToFileURL(join(__dirname, '../../../esm/index.mjs')).href

suite('entry points', (test) => {
  test('import and require give the same things', async () => {
    const imported = (await import(ESM)) as Record<string, unknown>
    const names = Object.keys(required).filter((name) => name !== '__esModule')
    assert.deepEqual(Object.keys(imported).sort(), names.sort())
    for (const name of names) assert.equal(imported[name], required[name as keyof typeof required])
  })
})
