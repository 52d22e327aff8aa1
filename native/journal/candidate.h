// Who leads: one file lock per host, waited for by at most three candidates, and a term that rises with each leader.
#pragma once

#include <functional>
#include <thread>

#include "journal/journal.h"
#include "shm/liveness.h"
#include "shm/process_watch.h"

namespace strata {

// One isolate's candidacy. One thread waits for the leadership and holds it: its files are its own, so that its death
// alone gives the leadership up. Another one tells the isolate of the election and then of appends.
class Candidate {
 public:
  // `notify` is called from a thread of the candidate: after the election, and when records may have been appended.
  Candidate(Journal& journal, std::function<void()> notify) : journal_(journal), notify_(std::move(notify)) {}
  ~Candidate() { Resign(); }
  Candidate(const Candidate&) = delete;
  Candidate& operator=(const Candidate&) = delete;

  void Start();
  // Gives the leadership or the candidacy up. Returns when the thread has ended.
  void Resign();
  // 0 before the election.
  uint64_t term() const { return term_.load(std::memory_order_acquire); }
  // True while this candidate holds the lock and nobody has begun another term.
  bool IsLeading() const;

  // The election without a thread: true if the leadership was free.
  bool TryElect();

 private:
  void Hold();
  bool WaitForLeadership();
  void Tell();
  void WaitForAppends(uint32_t seen);

  Journal& journal_;
  std::function<void()> notify_;
  LockHandle lock_;
  ProcessWatch watch_;
  std::thread holder_, teller_;
  Atomic<uint32_t> stage_{0};  // futex: 1 elected, 2 stopping
  uint32_t seen_at_election_ = 0;  // of append_wake; handed to the teller by the stage
  std::atomic<uint64_t> term_{0};
  std::atomic<bool> stopping_{false};
};

}  // namespace strata
