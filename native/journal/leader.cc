#include "journal/leader.h"

#include <algorithm>
#include <utility>

#include "base/kill_point.h"
#include "shm/futex.h"

namespace strata {
namespace {

constexpr uint64_t kMaxOpNumber = uint64_t{1} << 53;

}  // namespace

const std::vector<uint32_t>& Leader::Drain(const DrainLimits& limits) {
  batch_.clear();
  is_resend_ = wants_replica_ = false;
  if (!candidate_.IsLeading()) return batch_;
  index_.Scan();
  Release();
  // What comes after a clear goes under an epoch that is known when that is answered.
  if (clears_under_way_ > 0) return batch_;
  stamp_++;
  members_.clear();
  is_resend_ = !index_.resends().empty();
  if (is_resend_) {
    EmitResends();
  } else {
    Choose(limits);
    // Whatever came before what was just read is in the lanes by now: of its keys, and clears.
    index_.Scan();
    if (!EmitClears()) Emit();
    KILL_POINT(batch_chosen);
  }
  for (uint32_t id : batch_) Begin(id);
  if (batch_.empty()) Advance();  // nothing but superseded records
  else journal_.Count(JournalCounter::batches);
  journal_.Count(is_resend_ ? JournalCounter::resent : JournalCounter::drained, batch_.size());
  return batch_;
}

void Leader::Begin(uint32_t id) {
  IndexEntry& entry = index_.entry(id);
  entry.is_under_way = true;
  wants_replica_ |= entry.wants_replica;
  under_way_[entry.partition]++;
  unanswered_++;
  if (entry.op == JournalOp::kClear) clears_under_way_++;
}

bool Leader::IsFree(const IndexEntry& entry) const {
  return !entry.is_done && !entry.is_under_way && entry.op != JournalOp::kClear && under_way_[entry.partition] == 0;
}

void Leader::EmitResends() {
  std::vector<uint32_t>& resends = index_.resends();
  for (uint32_t id : resends) {
    if (!index_.entry(id).is_done && IsWhole(id)) batch_.push_back(id);
  }
  resends.clear();
  std::sort(batch_.begin(), batch_.end(), [this](uint32_t a, uint32_t b) {
    const IndexEntry &x = index_.entry(a), &y = index_.entry(b);
    return std::pair(x.partition, x.op_number) < std::pair(y.partition, y.op_number);
  });
}

// Clears go alone and before everything else, wherever they lie: what was written after one must not reach Redis before it.
bool Leader::EmitClears() {
  const std::vector<uint32_t> clears = index_.clears();
  for (bool are_orphans : {false, true}) {
    for (uint32_t id : clears) {
      IndexEntry& entry = index_.entry(id);
      if (!HasNoPrepared(entry, true)) continue;
      if (entry.is_done || entry.is_orphan != are_orphans || (!entry.is_orphan && entry.state != RecordState::kCommitted) || !IsWhole(id)) continue;
      batch_.push_back(id);
      journal_.Count(JournalCounter::orphans, are_orphans ? 1 : 0);
    }
  }
  return !batch_.empty();
}

void Leader::Emit() {
  std::vector<uint32_t> orphans, group;
  std::vector<Replacement> inherited;
  for (size_t i = 0; i < members_.size(); i++) {
    const IndexEntry& entry = index_.entry(members_[i]);
    if (entry.is_done || entry.is_under_way || entry.state != RecordState::kSuperseded) continue;
    const uint32_t next = NextOfKey(members_[i]);
    inherited.push_back({members_[i], next});
    if (next == kNoEntry || IsMember(next)) continue;
    index_.entry(next).stamp = stamp_;
    members_.push_back(next);
  }
  for (size_t i = 0; i < members_.size(); i++) {
    if (i + kAhead < members_.size()) index_.Prefetch(members_[i + kAhead], true);
    const uint32_t id = members_[i];
    IndexEntry& entry = index_.entry(id);
    if (entry.is_done || entry.is_under_way) continue;
    if (entry.is_orphan) {
      if (!IsWhole(id)) continue;
      entry.is_under_way = true;
      orphans.push_back(id);
    } else if (entry.state == RecordState::kSuperseded) {
      entry.is_under_way = true;
      wants_replica_ |= entry.wants_replica;
      continue;
    }
    GatherKey(id, &group);
    Place(group);
  }
  for (const auto& [id, by] : inherited) replaced_.push_back({id, InPlaceOf(by)});
  journal_.Count(JournalCounter::orphans, orphans.size());
  batch_.insert(batch_.end(), orphans.begin(), orphans.end());
}

// Itself, or what replaced it.
uint32_t Leader::InPlaceOf(uint32_t id) const {
  return id == kNoEntry || index_.entry(id).replaced_by == kNoEntry ? id : index_.entry(id).replaced_by;
}

// What is left of the key's records after the later ones have replaced earlier ones joins the batch.
void Leader::Place(const std::vector<uint32_t>& group) {
  if (group.size() == 1 && index_.IsAlone(group[0])) {
    index_.entry(group[0]).is_under_way = true;
    batch_.push_back(group[0]);
    return;
  }
  std::vector<uint32_t> survivors;
  std::vector<Replacement> replaced;
  Coalesce(group, &survivors, &replaced);
  TellGivenUp(group);
  for (const Replacement& one : replaced) {
    auto state = static_cast<uint32_t>(RecordState::kCommitted);
    index_.record(one.id).state.compare_exchange_strong(state, static_cast<uint32_t>(RecordState::kSuperseded), kRelease);  // SYNC(journal-state)
    KILL_POINT(record_superseded);
    IndexEntry& entry = index_.entry(one.id);
    entry.state = RecordState::kSuperseded;
    entry.is_under_way = true;
    wants_replica_ |= entry.wants_replica;
  }
  journal_.Count(JournalCounter::coalesced, replaced.size());
  for (auto one = replaced.rbegin(); one != replaced.rend(); ++one) {
    replaced_.push_back({one->id, index_.entry(one->id).replaced_by = InPlaceOf(one->by)});
  }
  for (uint32_t id : survivors) index_.entry(id).is_under_way = true;
  batch_.insert(batch_.end(), survivors.begin(), survivors.end());
}

bool Leader::IsAwaited(uint32_t id) const {
  return index_.IsKnown(id) && index_.entry(id).is_under_way && !index_.entry(id).is_done && index_.entry(id).state != RecordState::kSuperseded;
}

bool Leader::Resolve(uint32_t id, uint64_t host_version, uint32_t ns_epoch) {
  if (!IsAwaited(id) || !candidate_.IsLeading()) return false;
  IndexEntry& entry = index_.entry(id);
  if (!entry.is_orphan) return false;
  JournalRecord& record = index_.record(id);
  record.host_version.store(host_version, kRelaxed);
  record.ns_epoch.store(ns_epoch, kRelaxed);
  KILL_POINT(orphan_versioned);
  const RecordState next = host_version == 0 ? RecordState::kCancelled : RecordState::kCommitted;
  auto state = static_cast<uint32_t>(entry.state);
  record.state.compare_exchange_strong(state, static_cast<uint32_t>(next), kRelease);  // SYNC(journal-state)
  entry.is_orphan = false;
  entry.state = next;
  entry.version = host_version;
  if (next == RecordState::kCommitted) TellGivenUp({id});
  return true;
}

uint64_t Leader::Assign(uint32_t id) {
  if (!IsAwaited(id) || !candidate_.IsLeading()) return 0;
  IndexEntry& entry = index_.entry(id);
  if (entry.op_number != 0 || entry.state != RecordState::kCommitted) return entry.op_number;
  // Counted before it is given: a death in between leaves a number unused, never used twice.
  Atomic<uint64_t>& next = journal_.header().next_op[entry.partition];
  const uint64_t number = next.load(kRelaxed);
  if (number == 0 || number >= kMaxOpNumber) return 0;  // damage
  next.store(number + 1, kRelease);
  KILL_POINT(op_number_taken);
  entry.op_number = number;
  index_.record(id).op_number.store(number, kRelease);
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
  has_answered_ = true;
}

bool Leader::Answer(uint32_t id, const BatchAnswer& answer) {
  if (!IsAwaited(id) || answer.result == JournalResult::kNone || !candidate_.IsLeading()) return false;
  if (answer.result == JournalResult::kDead) WriteLetter(journal_, index_.record(id), index_.body(id), answer.reason);
  const IndexEntry& entry = index_.entry(id);
  under_way_[entry.partition]--;
  unanswered_--;
  if (entry.op == JournalOp::kClear) clears_under_way_--;
  WriteAnswer(id, answer.result, answer.version);
  journal_.Count(JournalCounter::settled);
  return true;
}

bool Leader::Advance() {
  if (!candidate_.IsLeading()) return false;
  Release();
  return unanswered_ == 0;
}

// What was replaced is answered with what went in its place.
void Leader::SettleReplaced() {
  std::erase_if(replaced_, [this](const Replacement& one) {
    if (one.by != kNoEntry && !index_.entry(one.by).is_done) return false;
    const IndexEntry& entry = index_.entry(one.id);
    auto result = static_cast<uint32_t>(JournalResult::kSuperseded);
    uint64_t version = 0;
    // By whom it was replaced under a former leader is not known for certain, nor who has that one.
    if (entry.is_inherited) {
      if (entry.wants_replica) result |= kResultShort;
    } else {
      result |= index_.record(one.by).result.load(kRelaxed) & kResultShort;
      version = index_.record(one.by).result_version.load(kRelaxed);
    }
    WriteAnswer(one.id, static_cast<JournalResult>(result), version);
    return true;
  });
}

void Leader::Release() {
  SettleReplaced();
  auto& lanes = index_.lanes();
  bool has_news = std::exchange(has_answered_, false);
  for (uint32_t i = 0; i < lanes.size(); i++) {
    const uint64_t before = lanes[i].acked, acked = index_.DropDone(lanes[i]);
    if (acked == before) continue;
    // SYNC(journal-acked): release. Answers are there for whoever sees it; the owner may overwrite everything before.
    journal_.lane(i).acked.store(acked, kRelease);
    has_news = true;
  }
  if (!has_news) return;
  KILL_POINT(acked_stored);
  JournalHeader& h = journal_.header();
  Fence(kSeqCst);  // SYNC(settle-interest)
  if (h.settle_waiters.load(kRelaxed) == 0 || h.settle_waiters.exchange(0, kAcqRel) == 0) return;
  KILL_POINT(settle_claimed);
  h.settle_wake.fetch_add(1, kRelease);  // SYNC(settle-wake)
  FutexWakeAll(h.settle_wake);
}

bool Leader::HasWork() {
  if (!index_.resends().empty()) return true;
  if (clears_under_way_ > 0) return false;
  auto can_go = [](const IndexEntry& entry) { return !entry.is_done && (entry.is_orphan || !LaneIndex::IsOpen(entry.state)); };
  for (uint32_t id : index_.clears()) {
    if (can_go(index_.entry(id))) return true;
  }
  for (const auto& lane : index_.lanes()) {
    for (uint32_t id : lane.ids) {
      if (IsFree(index_.entry(id)) && can_go(index_.entry(id))) return true;
    }
  }
  return false;
}

bool Leader::GoToSleep() {
  if (!candidate_.IsLeading()) return true;
  JournalHeader& h = journal_.header();
  // SYNC(append-sleep): then the last look; a commit either is seen here or sees this.
  h.leader_sleeps.store(1, kSeqCst);
  Fence(kSeqCst);
  index_.Scan();
  Release();
  if (!HasWork()) return true;
  h.leader_sleeps.store(0, kRelaxed);
  return false;
}

}  // namespace strata
