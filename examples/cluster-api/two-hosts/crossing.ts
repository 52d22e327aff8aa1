// A write on one host, and when the other one serves it.
import type { Host } from './host'

export interface Crossing {
  from: string
  to: string
  /** From the write's acknowledgement to the end of the first answer with it. */
  ms: number
  /** Answers of the other host that still had what was before. */
  staleAnswers: number
}

const LIMIT_MS = 60_000
let count = 0

/** Writes on `from` what nobody has written before; resolves when `to` serves it. */
export async function cross(from: Host, to: Host, note: string): Promise<Crossing> {
  // In the memory of both: otherwise nothing would have to be invalidated.
  await Promise.all([from.read(note), to.read(note)])
  return (await write(from, note)).servedBy(to)
}

export interface Written {
  /** When `to` serves it; counted from the acknowledgement, or from `sinceMs`. */
  servedBy(to: Host, sinceMs?: number): Promise<Crossing>
}

export async function write(from: Host, note: string): Promise<Written> {
  const text = `${from.name} says ${++count}`
  await from.write(note, text)
  const acknowledgedMs = performance.now()
  return {
    async servedBy(to, sinceMs = acknowledgedMs) {
      for (let staleAnswers = 0; ; staleAnswers++) {
        const isNew = (await to.read(note)).text === text
        const ms = performance.now() - sinceMs
        if (isNew) return { from: from.name, to: to.name, ms, staleAnswers }
        if (ms > LIMIT_MS) throw new Error(`${to.name} did not serve in ${LIMIT_MS} ms what ${from.name} wrote`)
      }
    },
  }
}
