// One process of the kill harness: what it works on and how it is meant to end.
#pragma once

#include "test/native/kill_points.h"
#include "test/native/workload.h"

namespace strata::test {

inline constexpr uint32_t kSurvivors = 2, kVictims = 4;
inline constexpr uint32_t kWorkers = kSurvivors + 1 + kVictims;  // survivors, the parent, victims
inline constexpr uint32_t kNoPoint = ~0u;

struct Job {
  Fate fate = Fate::kKill;
  uint32_t point = kNoPoint;  // kNoPoint: killed from outside at a random time
  uint32_t pass = 1;
  Work work = Work::kMixed;
  bool creates = false;  // opens and removes regions instead of working on one
};

// Shared by all processes of the harness.
struct Board {
  Atomic<uint64_t> kills[kPoints], stops[kPoints];
  Atomic<uint64_t> steps[kWorkers];
  Atomic<uint64_t> thread[kWorkers];  // {incarnation, slot + 1} of a registered victim
  Atomic<uint32_t> next_name;
  Atomic<uint64_t> created_inode[kWorkers];
};

// A job that reaches `point` often: which work, and how many passes are a good choice.
Job JobFor(uint32_t point, Fate fate, uint64_t random);

// Bodies of child processes; they do not return.
[[noreturn]] void RunVictim(Table& table, Shared& shared, Board& board, const Job& job, uint32_t id, uint64_t seed);
[[noreturn]] void RunSurvivor(Table& table, Shared& shared, Board& board, uint32_t id, uint64_t seed);
[[noreturn]] void RunCreator(const std::string& dir, Shared& shared, Board& board, const Job& job, uint32_t id);

// The region that creators fight for.
inline constexpr char kCreatedName[] = "created";
inline constexpr RegionOptions kCreatedOptions{1u << 20, 1024, 4096};

inline constexpr int kNotReached = 10;  // exit code of a victim that never came to its point

}  // namespace strata::test
