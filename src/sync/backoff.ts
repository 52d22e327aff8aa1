/** Waits that double up to a bound, each drawn between half of it and all of it, so that many do not come at once. */
export class Backoff {
  readonly #firstMs: number
  readonly #maxMs: number
  #nextMs: number

  constructor(firstMs: number, maxMs: number) {
    this.#firstMs = firstMs
    this.#maxMs = maxMs
    this.#nextMs = firstMs
  }

  next(): number {
    const ms = this.#nextMs
    this.#nextMs = Math.min(ms * 2, this.#maxMs)
    return ms * (0.5 + Math.random() / 2)
  }

  reset(): void {
    this.#nextMs = this.#firstMs
  }
}
