// Which records make the next batch, and what of each key replaces what.
#include <algorithm>
#include <array>
#include <thread>
#include <tuple>
#include <utility>

#include "base/kill_point.h"
#include "journal/leader.h"
#include "shm/clock.h"

namespace strata {
namespace {

constexpr uint64_t kPreparedNs = 5000000;  // how long a writer may be between prepare and commit before it has to redo
constexpr uint64_t kPreparedInFileNs = 250000000;  // the same for a large value: copying it into the table takes its time
constexpr size_t kTurn = 32;               // records of one lane before the next has its turn
constexpr uint32_t kWindow = 8192;         // records from which a batch is chosen
constexpr uint32_t kMaxShare = 512;        // records of one partition in a batch: what one call of Redis takes
constexpr size_t kMaxMembers = 1u << 18;

bool IsPlain(const IndexEntry& e) {
  return (e.op == JournalOp::kSet || e.op == JournalOp::kDelete) && e.condition == JournalCondition::kAlways && !e.has_source;
}

bool IsGivenUp(const IndexEntry& e) { return !e.is_done && !e.is_orphan && e.state == RecordState::kGivenUp; }

// Nobody waits to learn whether its condition held, so a later plain write may go in its place.
bool IsReplaceable(const IndexEntry& e) {
  return e.op != JournalOp::kClear && e.condition != JournalCondition::kAbsent && e.condition != JournalCondition::kVersion &&
         !e.has_source;
}

}  // namespace

// True once the record is not in the hands of a living writer any more, or is given up: who takes too long has to redo.
// What of such a write is in the table by then is nobody's until its writer has redone it; if he dies, it is an orphan.
bool Leader::HasNoPrepared(IndexEntry& entry, bool may_block) {
  for (;;) {
    index_.Refresh(entry);
    if (entry.is_done || entry.is_orphan || entry.state != RecordState::kPrepared) return true;
    if (PreciseNs() - entry.seen_ns > (entry.is_in_file ? kPreparedInFileNs : kPreparedNs)) {
      auto state = static_cast<uint32_t>(RecordState::kPrepared);
      JournalRecord& record = *journal_.RecordAt(entry.lane, entry.position);
      if (record.state.compare_exchange_strong(state, static_cast<uint32_t>(RecordState::kGivenUp), kAcqRel)) {  // SYNC(journal-state)
        KILL_POINT(record_given_up);
        journal_.Count(JournalCounter::timed_out);
      }
    } else if (!may_block) {
      return false;
    } else {
      std::this_thread::yield();
    }
  }
}

// What may go next of every lane, from its front on, in turns. True if a lane stopped at a record that its writer holds.
bool Leader::Gather(uint32_t window, bool may_block) {
  auto& lanes = index_.lanes();
  const uint32_t used = journal_.lanes_used();
  uint32_t records = 0;
  bool is_blocked = false, has_more = true;
  while (has_more && records < window && candidates_.size() < kMaxMembers) {
    has_more = false;
    for (uint32_t n = 0; n < used; n++) {
      const uint32_t lane = (first_lane_ + n) % used;
      auto& ids = lanes[lane].ids;
      size_t turn = 0;
      while (turn < kTurn && looked_at_[lane] < ids.size()) {
        const uint32_t id = ids[looked_at_[lane]];
        IndexEntry& entry = index_.entry(id);
        // A large value takes too long to wait for; its commit wakes the leader.
        if (!HasNoPrepared(entry, may_block && !entry.is_in_file)) {
          is_blocked = true;
          break;
        }
        // Its lane has nothing after it.
        if (IsGivenUp(entry)) break;
        looked_at_[lane]++;
        if (!IsFree(entry)) continue;
        turn++;
        const bool counts = entry.state != RecordState::kSuperseded && index_.IsFirstOfKey(id, stamp_);
        records += counts ? 1 : 0;
        candidates_.push_back({id, entry.bytes, entry.partition, counts});
      }
      has_more |= turn == kTurn;
    }
  }
  return is_blocked;
}

// Candidates serve several batches, so that a record is not passed over for each of them.
void Leader::LookForCandidates(uint32_t window) {
  const auto left = std::count_if(candidates_.begin(), candidates_.end(), [this](const Choosable& c) { return under_way_[c.partition] == 0; });
  if (left >= window / 2) return;
  candidates_.clear();
  looked_at_.assign(index_.lanes().size(), 0);
  // The second time it waits for writers, because there is nothing else.
  if (Gather(window, false) && candidates_.empty() && index_.clears().empty()) Gather(window, true);
  first_lane_ = (first_lane_ + 1) % std::max(1u, journal_.lanes_used());
}

// Of the candidates, whole partitions as far as the limits allow, those of the oldest first: a partition is one call of
// Redis, so its records share the call's price.
void Leader::Choose(const DrainLimits& limits) {
  LookForCandidates(std::max(limits.records, kWindow));
  struct Share {
    uint32_t records = 0;
    uint64_t bytes = 0;
    bool is_seen = false, is_taken = false;
  };
  std::array<Share, kPartitions> shares{};
  std::vector<uint16_t> partitions;
  for (const Choosable& candidate : candidates_) {
    if (under_way_[candidate.partition] > 0) continue;
    Share& share = shares[candidate.partition];
    if (!std::exchange(share.is_seen, true)) partitions.push_back(candidate.partition);
    if (!candidate.counts || share.records == kMaxShare) continue;
    share.records++;
    share.bytes += candidate.bytes;
  }
  Share sum;
  for (uint16_t partition : partitions) {
    Share& share = shares[partition];
    share.is_taken = !sum.is_taken || (sum.records + share.records <= limits.records && sum.bytes + share.bytes <= limits.bytes);
    if (!share.is_taken) continue;
    sum = {sum.records + share.records, sum.bytes + share.bytes, true, true};
    share.records = 0;
  }
  uint32_t records = 0;
  uint64_t bytes = 0;
  std::erase_if(candidates_, [&](const Choosable& candidate) {
    Share& share = shares[candidate.partition];
    if (!share.is_taken) return false;
    if (candidate.counts) {
      const bool is_full = records > 0 && (records >= limits.records || bytes + candidate.bytes > limits.bytes);
      if (is_full || share.records == kMaxShare) {
        share.is_taken = false;
        return false;
      }
      share.records++;
      records++;
      bytes += candidate.bytes;
    }
    // It may have gone with another of its key since, and its name be another record's.
    IndexEntry& entry = index_.entry(candidate.id);
    if (!IsFree(entry) || entry.partition != candidate.partition || (!entry.is_orphan && LaneIndex::IsOpen(entry.state))) return true;
    entry.stamp = stamp_;
    members_.push_back(candidate.id);
    return true;
  });
}

// What a living writer still holds of the key is waited for: it may turn out to be older than what goes.
void Leader::WaitForWriters(uint32_t id) {
  std::vector<uint32_t> prepared;
  index_.ForEachOfKey(id, [&](uint32_t other) {
    if (!index_.entry(other).is_orphan && index_.entry(other).state == RecordState::kPrepared) prepared.push_back(other);
  });
  for (uint32_t other : prepared) HasNoPrepared(index_.entry(other), true);
}

// What was broken since it was read is not sent.
bool Leader::IsWhole(uint32_t id) {
  if (index_.IsWhole(id)) return true;
  journal_.Count(JournalCounter::damaged);
  index_.Forget(id);
  return false;
}

bool Leader::IsToBePlaced(uint32_t id) const {
  const IndexEntry& e = index_.entry(id);
  return !e.is_done && !e.is_under_way && e.state == RecordState::kCommitted && e.op != JournalOp::kClear;
}

// The records of the key that go now, in the order of versions: its members, and others with lower versions than theirs. An
// orphan that stands in the table is the newest of its key.
void Leader::GatherKey(uint32_t id, std::vector<uint32_t>* group) {
  group->clear();
  if (index_.IsAlone(id)) {
    if (IsToBePlaced(id) && IsWhole(id)) group->push_back(id);
    return;
  }
  WaitForWriters(id);
  uint64_t highest = 0;
  index_.ForEachOfKey(id, [&](uint32_t other) {
    const IndexEntry& e = index_.entry(other);
    if (IsMember(other) && e.is_orphan) highest = ~uint64_t{0};
    else if (IsMember(other) && IsToBePlaced(other)) highest = std::max(highest, e.version);
  });
  const uint16_t partition = index_.entry(id).partition;
  index_.ForEachOfKey(id, [&](uint32_t other) {
    const IndexEntry& e = index_.entry(other);
    if (IsToBePlaced(other) && e.partition == partition && (IsMember(other) || e.version < highest)) group->push_back(other);
  });
  std::erase_if(*group, [this](uint32_t other) { return !IsWhole(other); });
  std::sort(group->begin(), group->end(), [this](uint32_t a, uint32_t b) {
    const IndexEntry &x = index_.entry(a), &y = index_.entry(b);
    return std::tuple(x.version, x.lane, x.position) < std::tuple(y.version, y.lane, y.position);
  });
}

// The group, in the order of versions, goes to Redis. Whoever has to make a write of the key anew, and no more finds in the
// table what he had put there, finds no settled write either: he is told of the last that came after his.
void Leader::TellGivenUp(const std::vector<uint32_t>& group) {
  const auto last = std::find_if(group.rbegin(), group.rend(), [this](uint32_t id) { return IsPlain(index_.entry(id)); });
  if (last == group.rend()) return;
  const uint64_t version = index_.entry(*last).version;
  index_.ForEachOfKey(*last, [&](uint32_t other) {
    if (!IsGivenUp(index_.entry(other))) return;
    auto& told = index_.record(other).result_version;
    if (told.load(kRelaxed) < version) told.store(version, kRelease);  // SYNC(journal-heir)
  });
}

// Who is replaced, by whom, in the order of versions: who replaces may be replaced further on.
void Leader::Coalesce(const std::vector<uint32_t>& group, std::vector<uint32_t>* survivors, std::vector<Replacement>* replaced) const {
  survivors->clear();
  replaced->clear();
  size_t run = 0;  // survivors from here on may be replaced
  for (uint32_t id : group) {
    const IndexEntry& entry = index_.entry(id);
    if (IsPlain(entry)) {
      for (size_t i = run; i < survivors->size(); i++) replaced->push_back({(*survivors)[i], id});
      survivors->resize(run);
    }
    survivors->push_back(id);
    if (!IsReplaceable(entry)) run = survivors->size();
  }
}

// What goes in the place of a record that was superseded under a former leader: the next higher version, or what replaces
// that one too. kNoEntry: it has gone.
uint32_t Leader::NextOfKey(uint32_t id) {
  const IndexEntry& entry = index_.entry(id);
  uint32_t next = kNoEntry;
  index_.ForEachOfKey(id, [&](uint32_t other) {
    const IndexEntry& e = index_.entry(other);
    if (e.is_done || e.op == JournalOp::kClear || e.state != RecordState::kCommitted || e.version <= entry.version) return;
    if (next == kNoEntry || e.version < index_.entry(next).version) next = other;
  });
  return next;
}

}  // namespace strata
