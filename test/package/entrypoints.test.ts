// Every door of the package leads to the same room, from `require`, from `import` and for the compiler.
import * as assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../helpers/suite'

const root = join(__dirname, '../../..')
const manifest = require(join(root, 'package.json')) as { name: string; exports: Record<string, Entry | string> }

interface Entry { import: Target; require: Target }
interface Target { types: string; default: string }

const entries = Object.entries(manifest.exports).filter((pair): pair is [string, Entry] => typeof pair[1] !== 'string')
const specifier = (entry: string): string => manifest.name + entry.slice(1)

/** A project that has this package among its dependencies. */
function consumer(): string {
  const project = mkdtempSync(join(tmpdir(), 'consumer-'))
  mkdirSync(join(project, 'node_modules'))
  symlinkSync(root, join(project, 'node_modules', manifest.name))
  return project
}

suite('entry points', (test) => {
  let project = ''
  test.before(() => { project = consumer() })
  test.after(() => rmSync(project, { recursive: true }))

  test('each names files that exist', () => {
    assert.ok(entries.length >= 2)
    const named = entries.flatMap(([, entry]) => [entry.import, entry.require]).flatMap(({ types, default: code }) => [types, code])
    assert.deepEqual(named.filter((file) => !existsSync(join(root, file))), [])
  })

  for (const [entry] of entries) {
    test(`require and import of ${specifier(entry)} give the same things`, () => {
      writeFileSync(join(project, 'same.cjs'), `
        const assert = require('node:assert/strict')
        const required = require('${specifier(entry)}')
        import('${specifier(entry)}').then((imported) => {
          const names = Object.keys(required)
          assert.ok(names.length > 0)
          assert.deepEqual(Object.keys(imported).sort(), [...names].sort())
          for (const name of names) assert.equal(imported[name], required[name])
        })`)
      execFileSync(process.execPath, ['same.cjs'], { cwd: project, stdio: 'pipe' })
    })
  }

  test('loading the package opens nothing and says nothing', () => {
    const output = execFileSync(process.execPath, ['-e', `require('${manifest.name}')`], { cwd: project, encoding: 'utf8' })
    assert.equal(output, '')
  })

  test('both module systems see the types', () => {
    const usage = `
      import { createCache, type CacheInfo, type CacheStats, type Keys } from '${manifest.name}'
      const cache = createCache({ name: 'types', memory: '8mb', ttl: '5m' })
      export const value: Promise<{ id: number }> = cache.getOrSet('key', async () => ({ id: 1 }))
      export const stats: CacheStats = cache.stats()
      export const info: CacheInfo = cache.info()
      const typed = createCache<{ 'user:{id}': { name: string } }>({ name: 'typed', memory: '8mb' })
      export const name: Promise<{ name: string } | undefined> = typed.get('user:1')
      export const total: Promise<number | undefined> = typed.namespace<Keys<{ 'cart:{id}': number }>>('carts').get('cart:1')
      // @ts-expect-error: no such key
      typed.get('usr:1')
      // @ts-expect-error: misspelt
      createCache({ mmeory: '8mb' })`
    writeFileSync(join(project, 'usage.cts'), usage)
    writeFileSync(join(project, 'usage.mts'), usage)
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({
      compilerOptions: {
        module: 'node16', target: 'es2022', strict: true, noEmit: true,
        types: ['node'], typeRoots: [join(root, 'node_modules/@types')],
      },
      files: ['usage.cts', 'usage.mts'],
    }))
    execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', project], { stdio: 'pipe', encoding: 'utf8' })
  })
})
