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

export function checkArray<T extends readonly unknown[]>(name: string, given: T): T {
  if (Array.isArray(given)) return given
  throw misuse('ERR_CACHE_ARGUMENT', name, 'an array', given)
}
