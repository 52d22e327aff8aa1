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
export const DOUBT_TOO = 4
export const PAST_L0 = 0x100
export const NO_PLACE = 0x200

// What FLEET says of an entry (kHasFleet and its neighbours in native/binding/mailbox.h), and IN_FLEET of a value.
export const FLEET_DOUBTFUL = 2
export const FLEET_PENDING = 4
export const FLEET_BY_VERSION = 1
export const FLEET_BY_MARK = 2

// Indices (native/binding/mailbox.h).
export const STATUS = 0
export const L0_INDEX = 1
export const LENGTH = 2
export const CODEC = 3
export const IS_STALE = 4
export const FLAG = 5
export const FLEET = 6
export const IN_CODEC = 8
export const IN_CONDITION = 9
export const IN_FORCE = 10
export const IN_FLAGS = 11
export const IN_COUNT = 12
export const IN_FLEET = 13
export const IN_TAGS = 14
export const VERSION = 16
export const SOFT_LEFT = 17
export const HARD_LEFT = 28
export const CLEARS = 14
export const TAG_CLOCK = 29
export const IN_TAG_CLOCK = 30
export const AGE = 31
export const IN_AGED = 15
export const TOKEN = 18
export const FLEET_WORD = 19
export const IN_TTL = 20
export const IN_GRACE = 21
export const IN_EXPECTED = 22
export const IN_LEASE_MS = 23
export const IN_TOKEN = 24
export const IN_FLEET_WORD = 25
export const IN_DOUBT = 26
export const IN_MARK = 27
export const MANY = 64
export const MANY_WORDS = 5
export const MANY_KEYS = 128
export const EVICTED = MANY + MANY_WORDS * MANY_KEYS

/** In IN_CODEC: the value says that there is none (kNegativeFlag in native/shm/layout.h). */
export const NEGATIVE = 0x40
/** In place of a codec: a string that was not looked at. */
export const ANY_TEXT = -1

/** In a tag of L0: the value is not stored yet. */
export const L0_PENDING = 2

const INDICES = {
  kStatus: STATUS, kL0Index: L0_INDEX, kLength: LENGTH, kCodec: CODEC, kIsStale: IS_STALE, kFlag: FLAG, kFleet: FLEET,
  kInCodec: IN_CODEC, kInCondition: IN_CONDITION, kInForce: IN_FORCE, kInFlags: IN_FLAGS, kInCount: IN_COUNT, kInFleet: IN_FLEET,
  kVersion: VERSION, kSoftLeft: SOFT_LEFT, kHardLeft: HARD_LEFT, kToken: TOKEN, kFleetWord: FLEET_WORD, kInTtl: IN_TTL, kInGrace: IN_GRACE,
  kInExpected: IN_EXPECTED, kInLeaseMs: IN_LEASE_MS, kInToken: IN_TOKEN, kInFleetWord: IN_FLEET_WORD,
  kInDoubt: IN_DOUBT, kInMark: IN_MARK, kInTags: IN_TAGS, kTagClock: TAG_CLOCK, kInTagClock: IN_TAG_CLOCK, kClears: CLEARS, kAge: AGE, kInAged: IN_AGED,
  kMany: MANY, kManyWords: MANY_WORDS, kManyKeys: MANY_KEYS, kEvicted: EVICTED, kL0Pending: L0_PENDING,
}

/** Throws ERR_CACHE_NATIVE_MISSING unless the addon means the same words (native/binding/mailbox.h) as this build. */
export function checkMailbox(ids: Readonly<Record<string, number>>): void {
  for (const [name, index] of Object.entries(INDICES)) {
    if (ids[name] !== index) {
      throw new CacheError('ERR_CACHE_NATIVE_MISSING', `the addon is of another build: mailbox index ${name} differs`)
    }
  }
}
