#include "journal/candidate.h"

#include "base/kill_point.h"
#include "shm/futex.h"
#include "shm/host_identity.h"
#include "shm/own_files.h"

namespace strata {
namespace {

// The death of the thread that holds the lead is noticed at once. These bound the wait where it cannot be watched: a
// leader that resigned, one of another namespace, an old kernel.
constexpr uint32_t kLookMs = 15;
constexpr uint32_t kQueueMs = 250;    // beside the candidates that wait at the lock
constexpr uint32_t kAppendMs = 100;   // for records of writers that died before their commit
constexpr uint32_t kStageMs = 60000;
constexpr uint32_t kElected = 1, kStopping = 2;
constexpr uint64_t kMaxTerm = uint64_t{1} << 53;

}  // namespace

void Candidate::Start() {
  if (holder_.joinable()) return;
  lock_.Close();  // the holder's files are its own
  teller_ = std::thread([this] { Tell(); });
  holder_ = std::thread([this] { Hold(); });
}

void Candidate::Resign() {
  stopping_.store(true);
  watch_.Cancel();
  JournalHeader& h = journal_.header();
  if (holder_.joinable()) {
    stage_.store(kStopping, kRelease);
    FutexWakeAll(stage_);
    holder_.join();
    h.append_wake.fetch_add(1, kRelease);  // SYNC(append-wake)
    FutexWakeAll(h.append_wake);
    teller_.join();
  }
  term_.store(0, std::memory_order_release);
  lock_.Close();
}

bool Candidate::TryElect() {
  if (!lock_.is_open() && !lock_.Open(journal_.file().fd())) return false;
  if (!lock_.TryLock(kLockLeader)) return false;
  KILL_POINT(leader_locked);
  JournalHeader& h = journal_.header();
  h.leader_pid.store(ProcessId(), kRelaxed);
  h.leader_thread.store(ThreadId(), kRelaxed);
  // The lock's holder alone writes the term.
  const uint64_t before = h.term.load(kRelaxed), term = before < kMaxTerm ? before + 1 : 1;
  h.term.store(term, kRelease);
  h.leader_sleeps.store(0, kRelaxed);
  journal_.Count(JournalCounter::terms);
  KILL_POINT(leader_elected);
  // A former leader may have died between moving acked and waking those who wait for that.
  h.settle_wake.fetch_add(1, kRelease);  // SYNC(settle-wake)
  FutexWakeAll(h.settle_wake);
  // Read before the leader can fall asleep, or the wake-up after that might be missed.
  seen_at_election_ = h.append_wake.load(kAcquire);  // SYNC(append-wake)
  term_.store(term, std::memory_order_release);
  return true;
}

bool Candidate::IsLeading() const {
  const uint64_t own = term();
  return own != 0 && !stopping_.load(std::memory_order_relaxed) && journal_.header().term.load(kAcquire) == own;
}

void Candidate::Hold() {
  SeparateFiles(watch_.event_fd());
  if (WaitForLeadership()) {
    uint32_t stage = 0;
    if (stage_.compare_exchange_strong(stage, kElected, kAcqRel)) FutexWakeAll(stage_);
    while (!stopping_.load()) FutexWait(stage_, kElected, kStageMs);
  }
  lock_.Close();
}

// False when it is called off.
bool Candidate::WaitForLeadership() {
  bool is_waiting = false;  // holds one of the candidates' bytes
  uint32_t dead = 0;        // thread that has died
  while (!stopping_.load()) {
    if (!lock_.is_open() && !lock_.Open(journal_.file().fd())) {
      watch_.Wait(0, kQueueMs);
      continue;
    }
    for (uint32_t i = 0; i < kCandidates && !is_waiting; i++) is_waiting = lock_.TryLock(kLockCandidates + i);
    if (is_waiting && TryElect()) {
      for (uint32_t i = 0; i < kCandidates; i++) lock_.Unlock(kLockCandidates + i);
      return true;
    }
    const uint32_t leader = is_waiting ? journal_.header().leader_thread.load(kRelaxed) : 0;
    // A leader that died before this looks at its id is dead now: the next turn gets the lock. If it does not, the id is
    // that of another thread, in a namespace that is not the leader's, and its death says nothing.
    if (watch_.Wait(leader == dead ? 0 : leader, is_waiting ? kLookMs : kQueueMs)) dead = leader;
  }
  return false;
}

void Candidate::Tell() {
  while (stage_.load(kAcquire) == 0) FutexWait(stage_, 0, kStageMs);
  if (stopping_.load()) return;
  notify_();
  WaitForAppends(seen_at_election_);
}

void Candidate::WaitForAppends(uint32_t seen) {
  JournalHeader& h = journal_.header();
  while (!stopping_.load()) {
    FutexWait(h.append_wake, seen, kAppendMs);
    const uint32_t now = h.append_wake.load(kAcquire);  // SYNC(append-wake)
    bool has_work = now != seen;
    for (uint32_t i = 0; i < journal_.lanes_used() && !has_work; i++) {
      has_work = journal_.lane(i).head.load(kRelaxed) != journal_.lane(i).acked.load(kRelaxed);
    }
    seen = now;
    if (has_work && !stopping_.load()) notify_();
  }
}

}  // namespace strata
