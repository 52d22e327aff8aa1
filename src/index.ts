export { Cache, type CacheInfo, type CacheOptions, createCache } from './cache'
export type { CacheEntry } from './entry'
export {
  type Factory,
  type GetOrSetCall,
  type GetOrSetOptions,
  type LoadContext,
  Namespace,
  type NamespaceOptions,
  type SetItem,
  type SetOptions,
  type TouchOptions,
} from './namespace'
export type { FarInfo } from './far'
export type { DeadLetter } from './journal/contract'
export type { L2Options, RedisOption } from './l2-options'
export type { L0Options, Logger } from './option-parsers'
export type { CoordinatorOption, Durability, ReconnectPolicy, WriteMode } from './options'
export type { CacheStats } from './stats'
export type { AdaptiveTtlOption, RefreshAheadOption, SlidingOption } from './freshness-options'
export type { SingleFlight } from './sync/load-terms'
export type { LoadReason } from './sync/loader-context'
export type { Duration } from './words/duration'
export { CacheError, type CacheErrorCode, ERROR_CODES } from './words/errors'
export type { Size } from './words/size'
