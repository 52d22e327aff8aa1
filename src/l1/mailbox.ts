/** Indices and codes of the mailbox, the array by which native calls take and give numbers. */
import { CacheError } from '../words/errors'

// What a read reports (Found in native/binding/mailbox.h).
export const MISS = 0
export const RETURNED = 1
export const IN_L0 = 2
export const IN_SCRATCH = 3
export const GROW = 4
export const RETURNED_KEEP = 5

// Flags of `entry` (ReadFlags in native/table/table.h).
export const STALE_TOO = 1
export const QUIET = 2
export const PAST_L0 = 0x100

// Indices (native/binding/mailbox.h).
export const STATUS = 0
export const L0_INDEX = 1
export const LENGTH = 2
export const CODEC = 3
export const IS_STALE = 4
export const FLAG = 5
export const IN_CODEC = 8
export const IN_CONDITION = 9
export const IN_FORCE = 10
export const IN_FLAGS = 11
export const IN_START = 12
export const VERSION = 16
export const SOFT_LEFT = 17
export const TOKEN = 18
export const IN_TTL = 20
export const IN_GRACE = 21
export const IN_EXPECTED = 22
export const IN_LEASE_MS = 23
export const IN_TOKEN = 24
export const MANY = 64
export const MANY_WORDS = 5
export const MANY_KEYS = 128
const INDICES = {
  kStatus: STATUS, kL0Index: L0_INDEX, kLength: LENGTH, kCodec: CODEC, kIsStale: IS_STALE, kFlag: FLAG,
  kInCodec: IN_CODEC, kInCondition: IN_CONDITION, kInForce: IN_FORCE, kInFlags: IN_FLAGS, kInStart: IN_START,
  kVersion: VERSION, kSoftLeft: SOFT_LEFT, kToken: TOKEN, kInTtl: IN_TTL, kInGrace: IN_GRACE,
  kInExpected: IN_EXPECTED, kInLeaseMs: IN_LEASE_MS, kInToken: IN_TOKEN,
  kMany: MANY, kManyWords: MANY_WORDS, kManyKeys: MANY_KEYS,
}

/** Throws ERR_CACHE_NATIVE_MISSING unless the addon means the same words (native/binding/mailbox.h) as this build. */
export function checkMailbox(ids: Readonly<Record<string, number>>): void {
  for (const [name, index] of Object.entries(INDICES)) {
    if (ids[name] !== index) {
      throw new CacheError('ERR_CACHE_NATIVE_MISSING', `the addon is of another build: mailbox index ${name} differs`)
    }
  }
}
