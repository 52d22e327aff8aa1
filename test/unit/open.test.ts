import * as assert from 'node:assert/strict'
import { ProcessL1 } from '../../src/l1/process-table'
import { openTable } from '../../src/open'
import { cacheOptions } from '../../src/options/settings'
import { CacheError } from '../../src/words/errors'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const SHARED = require.resolve('../../src/l1/shared-table')

/** Runs `body` with another module in the place of the shared table. */
async function withShared(openShared: (options: object) => unknown, body: () => void | Promise<void>): Promise<void> {
  const original = require.cache[SHARED]
  const forced = process.env['STRATACACHE_L1']
  delete process.env['STRATACACHE_L1']
  require.cache[SHARED] = { id: SHARED, filename: SHARED, loaded: true, exports: { openShared } } as NodeModule
  try {
    await body()
  } finally {
    if (original === undefined) delete require.cache[SHARED]
    else require.cache[SHARED] = original
    if (forced !== undefined) process.env['STRATACACHE_L1'] = forced
  }
}

function missing(): never {
  throw new CacheError('ERR_CACHE_NATIVE_MISSING', 'no native binary for this platform.')
}

suite('open', (test) => {
  test('opens the shared table with what the options say', () =>
    withShared(
      (options) => ({ kind: 'shared', path: '/p', layout: 'l', warnings: [], options }),
      () => {
        const opened = openTable(cacheOptions({ name: 'n', memory: '1mb', dir: '/d', averageEntryBytes: 100, l0: false }))
        assert.deepEqual([opened.path, opened.layout, opened.fallbackReason], ['/p', 'l', undefined])
        assert.deepEqual((opened.table as unknown as { options: object }).options, {
          name: 'n',
          memory: 2 ** 20,
          dir: '/d',
          averageEntryBytes: 100,
          hasDisk: false,
          l0: false,
        })
      },
    ))

  test('what was refused on the way to the region is logged', () =>
    withShared(
      () => ({ kind: 'shared', path: '/p', layout: 'l', warnings: ['set aside a damaged region'] }),
      () => {
        const logged: unknown[][] = []
        const logger = { debug() {}, info() {}, warn: (...line: unknown[]) => logged.push(line), error() {} }
        openTable(cacheOptions({ name: 'n', logger }))
        assert.deepEqual(logged, [[{ cache: 'n', path: '/p' }, 'set aside a damaged region']])
      },
    ))

  test('without a binary it falls back, says why, and warns the process once', () =>
    withShared(missing, async () => {
      const warnings: Error[] = []
      const logged: unknown[][] = []
      const onWarning = (warning: Error): number => warnings.push(warning)
      process.on('warning', onWarning)
      const logger = { debug() {}, info() {}, warn: (...line: unknown[]) => logged.push(line), error() {} }
      for (let i = 0; i < 3; i++) {
        const opened = openTable(cacheOptions({ logger }))
        assert.ok(opened.table instanceof ProcessL1)
        assert.equal(opened.fallbackReason, 'no native binary for this platform.')
      }
      await until('the warning is out', () => warnings.length > 0)
      process.off('warning', onWarning)
      assert.deepEqual(warnings.map(({ name }) => name), ['StratacacheWarning'])
      assert.equal(logged.length, 3)
    }))

  test('without a binary and with fallback error it throws', () =>
    withShared(missing, () => {
      assert.throws(() => openTable(cacheOptions({ fallback: 'error' })), { code: 'ERR_CACHE_NATIVE_MISSING' })
    }))

  test('a region that is refused is never replaced in silence', () =>
    withShared(
      () => {
        throw new CacheError('ERR_CACHE_REGION', 'the region has another layout')
      },
      () => assert.throws(() => openTable(cacheOptions()), { code: 'ERR_CACHE_REGION' }),
    ))

  test('STRATACACHE_L1=process chooses the table within the process', () =>
    withShared(
      () => assert.fail('not to be opened'),
      () => {
        process.env['STRATACACHE_L1'] = 'process'
        try {
          assert.ok(openTable(cacheOptions()).table instanceof ProcessL1)
        } finally {
          delete process.env['STRATACACHE_L1']
        }
      },
    ))
})
