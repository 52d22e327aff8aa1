import * as assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createCache } from '../../src'
import { uniqueName, withDirectory } from '../helpers/cache'
import { suite } from '../helpers/suite'

const run = promisify(execFile)
const INDEX = join(__dirname, '..', '..', 'src', 'index.js')

suite('the option disk', (test) => {
  test('without the package lmdb is refused with what to do', () =>
    withDirectory(async (dir) => {
      const script = `
        const { Module } = require('node:module')
        const resolve = Module._resolveFilename
        Module._resolveFilename = function (id, ...rest) {
          if (id === 'lmdb') throw Object.assign(new Error("Cannot find module 'lmdb'"), { code: 'MODULE_NOT_FOUND' })
          return resolve.call(this, id, ...rest)
        }
        const { createCache } = require(${JSON.stringify(INDEX)})
        const options = { name: 'x', dir: ${JSON.stringify(dir)}, memory: '2mb', fallback: 'error' }
        try {
          createCache({ ...options, disk: ${JSON.stringify(join(dir, 'copies'))} })
        } catch ({ code, message }) {
          console.log(JSON.stringify({ code, message }))
        }
        createCache(options).close().then(() => console.log('opened without'))`
      const { stdout } = await run(process.execPath, ['-e', script])
      const [refused, opened] = stdout.trim().split('\n') as [string, string]
      const { code, message } = JSON.parse(refused) as { code: string; message: string }
      assert.equal(code, 'ERR_CACHE_OPTION')
      assert.match(message, /disk needs the package lmdb.*npm install lmdb/)
      assert.equal(opened, 'opened without')
    }))

  test('names a directory of the cache that is ours alone', () =>
    withDirectory((dir) => {
      writeFileSync(join(dir, 'file'), '')
      const options = { name: uniqueName(), dir, memory: '2mb', fallback: 'error', disk: join(dir, 'file', 'below') } as const
      assert.throws(() => createCache(options), { code: 'ERR_CACHE_DISK' })
    }))

  test('is refused at once where the kernel makes no directories', () =>
    withDirectory(async (dir) => {
      const script = `
        const { createCache } = require(${JSON.stringify(INDEX)})
        for (const disk of ['/proc/copies', '/proc/copies/below']) {
          try {
            createCache({ name: 'x', dir: ${JSON.stringify(dir)}, memory: '2mb', fallback: 'error', disk })
          } catch ({ code }) {
            console.log(code)
          }
        }`
      const { stdout } = await run(process.execPath, ['-e', script], { timeout: 20_000 })
      assert.equal(stdout, 'ERR_CACHE_DISK\nERR_CACHE_DISK\n')
    }))

  test('is not used by a table within the process', async () => {
    const before = process.env['STRATACACHE_L1']
    process.env['STRATACACHE_L1'] = 'process'
    try {
      const warnings: string[] = []
      const logger = { debug: () => {}, info: () => {}, error: () => {}, warn: (_: object, message: string) => void warnings.push(message) }
      const cache = createCache({ name: uniqueName(), disk: '/nowhere', logger })
      assert.equal(cache.info().disk, undefined)
      assert.equal(warnings.some((message) => message.includes('disk')), true)
      await cache.set('k', 1)
      assert.equal(await cache.get('k'), 1)
      await cache.close()
    } finally {
      if (before === undefined) delete process.env['STRATACACHE_L1']
      else process.env['STRATACACHE_L1'] = before
    }
  })
})
