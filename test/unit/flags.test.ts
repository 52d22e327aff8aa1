import * as assert from 'node:assert/strict'
import { type FlagPath, FLAGS } from '../../src/cli/flags'
import { DEFAULT_L2, type L2Settings, parseL2 } from '../../src/options/l2'
import { suite } from '../helpers/suite'

suite('flags', (test) => {
  test('the defaults that the help tells are those of the options', () => {
    let told = 0
    for (const [path, { doc }] of Object.entries(FLAGS)) {
      const [, field] = /^l2\.(\w+)$/.exec(path as FlagPath) ?? []
      const [, shown] = /\('?(\d\w*)'?\)$/.exec(doc) ?? []
      if (field === undefined || shown === undefined) continue
      const given = /^\d+$/.test(shown) ? Number(shown) : shown
      const settings = parseL2({ [field]: given }, 'l2')
      const changed = (Object.keys(DEFAULT_L2) as (keyof L2Settings)[]).filter((name) => settings[name] !== DEFAULT_L2[name])
      assert.deepEqual(changed, [], `${path}: ${doc}`)
      told++
    }
    assert.equal(told, 5)
  })
})
