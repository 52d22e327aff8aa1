/** A process of the host scenarios: node member.js <contender> <name of the cache>. */
import { setTimeout as pause } from 'node:timers/promises'
import { CONTENDERS } from './contenders'
import type { HostOrder } from './processes'

const [contender, name] = process.argv.slice(2) as [string, string]
const cache = CONTENDERS[contender]!(name)
const LIFE = { ttlMs: 3_600_000 }

async function obey(order: HostOrder): Promise<{ value: unknown; runs: number }> {
  let runs = 0
  switch (order.act) {
    case 'load': {
      const value = await cache.getOrSet(order.key, async () => (runs++, await pause(order.ms), order.value), LIFE)
      return { value, runs }
    }
    case 'get':
      return { value: await cache.get?.(order.key), runs }
    case 'set':
      return { value: cache.set === undefined ? 'unable' : (await cache.set(order.key, order.value), 'done'), runs }
    case 'hang':
      return { value: await cache.getOrSet(order.key, () => new Promise(() => {}), LIFE), runs }
  }
}

process.on('message', (order: HostOrder) => {
  void obey(order).then((answer) => process.send!(answer))
})
process.send!('ready')
