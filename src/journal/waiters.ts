/** Those of an isolate who wait for the journal: for answers, by mark, and for room. */
import type { Mark, Settled } from './contract'

/** Room and other owners' lanes come without a sign now and then: who waits for room also looks by himself. */
const LOOK_MS = 50

interface Waiter {
  resolve(settled: Settled | undefined): void
  timer: NodeJS.Timeout
}

export class Waiters {
  readonly #byMark = new Map<Mark, Waiter[]>()
  readonly #forRoom = new Set<() => void>()

  get isEmpty(): boolean {
    return this.#byMark.size === 0 && this.#forRoom.size === 0
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

  /** Asks `isRoomy` whenever `look` is called, and now and then; true as soon as it says so. */
  async waitForRoom(isRoomy: () => boolean, deadlineMs: number): Promise<boolean> {
    while (!isRoomy()) {
      const leftMs = deadlineMs - performance.now()
      if (leftMs <= 0) return false
      await new Promise<void>((resolve) => {
        const go = (): void => {
          clearTimeout(timer)
          this.#forRoom.delete(go)
          resolve()
        }
        const timer = setTimeout(go, Math.min(leftMs, LOOK_MS))
        this.#forRoom.add(go)
      })
    }
    return true
  }

  look(): void {
    for (const go of [...this.#forRoom]) go()
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
