import { KeyList } from './key-list'
import { checkCapacity, type Policy } from './policy'

/**
 * SIEVE: one FIFO queue, one visited bit per key, and a hand that walks from the tail to the head. It clears visited
 * bits on its way and evicts the first key without one; survivors keep their place.
 *
 * Source: Y. Zhang, J. Yang, Y. Yue, Y. Vigfusson, K. V. Rashmi, "SIEVE is simpler than LRU", NSDI 2024, algorithm 1.
 */
export class Sieve implements Policy {
  readonly name = 'sieve'
  readonly #capacity: number
  readonly #queue: KeyList
  readonly #present: Uint8Array
  readonly #visited: Uint8Array
  #hand = KeyList.NONE

  constructor(capacity: number, keys: number) {
    checkCapacity(capacity)
    this.#capacity = capacity
    this.#queue = new KeyList(keys)
    this.#present = new Uint8Array(keys)
    this.#visited = new Uint8Array(keys)
  }

  access(key: number): boolean {
    if (this.#present[key] === 1) {
      this.#visited[key] = 1
      return true
    }
    if (this.#queue.size >= this.#capacity) this.#evict()
    this.#queue.pushHead(key)
    this.#present[key] = 1
    this.#visited[key] = 0
    return false
  }

  #evict(): void {
    let victim = this.#hand === KeyList.NONE ? this.#queue.tail : this.#hand
    while (this.#visited[victim] === 1) {
      this.#visited[victim] = 0
      const next = this.#queue.newer(victim)
      victim = next === KeyList.NONE ? this.#queue.tail : next
    }
    this.#hand = this.#queue.newer(victim)
    this.#queue.remove(victim)
    this.#present[victim] = 0
  }
}
