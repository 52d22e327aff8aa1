// A host around one journal: writers, leaders, a table that knows only who wrote a key last, and a Redis that judges what
// it is sent. All of it lies in memory that processes share, and each step of it bears a death.
//
// Judged: values are whole and of their key; a key's writes come in the order of their versions; no op number stands for
// two records and no record is applied twice; an acknowledged write is applied or replaced by a later one; what is on its
// way is found by who misses it; an answer is the one Redis gave.
#pragma once

#include <string>
#include <vector>

#include "test/native/journal_fixture.h"

namespace strata::test {

inline constexpr uint32_t kWorldKeys = 400, kWorldPartitions = 5, kWorldClears = 4;  // the last one is of clears
inline constexpr uint32_t kWorldIds = 1u << 20, kWorldOps = 1u << 19;

// One write: what the table keeps of it, and what became of it.
struct WorldWrite {
  Atomic<uint64_t> mark, version;
  Atomic<uint32_t> fate;
};
inline constexpr uint32_t kMustBeApplied = 1, kApplied = 2;

struct World {
  Atomic<uint32_t> has_failed, stop;
  char message[512];
  Atomic<uint64_t> checked, redone, resent, orphans, no_room;
  Atomic<uint32_t> next_id;
  Atomic<uint32_t> table[kWorldKeys];         // the write that stands
  Atomic<uint64_t> acknowledged[kWorldKeys];  // highest version
  Atomic<uint64_t> applied[kWorldKeys];       // highest version Redis has seen
  Atomic<uint64_t> last_op[kWorldPartitions];         // what comes under a number up to it is skipped
  Atomic<uint64_t> ops[kWorldPartitions][kWorldOps];  // the mark that came under a number
  WorldWrite writes[kWorldIds];

  static World* Create();
  static void Destroy(World* world);
  void Fail(const std::string& what);  // the first message stays
  bool has_room() const { return next_id.load(kRelaxed) < kWorldIds - 100; }
};

class WorldWriter {
 public:
  WorldWriter(Journal& journal, World& world, uint64_t seed) : journal_(journal), world_(world), owner_(journal), random_(seed | 1) {}

  // One write, through to its acknowledgement; false if it was given up because the world stops.
  bool Step();
  // Waits for the answers it awaits; false if they do not come.
  bool Finish();
  // Gives its lane up; what it wrote there goes on its way.
  void Leave() {
    owner_.Release();
    has_left_ = true;
  }

 private:
  uint32_t Below(uint64_t n);
  bool WaitForRoom();
  void Withdraw(uint32_t key, uint32_t id);
  void CheckPending(uint32_t key, uint64_t version);
  void CheckAnswers();

  Journal& journal_;
  World& world_;
  LaneOwner owner_;
  uint64_t random_;
  bool has_left_ = false;
  std::vector<std::pair<uint64_t, uint32_t>> awaited_;  // mark and id
};

class WorldLeader {
 public:
  WorldLeader(Journal& journal, World& world, uint64_t seed) : journal_(journal), world_(world), random_(seed | 1) {}

  // Tries to lead. True while it does.
  bool TryLead();
  // One batch, or a part of it. False if there was none, and the next commit rings.
  bool Step();
  void Resign();
  // Until nothing is left; false if that does not happen.
  bool DrainAll();

 private:
  uint32_t Below(uint64_t n);
  bool DrainOne();
  void AnswerSome();
  JournalResult Send(uint32_t id);

  Journal& journal_;
  World& world_;
  uint64_t random_;
  std::unique_ptr<Candidate> candidate_;
  std::unique_ptr<Leader> leader_;
  std::vector<std::pair<uint32_t, JournalResult>> under_way_;  // of all batches
};

// Of a journal at rest: everything acknowledged has arrived, every lane is empty, free and claimable. What is wrong, or "".
std::string Examine(Journal& journal, World& world);

}  // namespace strata::test
