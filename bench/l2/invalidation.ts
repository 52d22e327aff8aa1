/** How long after a write on one host the processes of another go on serving the old value. */
import type { Job, Metrics, Results } from '../outcome'
import { quantile, spreadAt } from '../statistics'
import type { Conditions, SubBench } from '../sub-bench'
import { digits, trialTable } from '../table'
import { type OwnRedis, withRedis } from './own-redis'
import { Participant, type Setup } from './participant'

const SUBJECTS = ['stratacache', 'bentocache'] as const
const TRIAL = 'a write on host A'
const SHARES: [metric: string, share: number][] = [['p50, ms', 0.5], ['p90, ms', 0.9], ['p99, ms', 0.99], ['most, ms', 1]]
const READERS = 2
const WRITES = 400

export const invalidation: SubBench = {
  name: 'redis-invalidation',
  title: 'From a write to the last old value elsewhere',
  about: 'Host A, one process, sets a key that both processes of host B have in memory. They look every 0.05 ms or so; the time is from the beginning of the call of set on A to the beginning of the first read on B that does not bring the old value, one sample for each process of B. Hosts are simulated by separate regions on one machine of two cores, so the network adds nothing, and five or six processes share the cores.',
  rounds: 3,
  plan: () => SUBJECTS.map((subject) => ({ trial: TRIAL, subject })),
  measure: (job, conditions) => withRedis((redis) => measure(job, conditions, redis)),
  tables: (results) => [trialTable(results, TRIAL, 'Milliseconds until a process of host B stops serving the old value',
    SHARES.map(([metric]) => ({ metric, label: metric })).concat([{ metric: 'samples', label: 'samples' }]))],
  charts: (results: Results) => [{
    name: 'redis-invalidation', title: 'From a write on host A to the last old value on host B', axis: 'milliseconds; less is better', format: digits,
    groups: SHARES.map(([metric]) => ({
      label: metric.split(',')[0]!,
      bars: SUBJECTS.flatMap((subject) => {
        const spread = spreadAt(results, [TRIAL, subject, metric])
        return spread === undefined ? [] : [{ label: subject, value: spread.median, range: [spread.min, spread.max] as const, isOurs: subject === 'stratacache' }]
      }),
    })),
  }],
}

async function measure({ subject }: Job, { scratch, isQuick }: Conditions, redis: OwnRedis): Promise<Metrics> {
  const setup = (host: string, index: number): Setup => ({ subject: subject as Setup['subject'], scratch, host, url: redis.url, index })
  const crew: Participant[] = []
  try {
    for (let index = 0; index <= READERS; index++) crew.push(await Participant.start(setup(index === 0 ? 'a' : 'b', index)))
    const [writer, ...readers] = crew as [Participant, ...Participant[]]
    const key = 'user:1:profile'
    const spans: number[] = []
    await writer.ask({ do: 'set', key, value: 'v0' })
    const writes = isQuick ? 20 : WRITES
    for (let n = 0; n < writes; n++) {
      for (const reader of readers) await reader.ask({ do: 'read', key, value: `v${n}` })
      const watched = readers.map((reader) => reader.ask({ do: 'watch', key, value: `v${n}` }))
      // Let them look at the old value first.
      await new Promise((resolve) => setTimeout(resolve, 2))
      const { atNs } = await writer.ask({ do: 'set', key, value: `v${n + 1}` })
      for (const seen of await Promise.all(watched)) {
        if (seen.value !== undefined && seen.value !== `v${n + 1}`) throw new Error(`after v${n} came ${String(seen.value)}`)
        if (n >= writes / 10) spans.push(Number(seen.atNs - atNs) / 1e6)
      }
    }
    const sorted = Float64Array.from(spans).sort()
    return { ...Object.fromEntries(SHARES.map(([metric, share]) => [metric, quantile(sorted, share)])), samples: sorted.length }
  } finally {
    await Promise.all(crew.map((one) => one.stop()))
  }
}
