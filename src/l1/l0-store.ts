/**
 * The decoded values of one isolate, under the indices the native L0 index gives.
 *
 * The native side alone knows which record a place stands for, and which to give up; here are only the values.
 */
import type { About } from '../wire/about'
import type { Places } from './admitting-view'
import { EVICTED, IN_L0, IN_SCRATCH, L0_INDEX, L0_PENDING, RETURNED_KEEP, STATUS } from './mailbox'
import type { Admission } from './table'

export class L0Store implements Places {
  /** Read directly on the hot path. */
  readonly values: unknown[]
  /** By the same index, of values that have any. Made with the first one. */
  #about: (About | undefined)[] | undefined
  /** By the same index, of values that were admitted. Made with the first one. */
  #admittedBy: (Admission | undefined)[] | undefined
  readonly #tags: Uint32Array
  readonly #words: Int32Array

  constructor(tags: Uint32Array, words: Int32Array) {
    this.values = new Array(tags.length).fill(undefined)
    this.#tags = tags
    this.#words = words
  }

  /** Stores the value for which the native side just took the place, and then says so: no read finds it before. */
  keep(index: number, value: unknown, about?: About): void {
    this.values[index] = value
    if (about !== undefined) this.#about ??= new Array(this.values.length).fill(undefined)
    if (this.#about !== undefined) this.#about[index] = about
    if (this.#admittedBy !== undefined) this.#admittedBy[index] = undefined
    this.#tags[index]! &= ~L0_PENDING
  }

  /** Drops what the last native call gave up. Comes before `keep`: it may have given one of these places away again. */
  dropEvicted(): void {
    const words = this.#words
    for (let i = words[EVICTED]!; i > 0; i--) this.values[words[EVICTED + i]!] = undefined
    words[EVICTED] = 0
  }

  aboutOf(index: number): About | undefined {
    return this.#about?.[index]
  }

  /** Of the value that the last call of `get` or `entry` gave. */
  placeOf(value: unknown): number {
    const found = this.#words[STATUS]
    if (found !== IN_L0 && found !== IN_SCRATCH && found !== RETURNED_KEEP) return -1
    const index = this.#words[L0_INDEX]!
    return index >= 0 && this.values[index] === value ? index : -1
  }

  admittedBy(index: number): Admission | undefined {
    return this.#admittedBy?.[index]
  }

  admit(index: number, before: unknown, value: unknown, by: Admission): void {
    if (this.values[index] !== before) return
    this.#admittedBy ??= new Array(this.values.length).fill(undefined)
    this.#admittedBy[index] = by
    this.values[index] = value
  }

  clear(): void {
    this.#about = undefined
    this.#admittedBy = undefined
    this.values.fill(undefined)
  }
}
