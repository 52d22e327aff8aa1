#include "test/native/kill_round.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "shm/host_identity.h"

namespace strata::test {
namespace {

constexpr uint64_t kSecondNs = 1000000000;
constexpr uint64_t kDeadlineNs = 30 * kSecondNs;
constexpr uint32_t kParentId = kSurvivors;

// Sleeps until a child changes state or the time is over.
void WaitForChild(uint64_t until_ns) {
  const uint64_t now = PreciseNs();
  if (now >= until_ns) return;
  timespec left{static_cast<time_t>((until_ns - now) / kSecondNs), static_cast<long>((until_ns - now) % kSecondNs)};
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigtimedwait(&set, nullptr, &left);
}

std::string Describe(const Job& job) {
  std::string fate = job.fate == Fate::kStop ? "stop" : "kill";
  if (job.point == kNoPoint) return fate + " at random in work " + std::to_string(static_cast<int>(job.work));
  return fate + " at pass " + std::to_string(job.pass) + " of " + KillPointName(job.point) + " in work " +
         std::to_string(static_cast<int>(job.work));
}

}  // namespace

Board* CreateBoard() {
  void* at = mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return static_cast<Board*>(at);
}

Round::Round(const RegionOptions& options, Board& board, uint64_t seed, Totals* totals)
    : board_(board), totals_(totals), random_(seed * 0x9e3779b97f4a7c15u | 1), shared_(Shared::Create()) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  board_.next_name.store(0);
  table_ = OpenTable(dir_.path(), options);
  table_->Register(context_);
  worker_ = std::make_unique<Worker>(*table_, context_, *shared_, seed, kParentId, kWorkers);
  for (uint32_t i = 0; i < kSurvivors; i++) {
    pid_t pid = fork();
    if (pid == 0) RunSurvivor(*table_, *shared_, board_, i, seed);
    survivors_.push_back(pid);
  }
}

Round::~Round() {
  for (pid_t pid : survivors_) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  worker_.reset();
  table_->Unregister(context_);
  Shared::Destroy(shared_);
}

pid_t Round::Start(const Job& job, uint32_t id) {
  board_.thread[id].store(0);
  board_.created_inode[id].store(0);
  board_.steps[id].store(0);
  random_ = random_ * 6364136223846793005u + 1442695040888963407u;
  pid_t pid = fork();
  if (pid != 0) return pid;
  if (job.creates) RunCreator(dir_.path(), *shared_, board_, job, id);
  RunVictim(*table_, *shared_, board_, job, id, random_);
}

std::string Round::Hang(const std::string& who, pid_t pid) {
  fflush(stdout);
  const std::string command = "timeout 30 gdb -p " + std::to_string(pid) + " -batch -ex bt 2>/dev/null | grep '^#'";
  if (system(command.c_str()) != 0) printf("  no stack of process %d\n", pid);
  return who + " hangs";
}

std::string Round::Ended(const Child& child, int status) {
  if (shared_->has_failed.load() != 0) return shared_->message;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && child.job.fate == Fate::kKill) {
    totals_->kills++;
    return "";
  }
  if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == kNotReached)) return "";
  return "victim ended with status " + std::to_string(status) + ": " + Describe(child.job);
}

// Until every victim has ended or stopped.
std::string Round::WaitForVictims(std::vector<Child>& victims) {
  const uint64_t deadline = PreciseNs() + kDeadlineNs;
  for (;;) {
    uint64_t next = deadline;
    size_t running = 0;
    for (Child& child : victims) {
      if (child.pid == 0 || child.is_stopped) continue;
      int status = 0;
      pid_t result = waitpid(child.pid, &status, WNOHANG | WUNTRACED);
      if (result == child.pid && WIFSTOPPED(status)) {
        child.is_stopped = true;
        totals_->stops++;
        continue;
      }
      if (result == child.pid) {
        child.pid = 0;
        std::string wrong = Ended(child, status);
        if (!wrong.empty()) return wrong;
        continue;
      }
      running++;
      if (child.kill_at_ns == 0) continue;
      if (PreciseNs() >= child.kill_at_ns) {
        kill(child.pid, SIGKILL);
        child.kill_at_ns = 0;
      } else {
        next = std::min(next, child.kill_at_ns);
      }
    }
    if (running == 0) return "";
    if (shared_->has_failed.load() == 2) return shared_->message;
    if (PreciseNs() > deadline) {
      for (const Child& child : victims) {
        if (child.pid != 0 && !child.is_stopped) return Hang("victim to " + Describe(child.job), child.pid);
      }
    }
    WaitForChild(std::min(next, PreciseNs() + kSecondNs));
  }
}

