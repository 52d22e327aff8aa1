/**
 * The decoded values of one isolate, under the indices the native L0 index gives.
 *
 * The native side alone knows which record a place stands for, and which to give up; here are only the values.
 */
import type { Notes } from '../wire/notes'
import { EVICTED, L0_PENDING } from './mailbox'

export class L0Store {
  /** Read directly on the hot path. */
  readonly values: unknown[]
  /** By the same index, of values that have any. Made with the first one. */
  #notes: (Notes | undefined)[] | undefined
  readonly #tags: Uint32Array
  readonly #words: Int32Array

  constructor(tags: Uint32Array, words: Int32Array) {
    this.values = new Array(tags.length).fill(undefined)
    this.#tags = tags
    this.#words = words
  }

  /** Stores the value for which the native side just took the place, and then says so: no read finds it before. */
  keep(index: number, value: unknown, notes?: Notes): void {
    this.values[index] = value
    if (notes !== undefined) this.#notes ??= new Array(this.values.length).fill(undefined)
    if (this.#notes !== undefined) this.#notes[index] = notes
    this.#tags[index]! &= ~L0_PENDING
  }

  /** Drops what the last native call gave up. Comes before `keep`: it may have given one of these places away again. */
  dropEvicted(): void {
    const words = this.#words
    for (let i = words[EVICTED]!; i > 0; i--) this.values[words[EVICTED + i]!] = undefined
    words[EVICTED] = 0
  }

  notesOf(index: number): Notes | undefined {
    return this.#notes?.[index]
  }

  clear(): void {
    this.#notes = undefined
    this.values.fill(undefined)
  }
}
