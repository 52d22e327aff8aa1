import { KeyList } from './key-list'
import { checkCapacity, type Policy } from './policy'

/**
 * Least recently used: every hit moves the key to the head, the tail is evicted.
 *
 * Source: P. J. Denning, "The working set model for program behavior", CACM 11(5), 1968, and folklore.
 */
export class Lru implements Policy {
  readonly name = 'lru'
  readonly #capacity: number
  readonly #queue: KeyList
  readonly #present: Uint8Array

  constructor(capacity: number, keys: number) {
    checkCapacity(capacity)
    this.#capacity = capacity
    this.#queue = new KeyList(keys)
    this.#present = new Uint8Array(keys)
  }

  access(key: number): boolean {
    if (this.#present[key] === 1) {
      this.#queue.moveToHead(key)
      return true
    }
    if (this.#queue.size >= this.#capacity) this.#present[this.#queue.popTail()] = 0
    this.#queue.pushHead(key)
    this.#present[key] = 1
    return false
  }
}
