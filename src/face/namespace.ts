/** The keys of one namespace, and everything that can be done with them. */
import type { L1View } from '../l1/table'
import type { OptionsAt } from '../options/schema'
import { overTerms, readOptions, type Terms } from '../options/settings'
import type { MapOf, Untyped, ValuesOf } from './key-types'
import { checkNamespaceName, stampName } from '../words/keys'
import type { StandardSchema } from '../words/standard-schema'
import type { LoadContext } from './load-calls'
import { type MemoizedIn, memoized, type MemoizeOptions } from './memoize'
import type { Shared } from './shared'
import { Warming } from './warming'

export type NamespaceOptions = OptionsAt<'namespace'>

/** A function whose results are cached. */
export type Memoized<Args extends unknown[], Result> = MemoizedIn<Namespace<ValuesOf<Result>>, Args, Result>

export class Namespace<Map = Untyped> extends Warming<Map> {
  /** Made by `createCache` and `namespace`. */
  constructor(view: L1View, shared: Shared, terms: Terms, stamp: string | undefined) {
    super(stamp === undefined ? view : view.child(stampName(stamp)), shared, terms, view)
  }

  /**
   * The namespace of that name below this one. Its options stand over those of this one. `Value` is the type of all its
   * values, or with `Keys<{ … }>` those of the map; with `schema` it is what that makes of them.
   */
  namespace<Output>(name: string, options: NamespaceOptions & { schema: StandardSchema<Output> }): Namespace<ValuesOf<Output>>
  namespace<Value = never>(name: string, options?: NamespaceOptions): Namespace<MapOf<Value>>
  namespace(name: string, options?: NamespaceOptions): Namespace<any> {
    checkNamespaceName(name)
    const given = readOptions('namespace', options)
    const view = this.table.child(name)
    if (given.quota !== undefined) view.setQuota(given.quota)
    return new Namespace(view, this.shared, overTerms(this.terms, given), given.stamp)
  }

  /**
   * `fn` with its results in the namespace `name` below this one: one run per arguments and host, as with `getOrSet`. Options
   * are those of a namespace, and `key`. `this` in `fn` is the context of the load. Its errors reject; undefined is not stored.
   * Throws ERR_CACHE_OPTION.
   */
  memoize<Fn extends (this: LoadContext, ...args: any[]) => unknown>(
    name: string, fn: Fn, options?: MemoizeOptions<Parameters<Fn>>,
  ): Memoized<Parameters<Fn>, Awaited<ReturnType<Fn>>> {
    type Any = (this: LoadContext, ...args: unknown[]) => unknown
    const open = (below: string, given: NamespaceOptions): Namespace => this.namespace(below, given)
    return memoized(open, name, fn as Any, options as MemoizeOptions<unknown[]>) as MemoizedIn<any, any, any>
  }
}
