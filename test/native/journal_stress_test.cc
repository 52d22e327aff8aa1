// Writers and leaders of one journal all at once, as threads and as processes, with the checks of journal_world.h.
#include <sys/wait.h>

#include <thread>

#include "shm/clock.h"
#include "shm/futex.h"
#include "test/native/journal_world.h"
#include "test/native/options.h"

namespace strata::test {
namespace {

struct Plan {
  JournalOptions journal;
  uint32_t writers, leaders;
  uint64_t operations;  // over all
};

void RunWriter(Journal& journal, World& world, uint64_t seed, uint64_t operations) {
  WorldWriter writer(journal, world, seed);
  for (uint64_t n = 0; n < operations && world.has_failed.load(kRelaxed) == 0 && world.has_room(); n++) {
    if (!writer.Step()) break;
  }
  writer.Finish();
}

// Leads when nobody does, for a while; then somebody else's turn has come.
void RunLeader(Journal& journal, World& world, uint64_t seed) {
  WorldLeader leader(journal, world, seed);
  Atomic<uint32_t>& wake = journal.header().append_wake;
  uint64_t turn = 0;
  while (world.stop.load() == 0 && world.has_failed.load() == 0) {
    const uint32_t seen = wake.load();
    if (!leader.TryLead()) {
      FutexWait(wake, seen, 1);
      continue;
    }
    const bool has_more = leader.Step();
    if (++turn % 50 == 49) leader.Resign();
    else if (!has_more) FutexWait(wake, seen, 5);
  }
}

void Report(World& world, uint64_t start) {
  const auto count = [](const Atomic<uint64_t>& word) { return static_cast<unsigned long long>(word.load()); };
  printf("  %llu writes in %.1f s, %llu redone, %llu sent again, %llu orphans, %llu without room, seed %llu\n", count(world.checked),
         static_cast<double>(PreciseNs() - start) / 1e9, count(world.redone), count(world.resent), count(world.orphans),
         count(world.no_room), static_cast<unsigned long long>(Seed()));
}

void Finish(Journal& journal, World& world, uint64_t start) {
  WorldLeader last(journal, world, 1);
  last.DrainAll();
  const std::string wrong = Examine(journal, world);
  if (!wrong.empty()) Fail(__FILE__, __LINE__, wrong);
  CHECK(world.checked.load() > 0);
  Report(world, start);
  World::Destroy(&world);
}

void StressThreads(const Plan& plan) {
  Directory dir;
  auto journal = OpenJournal(dir.path(), plan.journal);
  World& world = *World::Create();
  const uint64_t start = PreciseNs();
  std::vector<std::thread> writers, leaders;
  for (uint32_t i = 0; i < plan.leaders; i++) leaders.emplace_back([&, i] { RunLeader(*journal, world, Seed() * 31 + i); });
  for (uint32_t i = 0; i < plan.writers; i++) {
    writers.emplace_back([&, i] { RunWriter(*journal, world, Seed() * 37 + i, plan.operations / plan.writers); });
  }
  for (std::thread& writer : writers) writer.join();
  world.stop.store(1);
  for (std::thread& leader : leaders) leader.join();
  Finish(*journal, world, start);
}

TEST("journal stress: threads, small lanes, leaders that take turns") {
  StressThreads({{4u << 14, 4, 8192}, 3, 2, Scaled(150000)});
}

TEST("journal stress: threads, one more isolate than lanes") { StressThreads({{3u << 16, 3, 8192}, 4, 2, Scaled(100000)}); }

#if !defined(__SANITIZE_THREAD__)  // sees one process only
void StressProcesses(const Plan& plan) {
  Directory dir;
  auto journal = OpenJournal(dir.path(), plan.journal);
  World& world = *World::Create();
  const uint64_t start = PreciseNs();
  fflush(stdout);
  std::vector<pid_t> writers, leaders;
  auto child = [&](auto body) {
    const pid_t pid = fork();
    if (pid != 0) return pid;
    // Attached anew, so that every process has the file at an address of its own.
    if (auto own = OpenJournal(dir.path(), plan.journal)) body(*own);
    _exit(Failures() == 0 ? 0 : 1);
  };
  for (uint32_t i = 0; i < plan.leaders; i++) {
    leaders.push_back(child([&](Journal& own) { RunLeader(own, world, Seed() * 41 + i); }));
  }
  for (uint32_t i = 0; i < plan.writers; i++) {
    writers.push_back(child([&](Journal& own) { RunWriter(own, world, Seed() * 43 + i, plan.operations / plan.writers); }));
  }
  auto join = [](pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    CHECK_EQ(status, 0);
  };
  for (pid_t pid : writers) join(pid);
  world.stop.store(1);
  for (pid_t pid : leaders) join(pid);
  Finish(*journal, world, start);
}

TEST("journal stress: processes") { StressProcesses({{8u << 15, 8, 8192}, 4, 2, Scaled(300000)}); }
#endif

}  // namespace
}  // namespace strata::test
