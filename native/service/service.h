// Threads a process gives to its region: the janitor and the waker.
//
// Every process runs both; the janitor works only while it holds the host's janitor lock, so one works per host
// and the kernel passes the lock on when its holder dies. Nothing depends on either being alive: writers reclaim
// for themselves, waiters look again by themselves.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "table/table.h"

namespace strata {

// One per process and region, shared by all threads that opened it.
class Service {
 public:
  explicit Service(Table* table);
  ~Service();  // stops both threads; returns after the work under way
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // `wake` is called from the waker's thread after a lease somebody waits for may have ended. The waker starts
  // with the first listener.
  int AddListener(std::function<void()> wake);
  void RemoveListener(int id);  // after it returns, the listener is not running and will not run
  bool is_janitor() const { return is_janitor_.load(std::memory_order_relaxed); }

  // One round of the janitor's work; true if it should go on at once.
  static bool JanitorRound(Table& table, ThreadContext& t);

 private:
  void RunJanitor();
  void RunWaker(uint32_t seen);

  Table* table_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> is_janitor_{false};
  std::thread janitor_, waker_;
  std::mutex mutex_;  // this process's listeners; never held while touching shared memory
  std::vector<std::pair<int, std::function<void()>>> listeners_;
  int next_id_ = 1;
};

}  // namespace strata
