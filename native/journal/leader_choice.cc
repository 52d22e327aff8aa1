// Which records make the next batch, and what of each key replaces what.
#include <algorithm>
#include <thread>
#include <tuple>

#include "base/kill_point.h"
#include "journal/leader.h"
#include "shm/clock.h"

namespace strata {
namespace {

constexpr uint64_t kPreparedNs = 5000000;  // how long a writer may be between prepare and commit before it has to redo
constexpr uint64_t kPreparedInFileNs = 250000000;  // the same for a large value: copying it into the table takes its time
constexpr size_t kTurn = 32;               // records of one lane before the next has its turn
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

void Leader::Choose(const DrainLimits& limits) {
  auto& lanes = index_.lanes();
  const uint32_t used = journal_.lanes_used();
  if (used == 0) return;
  uint32_t records = 0;
  uint64_t bytes = 0;
  bool is_full = false, is_blocked = false;
  // At most twice: the second time it waits for writers, because there is nothing else.
  for (bool may_block : {false, true}) {
    bool has_more = true;
    while (has_more && !is_full) {
      has_more = false;
      for (uint32_t n = 0; n < used && !is_full; n++) {
        const uint32_t lane = (first_lane_ + n) % used;
        auto& ids = lanes[lane].ids;
        size_t turn = 0;
        for (; turn < kTurn && chosen_[lane] < ids.size() && !is_full; turn++) {
          const uint32_t id = ids[chosen_[lane]];
          IndexEntry& entry = index_.entry(id);
          // A large value takes too long to wait for; its commit wakes the leader.
          if (!HasNoPrepared(entry, may_block && !entry.is_in_file)) {
            is_blocked = true;
            break;
          }
          // Its lane has nothing after it.
          if (IsGivenUp(entry)) break;
          if (!entry.is_done && entry.state != RecordState::kSuperseded) {
            is_full = records > 0 && (records >= limits.records || bytes + entry.bytes > limits.bytes);
            if (is_full) break;
            const bool is_new = index_.IsFirstOfKey(id, stamp_);
            records += is_new ? 1 : 0;
            bytes += is_new ? entry.bytes : 0;
          }
          entry.stamp = stamp_;
          members_.push_back(id);
          chosen_[lane]++;
          is_full = members_.size() >= kMaxMembers;
        }
        has_more |= turn == kTurn;
      }
    }
    if (records > 0 || !is_blocked) break;
  }
  first_lane_ = (first_lane_ + 1) % used;
}

bool Leader::Include(uint32_t lane, size_t up_to) {
  auto& ids = index_.lanes()[lane].ids;
  for (; chosen_[lane] <= up_to; chosen_[lane]++) {
    const uint32_t id = ids[chosen_[lane]];
    HasNoPrepared(index_.entry(id), true);
    index_.entry(id).stamp = stamp_;
    members_.push_back(id);
  }
  return true;
}

// What a living writer still holds of the key is waited for: it may turn out to be older than what goes.
void Leader::WaitForWriters(uint32_t id) {
  std::vector<uint32_t> prepared;
  index_.ForEachOfKey(id, [&](uint32_t other) {
    if (!IsMember(other) && !index_.entry(other).is_orphan && index_.entry(other).state == RecordState::kPrepared) prepared.push_back(other);
  });
  for (uint32_t other : prepared) HasNoPrepared(index_.entry(other), true);
}

bool Leader::IsToBePlaced(uint32_t id) const {
  const IndexEntry& e = index_.entry(id);
  return !e.is_done && e.state == RecordState::kCommitted && e.op != JournalOp::kClear;
}

// The records of the key that the batch has to place: its members, and others with lower versions than theirs.
void Leader::GatherKey(uint32_t id, std::vector<uint32_t>* group) {
  group->clear();
  uint64_t highest = 0;
  WaitForWriters(id);
  index_.ForEachOfKey(id, [&](uint32_t other) {
    if (IsToBePlaced(other) && IsMember(other)) highest = std::max(highest, index_.entry(other).version);
  });
  index_.ForEachOfKey(id, [&](uint32_t other) {
    if (IsToBePlaced(other) && (IsMember(other) || index_.entry(other).version < highest)) group->push_back(other);
  });
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

void Leader::Coalesce(std::vector<uint32_t>& group, std::vector<uint32_t>* survivors,
                      std::vector<std::pair<uint32_t, uint32_t>>* superseded) const {
  survivors->clear();
  superseded->clear();
  size_t run = 0;  // survivors from here on may be replaced
  for (uint32_t id : group) {
    const IndexEntry& entry = index_.entry(id);
    if (IsPlain(entry)) {
      for (size_t i = run; i < survivors->size(); i++) superseded->emplace_back((*survivors)[i], id);
      survivors->resize(run);
    }
    survivors->push_back(id);
    if (!IsReplaceable(entry)) run = survivors->size();
  }
}

// True if the batch was extended so that the record's key can be placed.
bool Leader::MustInclude(uint32_t id) {
  IndexEntry& entry = index_.entry(id);
  if (entry.is_done || entry.op == JournalOp::kClear) return false;
  auto include = [this](uint32_t other) {
    const IndexEntry& e = index_.entry(other);
    const auto& ids = index_.lanes()[e.lane].ids;
    // Positions rise along a lane.
    const auto at = std::lower_bound(ids.begin(), ids.end(), e.position, [this](uint32_t a, uint64_t position) {
      return index_.entry(a).position < position;
    });
    return Include(e.lane, static_cast<size_t>(at - ids.begin()));
  };
  if (entry.is_orphan) {
    // If it stands, it is the newest of its key: everything else of the key goes before it.
    WaitForWriters(id);
    uint32_t left = kNoEntry;
    index_.ForEachOfKey(id, [&](uint32_t other) {
      if (IsToBePlaced(other) && !IsMember(other)) left = other;
    });
    return left != kNoEntry && include(left);
  }
  if (entry.state == RecordState::kSuperseded) {
    if (!entry.is_inherited) return false;
    // Not settled before whatever goes in its place: the next higher version, or what replaces that one too.
    uint32_t next = kNoEntry;
    index_.ForEachOfKey(id, [&](uint32_t other) {
      const IndexEntry& e = index_.entry(other);
      if (!IsToBePlaced(other) || e.version <= entry.version) return;
      if (next == kNoEntry || e.version < index_.entry(next).version) next = other;
    });
    return next != kNoEntry && !IsMember(next) && include(next);
  }
  bool is_alone = true;
  index_.ForEachOfKey(id, [&](uint32_t other) { is_alone &= other == id; });
  if (is_alone || entry.checked == stamp_) return false;
  std::vector<uint32_t> group, survivors;
  std::vector<std::pair<uint32_t, uint32_t>> superseded;
  GatherKey(id, &group);
  Coalesce(group, &survivors, &superseded);
  for (uint32_t other : survivors) {
    if (!IsMember(other)) return include(other);
  }
  for (uint32_t other : group) index_.entry(other).checked = stamp_;
  return false;
}

void Leader::IncludeWhatMustNotBeLeft() {
  // Who comes in stands behind and is looked at in its turn. A key that was looked at needs no second look for it: a
  // member that raises the key's highest version was not in the group then, and is looked at itself.
  for (size_t i = 0; i < members_.size(); i++) {
    // The records that came in bring keys of their own, whose earlier ones may lie beyond what has been read.
    while (MustInclude(members_[i])) index_.Scan(false);
  }
}

}  // namespace strata
