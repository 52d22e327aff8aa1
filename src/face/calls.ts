/** What every call of the face does with its arguments and its result. */
import { misuse } from '../words/errors'

/** The result of a synchronous step as a promise; what it throws becomes the rejection. */
export function attempt<T>(step: () => T | Promise<T>): Promise<T> {
  try {
    return Promise.resolve(step())
  } catch (error) {
    return Promise.reject(error)
  }
}

export interface ManyOptions {
  /** Resolves to what became of each, and does not reject because of one. */
  settled?: boolean | undefined
}

/** The results in order, when all have ended; the first failure rejects, or with `settled` stands in its place. */
export async function each<In, Out>(items: readonly In[], step: (item: In) => Out | Promise<Out>, { settled = false }: ManyOptions = {}): Promise<unknown[]> {
  checkSettled(settled)
  const outcomes = await Promise.allSettled(items.map((item) => attempt(() => step(item))))
  if (settled) return outcomes
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  })
}

export function checkSettled(given: unknown): void {
  if (typeof given !== 'boolean') throw misuse('ERR_CACHE_ARGUMENT', 'settled', 'true or false', given)
}

export function checkArray<T extends readonly unknown[]>(name: string, given: T): T {
  if (Array.isArray(given)) return given
  throw misuse('ERR_CACHE_ARGUMENT', name, 'an array', given)
}
