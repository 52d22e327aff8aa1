// Kills and stops processes inside the core, at every named instant and at random times, and audits the region
// after each batch: nothing torn, nothing leaked after repair, nobody waits for the dead or the stopped.
//
// Usage: kill_harness [--journal] [--full] [--seed N] [--kills N] [--random N] [--stops N]
#include <cstring>

#include "test/native/journal_kill.h"
#include "test/native/kill_round.h"
#include "test/native/options.h"

namespace strata::test {
namespace {

struct Plan {
  bool is_journal = false;
  uint64_t seed = Seed();
  uint32_t kills = 100;     // of each point
  uint32_t random = 2000;   // at random times
  uint32_t stops = 6;       // at each point
};

constexpr RegionOptions kRegions[] = {
    {3u << 19, 200, 4096}, {2u << 20, 400, 8192}, {1u << 20, 4096, 4096}, {4u << 20, 300, 16384}};

bool ParseArguments(int argc, char** argv, Plan* plan) {
  for (int i = 1; i < argc; i++) {
    const bool has_value = i + 1 < argc;
    if (strcmp(argv[i], "--journal") == 0) plan->is_journal = true;
    else if (strcmp(argv[i], "--full") == 0) plan->random = 10000;
    else if (strcmp(argv[i], "--seed") == 0 && has_value) plan->seed = strtoull(argv[++i], nullptr, 10);
    else if (strcmp(argv[i], "--kills") == 0 && has_value) plan->kills = static_cast<uint32_t>(atoi(argv[++i]));
    else if (strcmp(argv[i], "--random") == 0 && has_value) plan->random = static_cast<uint32_t>(atoi(argv[++i]));
    else if (strcmp(argv[i], "--stops") == 0 && has_value) plan->stops = static_cast<uint32_t>(atoi(argv[++i]));
    else return false;
  }
  return true;
}

// What is still to be done, in random order: every batch mixes points.
class Agenda {
 public:
  Agenda(const Plan& plan, Board& board, uint64_t* random) : plan_(plan), board_(board), random_(random) {}

  bool NextBatch(std::vector<Job>* batch) {
    batch->clear();
    std::vector<uint32_t> points;
    const bool stop_turn = Next() % 8 == 0;
    Collect(stop_turn ? Fate::kStop : Fate::kKill, &points);
    Fate fate = stop_turn ? Fate::kStop : Fate::kKill;
    if (points.empty() && stop_turn) Collect(fate = Fate::kKill, &points);
    else if (points.empty() && random_done_ >= plan_.random) Collect(fate = Fate::kStop, &points);
    // Stopped ones two at a time: the others must be able to go on.
    const uint32_t size = fate == Fate::kStop ? 2 : kVictims;
    for (uint32_t n = 0; n < size; n++) {
      const bool is_random = fate == Fate::kKill && random_done_ < plan_.random && (points.empty() || Next() % 5 < 2);
      if (is_random) {
        constexpr Work kAny[] = {Work::kSets, Work::kRuns, Work::kLeases, Work::kReclaim, Work::kRegister, Work::kMixed};
        batch->push_back({Fate::kKill, kNoPoint, 0, kAny[Next() % 6], false});
        random_done_++;
      } else if (!points.empty()) {
        const uint32_t point = points[Next() % points.size()];
        tries_[point]++;
        batch->push_back(JobFor(point, fate, Next()));
      }
    }
    return !batch->empty();
  }
  uint32_t random_done() const { return random_done_; }

 private:
  void Collect(Fate fate, std::vector<uint32_t>* points) {
    for (uint32_t p = 0; p < kPoints; p++) {
      const bool open = fate == Fate::kStop ? board_.stops[p].load() < plan_.stops : board_.kills[p].load() < plan_.kills;
      if (open && tries_[p] < 6 * (plan_.kills + plan_.stops)) points->push_back(p);
    }
  }
  uint64_t Next() {
    *random_ ^= *random_ << 13;
    *random_ ^= *random_ >> 7;
    *random_ ^= *random_ << 17;
    return *random_ >> 8;
  }

  const Plan& plan_;
  Board& board_;
  uint64_t* random_;
  uint32_t tries_[kPoints] = {};
  uint32_t random_done_ = 0;
};

int Main(int argc, char** argv) {
  Plan plan;
  if (!ParseArguments(argc, argv, &plan)) {
    fprintf(stderr, "usage: %s [--journal] [--full] [--seed N] [--kills N] [--random N] [--stops N]\n", argv[0]);
    return 2;
  }
  printf("seed %llu\n", static_cast<unsigned long long>(plan.seed));
  if (plan.is_journal) return KillInJournal({plan.seed, plan.kills, plan.random / 4, plan.stops});
  const uint64_t start = PreciseNs();
  uint64_t random = plan.seed * 2654435761u + 88172645463325252u, said = start;
  Board& board = *CreateBoard();
  Agenda agenda(plan, board, &random);
  Totals totals;
  std::string failure;
  std::vector<Job> batch;
  bool more = true;
  for (uint32_t era = 0; more && failure.empty(); era++) {
    Round round(kRegions[era % 4], board, plan.seed + era, &totals);
    for (int n = 0; n < 100 && failure.empty() && (more = agenda.NextBatch(&batch)); n++) {
      failure = round.Run(batch);
      if (PreciseNs() - said < uint64_t{3} * 1000000000) continue;
      said = PreciseNs();
      printf("  %llu kills, %llu stops, %llu audits, %llu operations checked, %llu s\n",
             static_cast<unsigned long long>(totals.kills), static_cast<unsigned long long>(totals.stops),
             static_cast<unsigned long long>(totals.audits), static_cast<unsigned long long>(totals.checked),
             static_cast<unsigned long long>((said - start) / 1000000000));
      fflush(stdout);
    }
    if (failure.empty()) failure = round.Finish();
  }
  int passed = 0, failed = 0;
  auto report = [&](bool good, const std::string& name) {
    printf("%s %s\n", good ? "ok" : "not ok", name.c_str());
    (good ? passed : failed)++;
  };
  for (uint32_t p = 0; p < kPoints; p++) {
    const uint64_t kills = board.kills[p].load(), stops = board.stops[p].load();
    report(kills >= plan.kills, std::string("killed at ") + KillPointName(p) + ", " + std::to_string(kills) + " times");
    report(stops >= plan.stops, std::string("stopped at ") + KillPointName(p) + ", " + std::to_string(stops) + " times");
  }
  report(agenda.random_done() >= plan.random, "killed at random times, " + std::to_string(agenda.random_done()) + " times");
  if (!failure.empty()) printf("  %s\n", failure.c_str());
  report(failure.empty(), "every audit clean, " + std::to_string(totals.audits) + " audits after " +
                              std::to_string(totals.kills) + " kills, " + std::to_string(totals.checked) +
                              " operations checked");
  printf("  %.1f s, slowest batch %.0f ms\n", static_cast<double>(PreciseNs() - start) / 1e9, totals.slowest_ms);
  printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace strata::test

int main(int argc, char** argv) { return strata::test::Main(argc, argv); }
