import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { suite } from '../helpers/suite'

const ROOT = join(__dirname, '../../..')

suite('options page', (test) => {
  test('docs/options.md is what the schema says', () => {
    execFileSync(process.execPath, [join(ROOT, 'scripts/options-doc.mjs'), '--check'], { stdio: 'inherit' })
  })
})
