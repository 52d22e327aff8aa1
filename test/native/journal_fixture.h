// A journal in a directory of its own, and short words for what tests do with it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "journal/lane.h"
#include "journal/leader.h"
#include "journal/pending.h"
#include "test/native/fixture.h"

namespace strata::test {

// Four lanes of 16 KiB, one page of dead letters.
inline constexpr JournalOptions kSmallJournal{4u << 14, 4, 4096};

std::unique_ptr<Journal> OpenJournal(const std::string& dir, const JournalOptions& options = kSmallJournal, const char* name = "j",
                                     const JournalHome& home = {});

// A leader without a thread. Elected if nobody else leads.
struct Lead {
  explicit Lead(Journal& journal) : candidate(journal, [] {}), is_elected(candidate.TryElect()), leader(journal, candidate) {}
  Candidate candidate;
  bool is_elected;
  Leader leader;
};

// Three isolates of a host.
struct JournalHost {
  explicit JournalHost(const JournalOptions& options = kSmallJournal) : journal(OpenJournal(dir.path(), options)), a(*journal), b(*journal), c(*journal) {}
  Directory dir;
  std::unique_ptr<Journal> journal;
  LaneOwner a, b, c;
};

uint64_t CountOf(const Journal& journal, JournalCounter counter);

// A record as the leader hands it out.
struct Drained {
  std::string ns, key, value;
  uint64_t mark = 0, version = 0, op_number = 0;
  JournalOp op = JournalOp::kSet;
  bool is_orphan = false;
  uint32_t id = 0;
};

std::vector<Drained> BatchOf(Leader& leader);
// The name of a record of the last batch.
uint32_t NthOf(const Leader& leader, size_t index);
std::vector<Drained> Drain(Leader& leader, const DrainLimits& limits = {});
// "k1=v k2=v" of a batch.
std::string Words(const std::vector<Drained>& batch);
// Answers every record of the batch alike; `kStored` with version 100 + index. Whether the batch is over.
bool AnswerAll(Leader& leader, JournalResult result = JournalResult::kStored);

struct Write {
  std::string key, value;
  uint64_t version = 0;
  JournalOp op = JournalOp::kSet;
  JournalCondition condition = JournalCondition::kAlways;
  uint64_t source_version = 0;
  std::string ns = "n";
  uint32_t partition = 0;
};

JournalInput InputOf(const Write& write);
// The mark, or 0 without room.
uint64_t Prepare(LaneOwner& owner, const Write& write);
// Prepared and committed: the mark, or 0.
uint64_t Put(LaneOwner& owner, const Write& write);

}  // namespace strata::test
