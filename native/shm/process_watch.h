// Waiting for another process to die, in a way the waiting thread can be called back from.
#pragma once

#include <cstdint>

namespace strata {

class ProcessWatch {
 public:
  ProcessWatch();
  ~ProcessWatch();
  ProcessWatch(const ProcessWatch&) = delete;
  ProcessWatch& operator=(const ProcessWatch&) = delete;

  // Returns when process `pid` has died, after Cancel, after `timeout_ms`, or early for no reason. Where the kernel has
  // no process descriptors (before Linux 5.3), or the pid is of another namespace, only time and Cancel end it.
  void Wait(uint32_t pid, uint32_t timeout_ms);
  void Cancel();  // from any thread; every later Wait returns at once

 private:
  int event_fd_;
};

}  // namespace strata
