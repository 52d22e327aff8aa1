// The scenarios of several processes that `npm run contrast` puts to other caches, here to ours alone.
import * as assert from 'node:assert/strict'
import { CONTENDERS } from '../../bench/contrast/contenders'
import { HOST_SCENARIOS } from '../../bench/contrast/processes'
import { verdict } from '../../bench/contrast/run'
import { uniqueName } from '../helpers/cache'
import { suite } from '../helpers/suite'

suite('contrast of processes', (test) => {
  for (const { title, run } of HOST_SCENARIOS) {
    test(title, async () => {
      const name = uniqueName()
      try {
        assert.equal(await verdict(run('stratacache', name)), 'yes')
      } finally {
        await CONTENDERS['stratacache']!(name).close()
      }
    })
  }
})
