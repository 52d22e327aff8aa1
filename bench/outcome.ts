/** What a run of a benchmark leaves behind. */

/** One measurement of one subject under one set of conditions. */
export interface Job {
  trial: string
  subject: string
}

export type Metrics = Record<string, number>

/** The samples of a job, one per round; null where a round gave none. */
export interface Row extends Job {
  samples: Record<string, (number | null)[]>
}

export interface NotMeasured extends Job {
  reason: string
}

export interface Results {
  bench: string
  title: string
  command: string
  date: string
  machine: Record<string, string | number>
  rounds: number
  isQuick: boolean
  rows: Row[]
  notMeasured: NotMeasured[]
  /** Loads of the machine at begin and end, so that a disturbed run can be told. */
  loadAverage: [begin: number, end: number]
  seconds: number
}
