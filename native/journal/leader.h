// The leader's side: reads all lanes, chooses what goes to Redis next, and writes down the answers.
//
// Several batches may be under way: a batch takes records of partitions of which nothing is. Per key its records are in the
// order of their host versions, and no record of the key with a lower version is left outside unsettled, unless it is marked
// superseded. Why that holds over lanes is in docs/journal.md. Everything but the records' states, op numbers and answers,
// the acked positions and the op counters is private and made anew by the next leader.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "journal/candidate.h"
#include "journal/index.h"
#include "journal/letters.h"

namespace strata {

struct DrainLimits {
  uint32_t records = 1024;
  uint64_t bytes = 1u << 20;
};

struct BatchAnswer {
  JournalResult result = JournalResult::kNone;  // kNone: not answered yet
  uint64_t version = 0;
  std::string_view reason;  // of kDead
};

class Leader {
 public:
  // `candidate` must be elected; the leader works while it is.
  Leader(Journal& journal, Candidate& candidate) : journal_(journal), candidate_(candidate), index_(journal) {}

  // Gathers the next batch: of a window of what is pending whole partitions, as far as the limits allow, and of one
  // partition always something. Clears go alone, before everything else; nothing is gathered until they are answered, nor
  // without the leadership. Blocks for at most a few milliseconds, and only for writers that are between prepare and commit
  // of a record that is needed. Names of the records, which stay where they are until they are settled; valid until the
  // next call.
  const std::vector<uint32_t>& Drain(const DrainLimits& limits);
  const std::vector<uint32_t>& batch() const { return batch_; }
  const IndexEntry& entry(uint32_t id) const { return index_.entry(id); }
  const JournalRecord& record(uint32_t id) const { return index_.record(id); }
  RecordBody body(uint32_t id) const { return index_.body(id); }
  // That record is soon looked at.
  void Prefetch(uint32_t id, bool has_body = false) const {
    if (index_.IsKnown(id)) index_.Prefetch(id, has_body);
  }
  // The last batch: is sent again; has records, or replaces some, whose callers want a replica.
  bool is_resend() const { return is_resend_; }
  bool wants_replica() const { return wants_replica_; }

  // The table's word on an orphan under way: its host version, or 0: it never took effect.
  bool Resolve(uint32_t id, uint64_t host_version, uint32_t ns_epoch);
  // Gives the record the next op number of its partition, unless it has one. 0 without the leadership.
  uint64_t Assign(uint32_t id);
  // Writes down the answer of a record under way. False without the leadership, or if it is answered already.
  bool Answer(uint32_t id, const BatchAnswer& answer);
  // After answers: settles what they replaced, frees, and wakes who waits. True when nothing is under way.
  bool Advance();

  // False if there is something to drain; else the next commit wakes the leader.
  bool GoToSleep();

 private:
  struct Choosable {
    uint32_t id, bytes;
    uint16_t partition;
    bool counts;  // nearly: the first of its key
  };
  struct Replacement {
    uint32_t id, by;
  };

  bool Gather(uint32_t window, bool may_block);
  void LookForCandidates(uint32_t window);
  void Choose(const DrainLimits& limits);
  void Begin(uint32_t id);
  void EmitResends();
  bool EmitClears();
  void Emit();
  void Place(const std::vector<uint32_t>& group);
  void WaitForWriters(uint32_t id);
  bool IsToBePlaced(uint32_t id) const;
  void GatherKey(uint32_t id, std::vector<uint32_t>* group);
  void TellGivenUp(const std::vector<uint32_t>& group);
  void Coalesce(const std::vector<uint32_t>& group, std::vector<uint32_t>* survivors, std::vector<Replacement>* replaced) const;
  uint32_t NextOfKey(uint32_t id);
  uint32_t InPlaceOf(uint32_t id) const;
  bool HasNoPrepared(IndexEntry& entry, bool may_block);
  bool IsWhole(uint32_t id);
  bool IsFree(const IndexEntry& entry) const;
  bool IsAwaited(uint32_t id) const;
  bool HasWork();
  void WriteAnswer(uint32_t id, JournalResult result, uint64_t version);
  void SettleReplaced();
  void Release();
  bool IsMember(uint32_t id) const { return index_.entry(id).stamp == stamp_; }

  Journal& journal_;
  Candidate& candidate_;
  LaneIndex index_;
  std::vector<uint32_t> batch_, members_;
  std::vector<Choosable> candidates_;                  // of the window, those that were not chosen yet
  std::vector<size_t> looked_at_;                      // per lane: how many from its front
  std::vector<Replacement> replaced_;                  // not settled yet
  std::array<uint32_t, kPartitions> under_way_{};      // records of the partition that are not answered
  uint32_t unanswered_ = 0, clears_under_way_ = 0;     // of all
  uint32_t first_lane_ = 0;
  uint32_t stamp_ = 0;
  bool is_resend_ = false;
  bool wants_replica_ = false;
  bool has_answered_ = false;  // since waiters were last woken
};

}  // namespace strata
