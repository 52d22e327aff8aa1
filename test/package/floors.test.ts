// Imports point downwards, in both languages. The rules are in test/helpers/floors.ts.
import * as assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { violations } from '../helpers/floors'
import { importsOf } from '../helpers/imports'
import { suite } from '../helpers/suite'

const root = join(__dirname, '../../..')
const FOLDERS = ['src', 'workers', 'examples', 'bench', 'test', 'native']

const load = (target: string): string => `import { x } from '${target}'\n`
const include = (target: string): string => `#include ${target}\n`

/** A small tree in which every line but the first of each file breaks a rule. */
const planted: Record<string, string> = {
  'src/words/errors.ts': load('node:util') + load('../wire/codec'),
  'src/wire/codec.ts': load('msgpackr') + load('ioredis'),
  'src/l1/table.ts': load('../words/errors') + `export * from '../sync/flights'\n`,
  'src/l1/shared.ts': load('./table') + `const addon = require('../../build/Release/stratacache.node')\n`,
  'src/sync/flights.ts': `import type { T } from '../l1/table'\n` + load('../l1/shared'),
  'src/cache.ts': load('./sync/flights') + `void import('../bench/micro')\n` + load('msgpackr'),
  'bench/micro.ts': load('../src/cache') + load('../test/helpers/suite'),
  'test/unit/a.test.ts': `import type { Test } from 'uvu'\n` + load('uvu'),
  'native/base/hash.h': include('<cstdint>') + include('"shm/layout.h"'),
  'native/shm/layout.h': include('<sys/mman.h>') + include('<napi.h>'),
  'native/table/read.cc': include('"shm/layout.h"') + include('<unistd.h>') + include('"binding/view.h"'),
  'native/binding/view.h': include('<node_api.h>') + include('<sys/stat.h>'),
}

const expected = [
  'src/words/errors must not import src/wire/codec',
  'src/wire/codec loads ioredis, whose door is src/l2/redis',
  'src/l1/table must not import src/sync/flights',
  'src/l1/shared loads a .node file, whose door is src/l1/native',
  'src/sync/flights must not import src/l1/shared',
  'src/cache must not import bench/micro',
  'src/cache loads msgpackr, whose door is src/wire/codec',
  'bench/micro must not import test/helpers/suite',
  'test/unit/a.test loads uvu, whose door is test/helpers/suite',
  'native/base/hash.h must not import native/shm/layout.h',
  'native/shm/layout.h loads napi.h, whose door is native/binding/',
  'native/table/read.cc loads unistd.h, whose door is native/shm/',
  'native/table/read.cc must not import native/binding/view.h',
  'native/binding/view.h loads sys/stat.h, whose door is native/shm/',
]

suite('floors', (test) => {
  test('every import of the repository points downwards', () => {
    const imports = importsOf(root, FOLDERS)
    const within = (folder: string): number => imports.filter(({ from }) => from.startsWith(folder)).length
    assert.ok(within('src/') > 30, `saw only ${within('src/')} imports in src`)
    assert.ok(within('native/') > 30, `saw only ${within('native/')} includes in native`)
    assert.deepEqual(violations(imports), [])
  })

  test('finds every violation that was planted', () => {
    const tree = mkdtempSync(join(tmpdir(), 'floors-'))
    try {
      for (const [path, text] of Object.entries(planted)) {
        mkdirSync(dirname(join(tree, path)), { recursive: true })
        writeFileSync(join(tree, path), text)
      }
      const found = violations(importsOf(tree, FOLDERS))
      const isCycle = (text: string): boolean => text.startsWith('cycle: ')
      assert.deepEqual(found.filter((text) => !isCycle(text)).sort(), [...expected].sort())
      assert.ok(found.some((text) => text.includes('src/l1/table -> src/sync/flights') || text.includes('src/sync/flights -> src/l1/table')), found.join('\n'))
    } finally {
      rmSync(tree, { recursive: true })
    }
  })
})
