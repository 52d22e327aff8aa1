/** What asking for 100 keys at once saves against asking 100 times, where memory is what one waits for. */
import { fill } from './fill'
import type { Metrics } from './outcome'
import type { Conditions } from './sub-bench'
import { openCacheOf } from './subjects/stratacache'
import { blocksOf, freshKeys } from './timing'
import { stringsOf, uniformIds } from './workload'

const AT_ONCE = 100

export async function measureMany({ isQuick, ...conditions }: Conditions): Promise<Metrics> {
  const data = stringsOf(200, isQuick ? 40_000 : 400_000)
  const cache = openCacheOf(data, { isQuick, ...conditions }, { factor: 1.3 })
  fill({ get: (key) => cache.getSync(key), set: (key, value) => cache.set(key, value), close: () => {} }, data)
  const blocks = blocksOf(freshKeys(data, uniformIds(data.count), conditions.round * 50_021), AT_ONCE)
  const spent = { many: 0, single: 0 }
  let misses = 0
  const turns = isQuick ? 200 : 3000
  // The first half warms up. Turn by turn, so that both meet the same machine.
  for (let turn = 0; turn < turns; turn++) {
    if (turn === turns / 2) misses = spent.many = spent.single = 0
    let keys = blocks()
    let begin = process.hrtime.bigint()
    const values = await cache.getMany(keys)
    spent.many += Number(process.hrtime.bigint() - begin)
    for (const value of values) if (value === undefined) misses++
    keys = blocks()
    begin = process.hrtime.bigint()
    for (let i = 0; i < AT_ONCE; i++) if (cache.getSync(keys[i]!) === undefined) misses++
    spent.single += Number(process.hrtime.bigint() - begin)
  }
  await cache.close()
  const calls = (turns / 2) * AT_ONCE
  return { getMany: spent.many / calls, getSync: spent.single / calls, ratio: spent.many / spent.single, misses }
}
