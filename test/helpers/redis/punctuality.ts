/**
 * Whether calls come back by their deadlines, on a machine that is late itself.
 *
 * Each call has a witness: a timer of this isolate, begun in the same tick, for the same deadline. Where the witness is
 * late the machine was busy, or this isolate was, and the call is judged against the witness. A call is late if it is
 * pending when its witness has come, after that a second timer of TOLERANCE_MS has come as well, and after that the loop
 * has turned twice: then nothing that was due at the deadline has been held up by anything but the cache. What the
 * witnesses excused is counted and shown beside it, in plain time.
 *
 * The clock starts when the call has returned its promise: what it does before, it does at once, and shows as `maxAtOnceMs`.
 *
 * A load of a key that others load as well may wait for another process, which the machine may hold up by itself. Such a
 * call is only suspected; the suspicion falls if the witnesses of some isolate were late until just before its end.
 */
export const TOLERANCE_MS = 20

export interface Punctuality {
  calls: number
  /** Calls that took more than half of their deadline: they did wait. */
  waited: number
  late: number
  /** Beyond deadline and tolerance by the clock alone, but not later than their witnesses were. */
  excused: number
  /** The worst by the clock, of calls and of witnesses, beyond the deadline. */
  maxLateMs: number
  maxWitnessMs: number
  /** The worst beyond the witness. */
  maxBeyondMs: number
  /** The longest time until a call returned its promise. */
  maxAtOnceMs: number
  /** What the late calls were. */
  who: string[]
  /** On a clock of all processes, as `held`. */
  suspects: { what: string; dueMs: number; endMs: number }[]
  /** When witnesses were due and when they came, where that was later than the tolerance. */
  held: [fromMs: number, toMs: number][]
}

export function nothingJudged(): Punctuality {
  return { calls: 0, waited: 0, late: 0, excused: 0, maxLateMs: 0, maxWitnessMs: 0, maxBeyondMs: 0, maxAtOnceMs: 0, who: [], suspects: [], held: [] }
}

export function together(parts: readonly Punctuality[]): Punctuality {
  const sum = nothingJudged()
  for (const part of parts) {
    for (const name of ['calls', 'waited', 'late', 'excused'] as const) sum[name] += part[name]
    for (const name of ['maxLateMs', 'maxWitnessMs', 'maxBeyondMs', 'maxAtOnceMs'] as const) sum[name] = Math.max(sum[name], part[name])
    sum.who.push(...part.who)
    sum.held.push(...part.held)
  }
  for (const { what, dueMs, endMs } of parts.flatMap(({ suspects }) => suspects)) {
    if (sum.held.some(([fromMs, toMs]) => fromMs < endMs && toMs > endMs - 2 * TOLERANCE_MS)) sum.excused++
    else {
      sum.late++
      sum.who.push(`${what}: ${Math.round(endMs - dueMs)} ms`)
    }
  }
  return sum
}

export class Judge {
  readonly seen = nothingJudged()

  /** Begins the call and settles when it has; never rejects. `settled` hears its error, or undefined. */
  async watch({ what, deadlineMs, waitsForOthers }: Watched, call: () => Promise<unknown>, settled: (error: unknown) => void): Promise<void> {
    const { seen } = this
    let isLate = false
    const beginMs = performance.now()
    const promise = call()
    const dueMs = performance.now() + deadlineMs
    seen.maxAtOnceMs = Math.max(seen.maxAtOnceMs, dueMs - deadlineMs - beginMs)
    let isPending = true
    let witnessMs = 0
    const witness = (): void => {
      const leftMs = dueMs - performance.now()
      if (leftMs > 0) return void setTimeout(witness, Math.ceil(leftMs))
      witnessMs = performance.now()
      seen.maxWitnessMs = Math.max(seen.maxWitnessMs, witnessMs - dueMs)
      if (witnessMs - dueMs > TOLERANCE_MS) this.#noteHeld(dueMs, witnessMs)
      if (isPending) setTimeout(() => setImmediate(() => setImmediate(verdict)), TOLERANCE_MS)
    }
    const verdict = (): void => void (isLate = isPending)
    const timer = setTimeout(witness, deadlineMs)
    let error: unknown
    try {
      await promise
    } catch (rejection) {
      error = rejection
    }
    isPending = false
    const endMs = performance.now()
    if (witnessMs === 0) clearTimeout(timer)
    seen.calls++
    if (endMs - dueMs > -deadlineMs / 2) seen.waited++
    if (isLate && waitsForOthers) seen.suspects.push({ what, dueMs: onHostClock(dueMs), endMs: onHostClock(endMs) })
    else if (isLate) {
      seen.late++
      seen.who.push(`${what}, ${deadlineMs} ms: ${Math.round(endMs - dueMs)} ms, its witness ${Math.round(witnessMs - dueMs)} ms`)
    }
    seen.maxLateMs = Math.max(seen.maxLateMs, endMs - dueMs)
    if (endMs - dueMs > TOLERANCE_MS && witnessMs > 0) {
      const beyondMs = endMs - witnessMs
      seen.maxBeyondMs = Math.max(seen.maxBeyondMs, beyondMs)
      if (beyondMs <= TOLERANCE_MS) seen.excused++
    }
    settled(error)
  }

  #noteHeld(dueMs: number, witnessMs: number): void {
    const { held } = this.seen
    const [fromMs, toMs] = [onHostClock(dueMs), onHostClock(witnessMs)]
    const last = held.at(-1)
    if (last !== undefined && fromMs <= last[1]) last[1] = Math.max(last[1], toMs)
    else held.push([fromMs, toMs])
  }
}

export interface Watched {
  what: string
  deadlineMs: number
  /** It may end when another process has loaded what it wants. */
  waitsForOthers: boolean
}

/** Of performance.now(), as all processes see it. */
export function onHostClock(ms: number): number {
  return performance.timeOrigin + ms
}
