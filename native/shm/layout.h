// Everything that lies in the region, drawn, with the asserts that make the drawings true.
//
//   header | generations | thread slots | thread stats | segments | namespaces | names | interest |
//   tags | quotas | holds | buckets | ghost | data
//
// All references are offsets or indices. LayoutFingerprint() changes with any size or constant below, is
// part of the file's name, and is checked before a byte is trusted: builds that differ never meet.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/atomic.h"

namespace strata {

inline constexpr uint32_t kLayoutVersion = 7;
inline constexpr uint64_t kRegionMagic = 0x31304154415254'53u;  // "STRATA01"
inline constexpr size_t kPage = 4096;
inline constexpr size_t kLine = 64;

inline constexpr uint32_t kSlotsPerBucket = 13;
inline constexpr uint32_t kMaxKeyBytes = 1024;
inline constexpr uint32_t kMaxValueBytes = 16u << 20;
inline constexpr uint32_t kMaxNamespaces = 1024;
inline constexpr uint32_t kMaxNamespaceDepth = 8;
inline constexpr uint32_t kMaxNamespaceBytes = 128;
inline constexpr uint32_t kNamePoolBytes = 64u << 10;
inline constexpr uint32_t kMaxThreadSlots = 1024;
inline constexpr uint32_t kMaxTags = 128;          // of one record
inline constexpr uint32_t kMaxTagSlots = 1u << 16;  // what L2 and records count in; a small region has fewer and folds them
inline constexpr uint32_t kInterestStamps = 256;
inline constexpr uint32_t kMaxQuotas = 256;  // the first is that of negative entries
inline constexpr uint32_t kMaxHolds = 64u << 10;
inline constexpr uint32_t kDiskNone = 0, kDiskWhole = 1, kDiskPartly = 2;  // whole: whoever keeps copies was told of every change
inline constexpr uint32_t kFrequencyMax = 3;
inline constexpr uint32_t kRecordAlign = 8;
inline constexpr uint32_t kMinSegmentBytes = 64u << 10;
inline constexpr uint32_t kMaxSegmentBytes = 1u << 20;
inline constexpr uint64_t kNever = 0;  // expiry field: no expiry

// ---- Bucket: 128 bytes, the two lines the hardware fetches together --------------------------------
//
//   0    u64 intent        8    u64 max version      16   u32 frequency (2 bits a slot)   20  u32 counted
//   24   13 x u64 slot
//
//   intent  63        38 37  36 35     32 31              0
//          │ sequence 26 │ op 2 │ slot 4 │ location 32     │
//   slot    63     48 47     32 31                         0
//          │ tag 16  │ seq 16  │ location 32 (0 = empty)    │
//   counted 31    26   25    24            0
//          │ count 6 │ open │ sequence 25 │   which count of the quotas has taken the bucket last, after which operation
//
// location = record offset in the data area / 8 + 1. Once idle the intent keeps slot and location, so an
// ABA needs the same sequence, slot and location.
enum class IntentOp : uint32_t { kIdle = 0, kPut = 1, kRemove = 2 };

struct Intent {
  uint64_t raw;
  static Intent Make(uint32_t sequence, IntentOp op, uint32_t slot, uint32_t location) {
    return {uint64_t{sequence & 0x3ffffffu} << 38 | uint64_t{static_cast<uint32_t>(op)} << 36 |
            uint64_t{slot} << 32 | location};
  }
  uint32_t sequence() const { return static_cast<uint32_t>(raw >> 38); }
  IntentOp op() const { return static_cast<IntentOp>((raw >> 36) & 3); }
  uint32_t slot() const { return static_cast<uint32_t>((raw >> 32) & 15); }
  uint32_t location() const { return static_cast<uint32_t>(raw); }
  Intent Idle() const { return {raw & ~(uint64_t{3} << 36)}; }
  bool is_idle() const { return op() == IntentOp::kIdle; }
};

struct SlotWord {
  uint64_t raw;
  static SlotWord Make(uint32_t location, uint32_t sequence, uint16_t tag) {
    return {uint64_t{tag} << 48 | uint64_t{sequence & 0xffffu} << 32 | location};
  }
  uint32_t location() const { return static_cast<uint32_t>(raw); }
  uint16_t tag() const { return static_cast<uint16_t>(raw >> 48); }
  bool is_empty() const { return location() == 0; }
};

struct alignas(128) Bucket {
  Atomic<uint64_t> intent;
  Atomic<uint64_t> max_version;
  Atomic<uint32_t> frequency;
  Atomic<uint32_t> counted;
  Atomic<uint64_t> slots[kSlotsPerBucket];
};
static_assert(sizeof(Bucket) == 128 && offsetof(Bucket, slots) == 24);

// ---- Record: 32-byte header, key, fleet block and tag block (not every record), value; 8-byte aligned; immutable once
// reachable ----
//
//   0   u32 value bytes    4  u16 key bytes   6  u8 type    7  u8 codec
//   8   u16 namespace and tags   10  u8 soft high   11  u8 hard high   12  u32 namespace epoch at write
//   16  u64 version       24  u32 soft low   28  u32 hard low   32  key, then the fleet block, the tag block, then value
//
//   type  7     6    4 3    0                                                              codec  7       6          5     0
//        │ run │ origin │ type │     origin: what brought the record to its queue (see Origin)   │ fleet │ negative │ codec │
//
//   namespace and tags  15         10 9          0
//                      │ tag words 6 │ namespace 10 │     words of 8 bytes of the tag block; 0 = the record has none
//
// soft and hard are milliseconds since the region's start in 40 bits, 0 = never. A run's head has kRunFlag
// in type, and its value area starts with RunHead and the part list. A record of a cache with L2 has kFleetFlag in
// codec, and 16 bytes of FleetBlock behind the key. Value bytes counts the user's bytes in any case.
enum class RecordType : uint8_t { kNone = 0, kValue = 1, kLease = 2, kError = 3 };
inline constexpr uint8_t kRunFlag = 0x80;
inline constexpr uint8_t kFleetFlag = 0x80;
inline constexpr uint8_t kNegativeFlag = 0x40;  // the value says that there is none

// The class by which a record came to the main queue; admission to main is learned per class (table/admission.cc).
enum class Origin : uint8_t {
  kCold = 0,       // left small without a hit
  kOnce = 1,       // left small with one hit
  kOften = 2,      // left small with more hits
  kBackSmall = 3,  // came back after eviction from small
  kBackMain = 4,   // came back after eviction from main
  kVeteran = 5,    // reviewed before, or not in main: teaches nothing
};
inline constexpr uint32_t kAdmissionClasses = 5;

struct RecordHeader {
  uint32_t value_bytes;
  uint16_t key_bytes;
  uint8_t type;
  uint8_t codec;
  uint16_t ns;
  uint8_t soft_high;
  uint8_t hard_high;
  uint32_t epoch;
  uint64_t version;
  uint32_t soft_low;
  uint32_t hard_low;
};
static_assert(sizeof(RecordHeader) == 32 && offsetof(RecordHeader, version) == 16);

// What ties a value to L2. Behind the key, so not aligned.
//
//   word  63          52                             0
//        │ pending │ 0 │ fleet version, or mark       │   pending: the mark of a record of the journal
//
// A block whose doubt is not the region's makes its record doubtful: what it says may be outdated in the fleet.
struct FleetBlock {
  uint64_t word;
  uint32_t doubt;
  uint32_t aged;  // how old the value was when it came to this host, in hundredths of a second

