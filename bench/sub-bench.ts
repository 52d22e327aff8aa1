/** The contract between a benchmark, the processes that run it and the report. */
import type { Chart } from './chart'
import type { Job, Metrics, Results } from './outcome'
import type { Table } from './table'

/** What a fresh process is told besides its job. */
export interface Conditions {
  isQuick: boolean
  round: number
  /** An empty directory in memory, removed when the process is gone. */
  scratch: string
  /** Arguments of the command line that are no names of benchmarks. */
  paths: string[]
  redis?: { port: number; socket: string }
}

export interface SubBench {
  name: string
  title: string
  /** One or two sentences that open the report. */
  about: string
  rounds: number
  /** All jobs of a round; those of one trial stand together and are run in turn. */
  plan(conditions: Omit<Conditions, 'round' | 'scratch'>): Job[]
  /** Runs in a process of its own. Throws `Unavailable` where the subject cannot be measured here. */
  measure(job: Job, conditions: Conditions): Promise<Metrics>
  tables(results: Results): Table[]
  charts(results: Results): Chart[]
  /** Longest a job may take. */
  deadlineS?: number
  needsRedis?: boolean
  /** Runs only when it is named. */
  isOnRequest?: boolean
}

/** The subject cannot be measured on this machine; the message says why. */
export class Unavailable extends Error {}
