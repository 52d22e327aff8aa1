/** Clears of tags in the shared table. */
import type { SharedIsolate } from './shared-isolate'
import type { TableTags, TagClear, TagState } from './table'

/** By the numbers of TagState in native/table/types.h. */
const STATES = ['current', 'expired', 'gone'] as const

export class SharedTags implements TableTags {
  readonly #shared: SharedIsolate

  constructor(shared: SharedIsolate) {
    this.#shared = shared
  }

  clock(): number {
    return this.#shared.native.tagClock()
  }

  clear(slot: number, kind: TagClear): void {
    this.#shared.native.clearTag(slot, numberOf(kind))
    this.#shared.copies?.tagCleared(slot)
  }

  since(slots: Uint16Array, clock: number): TagState {
    return STATES[this.#shared.native.tagsSince(slots, clock)]!
  }

  noteFleetClear(slot: number, kind: TagClear, sequence: number): boolean {
    return this.#shared.native.noteFleetClear(slot, numberOf(kind), sequence)
  }

  fleetSince(slots: Uint16Array, sequence: number): TagState {
    return STATES[this.#shared.native.fleetTagsSince(slots, sequence)]!
  }
}

function numberOf(kind: TagClear): number {
  return kind === 'delete' ? 0 : 1
}
