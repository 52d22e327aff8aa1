// Kills and stops writers and leaders of a journal at each of its named instants and at random times. After every batch
// the next leader drains what is there, and the journal is examined (journal_world.h).
#pragma once

#include <cstdint>

namespace strata::test {

struct JournalKillPlan {
  uint64_t seed;
  uint32_t kills;   // of each point
  uint32_t random;  // at random times
  uint32_t stops;   // of a writer, at each of its points
};

// Prints its results; the exit code of the program.
int KillInJournal(const JournalKillPlan& plan);

}  // namespace strata::test
