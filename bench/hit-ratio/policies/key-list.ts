/** Doubly linked list of dense keys; a key is in the list at most once. New keys enter at the head, the tail is the oldest. */
export class KeyList {
  static readonly NONE = -1

  size = 0
  head = KeyList.NONE
  tail = KeyList.NONE
  readonly #toTail: Int32Array
  readonly #toHead: Int32Array

  constructor(keys: number) {
    this.#toTail = new Int32Array(keys)
    this.#toHead = new Int32Array(keys)
  }

  pushHead(key: number): void {
    this.#toTail[key] = this.head
    this.#toHead[key] = KeyList.NONE
    if (this.head === KeyList.NONE) this.tail = key
    else this.#toHead[this.head] = key
    this.head = key
    this.size++
  }

  remove(key: number): void {
    const older = this.#toTail[key]!
    const newer = this.#toHead[key]!
    if (newer === KeyList.NONE) this.head = older
    else this.#toTail[newer] = older
    if (older === KeyList.NONE) this.tail = newer
    else this.#toHead[older] = newer
    this.size--
  }

  /** Removes and returns the tail. The list must not be empty. */
  popTail(): number {
    const key = this.tail
    this.remove(key)
    return key
  }

  moveToHead(key: number): void {
    this.remove(key)
    this.pushHead(key)
  }

  /** The neighbour of `key` on the side of the head, or NONE. */
  newer(key: number): number {
    return this.#toHead[key]!
  }
}
