/**
 * Loads of single keys that run as one: those of one turn of the loop, or of a while, with the same loader.
 *
 * Who asks first opens a window; its group runs when the window has closed and its keys are decided.
 */
import type { L1View } from '../l1/table'
import type { LoadCall } from './flight'
import type { Flights } from './flights'
import { atEndOfTick, GroupLoad, type GroupLoader } from './group-load'
import type { LoadTerms } from './load-terms'
import type { Loader } from './loader-context'

export interface BatchTerms {
  /** Keys of one run at most. */
  maxSize: number
  /** How long a load waits for company; 0 = until the end of this turn of the loop. */
  maxDelayMs: number
}

interface Window {
  group: GroupLoad
  size: number
  close: () => void
}

type Windows = Map<L1View, Window>

export class BatchLoads {
  readonly #flights: Flights
  readonly #loads = new WeakMap<GroupLoader, Windows>()
  /** Apart, because nobody waits for them and each has its own permit. */
  readonly #refreshes = new WeakMap<GroupLoader, Windows>()

  constructor(flights: Flights) {
    this.#flights = flights
  }

  /** As `Flights.load`, or as `Flights.past`. */
  load(call: LoadCall, run: GroupLoader, batch: BatchTerms, isPast = false): Promise<unknown> {
    const window = this.#windowOf(this.#loads, call.view, call.terms, run, batch, false)
    const outcome = window.group.load(call, isPast)
    if (++window.size >= batch.maxSize) window.close()
    return outcome
  }

  /** A loader of one key, for loads that nobody waits for. */
  refresher(view: L1View, terms: LoadTerms, run: GroupLoader, batch: BatchTerms): Loader {
    return (context) => {
      const window = this.#windowOf(this.#refreshes, view, terms, run, batch, true)
      const joined = window.group.loader(context)
      if (++window.size >= batch.maxSize) window.close()
      return joined
    }
  }

  #windowOf(windowsByRun: WeakMap<GroupLoader, Windows>, view: L1View, terms: LoadTerms, run: GroupLoader, batch: BatchTerms, isPermitted: boolean): Window {
    let windows = windowsByRun.get(run)
    if (windows === undefined) windowsByRun.set(run, (windows = new Map()))
    const open = windows.get(view)
    if (open !== undefined) return open
    const group = new GroupLoad(this.#flights, run, { view, terms, maxSize: batch.maxSize, isPermitted })
    let timer: NodeJS.Timeout | undefined
    const window = {
      group,
      size: 0,
      close: () => {
        clearTimeout(timer)
        if (windows.get(view) !== window) return
        windows.delete(view)
        group.seal()
      },
    }
    windows.set(view, window)
    if (batch.maxDelayMs === 0) atEndOfTick(window.close)
    else timer = setTimeout(window.close, batch.maxDelayMs)
    return window
  }
}
