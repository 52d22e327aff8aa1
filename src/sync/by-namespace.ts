/** Of the namespaces of a batch. */
import type { L1Table } from '../l1/table'
import { viewAt } from './views'

/** What is read once for each namespace of a batch. */
export class ByNamespace {
  readonly #read: (namespace: string) => number
  readonly #values = new Map<string, number>()
  #last: string | undefined
  #lastValue = 0

  constructor(read: (namespace: string) => number) {
    this.#read = read
  }

  of(namespace: string): number {
    if (namespace === this.#last) return this.#lastValue
    let value = this.#values.get(namespace)
    if (value === undefined) this.#values.set(namespace, value = this.#read(namespace))
    this.#last = namespace
    return (this.#lastValue = value)
  }
}

/** Of the namespace alone, without those above it. */
export function ownFleetEpoch(table: L1Table, namespace: string): number {
  const sum = viewAt(table, namespace).fleetEpoch()
  if (namespace === '') return sum
  return (sum - viewAt(table, namespace.slice(0, Math.max(0, namespace.lastIndexOf('/')))).fleetEpoch()) >>> 0
}
