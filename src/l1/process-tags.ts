/** Clears of tags in a process table. */
import type { TableTags, TagClear, TagState } from './table'

interface Slot {
  delete: number
  expire: number
}

export class ProcessTags implements TableTags {
  readonly #cleared = new Map<number, Slot>()
  readonly #fleet = new Map<number, Slot>()
  readonly #checkOpen: () => void
  /** Above that of every table before it, as in the shared table. */
  #clock = Date.now() * 1000

  constructor(checkOpen: () => void) {
    this.#checkOpen = checkOpen
  }

  clock(): number {
    this.#checkOpen()
    return this.#clock
  }

  clear(slot: number, kind: TagClear): void {
    this.#checkOpen()
    raise(this.#cleared, slot, kind, ++this.#clock)
  }

  since(slots: Uint16Array, clock: number): TagState {
    return judge(this.#cleared, slots, clock)
  }

  noteFleetClear(slot: number, kind: TagClear, sequence: number): boolean {
    this.#checkOpen()
    return raise(this.#fleet, slot, kind, sequence)
  }

  fleetSince(slots: Uint16Array, sequence: number): TagState {
    this.#checkOpen()
    return judge(this.#fleet, slots, sequence)
  }

  resetFleet(): void {
    this.#fleet.clear()
  }
}

/** Whether that was above what there was. */
function raise(words: Map<number, Slot>, slot: number, kind: TagClear, value: number): boolean {
  let word = words.get(slot)
  if (word === undefined) words.set(slot, (word = { delete: 0, expire: 0 }))
  const isHigher = word[kind] < value
  if (isHigher) word[kind] = value
  return isHigher
}

function judge(words: ReadonlyMap<number, Slot>, slots: Uint16Array, since: number): TagState {
  let state: TagState = 'current'
  for (const slot of slots) {
    const word = words.get(slot)
    if (word === undefined) continue
    if (word.delete > since) return 'gone'
    if (word.expire > since) state = 'expired'
  }
  return state
}
