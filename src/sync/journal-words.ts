/** What records of the journal say: operations, conditions, and the order of a key's records on the host. */
import { CLEAR, DELETE, EXPIRE, SET } from '../journal/contract'

export { CLEAR, DELETE, EXPIRE, SET }

export const ALWAYS = 0 as const
export const IF_ABSENT = 1 as const
export const IF_VERSION = 2 as const
/** A loaded value: only if Redis still has what it had when the load began. */
export const FILL = 3 as const

/** Where an operation stands among those of its key: by the version that the table gave the set or the removal. */
export function hostOrder(hostVersion: number, op: number): number {
  return hostVersion * 2 + (op === DELETE ? 1 : 0)
}

/** The table version of a set's place in the order. */
export function versionOf(order: number): number {
  return Math.floor(order / 2)
}
