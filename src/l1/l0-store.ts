/**
 * The decoded values of one isolate, under the indices the native L0 index gives.
 *
 * The native side alone knows which record a place stands for; here are only the values and a bound on
 * their encoded bytes. A place emptied here is refilled at its next read.
 */
export class L0Store {
  /** `undefined` = nothing is kept here. Read directly on the hot path. */
  readonly values: unknown[]
  /** 1 = read since the hand last passed. Written directly on the hot path. */
  readonly used: Uint8Array
  readonly #bytes: Float64Array
  readonly #maxBytes: number
  #usedBytes = 0
  #hand = 0

  constructor(capacity: number, maxBytes: number) {
    this.values = new Array(capacity).fill(undefined)
    this.used = new Uint8Array(capacity)
    this.#bytes = new Float64Array(capacity)
    this.#maxBytes = maxBytes
  }

  /** Keeps `value`, which was `bytes` long when encoded. Gives up others where the bound demands it: CLOCK. */
  keep(index: number, value: unknown, bytes: number): void {
    if (bytes > this.#maxBytes / 4) return this.drop(index)
    this.#usedBytes += bytes - (this.#bytes[index] ?? 0)
    this.#bytes[index] = bytes
    this.values[index] = value
    this.used[index] = 0
    while (this.#usedBytes > this.#maxBytes) {
      this.#hand = (this.#hand + 1) % this.values.length
      if (this.used[this.#hand] === 1) this.used[this.#hand] = 0
      else if (this.#hand !== index) this.drop(this.#hand)
    }
  }

  drop(index: number): void {
    this.#usedBytes -= this.#bytes[index] ?? 0
    this.#bytes[index] = 0
    this.values[index] = undefined
  }

  clear(): void {
    this.values.fill(undefined)
    this.#bytes.fill(0)
    this.#usedBytes = 0
  }
}
