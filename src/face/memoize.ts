/** Functions whose results are cached: `memoize`. */
import type { OptionsAt } from '../options/schema'
import { misuse } from '../words/errors'
import { keyOfArguments } from './argument-key'
import type { Untyped } from './key-types'
import type { LoadContext } from './load-calls'
import type { Loads } from './loads'

export interface MemoizeOptions<Args extends unknown[]> extends OptionsAt<'namespace'> {
  /** The key of a call. Default: its arguments as text, as far as they are data. */
  key?: ((...args: Args) => string) | undefined
}

/** The function, cached. */
export interface MemoizedIn<Space, Args extends unknown[], Result> {
  (...args: Args): Promise<Result>
  /** Forgets the result of this call. True if there was one. */
  delete(...args: Args): Promise<boolean>
  /** The key of this call in `namespace`. */
  keyOf(...args: Args): string
  /** Where the results are. `clear` forgets all of them. */
  readonly namespace: Space
}

type Maker<Space> = (name: string, options: OptionsAt<'namespace'>) => Space

export function memoized<Space extends Loads<Untyped>>(
  open: Maker<Space>, name: string, fn: (this: LoadContext, ...args: unknown[]) => unknown, { key = (...args) => keyOfArguments(args), ...options }: MemoizeOptions<unknown[]> = {},
): MemoizedIn<Space, unknown[], unknown> {
  if (typeof fn !== 'function') throw misuse('ERR_CACHE_ARGUMENT', 'fn', 'a function', fn)
  if (typeof key !== 'function') throw misuse('ERR_CACHE_OPTION', 'key', 'a function', key)
  const namespace = open(name, options)
  // Where the key function throws it is a rejection, as of every method that returns a promise.
  const call = async (...args: unknown[]): Promise<unknown> =>
    namespace.getOrSet(key(...args), (context: LoadContext) => fn.apply(context, args))
  const memo = Object.assign(call, { delete: async (...args: unknown[]) => namespace.delete(key(...args)), keyOf: key, namespace })
  Object.defineProperty(memo, 'name', { value: fn.name === '' ? name : fn.name, configurable: true })
  return memo
}
