import { strict as assert } from 'node:assert'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from '../helpers/suite'

const ROOT = join(__dirname, '../../..')

function nativeSources(): string[] {
  return readdirSync(join(ROOT, 'native'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(h|cc)$/.test(name))
    .map((name) => readFileSync(join(ROOT, 'native', name), 'utf8'))
}

/** Uses of every SYNC tag in the sources; `SYNC(name)` in prose is the word for a tag, not one. */
function tagUses(): Map<string, number> {
  const uses = new Map<string, number>()
  for (const source of nativeSources()) {
    for (const [, tag] of source.matchAll(/SYNC\(([a-z0-9-]+)\)/g)) {
      if (tag !== undefined && tag !== 'name') uses.set(tag, (uses.get(tag) ?? 0) + 1)
    }
  }
  return uses
}

suite('sync tags', (test) => {
  const page = readFileSync(join(ROOT, 'docs/concurrency.md'), 'utf8')
  const rows = [...page.matchAll(/^\| ([a-z0-9-]+) \|.*\|.*\|.*\|/gm)].map(([, tag]) => tag as string)

  test('every tag stands at both ends and has a row in docs/concurrency.md', () => {
    const uses = tagUses()
    assert.ok(uses.size >= 10, `${uses.size} tags seen`)
    for (const [tag, count] of uses) {
      assert.ok(count >= 2, `SYNC(${tag}) has a partner`)
      assert.ok(rows.includes(tag), `SYNC(${tag}) has a row`)
    }
  })

  test('every row of the table is a tag of the sources', () => {
    const tags = [...tagUses().keys()]
    const start = page.indexOf('## SYNC')
    const table = page.slice(start, page.indexOf('\n## ', start + 1))
    for (const [, tag] of table.matchAll(/^\| ([a-z][a-z0-9-]*) \| (?!release)/gm)) {
      if (tag !== undefined && tag !== 'tag') assert.ok(tags.includes(tag), `${tag} is used`)
    }
  })
})