// The stopped are alive: nobody may repair them, and nobody may wait for them.
std::string Round::WorkWhileStopped(const std::vector<Child>& victims) {
  uint64_t goal[kSurvivors];
  for (uint32_t i = 0; i < kSurvivors; i++) goal[i] = board_.steps[i].load() + 400;
  constexpr Work kWorks[] = {Work::kSets, Work::kRuns, Work::kLeases, Work::kReclaim};
  for (int n = 0; n < 400; n++) worker_->Step(kWorks[n % 4]);
  // Every segment changes hands, so that whatever the stopped hold on to is another's by now.
  for (uint32_t n = 0; n < table_->geometry().segment_count / 2; n++) table_->ReclaimOne(context_);
  table_->ReapDead(context_);
  table_->Recount(context_);
  for (const Child& child : victims) {
    const uint64_t thread = board_.thread[child.id].load();
    if (!child.is_stopped || thread == 0) continue;
    if (!table_->IsAlive(context_, static_cast<uint32_t>(thread) - 1, static_cast<uint32_t>(thread >> 32))) {
      return "a stopped process was taken for dead: " + Describe(child.job);
    }
  }
  const uint64_t deadline = PreciseNs() + kDeadlineNs;
  for (uint32_t i = 0; i < kSurvivors; i++) {
    while (board_.steps[i].load() < goal[i]) {
      if (shared_->has_failed.load() == 2) return shared_->message;
      if (PreciseNs() > deadline) return Hang("survivor beside a stopped process", survivors_[i]);
      WaitForChild(PreciseNs() + 1000000);
    }
  }
  return "";
}

// Whatever became of the creators, the name leads to one whole region and nothing temporary stays behind.
std::string Round::CheckCreation(const std::vector<Child>& victims) {
  RegionError error;
  std::string warnings;
  std::unique_ptr<Region> region(Region::Open(dir_.path(), kCreatedName, kCreatedOptions, &error, &warnings));
  if (region == nullptr) return "after a creator's death: " + error.detail;
  if (!warnings.empty()) return "after a creator's death: " + warnings;
  for (const Child& child : victims) {
    if (!child.is_stopped || !child.job.creates) continue;
    // It goes on while the region of its name is another's.
    kill(child.pid, SIGCONT);
    int status = 0;
    const uint64_t deadline = PreciseNs() + kDeadlineNs;
    while (waitpid(child.pid, &status, WNOHANG) == 0) {
      if (PreciseNs() > deadline) return Hang("creator that was stopped", child.pid);
      WaitForChild(PreciseNs() + 1000000);
    }
    if (status != 0) return "creator that was stopped ended with " + std::to_string(status);
    if (board_.created_inode[child.id].load() != region->inode()) return "two regions under one name";
  }
  region->Unlink();
  region.reset(Region::Open(dir_.path(), kCreatedName, kCreatedOptions, &error, &warnings));
  if (region == nullptr) return "second region: " + error.detail;
  region->Unlink();
  int left = 0;
  int fd = open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ForEachName(fd, [&left](const char* name) { left += std::string(name).find(".new-") == 0; });
  close(fd);
  return left == 0 ? "" : "temporary files of dead creators stay behind";
}

