/** The keys of a fleet of test processes, by number, and the values that say who wrote them. */

/** Writers have places that outlive their processes. */
export const PLACES = 5
const OWN = 48
const SHARED = 16
export const HOSTS = 2

/**
 * `own`: one place writes it, with rising counters. `host`: all writers of one host, `fleet`: all writers.
 */
export type Owner = { by: 'own'; place: number } | { by: 'host'; host: number } | { by: 'fleet' }

export interface FleetKey {
  name: string
  owner: Owner
  /** How it is written. */
  mode: 'behind' | 'through'
}

export const KEYS: readonly FleetKey[] = [
  ...numbers(PLACES).flatMap((place) => numbers(OWN).map((i): FleetKey => ({ name: `own:${place}:${i}`, owner: { by: 'own', place }, mode: i % 6 === 0 ? 'through' : 'behind' }))),
  ...numbers(HOSTS).flatMap((host) => numbers(SHARED).map((i): FleetKey => ({ name: `host:${host}:${i}`, owner: { by: 'host', host }, mode: 'behind' }))),
  ...numbers(SHARED).map((i): FleetKey => ({ name: `fleet:${i}`, owner: { by: 'fleet' }, mode: i % 2 === 0 ? 'through' : 'behind' })),
]

export interface Origin {
  place: number
  /** Of the place, over all its processes. */
  counter: number
}

/** Text that only this write has; its length varies. */
export function valueOf({ place, counter }: Origin): string {
  return `${place}.${counter}.${'x'.repeat((counter * 7) % 200)}`
}

/** Undefined for what no writer wrote. */
export function originOf(value: unknown): Origin | undefined {
  const [, place, counter] = typeof value === 'string' ? /^(\d+)\.(\d+)\./.exec(value) ?? [] : []
  const origin = { place: Number(place), counter: Number(counter) }
  return value === valueOf(origin) ? origin : undefined
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}
