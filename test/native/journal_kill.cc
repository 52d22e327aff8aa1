#include "test/native/journal_kill.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>

#include "shm/clock.h"
#include "shm/futex.h"
#include "test/native/journal_world.h"
#include "test/native/kill_points.h"

namespace strata::test {
namespace {

constexpr uint64_t kDeadlineNs = uint64_t{30} * 1000000000;
constexpr uint32_t kNoPoint = ~0u, kFirstPoint = kPoints;
constexpr int kNotReached = 10;
constexpr uint32_t kBatchWriters = 2, kBatchLeaders = 3;  // to be killed; one of each lives on
constexpr JournalOptions kJournals[] = {{8u << 13, 8, 4096}, {6u << 14, 6, 8192}, {4u << 16, 4, 4096}};

struct Board {
  Atomic<uint64_t> kills[kAllPoints], stops[kAllPoints];
  Atomic<uint32_t> never;
};

struct Job {
  bool is_leader = false, is_calm = false;  // calm: leaders find time to sleep
  Fate fate = Fate::kNone;
  uint32_t point = kNoPoint;  // kNoPoint with a fate: killed from outside at a random time
  uint32_t pass = 1;
};

struct Child {
  pid_t pid = 0;
  Job job;
  uint64_t kill_at_ns = 0;
  uint64_t resume_at = 0;  // writes checked by then
};

bool IsWriterPoint(uint32_t point) {
  using P = KillPoint;
  for (P p : {P::lane_locked, P::lane_claimed, P::journal_filled, P::journal_written, P::journal_prepared, P::journal_versioned,
              P::journal_committed, P::append_claimed}) {
    if (static_cast<uint32_t>(p) == point) return true;
  }
  return false;
}

// Whoever opens the first journal of the next region passes them.
bool IsAdopterPoint(uint32_t point) {
  return point == static_cast<uint32_t>(KillPoint::adoption_judged) || point == static_cast<uint32_t>(KillPoint::adoption_made);
}

bool IsEnd(const World& world) { return world.stop.load(kRelaxed) != 0 || world.has_failed.load(kRelaxed) != 0; }

[[noreturn]] void RunWriter(Journal& journal, World& world, Board& board, const Job& job, uint64_t seed) {
  {
    WorldWriter writer(journal, world, seed);
    const uint32_t limit = job.fate == Fate::kKill && job.point != kNoPoint ? 4000 : ~0u;
    for (uint32_t n = 1; n < limit && !IsEnd(world) && world.has_room(); n++) {
      writer.Step();
      if (n % 40 == 0) writer.Leave();
      if (job.is_calm) FutexWait(board.never, 0, 1);
    }
  }
  _exit(world.has_failed.load() != 0 ? 3 : IsEnd(world) ? 0 : kNotReached);
}

[[noreturn]] void RunLeader(Journal& journal, World& world, const Job& job, uint64_t seed) {
  {
    WorldLeader leader(journal, world, seed);
    Atomic<uint32_t>& wake = journal.header().append_wake;
    const uint32_t limit = job.fate == Fate::kKill && job.point != kNoPoint ? 4000 : ~0u;
    for (uint32_t n = 1; n < limit && !IsEnd(world); n++) {
      const uint32_t seen = wake.load();
      if (!leader.TryLead()) FutexWait(wake, seen, 1);
      else if (!leader.Step()) FutexWait(wake, seen, 2);
      if (n % 40 == 0) leader.Resign();
    }
  }
  _exit(world.has_failed.load() != 0 ? 3 : IsEnd(world) ? 0 : kNotReached);
}

class JournalKills {
 public:
  explicit JournalKills(const JournalKillPlan& plan) : plan_(plan), dice_(plan.seed * 0x9e3779b97f4a7c15u | 1) {
    board_ = static_cast<Board*>(mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, nullptr);
  }

  int Run() {
    const uint64_t start = PreciseNs();
    std::string failure;
    for (uint32_t era = 0; failure.empty() && HasWork(); era++) failure = Era(kJournals[era % 3]);
    return Report(failure, start);
  }

