// The leader's private picture of what is pending: every record once, by lane and by key.
#pragma once

#include <deque>
#include <string_view>
#include <utility>
#include <vector>

#include "journal/journal.h"
#include "shm/liveness.h"

namespace strata {

inline constexpr uint32_t kNoEntry = ~0u;
inline constexpr size_t kAhead = 8;  // records that are fetched ahead where many are looked at in turn
inline constexpr size_t kPrefetched = 4 * kLine;

// The parts of a record's body, within bounds that were checked when the record was read.
struct RecordBody {
  std::string_view ns, key, value;
};

struct IndexEntry {
  uint64_t position = 0;
  uint64_t hash = 0;
  uint64_t version = 0;      // host version, once committed
  uint64_t op_number = 0;
  uint64_t seen_ns = 0;      // when it was first seen prepared
  uint32_t bytes = 0;
  uint32_t next_of_key = kNoEntry;
  uint32_t stamp = 0;        // the choice it is a member of
  uint32_t replaced_by = kNoEntry;
  uint32_t value_bytes = 0;
  uint16_t ns_bytes = 0, key_bytes = 0;
  uint16_t lane = 0, partition = 0;
  RecordState state = RecordState::kNone;
  JournalOp op = JournalOp::kSet;
  JournalCondition condition = JournalCondition::kAlways;
  bool has_source = false;   // of the caller: conditional too
  bool wants_replica = false;
  bool is_in_file = false;   // its value is
  bool is_done = false;      // settled, cancelled, damaged or a filler: nothing to send
  bool is_orphan = false;    // prepared or given up, and its owner is dead
  bool is_under_way = false; // of a batch that is not answered, or superseded by a record of one
  bool is_inherited = false; // superseded under a former leader; by whom is not known
};

class LaneIndex {
 public:
  explicit LaneIndex(Journal& journal);

  // Reads on from where it stopped up to the present heads, and looks again at records that were not committed.
  void Scan();
  // Looks again at one record. Orphans show after it.
  void Refresh(IndexEntry& entry);

  struct LaneView {
    std::deque<uint32_t> ids;  // in order, from acked on
    uint64_t acked = 0, scanned = 0;
    bool is_damaged = false;
  };
  std::vector<LaneView>& lanes() { return lanes_; }
  IndexEntry& entry(uint32_t id) { return entries_[id]; }
  const IndexEntry& entry(uint32_t id) const { return entries_[id]; }
  bool IsKnown(uint32_t id) const { return id < entries_.size(); }
  JournalRecord& record(uint32_t id) const { return *journal_.RecordAt(entries_[id].lane, entries_[id].position); }
  // Of a record that is soon looked at: its header, and with `body` what of its body the processor does not fetch by itself.
  void Prefetch(uint32_t id, bool has_body = false) const {
    const char* at = reinterpret_cast<const char*>(&record(id));
    for (size_t line = 0; line < (has_body ? kPrefetched : 2 * kLine); line += kLine) __builtin_prefetch(at + line, 1);
  }
  RecordBody body(uint32_t id) const {
    const IndexEntry& e = entries_[id];
    const char* at = reinterpret_cast<const char*>(&record(id) + 1);
    return {{at, e.ns_bytes}, {at + e.ns_bytes, e.key_bytes}, {at + e.ns_bytes + e.key_bytes, e.value_bytes}};
  }
  // False if the record is not what its writer made it, or not any more what was read.
  bool IsWhole(uint32_t id) const;
  // Calls `visit(id)` for every unsettled record of the same namespace and key, itself included.
  template <class Visit>
  void ForEachOfKey(uint32_t id, Visit visit) {
    for (uint32_t other = table_[entries_[id].hash & (table_.size() - 1)]; other != kNoEntry; other = entries_[other].next_of_key) {
      if (other == id || (entries_[other].hash == entries_[id].hash && IsSameKey(other, id))) visit(other);
    }
  }
  // False if another unsettled record may be of its key.
  bool IsAlone(uint32_t id) const {
    for (uint32_t other = table_[entries_[id].hash & (table_.size() - 1)]; other != kNoEntry; other = entries_[other].next_of_key) {
      if (other != id && entries_[other].hash == entries_[id].hash) return false;
    }
    return true;
  }
  // True for the first record of a batch in its part of the table: nearly, for the first of its key.
  bool IsFirstOfKey(uint32_t id, uint32_t stamp) {
    uint32_t& seen = stamps_[entries_[id].hash & (stamps_.size() - 1)];
    return std::exchange(seen, stamp) != stamp;
  }
  // The record is done with: out of the index by key.
  void Forget(uint32_t id);
  // Drops what is done from the front of a lane. Its new acked position.
  uint64_t DropDone(LaneView& lane);
  // Records with op numbers of a former leader that are not settled.
  std::vector<uint32_t>& resends() { return resends_; }
  // Clears of any lane that are not done.
  const std::vector<uint32_t>& clears() const { return clears_; }
  bool IsOwnerAlive(uint32_t lane);
  // In the hands of its writer, alive or not.
  static bool IsOpen(RecordState state) { return state == RecordState::kPrepared || state == RecordState::kGivenUp; }

 private:
  void ScanLane(uint32_t index);
  bool HasOwnerMovedOn(const IndexEntry& entry) const;
  void Add(uint32_t lane, uint64_t position, const JournalRecord& record);
  void Skip(uint32_t lane, uint64_t position, uint32_t bytes);
  bool IsSameKey(uint32_t a, uint32_t b) const { return body(a).ns == body(b).ns && body(a).key == body(b).key; }
  uint32_t Allocate();
  void Link(uint32_t id);
  void Grow();

  Journal& journal_;
  LockHandle lock_;
  std::vector<LaneView> lanes_;
  std::vector<IndexEntry> entries_;
  std::vector<uint32_t> free_, table_, stamps_, prepared_, resends_, clears_;
  uint32_t pending_ = 0;
};

}  // namespace strata
