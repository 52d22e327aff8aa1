#include "journal/lane.h"

#include <algorithm>
#include <cstring>

#include "base/kill_point.h"
#include "shm/futex.h"
#include "shm/host_identity.h"

namespace strata {
namespace {

constexpr uint32_t kHarvestEvery = 32;

uint64_t AlignRecord(uint64_t bytes) { return (bytes + 7) & ~uint64_t{7}; }

constexpr auto kPreparedWord = static_cast<uint32_t>(RecordState::kPrepared);
constexpr auto kCommittedWord = static_cast<uint32_t>(RecordState::kCommitted);
constexpr auto kCancelledWord = static_cast<uint32_t>(RecordState::kCancelled);
constexpr auto kGivenUpWord = static_cast<uint32_t>(RecordState::kGivenUp);

}  // namespace

bool LaneOwner::TryClaim(uint32_t index) {
  if (!lock_.TryLock(kLockLanes + index)) return false;
  KILL_POINT(lane_locked);
  Lane& lane = journal_.lane(index);
  const uint64_t head = lane.head.load(kAcquire), acked = lane.acked.load(kAcquire);  // SYNC(journal-head) SYNC(journal-acked)
  // What the dead left is the leader's first; a lane that makes no sense or is used up stays out of use.
  if (head != acked || !journal_.IsLaneSane(head, acked) || head + journal_.lane_bytes() > kMaxPosition) {
    lock_.Unlock(kLockLanes + index);
    return false;
  }
  lane_ = &lane;
  filter_ = &journal_.filter(index);
  index_ = index;
  head_ = acked_ = harvested_ = claimed_at_ = head;
  is_damaged_ = false;
  // Counts of a dead owner are too high; nothing of his is pending any more.
  for (auto& count : filter_->counts) count.store(0, kRelaxed);
  lane.pid.store(ProcessId(), kRelaxed);
  journal_.file().Prefault(journal_.geometry().rings_at + (uint64_t{index} << journal_.geometry().lane_shift), journal_.lane_bytes());
  KILL_POINT(lane_claimed);
  journal_.RaiseLanesUsed(index + 1);
  return true;
}

bool LaneOwner::Claim() {
  if (!lock_.is_open() && !lock_.Open(journal_.file().fd())) return false;
  for (uint32_t i = 0; i < journal_.geometry().lane_count; i++) {
    if (TryClaim(i)) return true;
  }
  return false;
}

void LaneOwner::Release() {
  if (lane_ != nullptr) Harvest();
  lane_ = nullptr;
  lock_.Close();
}

uint64_t LaneOwner::LoadAcked() {
  // SYNC(journal-acked): acquire. The leader has done with everything before, results included.
  const uint64_t acked = lane_->acked.load(kAcquire);
  if (acked > head_ || (acked & 7) != 0) is_damaged_ = true;
  else if (acked > acked_) acked_ = acked;
  return acked_;
}

// Takes what is settled out of the filter, and keeps the answers somebody waits for.
void LaneOwner::Harvest() {
  until_harvest_ = kHarvestEvery;
  LoadAcked();
  for (size_t i = 0; i < awaited_.size() && harvested_ < acked_;) {
    const Mark mark{awaited_[i]};
    if (mark.lane() != index_ || mark.position() >= acked_) {
      i++;
      continue;
    }
    answers_.push_back(AnswerOf(mark.raw));
    awaited_[i] = awaited_.back();
    awaited_.pop_back();
  }
  while (harvested_ < acked_) {
    JournalRecord* record = journal_.RecordAt(index_, harvested_);
    const uint32_t bytes = LoadField(record->bytes);
    if (bytes < 8 || bytes % 8 != 0 || bytes > acked_ - harvested_) {  // damage: counts may stay too high
      harvested_ = acked_;
      return;
    }
    harvested_ += bytes;
    if (bytes < sizeof(JournalRecord) || record->state.load(kRelaxed) == static_cast<uint32_t>(RecordState::kFiller)) continue;
    auto& count = filter_->counts[LoadField(record->key_hash) % kFilterCounts];
    const uint16_t now = count.load(kRelaxed);
    // A count at its end has lost track and stays.
    if (now != 0 && now != 0xffff) count.store(static_cast<uint16_t>(now - 1), kRelaxed);
  }
}

Status LaneOwner::Begin(const JournalInput& input, uint32_t capacity, PendingRecord* out) {
  const uint64_t need = AlignRecord(sizeof(JournalRecord) + input.ns.size() + input.key.size() + uint64_t{capacity});
  if (need > journal_.max_record_bytes() || input.ns.size() > 0xffff || input.key.size() > kMaxKeyBytes) {
    if (lane_ != nullptr) Count(LaneCounter::kTooLarge);
    return Status::kTooLarge;
  }
  wanted_ = 0;
  // Used up, or the leader has passed what is still to be written: on to another lane.
  if (lane_ != nullptr && (head_ + 2 * need > kMaxPosition || is_damaged_)) Release();
  if (lane_ == nullptr && !Claim()) return Status::kNoRoom;
  if (--until_harvest_ == 0 || until_harvest_ > kHarvestEvery) Harvest();
  const uint64_t lane_bytes = journal_.lane_bytes(), to_end = lane_bytes - (head_ & (lane_bytes - 1));
  const uint64_t filler = need > to_end ? to_end : 0, total = filler + need;
  if (head_ + total - acked_ > lane_bytes || head_ + total - harvested_ > lane_bytes) {
    Harvest();
    if (head_ + total - acked_ > lane_bytes) {
      wanted_ = total;
      Count(LaneCounter::kFull);
      return Status::kNoRoom;
    }
  }
  // SYNC(journal-reuse): release. Whoever still reads the old bytes sees after them that acked has passed.
  Fence(kRelease);
  if (filler != 0) {
    JournalRecord* record = journal_.RecordAt(index_, head_);
    StoreField(record->bytes, static_cast<uint32_t>(filler));
    record->state.store(static_cast<uint32_t>(RecordState::kFiller), kRelaxed);
    KILL_POINT(journal_filled);
  }
  out->position = head_ + filler;
  out->record = journal_.RecordAt(index_, out->position);
  JournalRecord& r = *out->record;
  StoreField(r.bytes, static_cast<uint32_t>(need));
  r.state.store(kPreparedWord, kRelaxed);
  StoreField(r.op, static_cast<uint8_t>(input.op));
  StoreField(r.codec, input.codec);
  StoreField(r.condition, static_cast<uint8_t>(input.condition));
  StoreField(r.wishes, input.wishes);
  StoreField(r.partition, input.partition);
  StoreField(r.ns_bytes, static_cast<uint16_t>(input.ns.size()));
  StoreField(r.key_bytes, static_cast<uint16_t>(input.key.size()));
  StoreField(r.unused2, uint16_t{0});
  StoreField(r.soft_at, input.soft_at);
  StoreField(r.hard_at, input.hard_at);
  StoreField(r.expected, input.expected);
  StoreField(r.source_version, input.source_version);
  StoreField(r.key_hash, journal_.KeyHash(input.ns, input.key));
  r.host_version.store(0, kRelaxed);
  r.op_number.store(0, kRelaxed);
  r.result_version.store(0, kRelaxed);
  r.ns_epoch.store(0, kRelaxed);
  r.result.store(0, kRelaxed);
  auto* body = reinterpret_cast<uint8_t*>(&r + 1);
  CopyShared(body, input.ns.data(), input.ns.size());
  CopyShared(body + input.ns.size(), input.key.data(), input.key.size());
  out->value = body + input.ns.size() + input.key.size();
  return Status::kOk;
}

uint64_t LaneOwner::Finish(const PendingRecord& pending, uint32_t value_bytes) {
  JournalRecord& r = *pending.record;
  StoreField(r.value_bytes, value_bytes);
  const RecordChecks checks = journal_.ChecksOf(Mark::Make(index_, pending.position), r, &r + 1, size_t{r.ns_bytes} + r.key_bytes + value_bytes);
  StoreField(r.check, checks.all);
  StoreField(r.head_check, checks.head);
  KILL_POINT(journal_written);
  auto& count = filter_->counts[r.key_hash % kFilterCounts];
  const uint16_t now = count.load(kRelaxed);
  if (now != 0xffff) count.store(static_cast<uint16_t>(now + 1), kRelaxed);
  head_ = pending.position + r.bytes;
  // SYNC(journal-head): release. The record and its count in the filter are there for whoever sees the head.
  lane_->head.store(head_, kRelease);
  Count(LaneCounter::kPrepared);
  KILL_POINT(journal_prepared);
  return Mark::Make(index_, pending.position).raw;
}

Status LaneOwner::Prepare(const JournalInput& input, std::string_view value, uint64_t* mark) {
  PendingRecord pending;
  const Status status = Begin(input, static_cast<uint32_t>(value.size()), &pending);
  if (status != Status::kOk) return status;
  CopyShared(pending.value, value.data(), value.size());
  *mark = Finish(pending, static_cast<uint32_t>(value.size()));
  return Status::kOk;
}

bool LaneOwner::Commit(uint64_t raw, uint64_t host_version, uint32_t ns_epoch) {
  const Mark mark{raw};
  if (lane_ == nullptr || mark.lane() != index_ || mark.position() >= head_ || mark.position() < LoadAcked() || is_damaged_) return false;
  JournalRecord& r = *journal_.RecordAt(index_, mark.position());
  r.host_version.store(host_version, kRelaxed);
  r.ns_epoch.store(ns_epoch, kRelaxed);
  KILL_POINT(journal_versioned);
  uint32_t state = kPreparedWord;
  // SYNC(journal-state): release. Version and epoch are there for whoever sees the record committed.
  // Sequentially consistent for SYNC(append-sleep).
  if (!r.state.compare_exchange_strong(state, kCommittedWord, kSeqCst)) {
    Count(LaneCounter::kRedone);
    return false;
  }
  KILL_POINT(journal_committed);
  Count(LaneCounter::kCommitted);
  JournalHeader& h = journal_.header();
  // SYNC(append-sleep): either the leader's last look before it sleeps sees the record, or this sees that it sleeps.
  Fence(kSeqCst);
  if (h.leader_sleeps.load(kSeqCst) != 0 && h.leader_sleeps.exchange(0, kSeqCst) != 0) {
    KILL_POINT(append_claimed);
    h.append_wake.fetch_add(1, kRelease);  // SYNC(append-wake)
    FutexWakeAll(h.append_wake);
  }
  return true;
}

void LaneOwner::Cancel(uint64_t raw) {
  const Mark mark{raw};
  if (lane_ == nullptr || mark.lane() != index_ || mark.position() >= head_ || mark.position() < LoadAcked()) return;
  auto& word = journal_.RecordAt(index_, mark.position())->state;
  uint32_t state = kPreparedWord;
  bool is_cancelled = word.compare_exchange_strong(state, kCancelledWord, kRelease);  // SYNC(journal-state)
  if (!is_cancelled && state == kGivenUpWord) {
    is_cancelled = word.compare_exchange_strong(state, kCancelledWord, kRelease);  // SYNC(journal-state)
  }
  if (is_cancelled) Count(LaneCounter::kCancelled);
}

bool LaneOwner::IsRoomy() {
  if (lane_ == nullptr) return Claim();
  Harvest();
  if (is_damaged_) return true;  // another lane is to be tried
  return head_ + wanted_ - acked_ <= journal_.lane_bytes();
}

JournalAnswer LaneOwner::AnswerOf(uint64_t raw) const {
  const Mark mark{raw};
  const JournalAnswer nothing{raw, JournalResult::kNone, 0};
  const bool is_own = lane_ != nullptr && mark.lane() == index_;
  if (is_own ? mark.position() + journal_.lane_bytes() < head_ : !IsSettled(journal_, raw)) return nothing;
  if (mark.lane() >= journal_.geometry().lane_count) return nothing;
  const JournalRecord& r = *journal_.RecordAt(mark.lane(), mark.position());
  const auto state = static_cast<RecordState>(r.state.load(kAcquire));  // SYNC(journal-state)
  const JournalAnswer answer{raw, static_cast<JournalResult>(r.result.load(kRelaxed)), r.result_version.load(kRelaxed)};
  if (!is_own) {
    // SYNC(journal-reuse): another owner writes up to one record beyond the head it shows.
    Fence(kAcquire);
    if (mark.position() + journal_.lane_bytes() - journal_.max_record_bytes() < journal_.lane(mark.lane()).head.load(kRelaxed)) return nothing;
  }
  return state == RecordState::kSettled ? answer : JournalAnswer{raw, JournalResult::kSuperseded, 0};
}

size_t LaneOwner::TakeAnswers(JournalAnswer* out, size_t room) {
  if (lane_ != nullptr) Harvest();
  for (size_t i = 0; i < awaited_.size();) {
    const Mark mark{awaited_[i]};
    if (!IsSettled(journal_, mark.raw)) {
      i++;
      continue;
    }
    const bool is_own = lane_ != nullptr && mark.lane() == index_ && mark.position() >= claimed_at_;
    answers_.push_back(is_own ? AnswerOf(mark.raw) : JournalAnswer{awaited_[i], JournalResult::kNone, 0});
    awaited_[i] = awaited_.back();
    awaited_.pop_back();
  }
  const size_t count = std::min(room, answers_.size());
  std::copy_n(answers_.begin(), count, out);
  answers_.erase(answers_.begin(), answers_.begin() + static_cast<std::ptrdiff_t>(count));
  return count;
}

bool IsPassed(const Journal& journal, uint64_t raw) {
  const Mark mark{raw};
  return mark.lane() >= journal.geometry().lane_count || mark.position() < journal.lane(mark.lane()).acked.load(kAcquire);  // SYNC(journal-acked)
}

bool IsSettled(const Journal& journal, uint64_t raw) {
  const Mark mark{raw};
  if (IsPassed(journal, raw)) return true;
  // Answered before what lies in front of it. Bytes that are another record's by now say so of a settled one, too.
  return journal.RecordAt(mark.lane(), mark.position())->state.load(kAcquire) == static_cast<uint32_t>(RecordState::kSettled);  // SYNC(journal-state)
}

void AnnounceSettleWaiter(Journal& journal) {
  // SYNC(settle-interest): then the waiter looks again; either it sees the new acked, or the leader sees it waits.
  journal.header().settle_waiters.store(1, kSeqCst);
  Fence(kSeqCst);
}

}  // namespace strata
