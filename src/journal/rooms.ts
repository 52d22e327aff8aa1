/**
 * Where the records of batches lie, used again and again: for megabytes that come and go outside its heap the engine collects
 * garbage many times a second, and the system clears each page anew.
 */

export interface Room {
  /** As long as was asked for. */
  readonly meta: Float64Array
  readonly body: Buffer
  readonly numbers: Float64Array
  readonly bytes: Buffer
}

const LEAST_BYTES = 64 * 1024
/** As many as are under way together. */
const KEPT = 3

export class Rooms {
  readonly #free: Pick<Room, 'numbers' | 'bytes'>[] = []

  take(numbers: number, bytes: number): Room {
    const found = this.#free.findIndex((room) => room.numbers.length >= numbers && room.bytes.length >= bytes)
    const [room = made(numbers, bytes)] = found < 0 ? [] : this.#free.splice(found, 1)
    return { ...room, meta: room.numbers.subarray(0, numbers), body: room.bytes.subarray(0, bytes) }
  }

  /** Nobody looks at its records after this turn of the event loop. */
  give({ numbers, bytes }: Room): void {
    this.#free.unshift({ numbers, bytes })
    this.#free.length = Math.min(this.#free.length, KEPT)
  }

  /** Nothing is to be done: one is enough for the next few records. */
  rest(): void {
    this.#free.length = Math.min(this.#free.length, 1)
  }
}

/** Larger than asked for: the next batch is of about the same size. */
function made(numbers: number, bytes: number): Pick<Room, 'numbers' | 'bytes'> {
  return { numbers: new Float64Array(Math.ceil(numbers * 1.25)), bytes: Buffer.allocUnsafeSlow(Math.max(LEAST_BYTES, Math.ceil(bytes * 1.25))) }
}