// REQUIRES: nobody but the survivors and this process is alive.
std::string Round::Audit(uint32_t living) {
  if (!survivors_.empty() && !PauseWorkers(*shared_, kSurvivors, 30000)) {
    if (shared_->has_failed.load() != 0) return shared_->message;
    return Hang("survivor", survivors_[0]);
  }
  table_->ReapDead(context_);
  table_->Recount(context_);
  for (int n = 0; n < 10 && table_->IsCountDue(); n++) table_->CountAnew(context_);
  AuditReport report = table_->Audit(context_);
  std::string wrong;
  auto expect = [&wrong](bool holds, const std::string& what) {
    if (!holds && wrong.empty()) wrong = "audit: " + what;
  };
  if (!report.violations.empty()) expect(false, report.violations[0]);
  expect(report.owned_by_dead == 0, "segments of the dead: " + std::to_string(report.owned_by_dead));
  expect(report.leaked_run_segments == 0, "run segments nobody refers to: " + std::to_string(report.leaked_run_segments));
  expect(!table_->IsCountDue(), "the count of the quotas has no end");
  expect(report.pending_intents == 0, "pending intents: " + std::to_string(report.pending_intents));
  expect(report.segments_reclaim == 0, "segments in reclaim: " + std::to_string(report.segments_reclaim));
  // One for each queue, and two for what compaction keeps.
  expect(report.segments_active <= 5 * living, "active segments: " + std::to_string(report.segments_active));
  expect(report.segments_free + report.segments_active + report.segments_sealed == table_->geometry().segment_count,
         "segments missing");
  expect(table_->FreeSegments() == report.segments_free, "count of free segments is off");
  totals_->audits++;
  if (!survivors_.empty()) ResumeWorkers(*shared_);
  return wrong;
}

std::string Round::Run(const std::vector<Job>& batch) {
  const uint64_t start = PreciseNs();
  const uint64_t checked = shared_->checked.load();
  std::vector<Child> victims(batch.size());
  bool has_creator = false;
  for (uint32_t i = 0; i < batch.size(); i++) {
    victims[i] = {0, batch[i], kParentId + 1 + i, false, 0};
    has_creator |= batch[i].creates;
    victims[i].pid = Start(batch[i], victims[i].id);
    if (batch[i].point == kNoPoint) victims[i].kill_at_ns = PreciseNs() + 200000 + (random_ >> 20) % 4000000;
  }
  std::string wrong = WaitForVictims(victims);
  bool has_stopped = false;
  for (const Child& child : victims) has_stopped |= child.is_stopped;
  if (wrong.empty() && has_stopped) wrong = WorkWhileStopped(victims);
  if (wrong.empty() && has_creator) {
    wrong = CheckCreation(victims);
    for (Child& child : victims) {
      if (wrong.empty() && child.is_stopped && child.job.creates) child.pid = 0;
    }
  }
  if (wrong.empty() && has_stopped) {
    for (Child& child : victims) {
      if (child.pid == 0) continue;
      child.is_stopped = false;
      kill(child.pid, SIGCONT);
    }
    wrong = WaitForVictims(victims);
  }
  for (Child& child : victims) {
    if (child.pid == 0) continue;
    kill(child.pid, SIGKILL);
    waitpid(child.pid, nullptr, 0);
  }
  if (wrong.empty()) wrong = Audit(kSurvivors + 1);
  if (wrong.empty() && shared_->has_failed.load() != 0) wrong = shared_->message;
  totals_->checked += shared_->checked.load() - checked;
  totals_->slowest_ms = std::max(totals_->slowest_ms, static_cast<double>(PreciseNs() - start) / 1e6);
  if (wrong.empty()) return "";
  wrong += " (batch:";
  for (const Job& job : batch) wrong += " " + Describe(job) + ";";
  return wrong + ")";
}

std::string Round::Finish() {
  const uint64_t checked = shared_->checked.load();
  shared_->stop.store(1);
  const uint64_t deadline = PreciseNs() + kDeadlineNs;
  for (pid_t pid : survivors_) {
    int status = 0;
    while (waitpid(pid, &status, WNOHANG) == 0) {
      if (PreciseNs() > deadline) return Hang("survivor at the end", pid);
      WaitForChild(PreciseNs() + 1000000);
    }
    if (status != 0) return std::string("survivor: ") + shared_->message;
  }
  survivors_.clear();
  worker_->Flush();
  totals_->checked += shared_->checked.load() - checked;
  return Audit(1);
}

}  // namespace strata::test
