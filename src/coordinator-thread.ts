/** The thread that coordinates the host for its process: it is started anew when it ends on its own. */
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { CopiesPlace } from './copies'
import type { CoordinationEvent, CoordinationSettings } from './coordination'
import type { CoordinationLog } from './coordination-log'
import type { SharedJournalOptions } from './journal/shared-journal'
import type { tableOptionsOf } from './open'
import { Backoff } from './sync/backoff'

/** What the thread is started with. */
export interface CoordinatorData {
  table: ReturnType<typeof tableOptionsOf> & { regionId?: string }
  journal: SharedJournalOptions
  settings: CoordinationSettings
  /** Where copies lie that its changes may make outdated. */
  copies: CopiesPlace | undefined
}

const CLOSE_MS = 1_000
const YOUNG_MB = 64
const FIRST_AGAIN_MS = 100
const MAX_AGAIN_MS = 30_000
/** A thread that has lived for so long does not end at once. */
const STEADY_MS = 60_000

export class CoordinatorThread {
  readonly #name: string
  readonly #data: CoordinatorData
  readonly #log: CoordinationLog
  readonly #backoff = new Backoff(FIRST_AGAIN_MS, MAX_AGAIN_MS)
  #worker: Worker | undefined
  #again: NodeJS.Timeout | undefined
  #isEnding = false

  constructor(name: string, data: CoordinatorData, log: CoordinationLog) {
    this.#name = name
    this.#data = data
    this.#log = log
  }

  start(): void {
    const startedMs = performance.now()
    let why: string | undefined
    const worker = new Worker(join(__dirname, '..', 'workers', 'coordinator.js'), {
      workerData: this.#data, name: `stratacache:${this.#name}`,
      // A batch outlives a small young generation and would be copied out of it.
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    })
    this.#worker = worker
    worker.on('message', (event: CoordinationEvent) => this.#log.hear(event))
    worker.on('error', ({ message }) => (why = message))
    // What it had of the lead went with it: whoever waits for the lead of the host has it now.
    worker.on('exit', (exitCode) => {
      this.#worker = undefined
      if (this.#isEnding) return
      this.#log.warn({ message: why ?? `its thread exited with ${exitCode}` }, 'the coordinator ended; another process may lead, and this one tries again', 'error')
      if (performance.now() - startedMs > STEADY_MS) this.#backoff.reset()
      this.#again = setTimeout(() => this.start(), this.#backoff.next()).unref()
    })
    worker.unref()
  }

  /** Resolves when there is no thread any more; one that does not end soon is ended. */
  async end(): Promise<void> {
    this.#isEnding = true
    clearTimeout(this.#again)
    const worker = this.#worker
    if (worker === undefined) return
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
    worker.ref()
    worker.postMessage('close')
    const late = setTimeout(() => void worker.terminate(), CLOSE_MS)
    await ended
    clearTimeout(late)
  }
}
