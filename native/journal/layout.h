// Everything that lies in the journal's file, drawn, with the asserts that make the drawings true.
//
//   header | lanes | filters | dead letters | rings
//
// A position is a count of bytes that rises for ever; its place in a ring is the position modulo the ring's size.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/atomic.h"
#include "shm/layout.h"

namespace strata {

inline constexpr uint32_t kJournalVersion = 7;
inline constexpr uint64_t kJournalMagic = 0x31304c4e524a5453u;  // "STJRNL01"
inline constexpr uint32_t kPartitions = 257;
inline constexpr uint32_t kMaxLanes = 4096;
inline constexpr uint32_t kFilterCounts = 2048;
inline constexpr uint32_t kMinLaneBytes = 4096;
inline constexpr uint64_t kMaxPosition = uint64_t{1} << 43;  // a mark has 40 bits for position / 8

// ---- Mark: names a record, as an exact JavaScript number. 0 names none: positions start at the ring's size ---------
struct Mark {
  uint64_t raw;
  static Mark Make(uint32_t lane, uint64_t position) { return {uint64_t{lane} << 40 | position >> 3}; }
  uint32_t lane() const { return static_cast<uint32_t>(raw >> 40); }
  uint64_t position() const { return (raw & ((uint64_t{1} << 40) - 1)) << 3; }
};

// ---- Record: 104-byte header, namespace, key, value; 8-byte aligned; never crosses the ring's end ------------------
//
//   0  u32 bytes         4  u32 state        8  op   9  codec  10  condition  11  wishes
//  12  u16 partition    14  u16 ns bytes    16  u16 key bytes  18 unused      20  u32 value bytes
//  24  u64 soft at      32  u64 hard at     40  u64 expected   48  u64 source version
//  56  u64 key hash     64  u64 host version                   72  u64 op number
//  80  u64 result version                   88  u32 ns epoch   92  u32 result
//  96  u32 check        100 u32 head check   104 namespace, key, value
//
// A codec with kCodecInFile says that the value lies in a file of its own, which the record's value names. Wishes:
// kWishReplica, its owner waits until a replica has it.
// Bytes 8 to 63 and the body never change once the record is published; `check` is a hash of them and the mark, the head
// check one without the body. A filler has only bytes and state, and takes what is left before the ring's end.
enum class RecordState : uint32_t {
  kNone = 0,
  kPrepared = 1,    // written; the table may or may not have it
  kCommitted = 2,   // the table had it at host_version; acknowledged, or about to be
  kCancelled = 3,   // by its owner, or as an orphan; never sent
  kSuperseded = 4,  // a later record of the key goes in its place
  kSettled = 5,     // answered: result and result_version hold
  kFiller = 6,
  kGivenUp = 7,     // by a leader that could not wait: its owner makes the write anew, or dies and leaves an orphan
};

enum class JournalOp : uint8_t { kSet = 1, kDelete = 2, kTouch = 3, kExpire = 4, kClear = 5 };

enum class JournalCondition : uint8_t { kAlways = 0, kAbsent = 1, kVersion = 2, kUnchanged = 3 };

enum class JournalResult : uint32_t {
  kNone = 0,
  kStored = 1,
  kLost = 2,        // its condition did not hold
  kOlder = 3,       // its source version was not newer
  kDuplicate = 4,   // answered before, under another leader
  kDead = 5,        // refused for good; a dead letter tells why
  kSuperseded = 6,  // never sent: replaced, cleared or cancelled
};
// Added to a result: the primary has it, or what went in its place, and fewer replicas than were wanted.
inline constexpr uint32_t kResultShort = 8;

struct JournalRecord {
  uint32_t bytes;
  Atomic<uint32_t> state;
  uint8_t op, codec, condition, wishes;
  uint16_t partition, ns_bytes, key_bytes, unused2;
  uint32_t value_bytes;
  uint64_t soft_at, hard_at;  // ms of the monotonic clock, 0 = never
  uint64_t expected, source_version;
  uint64_t key_hash;
  Atomic<uint64_t> host_version, op_number, result_version;
  Atomic<uint32_t> ns_epoch, result;
  uint32_t check, head_check;  // of everything that is written once, and of the part of it that is in the header
};
static_assert(sizeof(JournalRecord) == 104 && offsetof(JournalRecord, key_hash) == 56 &&
              offsetof(JournalRecord, host_version) == 64 && offsetof(JournalRecord, check) == 96);
inline constexpr uint8_t kCodecInFile = 0x80;
// Of a write that a clear of another life of the cache has ended; no table has it.
inline constexpr uint32_t kNoEpoch = ~0u;
inline constexpr uint8_t kWishReplica = 1;
inline constexpr size_t kCheckedFrom = offsetof(JournalRecord, op), kCheckedTo = offsetof(JournalRecord, host_version);

// ---- Lane: one line its owner writes, one the leader writes ---------------------------------------------------------
enum class LaneCounter : uint32_t { kPrepared, kCommitted, kCancelled, kRedone, kFull, kTooLarge, kCount };

struct Lane {
  alignas(kLine) Atomic<uint64_t> head;  // records end here
  Atomic<uint32_t> pid;                  // for people
  uint32_t unused;
  Atomic<uint64_t> counters[static_cast<size_t>(LaneCounter::kCount)];
  alignas(kLine) Atomic<uint64_t> acked;  // everything before is settled and may be overwritten
};
static_assert(sizeof(Lane) == 128);

// How many records of the lane have a key hash of this remainder; written by the owner alone, never too low.
struct LaneFilter {
  Atomic<uint16_t> counts[kFilterCounts];
};

// ---- Header ---------------------------------------------------------------------------------------------------------
struct JournalGeometry {
  uint64_t file_bytes;
  uint32_t lane_count;
  uint32_t lane_shift;  // a ring has 1 << lane_shift bytes
  uint64_t letter_bytes;
  uint64_t lanes_at, filters_at, letters_at, rings_at;
};

#define STRATA_JOURNAL_COUNTERS(X) \
  X(drained) X(coalesced) X(settled) X(resent) X(orphans) X(timed_out) X(dead_letters) X(letters_dropped) X(damaged) X(batches) X(terms)

enum class JournalCounter : uint32_t {
#define X(name) name,
  STRATA_JOURNAL_COUNTERS(X)
#undef X
  kCount
};

struct alignas(kPage) JournalHeader {
  Atomic<uint64_t> magic;  // SYNC(journal-ready): stored last by the creator
  uint64_t layout_fingerprint;
  JournalGeometry geometry;
  uint64_t host_id;
  uint64_t hash_seed;
  uint64_t boot_id_hash;
  uint64_t time_namespace;

