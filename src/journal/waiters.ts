/** Those of an isolate who wait for the journal: for answers, by mark, and for states of it. */
import type { Mark, Settled } from './contract'

/** A state comes without a sign now and then: who waits for one also looks by himself. */
const LOOK_MS = 50

interface Waiter {
  resolve(settled: Settled | undefined): void
  timer: NodeJS.Timeout
}

export class Waiters {
  readonly #byMark = new Map<Mark, Waiter[]>()
  readonly #forStates: { holds: () => boolean; resolve(isSo: boolean): void; deadlineMs: number }[] = []
  #timer: NodeJS.Timeout | undefined
  #timerMs = 0

  get isEmpty(): boolean {
    return this.#byMark.size === 0 && this.#forStates.length === 0
  }

  /** Resolves with what `answer` is given for the mark; undefined at the deadline. */
  waitFor(mark: Mark, deadlineMs: number): Promise<Settled | undefined> {
    return new Promise((resolve) => {
      const waiter: Waiter = {
        resolve,
        timer: setTimeout(() => {
          this.#leave(mark, waiter)
          resolve(undefined)
        }, Math.max(0, deadlineMs - performance.now())),
      }
      const others = this.#byMark.get(mark)
      if (others === undefined) this.#byMark.set(mark, [waiter])
      else others.push(waiter)
    })
  }

  answer(mark: Mark, settled: Settled): void {
    const waiters = this.#byMark.get(mark)
    if (waiters === undefined) return
    this.#byMark.delete(mark)
    for (const { resolve, timer } of waiters) {
      clearTimeout(timer)
      resolve(settled)
    }
  }

  /** Asks `holds` whenever `look` is called, and now and then; true as soon as it says so. Of several who wait with one function it is asked once. */
  async until(holds: () => boolean, deadlineMs: number): Promise<boolean> {
    // Who waits for the same already is told first, and has looked.
    if (this.#forStates.at(-1)?.holds !== holds && holds()) return true
    if (deadlineMs <= performance.now()) return false
    return new Promise((resolve) => {
      this.#forStates.push({ holds, resolve, deadlineMs })
      this.#lookAt(Math.min(performance.now() + LOOK_MS, deadlineMs))
    })
  }

  /** Those whose state has come go on, all at once and in the order they came: who finds it gone after all waits again. */
  look(): void {
    if (this.#forStates.length === 0) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    const told = new Map<() => boolean, boolean>()
    const nowMs = performance.now()
    let nextMs = nowMs + LOOK_MS
    for (const waiter of this.#forStates.splice(0)) {
      const { holds } = waiter
      const isSo = told.get(holds) ?? holds()
      told.set(holds, isSo)
      if (isSo || waiter.deadlineMs <= nowMs) waiter.resolve(isSo)
      else {
        this.#forStates.push(waiter)
        nextMs = Math.min(nextMs, waiter.deadlineMs)
      }
    }
    if (this.#forStates.length > 0) this.#lookAt(nextMs)
  }

  /** One timer for all of them. */
  #lookAt(timeMs: number): void {
    if (this.#timer !== undefined) {
      if (this.#timerMs <= timeMs) return
      clearTimeout(this.#timer)
    }
    this.#timerMs = timeMs
    this.#timer = setTimeout(() => this.look(), Math.max(0, timeMs - performance.now()))
  }

  /** Nobody will answer any more. */
  close(): void {
    for (const mark of [...this.#byMark.keys()]) this.answer(mark, { result: 'unknown', version: 0 })
    this.look()
  }

  #leave(mark: Mark, waiter: Waiter): void {
    const left = (this.#byMark.get(mark) ?? []).filter((other) => other !== waiter)
    if (left.length === 0) this.#byMark.delete(mark)
    else this.#byMark.set(mark, left)
  }
}
