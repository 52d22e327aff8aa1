#include "test/native/kill_job.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace strata::test {
namespace {

// Quotas a victim that names namespaces sets.
constexpr uint32_t kQuotas = 3;

[[noreturn]] void End(Shared& shared, int code) { _exit(shared.has_failed.load() != 0 ? 3 : code); }

bool IsOneOf(uint32_t point, std::initializer_list<KillPoint> points) {
  for (KillPoint p : points) {
    if (static_cast<uint32_t>(p) == point) return true;
  }
  return false;
}

}  // namespace

Job JobFor(uint32_t point, Fate fate, uint64_t random) {
  using P = KillPoint;
  auto below = [&random](uint64_t n) {
    const uint64_t result = random % n;
    random /= n;
    return static_cast<uint32_t>(result);
  };
  Job job{fate, point, 1, Work::kMixed, false};
  if (IsOneOf(point, {P::region_created, P::region_initialised})) {
    job.creates = true;
    job.pass = 1 + below(3);
  } else if (IsOneOf(point, {P::thread_locked, P::thread_registered, P::reap_locked, P::reap_segment, P::reap_done})) {
    job.work = Work::kRegister;
    job.pass = 1 + below(6);
  } else if (IsOneOf(point, {P::namespace_named, P::tag_cleared, P::quota_taken, P::quota_named, P::count_begun, P::count_stamped, P::count_summed})) {
    job.work = Work::kNaming;
    job.pass = 1 + below(point == static_cast<uint32_t>(P::count_stamped) ? 60 : 2);
  } else if (IsOneOf(point, {P::run_segment_taken, P::run_part_written, P::run_published, P::run_part_sealed,
                             P::run_free_claimed, P::run_freed_one})) {
    job.work = Work::kRuns;
    job.pass = 1 + below(20);
  } else if (IsOneOf(point, {P::lease_granted, P::lease_value_put, P::lease_removed, P::invalidate_removed,
                             P::revalidate_read})) {
    job.work = Work::kLeases;
    job.pass = 1 + below(20);
  } else if (IsOneOf(point, {P::reclaim_claimed, P::reclaim_copied, P::reclaim_relocated, P::reclaim_evicted,
                             P::reclaim_emptied, P::reclaim_gen_bumped, P::segment_taken, P::segment_sealed})) {
    job.work = below(3) == 0 ? Work::kRuns : Work::kReclaim;
    job.pass = 1 + below(below(2) != 0 ? 4 : 40);
  } else {
    constexpr Work kAny[] = {Work::kSets, Work::kRuns, Work::kLeases, Work::kReclaim, Work::kMixed};
    const bool is_delete = IsOneOf(point, {P::delete_first_removed, P::delete_version_taken, P::fence_committed});
    job.work = is_delete ? Work::kSets : kAny[below(5)];
    job.pass = 1 + below(below(2) != 0 ? 8 : 400);
  }
  return job;
}

void RunVictim(Table& table, Shared& shared, Board& board, const Job& job, uint32_t id, uint64_t seed) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const bool is_stop = job.fate == Fate::kStop;
  if (job.point != kNoPoint) Arm(job.fate, job.point, job.pass, is_stop ? &board.stops[job.point] : &board.kills[job.point]);
  ThreadContext context;
  if (table.Register(context) != Status::kOk) {
    shared.Fail("victim got no thread slot");
    End(shared, 3);
  }
  board.thread[id].store(uint64_t{context.incarnation} << 32 | (context.slot + 1));
  {
    Worker worker(table, context, shared, seed, id, kWorkers);
    const bool is_random = job.point == kNoPoint;
    // Quotas are taken at the first steps or never: a region has 255.
    const bool is_quota = IsOneOf(job.point, {KillPoint::quota_taken, KillPoint::quota_named});
    const uint32_t limit = is_random ? ~0u : is_quota ? kQuotas : job.work == Work::kRegister ? 400 : 20000;
    const uint64_t hits_before = is_stop ? board.stops[job.point].load() : 0;
    uint32_t after = 0;  // steps since this process was stopped
    for (uint32_t n = 0; n < limit && after < 300 && shared.has_failed.load(kRelaxed) == 0; n++) {
      if (job.work == Work::kNaming) {
        uint32_t ns = 0;
        table.NamespaceId("v" + std::to_string(board.next_name.fetch_add(1)), 0, &ns);
        table.ClearTag(ns, TagClear::kDelete);
        if (n < kQuotas) table.SetQuota(context, ns, 1u << 20);
        table.WantCount();
        table.CountAnew(context);
      }
      worker.Step(job.work);
      board.steps[id].fetch_add(1, kRelaxed);
      if (is_stop && board.stops[job.point].load(kRelaxed) != hits_before) after++;
    }
    worker.Flush();
  }
  table.Unregister(context);
  End(shared, kNotReached);
}

void RunSurvivor(Table& table, Shared& shared, Board& board, uint32_t id, uint64_t seed) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  ThreadContext context;
  if (table.Register(context) != Status::kOk) {
    shared.Fail("survivor got no thread slot");
    End(shared, 3);
  }
  {
    Worker worker(table, context, shared, seed, id, kWorkers);
    while (shared.stop.load(kRelaxed) == 0 && shared.has_failed.load(kRelaxed) == 0) {
      if ((shared.pause.load(kRelaxed) & 1) != 0) WaitWhilePaused(shared);
      worker.Step(Work::kMixed);
      board.steps[id].fetch_add(1, kRelaxed);
    }
    worker.Flush();
  }
  table.Unregister(context);
  End(shared, 0);
}

void RunCreator(const std::string& dir, Shared& shared, Board& board, const Job& job, uint32_t id) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const bool is_stop = job.fate == Fate::kStop;
  Arm(job.fate, job.point, is_stop ? 1 : job.pass, is_stop ? &board.stops[job.point] : &board.kills[job.point]);
  for (int n = 0; n < 40; n++) {
    RegionError error;
    std::string warnings;
    std::unique_ptr<Region> region(Region::Open(dir, kCreatedName, kCreatedOptions, &error, &warnings));
    if (region == nullptr) {
      shared.Fail("creator: " + error.detail);
      break;
    }
    board.created_inode[id].store(region->inode());
    if (is_stop) End(shared, 0);
    region->Unlink();
  }
  End(shared, kNotReached);
}

}  // namespace strata::test
