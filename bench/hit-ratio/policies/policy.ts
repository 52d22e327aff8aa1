/**
 * A replacement policy under replay. Keys are dense ids, `0 <= key < keys` of the trace, so that a policy can index
 * typed arrays by key. `access` returns whether the key was present; a missing key is inserted before it returns.
 */
export interface Policy {
  readonly name: string
  access(key: number): boolean
}

export function checkCapacity(capacity: number): void {
  if (!Number.isInteger(capacity) || capacity < 2) throw new RangeError(`capacity must be an integer of at least 2, got ${capacity}`)
}
