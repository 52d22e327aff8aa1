// The scenarios that `npm run contrast` puts to other caches, here to ours alone.
import * as assert from 'node:assert/strict'
import { judge } from '../../bench/contrast/run'
import { SCENARIOS } from '../../bench/contrast/scenarios'
import { uniqueName } from '../helpers/cache'
import { suite } from '../helpers/suite'

suite('contrast', (test) => {
  for (const scenario of SCENARIOS) {
    test(scenario.title, async () => {
      assert.equal(await judge('stratacache', uniqueName(), scenario), 'yes')
    })
  }
})
