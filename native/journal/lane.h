// The owner's side of a lane: one isolate appends, nobody else does.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "journal/journal.h"
#include "shm/liveness.h"

namespace strata {

// What a record says; lives are ms of the monotonic clock, 0 = never.
struct JournalInput {
  JournalOp op = JournalOp::kSet;
  uint8_t codec = 0;
  JournalCondition condition = JournalCondition::kAlways;
  uint8_t wishes = 0;
  uint16_t partition = 0;
  uint64_t soft_at = 0, hard_at = 0, expected = 0, source_version = 0;
  std::string_view ns, key;
};

struct PendingRecord {
  JournalRecord* record = nullptr;
  uint8_t* value = nullptr;
  uint64_t position = 0;
};

struct JournalAnswer {
  uint64_t mark = 0;
  JournalResult result = JournalResult::kNone;  // kNone: settled, but what it was is overwritten
  uint64_t version = 0;
};

// One isolate's lane, claimed at its first write. Not thread-safe.
class LaneOwner {
 public:
  explicit LaneOwner(Journal& journal) : journal_(journal) {}
  ~LaneOwner() { Release(); }
  LaneOwner(const LaneOwner&) = delete;
  LaneOwner& operator=(const LaneOwner&) = delete;

  // Room for a record whose value has at most `capacity` bytes. kNoRoom: full, or no lane is free; kTooLarge.
  // Nothing is visible before Finish.
  Status Begin(const JournalInput& input, uint32_t capacity, PendingRecord* out);
  // Publishes the record with a value of `value_bytes`. Its mark.
  uint64_t Finish(const PendingRecord& pending, uint32_t value_bytes);
  Status Prepare(const JournalInput& input, std::string_view value, uint64_t* mark);

  // The table has the write. False: a leader gave the record up meanwhile; the write is not acknowledged.
  bool Commit(uint64_t mark, uint64_t host_version, uint32_t ns_epoch);
  // The table does not have the write, or not any more: given up or not, the record is never sent.
  void Cancel(uint64_t mark);

  // True when the record that found no room would find it now.
  bool IsRoomy();
  // Where the next record begins; everything of this isolate is settled once acked gets there.
  uint64_t head() const { return head_; }
  bool has_lane() const { return lane_ != nullptr; }
  uint32_t index() const { return index_; }
  // What became of a settled record, of any lane.
  JournalAnswer AnswerOf(uint64_t mark) const;

  // From now on its answer is kept until TakeAnswers.
  void Await(uint64_t mark) { awaited_.push_back(mark); }
  // Moves the answers of awaited records that are settled to `out`, up to `room`. How many.
  size_t TakeAnswers(JournalAnswer* out, size_t room);
  bool is_awaiting() const { return !awaited_.empty() || !answers_.empty(); }
  // Gives the lane up; what is in it stays to be drained.
  void Release();

 private:
  bool Claim();
  bool TryClaim(uint32_t index);
  uint64_t LoadAcked();
  void Harvest();
  void Count(LaneCounter counter) {
    auto& cell = lane_->counters[static_cast<size_t>(counter)];
    cell.store(cell.load(kRelaxed) + 1, kRelaxed);
  }

  Journal& journal_;
  LockHandle lock_;
  Lane* lane_ = nullptr;
  LaneFilter* filter_ = nullptr;
  uint32_t index_ = 0;
  uint32_t until_harvest_ = 0;
  bool is_damaged_ = false;  // acked lies beyond what was written
  uint64_t head_ = 0, acked_ = 0, harvested_ = 0, wanted_ = 0, claimed_at_ = 0;
  std::vector<uint64_t> awaited_;
  std::vector<JournalAnswer> answers_;
};

// True once its answer is there, whatever lies in front of it in its lane.
bool IsSettled(const Journal& journal, uint64_t mark);
// True once that is so of all in front of it, too.
bool IsPassed(const Journal& journal, uint64_t mark);

// The host wakes whoever sleeps for answers or room.
void AnnounceSettleWaiter(Journal& journal);

}  // namespace strata
