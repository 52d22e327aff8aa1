/** The process of one measurement: does the job it is sent, answers, and ends. */
import { subBench } from './sub-benches'
import type { Job, Metrics } from './outcome'
import { type Conditions, Unavailable } from './sub-bench'

export interface Order {
  bench: string
  job: Job
  conditions: Conditions
}

export type Answer = { metrics: Metrics } | { unavailable: string } | { failure: string }

async function answer({ bench, job, conditions }: Order): Promise<Answer> {
  try {
    return { metrics: await subBench(bench).measure(job, conditions) }
  } catch (error) {
    if (error instanceof Unavailable) return { unavailable: error.message }
    return { failure: (error as Error).stack ?? String(error) }
  }
}

process.once('message', (order: Order) => {
  void answer(order).then((result) => process.send!(result, () => process.exit()))
})
