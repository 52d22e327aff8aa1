// What the table's functions take and give.
#pragma once

#include <string>
#include <vector>

#include "shm/liveness.h"
#include "table/record.h"

namespace strata {

inline constexpr uint32_t kNoSegment = ~0u;
inline constexpr uint32_t kReserve = 1;  // free segments left for the copies of reclaims

// What belongs to one thread: its slot, its lock, the segments it writes to. Used by that thread alone.
struct ThreadContext {
  struct Active {
    uint32_t segment = kNoSegment;
    uint32_t used = 0;  // bytes written, the next record starts here
    int32_t uncounted = 0;  // of them, not yet in the segment's live bytes
    uint64_t age = 0;  // of what compaction kept: bytes of each record times the place in the queue that it had
  };
  uint32_t slot = 0;
  uint32_t incarnation = 0;
  LockHandle lock;
  Active active[3];  // by Queue: small, main, lease
  Active kept[2];  // by Queue, for what compaction keeps: it is older than what is written, and leaves sooner
  ThreadStats* stats = nullptr;
  int64_t clock_offset_ms = 0;  // tests move their own clock
  uint32_t free_hint = 0;
  bool is_reclaiming = false;
  uint32_t fruitless_reclaims = 0;  // of the allocation under way
  uint32_t random = 2463534242u;

  void Count(Counter counter, uint64_t by = 1) {
    // Single writer; readers of other processes see some recent value.
    auto& word = stats->counters[static_cast<size_t>(counter)];
    word.store(word.load(kRelaxed) + by, kRelaxed);
  }
  void Record(Histogram histogram, uint64_t nanoseconds);
  // Writes to the queue go to the other of its two segments from now on. Leases have one only, and broken bytes may name any.
  void SwapKept(Queue queue) {
    if (queue == Queue::kSmall || queue == Queue::kMain) std::swap(active[static_cast<int>(queue)], kept[static_cast<int>(queue)]);
  }
};

// A value found by Read, valid until the reader's final check. Bytes may be torn before that.
struct Hit {
  RecordPlace place;
  HeaderCopy header;
  uint32_t slot_id;     // bucket * 13 + slot
  uint32_t generation;  // of the record's segment
  bool is_stale;
  uint64_t now;  // what the lives were judged by; 0 for a record that never ends
  // Set where header.fleet_bytes is not 0:
  bool is_doubtful;  // the block's doubt is not the region's, or the block leaves the segment
  FleetBlock fleet;

  const uint8_t* payload() const { return place.value(header); }
};

enum ReadFlags : uint32_t {
  kReadFresh = 0,
  kReadStaleToo = 1,  // entries past their soft life count as hits
  kReadQuiet = 2,     // no counters, no frequency
  kReadDoubtToo = 4,  // doubtful entries count as hits
};

// What its tags make of a record. kExpired: stale, whatever its lives say; kGone also for an expired one without grace.
enum class TagState : uint32_t { kCurrent = 0, kExpired = 1, kGone = 2 };

// kNewer stores with the caller's version, and only above every version the key's bucket has seen: a key that was
// deleted or evicted meanwhile cannot come back older. Conservative where bucket neighbours are ahead.
enum class Condition : uint8_t { kNone, kAbsent, kVersion, kLocation, kNewer };

struct WriteOptions {
  uint8_t codec = 0;
  bool is_negative = false;  // the value says that there is none
  uint64_t soft_ms = 0;  // absolute, kNever = none
  uint64_t hard_ms = 0;
  Condition condition = Condition::kNone;
  uint64_t expected = 0;       // version or location; kNewer: the version to store with
  uint64_t seen_version = 0;   // kLocation: of the value seen there, as the place may be used again
  uint64_t keep_version = 0;   // touch: the version the copy keeps
  uint64_t lease_token = 0;    // publish
  bool has_fleet = false;        // the record carries `fleet`
  FleetBlock fleet{};
  uint32_t* clears = nullptr;    // if given: the clears that the stored value comes after, by ClearsOf
  // The record carries the first `tag_bytes` of it. A clock of 0 stands for that of the commit. Not to be published under a
  // lease if one of the tags was cleared after the clock.
  const TagBlock* tags = nullptr;
  uint32_t tag_bytes = 0;

  uint32_t block_bytes() const { return fleet_bytes() + tag_bytes; }
  uint32_t fleet_bytes() const { return has_fleet ? sizeof(FleetBlock) : 0; }
};

// What became of the entry. kAbsent: there was none; a lease there may have been was ended all the same.
enum class Invalidated : uint32_t { kAbsent = 0, kKept = 1, kRemoved = 2 };

// New lives of an entry, absolute.
struct Lives {
  uint64_t soft_ms, hard_ms;
};

// A record being written into the thread's own segment; nobody sees it before CommitWrite.
struct PendingWrite {
  RecordPlace place;
  Queue queue = Queue::kSmall;
  Origin origin = Origin::kVeteran;
  uint32_t first_frequency = 0;  // of the slot, if the record gets a new one
  uint32_t capacity = 0;  // payload bytes that fit
  uint8_t* payload = nullptr;
};

// A fresh value that a scan came by; the key is good within the visit.
struct Scanned {
  uint32_t ns;
  const uint8_t* key;
  uint32_t key_bytes;
  uint32_t value_bytes;
  uint32_t heat;  // 0 to 7: twice its frequency, and one more in the main queue
};

struct LeaseGrant {
  uint64_t token = 0;  // granted: mine; busy: the holder's
  Hit hit{};           // kOk: the fresh value that made loading needless (not yet validated)
};

// What a quota allows and what counts against it.
struct QuotaState {
  uint32_t ns;     // kMaxNamespaces: the quota of negative entries
  uint64_t limit;  // kNoLimit = none
  uint64_t bytes;
};

struct AuditReport {
  uint64_t values = 0, leases = 0, errors_records = 0, live_bytes = 0;
  uint64_t segments_free = 0, segments_active = 0, segments_sealed = 0, segments_reclaim = 0, segments_run = 0;
  uint64_t owned_by_dead = 0, leaked_run_segments = 0, pending_intents = 0;
  std::vector<std::string> violations;
};

}  // namespace strata