  alignas(kLine) Atomic<uint32_t> append_wake;   // futex: the leader sleeps on it
  Atomic<uint32_t> leader_sleeps;                // 1: a commit has to wake the leader
  alignas(kLine) Atomic<uint32_t> settle_wake;   // futex: owners that wait for answers or room
  Atomic<uint32_t> settle_waiters;               // 1: somebody may wait
  alignas(kLine) Atomic<uint64_t> term;
  Atomic<uint32_t> leader_pid;
  Atomic<uint32_t> lanes_used;  // lanes from here on were never claimed
  Atomic<uint32_t> leader_thread;
  alignas(kLine) Atomic<uint32_t> link;
  Atomic<uint32_t> adoption;       // AdoptionStep
  Atomic<uint64_t> last_heard_ms;  // monotonic
  Atomic<int64_t> clock_offset_ms;
  Atomic<uint64_t> breaker;        // see breaker.h
  alignas(kLine) Atomic<uint64_t> letters_head, letters_tail;
  alignas(kLine) Atomic<uint64_t> counters[static_cast<size_t>(JournalCounter::kCount)];  // the leader's
  alignas(kLine) Atomic<uint64_t> next_op[kPartitions];  // the op number the next record of the partition gets
  Atomic<uint64_t> known_seq[kPartitions];               // where the feed stood, for the next leader
  Atomic<uint64_t> known_epoch[kPartitions];             // bits of a double
  Atomic<uint64_t> known_server[kPartitions];            // a number of the server that told, 0 = not known
};
static_assert(sizeof(JournalHeader) == 3 * kPage);

// Every field's place counts. What a value means does not show in it: then kJournalVersion has to rise. A part of the
// region's fingerprint too.
constexpr uint64_t JournalFingerprint() {
  using H = JournalHeader;
  using G = JournalGeometry;
  using R = JournalRecord;
  uint64_t hash = kJournalVersion;
  for (uint64_t value :
       {sizeof(H), offsetof(H, geometry), offsetof(H, host_id), offsetof(H, hash_seed), offsetof(H, boot_id_hash),
        offsetof(H, time_namespace), offsetof(H, append_wake), offsetof(H, leader_sleeps), offsetof(H, settle_wake),
        offsetof(H, settle_waiters), offsetof(H, term), offsetof(H, leader_pid), offsetof(H, lanes_used), offsetof(H, leader_thread),
        offsetof(H, link), offsetof(H, adoption),
        offsetof(H, last_heard_ms), offsetof(H, clock_offset_ms), offsetof(H, breaker), offsetof(H, letters_head),
        offsetof(H, letters_tail), offsetof(H, counters), offsetof(H, next_op), offsetof(H, known_seq), offsetof(H, known_epoch),
        offsetof(H, known_server),
        sizeof(G), offsetof(G, lane_count), offsetof(G, lane_shift), offsetof(G, letter_bytes), offsetof(G, lanes_at),
        offsetof(G, filters_at), offsetof(G, letters_at), offsetof(G, rings_at),
        sizeof(R), offsetof(R, state), offsetof(R, op), offsetof(R, codec), offsetof(R, condition), offsetof(R, partition),
        offsetof(R, ns_bytes), offsetof(R, key_bytes), offsetof(R, value_bytes), offsetof(R, soft_at), offsetof(R, hard_at),
        offsetof(R, expected), offsetof(R, source_version), offsetof(R, key_hash), offsetof(R, host_version), offsetof(R, op_number),
        offsetof(R, result_version), offsetof(R, ns_epoch), offsetof(R, result), offsetof(R, check), offsetof(R, head_check),
        sizeof(Lane), offsetof(Lane, acked), offsetof(Lane, counters), sizeof(LaneFilter), size_t{kPartitions},
        size_t{kFilterCounts}, size_t{kMaxKeyBytes}, static_cast<size_t>(JournalCounter::kCount),
        static_cast<size_t>(LaneCounter::kCount)}) {
    hash = FingerprintStep(hash, value);
  }
  return hash;
}

static_assert(static_cast<uint32_t>(JournalFingerprint()) == kJournalLayout, "kJournalLayout of shm/layout.h has to follow");

// File locks lie far behind the content.
inline constexpr uint64_t kLockLeader = uint64_t{1} << 40;
inline constexpr uint64_t kLockProbe = kLockLeader + 1;
inline constexpr uint64_t kLockAttached = kLockLeader + 2;  // shared by all who map the file
inline constexpr uint64_t kLockCandidates = kLockLeader + 16;
inline constexpr uint64_t kLockLanes = kLockLeader + 64;
inline constexpr uint32_t kCandidates = 3;

}  // namespace strata
