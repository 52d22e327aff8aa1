import { KeyList } from './key-list'
import { checkCapacity, type Policy } from './policy'

export interface S3FifoOptions {
  /** Share of the capacity given to the small queue. Default 0.1. */
  smallShare?: number
  /**
   * Hits in the small queue that promote a key to main. Default 2, the publication's "more than one"
   * 1 is as common in practice and better on some traces, so that comparisons should run both.
   */
  promoteAt?: number
}

const ABSENT = 0
const SMALL = 1
const MAIN = 2
const MAX_FREQUENCY = 3

/**
 * S3-FIFO, exact: a small FIFO for new keys, a main FIFO with re-insertion, and a ghost FIFO (as many keys as main)
 * of keys evicted from small, whose return puts them directly into main. Hits only raise a counter of at most 3.
 *
 * Source: J. Yang, Y. Zhang, Z. Qiu, Y. Yue, K. V. Rashmi, "FIFO queues are all you need for cache eviction",
 * SOSP 2023, algorithm 1.
 */
export class S3Fifo implements Policy {
  readonly name: string
  readonly #capacity: number
  readonly #smallCapacity: number
  readonly #mainCapacity: number
  readonly #promoteAt: number
  readonly #small: KeyList
  readonly #main: KeyList
  readonly #ghost: KeyList
  readonly #where: Uint8Array
  readonly #inGhost: Uint8Array
  readonly #frequency: Uint8Array

  constructor(capacity: number, keys: number, options: S3FifoOptions = {}) {
    checkCapacity(capacity)
    this.#capacity = capacity
    this.#promoteAt = options.promoteAt ?? 2
    this.#smallCapacity = Math.max(1, Math.floor(capacity * (options.smallShare ?? 0.1)))
    this.#mainCapacity = capacity - this.#smallCapacity
    this.name = `s3-fifo(promote at ${this.#promoteAt})`
    this.#small = new KeyList(keys)
    this.#main = new KeyList(keys)
    this.#ghost = new KeyList(keys)
    this.#where = new Uint8Array(keys)
    this.#inGhost = new Uint8Array(keys)
    this.#frequency = new Uint8Array(keys)
  }

  access(key: number): boolean {
    if (this.#where[key] !== ABSENT) {
      if (this.#frequency[key]! < MAX_FREQUENCY) this.#frequency[key]!++
      return true
    }
    while (this.#small.size + this.#main.size >= this.#capacity) this.#evict()
    if (this.#inGhost[key] === 1) {
      this.#ghost.remove(key)
      this.#inGhost[key] = 0
      this.#main.pushHead(key)
      this.#where[key] = MAIN
    } else {
      this.#small.pushHead(key)
      this.#where[key] = SMALL
    }
    this.#frequency[key] = 0
    return false
  }

  #evict(): void {
    if (this.#small.size > this.#smallCapacity || this.#main.size === 0) this.#evictSmall()
    else this.#evictMain()
  }

  #evictSmall(): void {
    while (this.#small.size > 0) {
      const key = this.#small.popTail()
      if (this.#frequency[key]! < this.#promoteAt) {
        this.#where[key] = ABSENT
        this.#remember(key)
        return
      }
      this.#main.pushHead(key)
      this.#where[key] = MAIN
      this.#frequency[key] = 0
      if (this.#main.size > this.#mainCapacity) {
        this.#evictMain()
        return
      }
    }
  }

  #evictMain(): void {
    for (;;) {
      const key = this.#main.popTail()
      if (this.#frequency[key] === 0) {
        this.#where[key] = ABSENT
        return
      }
      this.#frequency[key]!--
      this.#main.pushHead(key)
    }
  }

  #remember(key: number): void {
    if (this.#ghost.size >= this.#mainCapacity) this.#inGhost[this.#ghost.popTail()] = 0
    this.#ghost.pushHead(key)
    this.#inGhost[key] = 1
  }
}
