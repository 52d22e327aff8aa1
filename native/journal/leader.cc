#include "journal/leader.h"

#include <algorithm>

#include "base/kill_point.h"
#include "shm/futex.h"

namespace strata {
namespace {

constexpr uint64_t kMaxOpNumber = uint64_t{1} << 53;
const std::vector<uint32_t> kNothing;

}  // namespace

const std::vector<uint32_t>& Leader::Drain(const DrainLimits& limits) {
  if (!batch_.empty() || !members_.empty() || !candidate_.IsLeading()) return kNothing;
  index_.Scan(true);
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
    index_.Scan(false);
    IncludeWhatMustNotBeLeft();
    KILL_POINT(batch_chosen);
    Emit();
  }
  wants_replica_ = std::any_of(members_.begin(), members_.end(), [this](uint32_t id) { return index_.entry(id).wants_replica; });
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
    if (!index_.IsWhole(id)) {
      journal_.Count(JournalCounter::damaged);
      index_.Forget(id);
      continue;
    }
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

// Each of the pairs: who by whom. In the order of versions, so who replaces may be replaced further on.
void Leader::Supersede(const std::vector<std::pair<uint32_t, uint32_t>>& pairs) {
  for (auto [id, by] : pairs) {
    auto state = static_cast<uint32_t>(RecordState::kCommitted);
    index_.record(id).state.compare_exchange_strong(state, static_cast<uint32_t>(RecordState::kSuperseded), kRelease);  // SYNC(journal-state)
    KILL_POINT(record_superseded);
    index_.entry(id).state = RecordState::kSuperseded;
  }
  journal_.Count(JournalCounter::coalesced, pairs.size());
  for (auto pair = pairs.rbegin(); pair != pairs.rend(); ++pair) {
    const uint32_t further = index_.entry(pair->second).replaced_by;
    const uint32_t last = index_.entry(pair->first).replaced_by = further == kNoEntry ? pair->second : further;
    if (IsMember(pair->first)) superseded_.emplace_back(pair->first, last);
  }
}

// What was broken since it was read is not sent.
void Leader::DropDamaged() {
  for (uint32_t id : members_) {
    const IndexEntry& entry = index_.entry(id);
    if (entry.is_done || entry.state == RecordState::kSuperseded || index_.IsWhole(id)) continue;
    journal_.Count(JournalCounter::damaged);
    index_.Forget(id);
  }
}

void Leader::Emit() {
  DropDamaged();
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
      TellGivenUp(group);
      Supersede(superseded);
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
  KILL_POINT(orphan_versioned);
  const RecordState next = host_version == 0 ? RecordState::kCancelled : RecordState::kCommitted;
  auto state = static_cast<uint32_t>(entry.state);
  record.state.compare_exchange_strong(state, static_cast<uint32_t>(next), kRelease);  // SYNC(journal-state)
  entry.is_orphan = false;
  entry.state = next;
  entry.version = host_version;
  if (next == RecordState::kCommitted) TellGivenUp({batch_[at]});
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
  if (answer.result == JournalResult::kDead) WriteLetter(journal_, index_.record(batch_[at]), index_.body(batch_[at]), answer.reason);
  WriteAnswer(batch_[at], answer.result, answer.version);
  is_answered_[at] = 1;
  unanswered_--;
  journal_.Count(JournalCounter::settled);
  return true;
}

bool Leader::Advance() {
  if (unanswered_ != 0 || !candidate_.IsLeading()) return false;
  for (auto [id, by] : superseded_) {
    auto result = static_cast<uint32_t>(JournalResult::kSuperseded);
    // By whom it was replaced under a former leader is not known, nor who has that one.
    if (by == kNoEntry && index_.entry(id).wants_replica) result |= kResultShort;
    if (by != kNoEntry) result |= index_.record(by).result.load(kRelaxed) & kResultShort;
    WriteAnswer(id, static_cast<JournalResult>(result), by == kNoEntry ? 0 : index_.record(by).result_version.load(kRelaxed));
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
  KILL_POINT(settle_claimed);
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
  index_.Scan(true);
  ReleaseSettled();
  if (!index_.HasWork()) return true;
  h.leader_sleeps.store(0, kRelaxed);
  return false;
}

}  // namespace strata