  static constexpr uint64_t kPending = uint64_t{1} << 63;
  bool is_pending() const { return (word & kPending) != 0; }
  uint64_t mark() const { return word & ~kPending; }  // of a pending one
};
static_assert(sizeof(FleetBlock) == 16);

// What a record with tags is judged by: usable while no slot of its tags was cleared after `clock`. Behind the fleet block,
// so not aligned; the last word's unused slots repeat the first tag.
//
//   0  u64 clock        8  u16 slot of each tag
struct TagBlock {
  uint64_t clock;
  uint16_t slots[kMaxTags];

  static constexpr uint32_t BytesOf(uint32_t tags) { return tags == 0 ? 0 : 8 + (tags + 3) / 4 * 8; }
};
static_assert(sizeof(TagBlock) == TagBlock::BytesOf(kMaxTags) && sizeof(TagBlock) / 8 < 64);

// Payload of a lease and the start of the payload of an error.
struct LeaseBody {
  uint64_t token;         // {thread slot 10, incarnation 20, counter 23}
  uint64_t granted_over;  // version of the value at the grant; 0 = there was none. Of an error: {failures 16, late until 48}

  static LeaseBody OfError(uint64_t token, uint64_t late_until, uint32_t failures) {
    return {token, uint64_t{failures & 0xffffu} << 48 | (late_until & ((uint64_t{1} << 48) - 1))};
  }
  // Until then also those who did not wait for the flight are told of it; in the clock of lives.
  uint64_t late_until() const { return granted_over & ((uint64_t{1} << 48) - 1); }
  // How many loads of the key failed in a row, this one included.
  uint32_t failures() const { return static_cast<uint32_t>(granted_over >> 48); }
};

struct RunHead {
  uint32_t part_count;
  uint32_t head_bytes;  // bytes of the value that lie in the head's own segment, behind the part list
};

struct RunPart {
  uint32_t segment;
  uint32_t generation;
};

// ---- Segment descriptor: 64 bytes, used by writers only --------------------------------------------
//
//   state  63             32 31     20 19        8 7    4 3    0
//         │ incarnation 32  │ thread 12 │ unused 12 │ queue │ state │
enum class SegmentState : uint32_t { kFree = 0, kActive = 1, kSealed = 2, kReclaim = 3 };
enum class Queue : uint32_t { kSmall = 0, kMain = 1, kLease = 2, kRun = 3 };

struct SegmentWord {
  uint64_t raw;
  static SegmentWord Make(SegmentState state, Queue queue, uint32_t thread, uint32_t incarnation) {
    return {uint64_t{incarnation} << 32 | uint64_t{thread & 0xfffu} << 20 |
            uint64_t{static_cast<uint32_t>(queue)} << 4 | static_cast<uint32_t>(state)};
  }
  SegmentState state() const { return static_cast<SegmentState>(raw & 15); }
  Queue queue() const { return static_cast<Queue>((raw >> 4) & 15); }
  uint32_t thread() const { return static_cast<uint32_t>((raw >> 20) & 0xfff); }
  uint32_t incarnation() const { return static_cast<uint32_t>(raw >> 32); }
  SegmentWord With(SegmentState state) const { return {(raw & ~uint64_t{15}) | static_cast<uint32_t>(state)}; }
};

struct alignas(kLine) Segment {
  Atomic<uint64_t> state;
  Atomic<uint64_t> seal_sequence;  // FIFO order of its queue
  Atomic<uint64_t> last_expiry;    // latest hard expiry of any record, ms; ~0 = one never expires
  Atomic<uint32_t> committed;      // bytes of complete records from the start
  Atomic<int32_t> live_bytes;      // hint, recomputed on every walk
  Atomic<uint32_t> home;           // run: bucket of the head
  Atomic<uint32_t> run_segments;   // head of a run: segments in the run; else 0
  uint32_t unused[6];
};
static_assert(sizeof(Segment) == 64);

// ---- Thread slot and its counters --------------------------------------------------------------
struct alignas(128) ThreadSlot {
  Atomic<uint64_t> state;        // {incarnation 32, is_registered 32}; written by the holder of the slot's file lock
  Atomic<uint32_t> pid;          // for people; liveness is the file lock
  Atomic<uint32_t> bucket_hint;  // bucket + 1 of the operation under way, 0 = none
  Atomic<uint64_t> lease_counter;
};
static_assert(sizeof(ThreadSlot) == 128);

#define STRATA_COUNTERS(X)                                                                          \
  X(hits) X(l0_hits) X(misses) X(stale_hits) X(sets) X(deletes) X(touches) X(conflicts)             \
  X(entries) X(live_bytes) X(evictions_small) X(evictions_main) X(evictions_bucket)                 \
  X(evictions_no_room) X(expirations) X(loads) X(lease_busy) X(lease_takeovers) X(publishes)        \
  X(publishes_lost) X(load_errors) X(helps) X(read_retries) X(read_exhausted) X(reclaims)           \
  X(compactions) X(copies) X(inline_reclaims) X(runs_stored) X(runs_freed) X(reaped) X(ghost_hits)  \
  X(doubtful) X(invalidations) X(revalidations) X(evictions_quota)

enum class Counter : uint32_t {
#define X(name) name,
  STRATA_COUNTERS(X)
#undef X
  kCount
};

// Latency in nanoseconds, four buckets per power of two.
inline constexpr uint32_t kHistogramBuckets = 160;
enum class Histogram : uint32_t { kGet = 0, kSet = 1, kLoad = 2, kCount };

// Single writer: the slot's holder. Never reset, so the sum over all slots is the region's history.
struct alignas(kLine) ThreadStats {
  Atomic<uint64_t> counters[(static_cast<size_t>(Counter::kCount) + 7) / 8 * 8];
  Atomic<uint32_t> histograms[static_cast<size_t>(Histogram::kCount)][kHistogramBuckets];
};

// ---- Namespaces: append-only; id = index; name bytes in the pool ------------------------------------
//
//   word  63        48 47       32 31                0
//        │ length 16  │ parent 16 │ pool offset + 1   │   0 = free
struct NamespaceEntry {
  Atomic<uint64_t> word;
  Atomic<uint32_t> epoch;
  Atomic<uint32_t> fleet_epoch;  // clears of the whole fleet, as L2 counts them
  Atomic<uint32_t> clears;       // clears of this host, without the flushes that `epoch` counts as well
  Atomic<uint32_t> quota;        // index of its quota, 0 = none
  uint32_t unused[2];            // no entry on two lines
};
static_assert(sizeof(NamespaceEntry) == 32);

// ---- Tags: what the tags of a slot were cleared at last ---------------------------------------------
//
// `cleared` is in the region's tag clock, `fleet` in the sequence of L2's control partition. By kind: TagClear.
enum class TagClear : uint32_t { kDelete = 0, kExpire = 1 };
struct TagSlot {
  Atomic<uint64_t> cleared[2];
  Atomic<uint64_t> fleet[2];
};
static_assert(sizeof(TagSlot) == 32);

// ---- Quotas: the bytes of the entries of a namespace and of those below it -------------------------
//
// Filled in order, by one CAS of `ns` each; the first is that of negative entries and of the errors of loads. What counts is
// the record without its padding. `bytes` by count modulo 4: see table/quotas.cc.
struct alignas(kLine) Quota {
  Atomic<uint64_t> limit;  // 0 = none; of the first: a share of the data
  Atomic<uint64_t> bytes[4];
  Atomic<uint32_t> ns;     // + 1; 0 = free
  Atomic<uint32_t> hand;   // bucket at which the next look for something to evict begins
  uint32_t unused[4];
};
static_assert(sizeof(Quota) == 64);
inline constexpr uint64_t kNoLimit = ~uint64_t{0};

// Which counts there are.
//
//   63        34 33      32       31          16 15           0
//   │ unused    │ used  │ wanted │ begun last 16 │ complete 16 │     they differ: a count is under way, or was given up
struct CountWord {
  uint64_t raw;
  static constexpr uint64_t kWanted = uint64_t{1} << 32, kUsed = uint64_t{1} << 33;  // used: a namespace has a quota
  uint16_t complete() const { return static_cast<uint16_t>(raw); }
  uint16_t begun() const { return static_cast<uint16_t>(raw >> 16); }
  bool is_used() const { return (raw & kUsed) != 0; }
  bool is_due() const { return (raw & kWanted) != 0 || begun() != complete(); }
};

// ---- Header ------------------------------------------------------------------------------------
struct Geometry {
  uint64_t file_bytes;
  uint32_t segment_shift;
  uint32_t segment_count;
  uint32_t bucket_count;
  uint32_t thread_slots;
  uint32_t ghost_count;  // 4-byte ghost entries, a multiple of 4; 1.25 x the expected records
  uint32_t average_entry_bytes;
  uint32_t tag_slots;    // a power of two
  uint32_t hold_count;   // a power of two
  uint64_t generations_at, threads_at, stats_at, segments_at, namespaces_at, names_at, interest_at,
      tags_at, quotas_at, holds_at, buckets_at, ghost_at, data_at;
};

struct alignas(kPage) RegionHeader {
  Atomic<uint64_t> magic;  // SYNC(region-ready): stored last by the creator
  uint64_t layout_fingerprint;
  Geometry geometry;
  uint64_t hash_seed;
  uint64_t region_id;
  uint64_t boot_id_hash;
  uint64_t time_namespace;
  uint64_t start_monotonic_ms;
  uint64_t version_base;  // wall clock of creation in microseconds: a floor, never an order

