/** The calls that load: what they are given, and what their factories are told and give. */
import type { OptionsAt } from '../options/schema'
import type { GroupContext } from '../sync/group-context'
import type { LoadContext as AnyLoadContext } from '../sync/loader-context'

export type GetOrSetOptions = OptionsAt<'getOrSet'>

export interface LoadContext extends AnyLoadContext {
  setOptions(options: GetOrSetOptions): void
}

/** Computes the value of a key. `null` is a value; `undefined` is returned and not stored. */
export type Factory<T> = (context: LoadContext) => T | Promise<T>

export interface GetOrSetCall<T, Key extends string = string> extends GetOrSetOptions {
  key: Key
  factory: Factory<T>
  batch?: false | undefined
}

/** What a factory of many keys gives: an Error is the failure of its key alone, what is missing or undefined is not stored. */
export type ManyValues<T> =
  | ReadonlyMap<string, T | Error | undefined>
  | readonly (T | Error | undefined | Promise<T | Error | undefined>)[]
  | Readonly<Record<string, T | Error | undefined>>

export interface ManyContext extends GroupContext {
  of(key: string): LoadContext
  setOptions(options: GetOrSetOptions): void
}

/** Computes the values of many keys: as a Map, as an object, or as an array in the order of the keys. */
export type ManyFactory<T> = (keys: string[], context: ManyContext) => ManyValues<T> | Promise<ManyValues<T>>

export interface GetOrSetManyCall<T, Key extends string = string> extends GetOrSetOptions {
  keys: readonly Key[]
  factory: ManyFactory<T>
  /** Resolves to one `{ status, value }` or `{ status, reason }` per key, and does not reject because a load failed. */
  settled?: boolean | undefined
}

export type BatchOptions = OptionsAt<'batch'>

/** A load of one key together with others that are asked for at the same moment with the same factory. */
export interface BatchedCall<T, Key extends string = string> extends GetOrSetOptions {
  key: Key
  factory: ManyFactory<T>
  batch: true | BatchOptions
}

/** Reads single keys, and loads those of one moment at once. */
export interface Batcher<T, Key extends string = string> {
  get(key: Key): Promise<T | undefined>
  /** In the order of the keys. */
  getMany(keys: readonly Key[]): Promise<(T | undefined)[]>
}
