// Waiting for a thread of another process to die, in a way the waiting thread can be called back from.
#pragma once

#include <cstdint>

namespace strata {

class ProcessWatch {
 public:
  ProcessWatch();
  ~ProcessWatch();
  ProcessWatch(const ProcessWatch&) = delete;
  ProcessWatch& operator=(const ProcessWatch&) = delete;

  // Returns when the thread has died, after Cancel, after `timeout_ms`, or early for no reason. True only if it has died.
  // Where the kernel has no descriptors of threads (before Linux 6.9), where no thread has the id, and for id 0, only time
  // and Cancel end it.
  bool Wait(uint32_t thread, uint32_t timeout_ms);
  // The one file that every waiting needs.
  int event_fd() const { return event_fd_; }
  void Cancel();  // from any thread; every later Wait returns at once

 private:
  int event_fd_;
};

}  // namespace strata