  alignas(kLine) Atomic<uint64_t> seal_sequence;
  alignas(kLine) Atomic<uint32_t> lease_wake;     // futex: a lease somebody waits for has ended
  alignas(kLine) Atomic<uint32_t> janitor_wake;   // futex: free segments are short
  alignas(kLine) Atomic<uint32_t> free_segments;  // hint, recounted by the janitor
  alignas(kLine) Atomic<uint32_t> name_pool_used;
  alignas(kLine) Atomic<uint32_t> ghost_clock;    // evictions so far
  Atomic<uint32_t> segment_records;               // records per segment, 24.8 fixed point, running mean of reclaims
  alignas(kLine) Atomic<uint32_t> admission[kAdmissionClasses];  // 16.16 fixed point, 65536 = always
  alignas(kLine) Atomic<uint32_t> doubt;          // read by every read of a record with a fleet block; never 0
  alignas(kLine) Atomic<uint64_t> tag_clock;      // rises with each clear of a tag; begins at the wall clock's microseconds
  alignas(kLine) Atomic<uint64_t> count;          // CountWord
  alignas(kLine) Atomic<uint32_t> has_disk;       // above 0: changes of keys take holds, since copies of entries may lie on a disk (kDisk...)
  Atomic<uint32_t> disk_generation;               // which of its files is the one in use; 0 = none yet
  Atomic<uint32_t> spilling;                      // names the write of copies under way; 0 = none
};
static_assert(sizeof(RegionHeader) == kPage);

constexpr uint64_t FingerprintStep(uint64_t hash, uint64_t value) {
  hash ^= value + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
  return hash * 0xff51afd7ed558ccdu;
}

// The journal is a file of its own, but entries name its records by their marks: builds whose journals differ must not
// meet in a region either. journal/layout.h holds this to its fingerprint.
inline constexpr uint32_t kJournalLayout = 0xee8cdd73;

constexpr uint64_t LayoutFingerprint() {
  uint64_t hash = kLayoutVersion;
  for (uint64_t value : {sizeof(RegionHeader), sizeof(Geometry), offsetof(RegionHeader, hash_seed),
                         sizeof(Bucket), sizeof(RecordHeader), sizeof(Segment), sizeof(ThreadSlot), sizeof(ThreadStats),
                         sizeof(NamespaceEntry), size_t{kSlotsPerBucket}, size_t{kMaxKeyBytes}, size_t{kMaxValueBytes},
                         size_t{kMaxNamespaces}, size_t{kNamePoolBytes}, size_t{kInterestStamps}, size_t{kRecordAlign},
                         sizeof(FleetBlock), offsetof(RegionHeader, doubt), sizeof(TagSlot), sizeof(TagBlock),
                         offsetof(RegionHeader, tag_clock), offsetof(RegionHeader, count), offsetof(RegionHeader, has_disk), sizeof(Quota),
                         size_t{kMaxQuotas}, size_t{kMaxHolds}, size_t{kJournalLayout}}) {
    hash = FingerprintStep(hash, value);
  }
  return hash;
}

// File locks lie far behind the content: bytes kLockJanitor and kLockCount, then one byte per thread slot.
inline constexpr uint64_t kLockJanitor = uint64_t{1} << 40;
inline constexpr uint64_t kLockCount = kLockJanitor + 1;
inline constexpr uint64_t kLockThreads = kLockJanitor + 16;

}  // namespace strata
