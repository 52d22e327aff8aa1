// The leader's side: reads all lanes, chooses what goes to Redis next, and writes down the answers.
//
// A batch is a prefix of every lane. Per key its records are in the order of their host versions, and no record of the
// key with a lower version is left outside unsettled, unless it is marked superseded. Why that holds over lanes is in
// docs/journal.md. Everything but the records' states, op numbers and answers, the acked positions and the op counters
// is private and made anew by the next leader.
#pragma once

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

  // Gathers the next batch; nothing while one is under way, and nothing without the leadership. Blocks for at most a
  // few milliseconds, and only for writers that are between prepare and commit of a record that is needed.
  // Records of `batch` stay where they are until they are settled.
  const std::vector<uint32_t>& Drain(const DrainLimits& limits);
  const std::vector<uint32_t>& batch() const { return batch_; }
  const IndexEntry& entry(uint32_t id) const { return index_.entry(id); }
  const JournalRecord& record(uint32_t id) const { return index_.record(id); }
  RecordBody body(uint32_t id) const { return index_.body(id); }
  bool is_resend() const { return is_resend_; }
  // One of the batch, or of those that it replaces.
  bool wants_replica() const { return wants_replica_; }

  // The table's word on an orphan of the batch: its host version, or 0: it never took effect.
  bool Resolve(uint32_t batch_index, uint64_t host_version, uint32_t ns_epoch);
  // Gives the record the next op number of its partition, unless it has one. 0 without the leadership.
  uint64_t Assign(uint32_t batch_index);
  // Writes down the answer of a record of the batch. False without the leadership, or if it is answered already.
  bool Answer(uint32_t batch_index, const BatchAnswer& answer);
  // After answers: frees what is settled and wakes who waits. True when the whole batch is answered, which ends it.
  bool Advance();

  // False if there is something to drain; else the next commit wakes the leader.
  bool GoToSleep();

 private:
  void Choose(const DrainLimits& limits);
  void ChooseResends();
  void DropDamaged();
  bool Include(uint32_t lane, size_t up_to);
  void IncludeWhatMustNotBeLeft();
  bool MustInclude(uint32_t id);
  void WaitForWriters(uint32_t id);
  bool IsToBePlaced(uint32_t id) const;
  void GatherKey(uint32_t id, std::vector<uint32_t>* group);
  void TellGivenUp(const std::vector<uint32_t>& group);
  void Coalesce(std::vector<uint32_t>& group, std::vector<uint32_t>* survivors,
                std::vector<std::pair<uint32_t, uint32_t>>* superseded) const;
  void Emit();
  bool HasNoPrepared(IndexEntry& entry, bool may_block);
  void Supersede(const std::vector<std::pair<uint32_t, uint32_t>>& pairs);
  void WriteAnswer(uint32_t id, JournalResult result, uint64_t version);
  void ReleaseSettled();
  bool IsMember(uint32_t id) const { return index_.entry(id).stamp == stamp_; }

  Journal& journal_;
  Candidate& candidate_;
  LaneIndex index_;
  std::vector<uint32_t> batch_, members_;
  std::vector<uint8_t> is_answered_;
  std::vector<std::pair<uint32_t, uint32_t>> superseded_;  // of the batch: who by whom
  std::vector<size_t> chosen_;                             // per lane: how many from its front are members
  uint32_t unanswered_ = 0;
  uint32_t first_lane_ = 0;
  uint32_t stamp_ = 0;
  bool is_resend_ = false;
  bool wants_replica_ = false;
};

}  // namespace strata
