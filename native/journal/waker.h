// The thread of a process that sleeps until the leader has answered or made room, and tells those who wait for it.
#pragma once

#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "journal/journal.h"

namespace strata {

class SettleWaker {
 public:
  explicit SettleWaker(Journal& journal) : journal_(journal) {}
  ~SettleWaker();
  SettleWaker(const SettleWaker&) = delete;
  SettleWaker& operator=(const SettleWaker&) = delete;

  // `wake` is called from the thread after answers; the thread starts with the first listener.
  int AddListener(std::function<void()> wake);
  void RemoveListener(int id);  // after it returns, the listener is not running and will not run

 private:
  void Run(uint32_t seen);

  Journal& journal_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
  std::mutex mutex_;  // this process's listeners; never held while touching shared memory
  std::vector<std::pair<int, std::function<void()>>> listeners_;
  int next_id_ = 1;
};

}  // namespace strata
