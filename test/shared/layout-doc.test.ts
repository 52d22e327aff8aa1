import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { suite } from '../helpers/suite'

const ROOT = join(__dirname, '../../..')

suite('layout page', (test) => {
  test('docs/memory-layout.md and the layout in docs/journal.md are what the headers say', () => {
    execFileSync(process.execPath, [join(ROOT, 'scripts/layout-doc.mjs'), '--check'], { stdio: 'inherit' })
  })
})
