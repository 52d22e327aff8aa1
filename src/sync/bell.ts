/** Wakes who waits; rung while nobody does, it is heard by the next who would. */
export class Bell {
  #isRung = false
  #waiting: (() => void)[] = []

  ring(): void {
    const waiting = this.#waiting
    this.#isRung = waiting.length === 0
    this.#waiting = []
    for (const wake of waiting) wake()
  }

  async next(): Promise<void> {
    if (!this.#isRung) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#isRung = false
  }
}