 private:
  uint32_t Below(uint64_t n) {
    dice_ ^= dice_ << 13;
    dice_ ^= dice_ >> 7;
    dice_ ^= dice_ << 17;
    return static_cast<uint32_t>((dice_ >> 32) * n >> 32);
  }

  bool IsOpen(uint32_t point, Fate fate) const {
    if (tries_[point] > 8 * (plan_.kills + plan_.stops)) return false;
    return fate == Fate::kStop ? board_->stops[point].load() < plan_.stops : board_->kills[point].load() < plan_.kills;
  }

  bool HasWork() const {
    if (random_done_ < plan_.random) return true;
    for (uint32_t p = kFirstPoint; p < kAllPoints; p++) {
      if (IsOpen(p, Fate::kKill) || (IsWriterPoint(p) && IsOpen(p, Fate::kStop))) return true;
    }
    return false;
  }

  Job NextJob(bool is_leader) {
    Job job;
    job.is_leader = is_leader;
    std::vector<std::pair<uint32_t, Fate>> open;
    for (uint32_t p = kFirstPoint; p < kAllPoints; p++) {
      if (IsWriterPoint(p) == is_leader || IsAdopterPoint(p)) continue;
      if (IsOpen(p, Fate::kKill)) open.emplace_back(p, Fate::kKill);
      if (!is_leader && IsOpen(p, Fate::kStop)) open.emplace_back(p, Fate::kStop);
    }
    if (random_done_ < plan_.random && (open.empty() || Below(5) == 0)) {
      random_done_++;
      job.fate = Fate::kKill;
    } else if (!open.empty()) {
      std::tie(job.point, job.fate) = open[Below(open.size())];
      tries_[job.point]++;
      const bool is_rare = job.point == static_cast<uint32_t>(KillPoint::orphan_versioned) ||
                           job.point == static_cast<uint32_t>(KillPoint::append_claimed) ||
                           job.point == static_cast<uint32_t>(KillPoint::record_given_up);
      job.pass = 1 + Below(is_rare ? 1 : Below(2) != 0 ? 4 : 40);
    }
    return job;
  }

  // A writer that a leader has to give up.
  Job SlowWriter() {
    Job job;
    job.fate = Fate::kStop;
    job.point = static_cast<uint32_t>(Below(2) != 0 ? KillPoint::journal_prepared : KillPoint::journal_versioned);
    job.pass = 1 + Below(20);
    return job;
  }

  // A writer that may leave an orphan.
  Job OrphanMaker() {
    Job job;
    job.fate = Fate::kKill;
    job.point = static_cast<uint32_t>(Below(2) != 0 ? KillPoint::journal_prepared : KillPoint::journal_versioned);
    job.pass = 1 + Below(20);
    return job;
  }

  Child Start(const Job& job) {
    Child child;
    child.job = job;
    const uint64_t seed = (uint64_t{Below(~0u)} << 32) | Below(~0u);
    child.pid = fork();
    if (child.pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      const bool is_stop = job.fate == Fate::kStop;
      if (job.point != kNoPoint) Arm(job.fate, job.point, job.pass, is_stop ? &board_->stops[job.point] : &board_->kills[job.point]);
      if (job.is_leader) RunLeader(*journal_, *world_, job, seed);
      RunWriter(*journal_, *world_, *board_, job, seed);
    }
    if (job.fate == Fate::kKill && job.point == kNoPoint) child.kill_at_ns = PreciseNs() + 200000 + Below(4000000);
    return child;
  }

  std::string Describe(const Job& job) {
    const std::string who = job.is_leader ? "leader" : "writer";
    if (job.fate == Fate::kNone) return who;
    const std::string fate = job.fate == Fate::kStop ? ", stop" : ", kill";
    return who + fate + (job.point == kNoPoint ? " at random" : " at pass " + std::to_string(job.pass) + " of " + KillPointName(job.point));
  }

