// The mailbox: one small ArrayBuffer by which a call takes and gives numbers without making JavaScript values.
//
// JavaScript writes inputs before a call and reads outputs after it; both sides know the same indices (the addon
// exports them). 32-bit words first, doubles behind.
#pragma once

#include <cstdint>

namespace strata {

#define STRATA_MAILBOX_WORDS(X) \
  X(kStatus, 0) X(kL0Index, 1) X(kLength, 2) X(kCodec, 3) X(kIsStale, 4) X(kFlag, 5) X(kInCodec, 8) X(kInCondition, 9) X(kInForce, 10) X(kInFlags, 11) X(kInStart, 12)

#define STRATA_MAILBOX_NUMBERS(X) \
  X(kVersion, 16) X(kSoftLeft, 17) X(kToken, 18) X(kInTtl, 20) X(kInGrace, 21) X(kInExpected, 22) X(kInLeaseMs, 23) X(kInToken, 24)

namespace mailbox {
#define X(name, index) inline constexpr int name = index;
STRATA_MAILBOX_WORDS(X)
STRATA_MAILBOX_NUMBERS(X)
#undef X
// Behind the numbers: per key of a getMany chunk {found, L0 index, length, codec, offset in the scratch buffer}.
inline constexpr int kMany = 64;
inline constexpr int kManyWords = 5;
inline constexpr int kManyKeys = 128;
inline constexpr int kBytes = (kMany + kManyWords * kManyKeys) * 4;
}  // namespace mailbox

// What a read found, in kStatus. Negative: the key is refused, or the table is closed.
enum class Found : int32_t {
  kMiss = 0,
  kReturned = 1,  // the call's return value is the value
  kL0 = 2,        // the decoded value is at kL0Index of the isolate's L0
  kScratch = 3,   // kLength bytes of kCodec lie in the scratch buffer; kL0Index is where to keep the decoded value
  kGrow = 4,      // the scratch buffer must hold kLength bytes; then call again
  kReturnedKeep = 5,  // as kReturned, and L0 keeps the value at kL0Index
  kBadKey = -1,
  kClosed = -2,
};

// How a value's bytes are to be understood. Stored in the record; numbers never change their meaning.
enum class Codec : uint8_t { kLatin1 = 0, kUtf8 = 1, kUtf16 = 2, kBytes = 3, kMsgpack = 4 };

}  // namespace strata
