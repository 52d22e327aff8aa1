/** Fills subjects and checks that they give back what they were given. */
import { deepStrictEqual } from 'node:assert/strict'
import type { AsyncSubject, Subject } from './subjects/subject'
import type { Dataset } from './workload'

const CHECKED = 500
const AT_ONCE = 500

/** Sets every entry; returns the key strings that were used, in the order of the ids. */
export function fill(subject: Subject, data: Dataset): string[] {
  const known = Array.from({ length: data.count }, (_, id) => data.keys.fresh(id))
  const sets = (): void => known.forEach((key, id) => subject.set(key, data.value(id)))
  if (subject.together === undefined) sets()
  else subject.together(sets)
  return known
}

export async function fillAwaited(subject: AsyncSubject, data: Dataset): Promise<void> {
  for (let id = 0; id < data.count; id += AT_ONCE) {
    const length = Math.min(AT_ONCE, data.count - id)
    await Promise.all(Array.from({ length }, (_, i) => subject.set(data.keys.fresh(id + i), data.value(id + i))))
  }
}

/** Throws if any of some hundred entries is missing or not equal to what was set. */
export async function check(get: (key: string) => unknown, data: Dataset): Promise<void> {
  const step = Math.max(1, Math.floor(data.count / CHECKED))
  for (let id = 0; id < data.count; id += step) {
    deepStrictEqual(await get(data.keys.fresh(id)), data.value(id), `${data.label}, ${data.keys.fresh(id)}`)
  }
  if ((await get('user:nobody')) !== undefined) throw new Error('a key nobody set has a value')
}

/**
 * Reads every entry once and then as the measurement will, until caches in front of caches (decoded
 * objects, for one) hold what they hold in the long run.
 */
export function warmUp({ get }: Subject, { count, keys }: Dataset, ids: Uint32Array): void {
  for (let id = 0; id < count; id++) get(keys.fresh(id))
  for (let i = 0; i < count; i++) get(keys.fresh(ids[i % ids.length]!))
}

export async function warmUpAwaited(get: (key: string) => Promise<unknown>, { keys }: Dataset, ids: Uint32Array, calls: number): Promise<void> {
  for (let i = 0; i < calls; i++) await get(keys.fresh(ids[i % ids.length]!))
}
