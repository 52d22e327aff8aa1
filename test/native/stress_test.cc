// Threads and processes on one region, all at once, with the checks of workload.h.
#include <sys/wait.h>

#include <thread>

#include "shm/futex.h"
#include "test/native/fixture.h"
#include "test/native/options.h"
#include "test/native/workload.h"

namespace strata::test {
namespace {

struct Plan {
  RegionOptions region;
  uint32_t processes, threads;
  uint64_t operations;  // over all
  Work work;
};

void RunThread(Table& table, Shared& shared, uint64_t seed, uint32_t id, uint32_t workers, uint64_t operations, Work work) {
  ThreadContext context;
  if (table.Register(context) != Status::kOk) return shared.Fail("no thread slot");
  {
    Worker worker(table, context, shared, seed, id, workers);
    for (uint64_t n = 0; n < operations && shared.has_failed.load(kRelaxed) == 0; n++) worker.Step(work);
    worker.Flush();
  }
  table.Unregister(context);
}

void RunThreads(Table& table, Shared& shared, const Plan& plan, uint32_t process) {
  const uint32_t workers = plan.processes * plan.threads;
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < plan.threads; i++) {
    threads.emplace_back(RunThread, std::ref(table), std::ref(shared), Seed(), process * plan.threads + i, workers,
                         plan.operations / workers, plan.work);
  }
  for (std::thread& thread : threads) thread.join();
}

// Returns when the child has ended; a child that hangs is ended after the deadline.
void Join(pid_t child, uint64_t deadline_ns) {
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (PreciseNs() > deadline_ns) {
      Fail(__FILE__, __LINE__, "a process of the stress hangs");
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      return;
    }
    static Atomic<uint32_t> never{0};
    FutexWait(never, 0, 5);
  }
  if (status != 0) Fail(__FILE__, __LINE__, "a process of the stress ended with status " + std::to_string(status));
}

void Stress(const Plan& plan) {
  Directory dir;
  auto table = OpenTable(dir.path(), plan.region);
  if (table == nullptr) return;
  Shared& shared = *Shared::Create();
  const uint64_t start = PreciseNs();
  if (plan.processes == 1) {
    RunThreads(*table, shared, plan, 0);
  } else {
    std::vector<pid_t> children;
    fflush(stdout);
    for (uint32_t p = 0; p < plan.processes; p++) {
      pid_t child = fork();
      if (child == 0) {
        // Attached anew, so that every process has the region at an address of its own.
        auto own = OpenTable(dir.path(), plan.region);
        if (own != nullptr) RunThreads(*own, shared, plan, p);
        _exit(Failures() == 0 ? 0 : 1);
      }
      children.push_back(child);
    }
    for (pid_t child : children) Join(child, start + uint64_t{300} * 1000000000);
  }
  if (shared.has_failed.load() != 0) Fail(__FILE__, __LINE__, shared.message);
  const double seconds = static_cast<double>(PreciseNs() - start) / 1e9;
  printf("  %llu operations in %.1f s, %llu hits, %llu loads, %llu lost, %llu without room, seed %llu\n",
         static_cast<unsigned long long>(shared.checked.load()), seconds,
         static_cast<unsigned long long>(shared.hits.load()), static_cast<unsigned long long>(shared.loads.load()),
         static_cast<unsigned long long>(shared.lost.load()), static_cast<unsigned long long>(shared.no_room.load()),
         static_cast<unsigned long long>(Seed()));
  CHECK(shared.checked.load() > 0);
  Session s(*table);
  table->ReapDead(s.context());
  table->Recount(s.context());
  CheckAudit(*table, s.context());
  AuditReport report = table->Audit(s.context());
  CHECK_EQ(report.segments_reclaim, 0);
  CHECK_EQ(report.segments_active, 0);
  CHECK_EQ(table->FreeSegments(), report.segments_free);
  Shared::Destroy(&shared);
}

TEST("stress: threads, small segments, always reclaiming") {
  Stress({{3u << 19, 200, 4096}, 1, 4, Scaled(4000000), Work::kMixed});
}

TEST("stress: threads, runs") { Stress({{4u << 20, 1000, 4096}, 1, 4, Scaled(1500000), Work::kRuns}); }

TEST("stress: threads, leases on few keys") { Stress({{2u << 20, 200, 16384}, 1, 4, Scaled(3000000), Work::kLeases}); }

TEST("stress: one bucket's worth of keys in a tiny index") {
  Stress({{1u << 20, 16u << 10, 4096}, 1, 3, Scaled(1500000), Work::kMixed});
}

#if !defined(__SANITIZE_THREAD__)  // sees one process only
TEST("stress: processes with threads") { Stress({{4u << 20, 200, 16384}, 3, 2, Scaled(10000000), Work::kMixed}); }

TEST("stress: processes, segments of the default size") {
  Stress({{8u << 20, 400, 0}, 4, 1, Scaled(10000000), Work::kSets});
}
#endif

}  // namespace
}  // namespace strata::test
