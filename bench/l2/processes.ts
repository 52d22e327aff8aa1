/** What several processes of one host cost Redis: connections, and bytes it sends. */
import type { Job, Metrics, Results } from '../outcome'
import { spreadAt } from '../statistics'
import type { Conditions, SubBench } from '../sub-bench'
import { digits, trialTable } from '../table'
import { type OwnRedis, withRedis } from './own-redis'
import { Participant, type Setup } from './participant'

const SIZES = ['1', '4', '8']
const SUBJECTS = ['stratacache', 'bentocache'] as const
const CALLS = 2_000
const KEYS = 1_000

const labelOf = (size: string): string => (size === '1' ? 'one process' : `${size} processes`)

export const processes: SubBench = {
  name: 'redis-processes',
  title: 'What more processes cost Redis',
  about: 'Each process of one host makes 2,000 calls on 1,000 keys with values of 1 KiB: getOrSet, and a set in ten calls. Connections are those open after the calls; bytes are what Redis sent until everything was written. bentocache has a memory layer, Redis and a Redis bus in each process, as its documentation shows.',
  rounds: 3,
  plan: () => SIZES.flatMap((trial) => SUBJECTS.map((subject) => ({ trial, subject }))),
  measure: (job, conditions) => withRedis((redis) => measure(job, conditions, redis)),
  tables: (results) => SIZES.map((trial) => trialTable(results, trial, labelOf(trial), [
    { metric: 'connections', label: 'connections', against: 'bentocache' },
    { metric: 'output KiB', label: 'KiB sent by Redis', against: 'bentocache' },
    { metric: 'bytes per call', label: 'bytes per call' },
    { metric: 'commands per call', label: 'commands per call' },
  ])),
  charts: (results: Results) => [
    chart(results, 'connections', 'Connections to Redis', 'open connections; fewer is better'),
    chart(results, 'output KiB', 'What Redis sends', 'KiB for 2,000 calls of each process; less is better'),
  ],
}

function chart(results: Results, metric: string, title: string, axis: string) {
  return {
    name: `redis-processes-${metric.split(' ')[0]}`, title, axis, format: digits,
    groups: SIZES.map((trial) => ({
      label: labelOf(trial),
      bars: SUBJECTS.flatMap((subject) => {
        const spread = spreadAt(results, [trial, subject, metric])
        return spread === undefined ? [] : [{ label: subject, value: spread.median, range: [spread.min, spread.max] as const, isOurs: subject === 'stratacache' }]
      }),
    })),
  }
}

async function measure({ trial, subject }: Job, { scratch, isQuick }: Conditions, redis: OwnRedis): Promise<Metrics> {
  const calls = isQuick ? 200 : CALLS
  const setup: Omit<Setup, 'index'> = { subject: subject as Setup['subject'], scratch, host: 'a', url: redis.url }
  const crew: Participant[] = []
  try {
    for (let index = 0; index < Number(trial); index++) crew.push(await Participant.start({ ...setup, index }))
    const commandsOf = async (): Promise<number> => Number(/total_commands_processed:(\d+)/.exec(await redis.admin.info('stats'))![1])
    const [bytesBefore, commandsBefore] = [await redis.outputBytes(), await commandsOf()]
    await Promise.all(crew.map((one) => one.ask({ do: 'work', calls, keys: KEYS })))
    // What is on its way arrives within this.
    await new Promise((resolve) => setTimeout(resolve, 300))
    const bytes = (await redis.outputBytes()) - bytesBefore
    const commands = (await commandsOf()) - commandsBefore
    const total = calls * crew.length
    return { connections: await redis.connections(), 'output KiB': bytes / 1024, 'bytes per call': bytes / total, 'commands per call': commands / total }
  } finally {
    await Promise.all(crew.map((one) => one.stop()))
  }
}
