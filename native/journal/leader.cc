#include "journal/leader.h"

#include <algorithm>
#include <thread>

#include "base/kill_point.h"
#include "shm/clock.h"
#include "shm/futex.h"

namespace strata {
namespace {

constexpr uint64_t kPreparedNs = 5000000;  // how long a writer may be between prepare and commit before it has to redo
constexpr uint64_t kPreparedInFileNs = 250000000;  // the same for a large value: copying it into the table takes its time
constexpr size_t kTurn = 32;               // records of one lane before the next has its turn
constexpr size_t kMaxMembers = 1u << 18;
constexpr uint64_t kMaxOpNumber = uint64_t{1} << 53;
const std::vector<uint32_t> kNothing;

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

const std::vector<uint32_t>& Leader::Drain(const DrainLimits& limits) {
  if (!batch_.empty() || !members_.empty() || !candidate_.IsLeading()) return kNothing;
  index_.Scan();
  ReleaseSettled();
  stamp_++;
  chosen_.assign(index_.lanes().size(), 0);
  superseded_.clear();
  ChooseResends();
  is_resend_ = !batch_.empty();
  if (!is_resend_) {
    Choose(limits);
    if (members_.empty()) return kNothing;
    // Whatever of these keys came before what was just read is in the lanes by now.
    index_.Scan();
    IncludeWhatMustNotBeLeft();
    Emit();
  }
  is_answered_.assign(batch_.size(), 0);
  unanswered_ = static_cast<uint32_t>(batch_.size());
  journal_.Count(JournalCounter::batches);
  journal_.Count(is_resend_ ? JournalCounter::resent : JournalCounter::drained, batch_.size());
  if (batch_.empty()) Advance();  // nothing but superseded records
  return batch_;
}

void Leader::ChooseResends() {
  std::vector<uint32_t>& resends = index_.resends();
  for (uint32_t id : resends) {
    IndexEntry& entry = index_.entry(id);
    entry.stamp = stamp_;
    members_.push_back(id);
    batch_.push_back(id);
  }
  resends.clear();
  std::sort(batch_.begin(), batch_.end(), [this](uint32_t a, uint32_t b) {
    const IndexEntry &x = index_.entry(a), &y = index_.entry(b);
    return std::pair(x.partition, x.op_number) < std::pair(y.partition, y.op_number);
  });
}

// True once the record is not in the hands of a living writer any more, or is given up: who takes too long has to redo.
// What of such a write is in the table by then is nobody's until its writer has redone it; if he dies, it is an orphan.
bool Leader::HasNoPrepared(IndexEntry& entry, bool may_block) {
  for (;;) {
    index_.Refresh(entry);
    if (entry.is_done || entry.is_orphan || entry.state != RecordState::kPrepared) return true;
    JournalRecord& record = *journal_.RecordAt(entry.lane, entry.position);
    const uint64_t patience = (LoadField(record.codec) & kCodecInFile) != 0 ? kPreparedInFileNs : kPreparedNs;
    if (PreciseNs() - entry.seen_ns > patience) {
      auto state = static_cast<uint32_t>(RecordState::kPrepared);
      if (record.state.compare_exchange_strong(state, static_cast<uint32_t>(RecordState::kGivenUp), kAcqRel)) {  // SYNC(journal-state)
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
          if (!HasNoPrepared(entry, may_block)) {
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

// The records of the key that the batch has to place: its members, and others with lower versions than theirs.
void Leader::GatherKey(uint32_t id, std::vector<uint32_t>* group) {
  group->clear();
  uint64_t highest = 0;
  auto counts = [this](uint32_t other) {
    const IndexEntry& e = index_.entry(other);
    return !e.is_done && e.state == RecordState::kCommitted && e.op != JournalOp::kClear;
  };
  // What a living writer still holds is waited for first: it may turn out to be older.
  std::vector<uint32_t> prepared;
  index_.ForEachOfKey(id, [&](uint32_t other) {
    if (!IsMember(other) && !index_.entry(other).is_orphan && index_.entry(other).state == RecordState::kPrepared) prepared.push_back(other);
  });
  for (uint32_t other : prepared) HasNoPrepared(index_.entry(other), true);
  index_.ForEachOfKey(id, [&](uint32_t other) {
    if (counts(other) && IsMember(other)) highest = std::max(highest, index_.entry(other).version);
  });
  index_.ForEachOfKey(id, [&](uint32_t other) {
    if (counts(other) && (IsMember(other) || index_.entry(other).version < highest)) group->push_back(other);
  });
  std::sort(group->begin(), group->end(), [this](uint32_t a, uint32_t b) {
    const IndexEntry &x = index_.entry(a), &y = index_.entry(b);
    return std::tuple(x.version, x.lane, x.position) < std::tuple(y.version, y.lane, y.position);
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
  if (entry.is_done || entry.is_orphan || entry.op == JournalOp::kClear) return false;
  auto include = [this](uint32_t other) {
    const IndexEntry& e = index_.entry(other);
    const auto& ids = index_.lanes()[e.lane].ids;
    // Positions rise along a lane.
    const auto at = std::lower_bound(ids.begin(), ids.end(), e.position, [this](uint32_t a, uint64_t position) {
      return index_.entry(a).position < position;
    });
    return Include(e.lane, static_cast<size_t>(at - ids.begin()));
  };
  if (entry.state == RecordState::kSuperseded) {
    if (!entry.is_inherited) return false;
    // Not settled before whatever goes in its place.
    uint32_t next = kNoEntry;
    index_.ForEachOfKey(id, [&](uint32_t other) {
      const IndexEntry& e = index_.entry(other);
      if (IsMember(other) || e.state != RecordState::kCommitted || e.version <= entry.version) return;
      if (next == kNoEntry || e.version < index_.entry(next).version) next = other;
    });
    return next != kNoEntry && include(next);
  }
  bool is_alone = true;
  index_.ForEachOfKey(id, [&](uint32_t other) { is_alone &= other == id; });
  if (is_alone || entry.checked == pass_) return false;
  std::vector<uint32_t> group, survivors;
  std::vector<std::pair<uint32_t, uint32_t>> superseded;
  GatherKey(id, &group);
  Coalesce(group, &survivors, &superseded);
  for (uint32_t other : survivors) {
    if (!IsMember(other)) return include(other);
  }
  for (uint32_t other : group) index_.entry(other).checked = pass_;
  return false;
}

void Leader::IncludeWhatMustNotBeLeft() {
  pass_++;
  for (size_t i = 0; i < members_.size();) {
    if (!MustInclude(members_[i])) {
      i++;
      continue;
    }
    // The records that came in bring keys of their own, whose earlier ones may lie beyond what has been read.
    index_.Scan();
    pass_++;
    i = 0;
  }
}

void Leader::Supersede(uint32_t id, uint32_t by) {
  auto state = static_cast<uint32_t>(RecordState::kCommitted);
  index_.record(id).state.compare_exchange_strong(state, static_cast<uint32_t>(RecordState::kSuperseded), kRelease);  // SYNC(journal-state)
  KILL_POINT(record_superseded);
  IndexEntry& entry = index_.entry(id);
  entry.state = RecordState::kSuperseded;
  if (IsMember(id)) superseded_.emplace_back(id, by);
  journal_.Count(JournalCounter::coalesced);
}

void Leader::Emit() {
  std::vector<uint32_t> clears, orphans, group, survivors;
  std::vector<std::pair<uint32_t, uint32_t>> superseded;
  for (uint32_t id : members_) {
    IndexEntry& entry = index_.entry(id);
    if (entry.is_done || entry.is_grouped) continue;
    if (entry.is_orphan) {
      orphans.push_back(id);
    } else if (entry.op == JournalOp::kClear) {
      clears.push_back(id);
    } else if (entry.state == RecordState::kSuperseded) {
      superseded_.emplace_back(id, kNoEntry);
    } else {
      GatherKey(id, &group);
      Coalesce(group, &survivors, &superseded);
      for (auto [old, by] : superseded) Supersede(old, by);
      for (uint32_t other : group) index_.entry(other).is_grouped = IsMember(other);
      batch_.insert(batch_.end(), survivors.begin(), survivors.end());
    }
  }
  journal_.Count(JournalCounter::orphans, orphans.size());
  batch_.insert(batch_.begin(), clears.begin(), clears.end());
  batch_.insert(batch_.end(), orphans.begin(), orphans.end());
}

bool Leader::Resolve(uint32_t at, uint64_t host_version, uint32_t ns_epoch) {
  if (at >= batch_.size() || !candidate_.IsLeading()) return false;
  IndexEntry& entry = index_.entry(batch_[at]);
  if (!entry.is_orphan) return false;
  JournalRecord& record = index_.record(batch_[at]);
  record.host_version.store(host_version, kRelaxed);
  record.ns_epoch.store(ns_epoch, kRelaxed);
  const RecordState next = host_version == 0 ? RecordState::kCancelled : RecordState::kCommitted;
  auto state = static_cast<uint32_t>(entry.state);
  record.state.compare_exchange_strong(state, static_cast<uint32_t>(next), kRelease);  // SYNC(journal-state)
  entry.is_orphan = false;
  entry.state = next;
  entry.version = host_version;
  return true;
}

uint64_t Leader::Assign(uint32_t at) {
  if (at >= batch_.size() || !candidate_.IsLeading()) return 0;
  IndexEntry& entry = index_.entry(batch_[at]);
  if (entry.op_number != 0 || entry.state != RecordState::kCommitted) return entry.op_number;
  // Counted before it is given: a death in between leaves a number unused, never used twice.
  Atomic<uint64_t>& next = journal_.header().next_op[entry.partition];
  const uint64_t number = next.load(kRelaxed);
  if (number == 0 || number >= kMaxOpNumber) return 0;  // damage
  next.store(number + 1, kRelease);
  KILL_POINT(op_number_taken);
  entry.op_number = number;
  index_.record(batch_[at]).op_number.store(number, kRelease);
  KILL_POINT(op_number_written);
  return number;
}

void Leader::WriteAnswer(uint32_t id, JournalResult result, uint64_t version) {
  JournalRecord& record = index_.record(id);
  record.result_version.store(version, kRelaxed);
  record.result.store(static_cast<uint32_t>(result), kRelaxed);
  KILL_POINT(result_written);
  record.state.store(static_cast<uint32_t>(RecordState::kSettled), kRelease);  // SYNC(journal-state)
  KILL_POINT(record_settled);
  index_.entry(id).state = RecordState::kSettled;
  index_.Forget(id);
}

bool Leader::Answer(uint32_t at, const BatchAnswer& answer) {
  if (at >= batch_.size() || is_answered_[at] != 0 || answer.result == JournalResult::kNone) return false;
  if (!candidate_.IsLeading()) return false;
  if (answer.result == JournalResult::kDead) WriteLetter(journal_, index_.record(batch_[at]), answer.reason);
  WriteAnswer(batch_[at], answer.result, answer.version);
  is_answered_[at] = 1;
  unanswered_--;
  journal_.Count(JournalCounter::settled);
  return true;
}

bool Leader::Advance() {
  if (unanswered_ != 0 || !candidate_.IsLeading()) return false;
  // The last first: what replaced a record may have been replaced itself.
  for (auto pair = superseded_.rbegin(); pair != superseded_.rend(); ++pair) {
    const auto [id, by] = *pair;
    WriteAnswer(id, JournalResult::kSuperseded, by == kNoEntry ? 0 : index_.record(by).result_version.load(kRelaxed));
  }
  superseded_.clear();
  batch_.clear();
  members_.clear();
  ReleaseSettled();
  return true;
}

void Leader::ReleaseSettled() {
  bool has_moved = false;
  auto& lanes = index_.lanes();
  for (uint32_t i = 0; i < lanes.size(); i++) {
    const uint64_t before = lanes[i].acked, acked = index_.DropDone(lanes[i]);
    if (acked == before) continue;
    // SYNC(journal-acked): release. Answers are there for whoever sees it; the owner may overwrite everything before.
    journal_.lane(i).acked.store(acked, kRelease);
    has_moved = true;
  }
  if (!has_moved) return;
  KILL_POINT(acked_stored);
  JournalHeader& h = journal_.header();
  Fence(kSeqCst);  // SYNC(settle-interest)
  if (h.settle_waiters.load(kRelaxed) == 0 || h.settle_waiters.exchange(0, kAcqRel) == 0) return;
  h.settle_wake.fetch_add(1, kRelease);  // SYNC(settle-wake)
  FutexWakeAll(h.settle_wake);
}

bool Leader::GoToSleep() {
  if (!candidate_.IsLeading()) return true;
  if (!members_.empty()) return true;  // a batch is under way; who answers it drains again
  JournalHeader& h = journal_.header();
  // SYNC(append-sleep): then the last look; a commit either is seen here or sees this.
  h.leader_sleeps.store(1, kSeqCst);
  Fence(kSeqCst);
  index_.Scan();
  ReleaseSettled();
  if (!index_.HasWork()) return true;
  h.leader_sleeps.store(0, kRelaxed);
  return false;
}

}  // namespace strata
