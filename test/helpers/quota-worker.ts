// A process that fills the host's table until it is killed: asks for keys nobody knows, or writes to a namespace with a quota.
import { type Cache, type CacheOptions, createCache } from '../../src'
import { randomOf } from './random'

const OPS_PER_ROUND = 1_000

async function run(cache: Cache, kind: string, seed: number): Promise<void> {
  const random = randomOf(seed)
  const spaces = [cache.namespace('bounded'), cache.namespace('bounded').namespace('below'), cache.namespace('other')]
  for (let round = 1; ; round++) {
    for (let i = 0; i < OPS_PER_ROUND; i++) {
      if (kind === 'unknown') {
        await cache.getOrSet(`unknown:${seed}:${round}:${i}`, (context) => context.notFound())
        continue
      }
      const space = spaces[Math.floor(random() * spaces.length)]!
      const key = `k${Math.floor(random() * 3_000)}`
      const dice = random()
      if (dice < 0.1) await space.delete(key)
      else if (dice < 0.2) await space.set(key, null)
      else await space.set(key, 'v'.repeat(Math.floor(random() * 800)))
    }
    process.send?.({ rounds: round })
  }
}

const [options, kind, seed] = process.argv.slice(2)
process.on('disconnect', () => process.exit())
void run(createCache(JSON.parse(options!) as CacheOptions), kind!, Number(seed))
