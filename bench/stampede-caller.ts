/** A process of a stampede: is told when all begin, on `clockMs`, calls then, and tells how its callers fared. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { createCache } from '../src'

export interface StampedeOrder {
  dir: string
  key: string
  callers: number
  loadMs: number
  fails: boolean
}

export interface StampedeReport {
  runs: number
  /** Callers that got the value, or its loader's error where that fails. */
  told: number
  /** When the last one was told, on `clockMs`. */
  lastMs: number
}

/** One clock for all processes of the host. */
export const clockMs = (): number => performance.timeOrigin + performance.now()

async function stampede({ dir, key, callers, loadMs, fails }: StampedeOrder): Promise<StampedeReport> {
  const cache = createCache({ name: 'stampede', dir, memory: '16mb', fallback: 'error' })
  const report = { runs: 0, told: 0, lastMs: 0 }
  const loader = async (): Promise<string> => {
    report.runs++
    await sleep(loadMs)
    if (fails) throw new Error('down')
    return 'value'
  }
  process.send!('ready')
  const [beginMs] = (await once(process, 'message')) as [number]
  await sleep(Math.max(0, beginMs - clockMs()))
  await Promise.all(Array.from({ length: callers }, async () => {
    const outcome = await cache.getOrSet(key, loader).catch((error: Error) => error.message)
    if (outcome === (fails ? 'down' : 'value')) report.told++
    report.lastMs = clockMs()
  }))
  await cache.close()
  return report
}

if (process.send !== undefined && require.main === module) {
  process.once('message', (order: StampedeOrder) => void stampede(order).then((report) => process.send!(report)))
}
