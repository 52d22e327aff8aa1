// Tags across isolates of a host: what one clears, no other serves from its decoded objects.
import * as assert from 'node:assert/strict'
import { createCache } from '../../src'
import { uniqueName, withDirectory } from '../helpers/cache'
import { suite } from '../helpers/suite'
import { CacheWorker } from '../helpers/workers'

suite('tags of a host', (test) => {
  test('a clear in one process ends what others hold decoded, and their loads', () =>
    withDirectory(async (dir) => {
      const options = { name: uniqueName(), dir, memory: '8mb', fallback: 'error', jitter: 0 } as const
      const here = createCache(options)
      const workers = [new CacheWorker('process'), new CacheWorker('thread')]
      try {
        for (const worker of workers) await worker.ask({ do: 'open', options })
        for (let n = 0; n < 20; n++) {
          await workers[n % 2]!.call('set', 'k', { n }, { tags: ['x', `t${n}`] })
          for (let i = 0; i < 3; i++) assert.deepEqual(await here.get('k'), { n })
          for (const worker of workers) for (let i = 0; i < 2; i++) assert.deepEqual(await worker.call('get', 'k'), { n })
          await here.deleteByTag(n % 2 === 0 ? 'x' : `t${n}`)
          for (const worker of workers) assert.equal(await worker.call('get', 'k'), undefined)
          assert.equal(await here.get('k'), undefined)
        }
      } finally {
        await Promise.all(workers.map((worker) => worker.kill()))
        await here.close({ unlink: true })
      }
    }))
})