  // Waits a moment for what children do. What went wrong, or "".
  std::string Look(Child& child) {
    if (child.kill_at_ns != 0 && PreciseNs() >= child.kill_at_ns) {
      kill(child.pid, SIGKILL);
      child.kill_at_ns = 0;
    }
    if (child.resume_at != 0 && (world_->checked.load() >= child.resume_at || world_->has_failed.load() != 0 || !world_->has_room())) {
      child.resume_at = 0;
      child.job.fate = Fate::kNone;
      kill(child.pid, SIGCONT);
    }
    int status = 0;
    if (waitpid(child.pid, &status, WNOHANG | WUNTRACED) != child.pid) return "";
    if (WIFSTOPPED(status)) {
      // Stopped is not dead: the others go on beside it.
      stops_++;
      child.resume_at = world_->checked.load() + 300;
      return "";
    }
    child.pid = 0;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && child.job.fate == Fate::kKill) {
      kills_++;
      return "";
    }
    if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == kNotReached)) return "";
    return world_->has_failed.load() != 0 ? world_->message : Describe(child.job) + " ended with status " + std::to_string(status);
  }

  std::string WaitFor(std::vector<Child>& children, const std::function<bool()>& is_over) {
    const uint64_t deadline = PreciseNs() + kDeadlineNs;
    while (!is_over()) {
      for (Child& child : children) {
        if (child.pid == 0) continue;
        std::string wrong = Look(child);
        if (!wrong.empty()) return wrong;
      }
      if (world_->has_failed.load() == 2) return world_->message;
      if (PreciseNs() > deadline) return "somebody hangs";
      sigset_t set;
      sigemptyset(&set);
      sigaddset(&set, SIGCHLD);
      const timespec moment{0, 500000};
      sigtimedwait(&set, nullptr, &moment);
    }
    return "";
  }

  std::string Batch() {
    std::vector<Child> children;
    std::vector<Job> leaders;
    bool is_calm = false, wants_orphans = false, wants_slow = false;
    for (uint32_t i = 0; i < kBatchLeaders; i++) {
      leaders.push_back(NextJob(true));
      wants_orphans |= leaders.back().point == static_cast<uint32_t>(KillPoint::orphan_versioned);
      wants_slow |= leaders.back().point == static_cast<uint32_t>(KillPoint::record_given_up);
    }
    Job writers[kBatchWriters + 1];
    for (uint32_t i = 0; i < kBatchWriters; i++) {
      writers[i] = wants_orphans ? OrphanMaker() : wants_slow ? SlowWriter() : NextJob(false);
      is_calm |= writers[i].point == static_cast<uint32_t>(KillPoint::append_claimed);
    }
    leaders.push_back({true, false, Fate::kNone, kNoPoint, 1});
    std::string about;
    for (Job& job : writers) job.is_calm = is_calm, about += Describe(job) + "; ";
    for (Job& job : leaders) about += Describe(job) + "; ";
    // One leader after the other: where each dies, the next goes on.
    size_t next_leader = 1;
    children.push_back(Start(leaders[0]));
    for (const Job& job : writers) children.push_back(Start(job));
    auto is_over = [&] {
      if (children[0].pid == 0 && next_leader < leaders.size()) children[0] = Start(leaders[next_leader++]);
      bool is_waiting = false;
      for (const Child& child : children) is_waiting |= child.pid != 0 && child.job.fate != Fate::kNone;
      return !is_waiting || !world_->has_room();
    };
    std::string wrong = WaitFor(children, is_over);
    world_->stop.store(1);
    for (Child& child : children) {
      if (child.pid != 0) kill(child.pid, SIGCONT);
      child.resume_at = 0;
    }
    auto have_ended = [&] { return std::all_of(children.begin(), children.end(), [](const Child& c) { return c.pid == 0; }); };
    if (wrong.empty()) wrong = WaitFor(children, have_ended);
    for (Child& child : children) {
      if (child.pid == 0) continue;
      kill(child.pid, SIGKILL);
      waitpid(child.pid, nullptr, 0);
    }
    world_->stop.store(0);
    if (wrong.empty()) wrong = ChangeLife();
    if (wrong.empty() && !WorldLeader(*journal_, *world_, Below(~0u)).DrainAll()) wrong = world_->message;
    if (wrong.empty()) wrong = Examine(*journal_, *world_);
    examined_++;
    return wrong.empty() ? "" : wrong + " (" + about + ")";
  }

  // Another region's: what is pending goes on in the journal of that one, also where its first adopter dies.
  std::string ChangeLife() {
    const uint64_t inode = journal_->file().inode();
    journal_.reset();
    home_.region_id++;
    const auto point = static_cast<uint32_t>(home_.region_id % 2 != 0 ? KillPoint::adoption_judged : KillPoint::adoption_made);
    if (IsOpen(point, Fate::kKill)) {
      tries_[point]++;
      const pid_t pid = fork();
      if (pid == 0) {
        Arm(Fate::kKill, point, 1, &board_->kills[point]);
        OpenJournal(dir_->path(), options_, "j", home_);
        _exit(kNotReached);
      }
      int status = 0;
      waitpid(pid, &status, 0);
      if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) return "an adopter ended with status " + std::to_string(status);
      kills_++;
    }
    journal_ = OpenJournal(dir_->path(), options_, "j", home_);
    return journal_->file().inode() == inode ? "" : "the journal of the region before was not adopted";
  }

  std::string Era(const JournalOptions& options) {
    dir_ = std::make_unique<Directory>();
    options_ = options;
    home_.region_id++;
    journal_ = OpenJournal(dir_->path(), options_, "j", home_);
    world_ = World::Create();
    std::string wrong;
    for (int n = 0; n < 40 && wrong.empty() && HasWork() && world_->next_id.load() < kWorldIds / 4; n++) wrong = Batch();
    writes_ += world_->checked.load();
    redone_ += world_->redone.load();
    resent_ += world_->resent.load();
    orphans_ += world_->orphans.load();
    World::Destroy(world_);
    journal_.reset();
    return wrong;
  }

  int Report(const std::string& failure, uint64_t start) {
    int passed = 0, failed = 0;
    auto report = [&](bool good, const std::string& name) {
      printf("%s %s\n", good ? "ok" : "not ok", name.c_str());
      (good ? passed : failed)++;
    };
    for (uint32_t p = kFirstPoint; p < kAllPoints; p++) {
      const uint64_t kills = board_->kills[p].load(), stops = board_->stops[p].load();
      report(kills >= plan_.kills, std::string("killed at ") + KillPointName(p) + ", " + std::to_string(kills) + " times");
      if (IsWriterPoint(p)) report(stops >= plan_.stops, std::string("stopped at ") + KillPointName(p) + ", " + std::to_string(stops) + " times");
    }
    report(random_done_ >= plan_.random, "killed at random times, " + std::to_string(random_done_) + " times");
    if (!failure.empty()) printf("  %s\n", failure.c_str());
    report(failure.empty(), "nothing lost, torn or out of order, " + std::to_string(examined_) + " times after " + std::to_string(kills_) +
                                " kills and " + std::to_string(stops_) + " stops, " + std::to_string(writes_) + " writes, " +
                                std::to_string(redone_) + " redone, " + std::to_string(resent_) + " sent again, " +
                                std::to_string(orphans_) + " orphans");
    printf("  %.1f s\n", static_cast<double>(PreciseNs() - start) / 1e9);
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
  }

  JournalKillPlan plan_;
  uint64_t dice_;
  Board* board_;
  std::unique_ptr<Directory> dir_;
  JournalOptions options_;
  JournalHome home_;
  std::unique_ptr<Journal> journal_;
  World* world_ = nullptr;
  uint32_t tries_[kAllPoints] = {};
  uint32_t random_done_ = 0;
  uint64_t kills_ = 0, stops_ = 0, examined_ = 0, writes_ = 0, redone_ = 0, resent_ = 0, orphans_ = 0;
};

}  // namespace

int KillInJournal(const JournalKillPlan& plan) { return JournalKills(plan).Run(); }

}  // namespace strata::test
