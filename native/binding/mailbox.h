// The mailbox: one small ArrayBuffer by which a call takes and gives numbers without making JavaScript values.
//
// JavaScript writes inputs before a call and reads outputs after it; both sides know the same indices (the addon
// exports them). 32-bit words first, doubles behind.
#pragma once

#include <cstdint>

namespace strata {

#define STRATA_MAILBOX_WORDS(X) \
  X(kStatus, 0) X(kL0Index, 1) X(kLength, 2) X(kCodec, 3) X(kIsStale, 4) X(kFlag, 5) X(kFleet, 6) X(kInCodec, 8) X(kInCondition, 9) X(kInForce, 10) X(kInFlags, 11) X(kInCount, 12) X(kInFleet, 13) X(kInTags, 14)

#define STRATA_MAILBOX_NUMBERS(X) \
  X(kVersion, 16) X(kSoftLeft, 17) X(kToken, 18) X(kFleetWord, 19) X(kInTtl, 20) X(kInGrace, 21) X(kInExpected, 22) X(kInLeaseMs, 23) X(kInToken, 24) \
  X(kInFleetWord, 25) X(kInDoubt, 26) X(kInMark, 27) X(kHardLeft, 28) X(kTagClock, 29) X(kInTagClock, 30) X(kAge, 31) X(kInAged, 15) X(kClears, 14)

namespace mailbox {
#define X(name, index) inline constexpr int name = index;
STRATA_MAILBOX_WORDS(X)
STRATA_MAILBOX_NUMBERS(X)
#undef X
// Behind the numbers: of a write the slots of its kInTags tags; per key of a getMany chunk its length, and after the call {found, L0 index, length, codec, offset in the scratch buffer}.
inline constexpr int kMany = 64;
inline constexpr int kManyWords = 5;
inline constexpr int kManyKeys = 128;
// Behind those: how many values of L0 JavaScript must drop, then their places. JavaScript sets the number to 0.
inline constexpr int kEvicted = kMany + kManyWords * kManyKeys;
inline constexpr int kMaxEvicted = 255;
inline constexpr int kBytes = (kEvicted + 1 + kMaxEvicted) * 4;
}  // namespace mailbox

// In a tag of L0: the value is not stored yet. JavaScript clears it.
inline constexpr uint32_t kL0Pending = 2;

// What a read found, in kStatus. Negative: the key is refused, or the table is closed.
enum class Found : int32_t {
  kMiss = 0,
  kReturned = 1,  // the call's return value is the value
  kL0 = 2,        // the decoded value is at kL0Index of the isolate's L0
  kScratch = 3,   // kLength bytes of kCodec lie in the scratch buffer; kL0Index is where to keep the decoded value
  kGrow = 4,      // the scratch buffer must hold kLength bytes; then call again
  kReturnedKeep = 5,  // as kReturned, and L0 keeps the value at kL0Index unless that is -1; kEvicted must be looked at
  kBadKey = -1,
  kClosed = -2,
};

// What kFleet says of an entry's fleet block; kFleetWord is its version, or its mark if it is pending.
inline constexpr int32_t kHasFleet = 1, kFleetDoubtful = 2, kFleetPending = 4;

// What kInFleet says of the fleet block to write: none, or what kInFleetWord is.
enum class FleetInput : int32_t { kNone = 0, kVersion = 1, kMark = 2 };

// How a value's bytes are to be understood. Stored in the record; numbers never change their meaning.
enum class Codec : uint8_t { kLatin1 = 0, kUtf8 = 1, kUtf16 = 2, kBytes = 3, kMsgpack = 4, kNoted = 6, kZstd = 8, kGzip = 10, kTagged = 11 };

}  // namespace strata
